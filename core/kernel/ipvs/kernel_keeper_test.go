//go:build linux

package ipvs

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestKernelKeeperSync: a daemon that synchronises connections begins anew when
// its interface is another one, or has another address: the kernel goes on to
// show the old one, and it says nothing any more.
func TestKernelKeeperSync(t *testing.T) {
	kernelConn(t)
	h := netnstest.New(t)
	replace := func(address string) {
		t.Helper()
		h.Run(t, func() error {
			for _, line := range []string{"link del s0", "link add s0 type dummy", "link set s0 up multicast on", "addr add " + address + "/24 dev s0"} {
				if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil && line != "link del s0" {
					return fmt.Errorf("ip %s: %w: %s", line, err, out)
				}
			}
			return nil
		})
	}
	// from waits until the kernel's daemon has a socket with an address, in hex.
	from := func(address string) {
		t.Helper()
		text := ""
		for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(50 * time.Millisecond) {
			h.Run(t, func() error {
				b, err := os.ReadFile("/proc/thread-self/net/udp")
				text = string(b)
				return err
			})
			if strings.Contains(text, " "+address+":") {
				return
			}
		}
		t.Fatalf("nobody synchronises from %s: %s", address, text)
	}
	log := &logBuffer{}
	k := NewKeeper(Options{Log: slog.New(slog.NewTextHandler(log, nil)), Namespace: h.NS, LookEvery: 200 * time.Millisecond})
	replace("10.8.0.1")
	netnstest.Must(t, k.Start())
	k.Set(nil)
	k.SetSync([]Sync{{Role: SyncMaster, Interface: "s0", ID: 7}})
	from("0100080A")
	time.Sleep(time.Second)
	if text := log.b.String(); strings.Contains(text, "was restarted") {
		t.Errorf("nothing changed, and its log says %s", text)
	}
	replace("10.8.0.2")
	from("0200080A")
	h.Run(t, func() error { return exec.Command("ip", "addr", "replace", "10.8.0.3/24", "dev", "s0").Run() })
	h.Run(t, func() error { return exec.Command("ip", "addr", "del", "10.8.0.2/24", "dev", "s0").Run() })
	h.Run(t, func() error { return exec.Command("ip", "addr", "replace", "10.8.0.3/24", "dev", "s0").Run() })
	from("0300080A")
	h.Run(t, func() error { return exec.Command("ip", "link", "del", "s0").Run() })
	for began := time.Now(); !strings.Contains(k.Counts().Trouble, "there is no interface s0"); time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("of the interface that is gone is said %q", k.Counts().Trouble)
		}
	}
	replace("10.8.0.4")
	from("0400080A")
	netnstest.Must(t, k.Close(true, false))
}

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
	usage, err := k.Usage(t.Context(), []balance.Key{{Fwmark: 5, IPv6: true}, {Fwmark: 5}})
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
