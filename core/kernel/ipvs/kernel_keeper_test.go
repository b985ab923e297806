//go:build linux

package ipvs

import (
	"log/slog"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestKernelKeeper: what ipvsadm takes away from a keeper comes back within two
// seconds, what it adds elsewhere stays.
func TestKernelKeeper(t *testing.T) {
	kernelConn(t)
	before := saved(t)
	log := &logBuffer{}
	k := NewKeeper(Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	netnstest.Must(t, k.Start())
	k.Set(sample())
	if err := k.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := saved(t)
	if len(want) != 16 {
		t.Fatalf("made: %q", want)
	}
	for _, args := range []string{
		"-A -t 203.0.113.9:22 -s rr", "-d -f 5 -r 10.2.0.4:0", "-e -t 192.0.2.1:80 -r 10.2.0.1:80 -g -w 99", "-D -u 192.0.2.1:53",
		"-a -t 192.0.2.1:80 -r 10.2.0.77:80 -g",
	} {
		if out, err := exec.Command("ipvsadm", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ipvsadm %s: %v: %s", args, err, out)
		}
	}
	began := time.Now()
	want = append(want, "-A -t 203.0.113.9:22 -s rr")
	slices.Sort(want)
	for !slices.Equal(want, saved(t)) {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("not put right: %q", saved(t))
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("put right after %v", time.Since(began))
	usage, err := k.Usage(t.Context(), func(key balance.Key) bool { return key.Fwmark == 5 })
	if err != nil || len(usage) != 2 || len(usage[0].Destinations)+len(usage[1].Destinations) != 4 {
		t.Errorf("usage: %+v, %v", usage, err)
	}
	if err := k.Close(true, false); err != nil {
		t.Error(err)
	}
	if left := saved(t); len(before) != 0 || len(left) != 1 {
		t.Errorf("left: %q", left)
	}
	if n := k.Counts().Repaired; n != 3 {
		t.Errorf("%d services were put right; log: %s", n, log.b.String())
	}
}
