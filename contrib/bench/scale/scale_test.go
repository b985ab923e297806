//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/config/keepalived"
)

const ms = time.Millisecond

func TestFlags(t *testing.T) {
	s, err := parseFlags([]string{"-instances", "1,2000", "-intervals", "1s,10ms", "-programs", "floor,moonkeep", "-runs", "3"}, io.Discard)
	if err != nil || len(s.sizes) != 2 || s.sizes[1] != 2000 || s.intervals[1] != 10*ms || s.programs[0] != floor || s.runs != 3 {
		t.Errorf("got %+v, %v", s, err)
	}
	if s, err = parseFlags([]string{"-short"}, io.Discard); err != nil || len(s.sizes) != 1 || s.window > time.Second {
		t.Errorf("-short: got %+v, %v", s, err)
	}
	for _, args := range []string{"-instances 0", "-instances x", "-instances 999999", "-intervals 1", "-intervals 15ms", "-programs vrrpd", "-runs 0", "-window 0s", "-version 4", "-version 2 -intervals 100ms", "more"} {
		var said strings.Builder
		if _, err := parseFlags(strings.Fields(args), &said); err == nil || said.Len() == 0 {
			t.Errorf("%s: %v, said %q; want an error and a word", args, err, &said)
		}
	}
}

// TestConfiguration holds that both sides mean the same virtual routers, and
// that a reload adds one address.
func TestConfiguration(t *testing.T) {
	version, interval := 3, 100*ms
	addresses := func(side int, extra bool) (n int) {
		c, findings := keepalived.Read("f", []byte(configuration(side, 300, version, interval, extra)))
		if findings.Errors() || len(c.Instances) != 300 {
			t.Fatalf("%d instances, %v", len(c.Instances), findings)
		}
		last := c.Instances[299]
		if last.Interface != "e1" || last.VRID != 50 || last.AdvertInt != interval || last.Version != version || last.Priority != masterPriority-side*100 {
			t.Errorf("the last instance is %+v", last)
		}
		for _, i := range c.Instances {
			n += len(i.Addresses) + len(i.Excluded)
		}
		return n
	}
	for side := range sides {
		if got := addresses(side, false); got != 300 {
			t.Errorf("%d addresses, want 300", got)
		}
	}
	if got := addresses(masterSide, true); got != 301 {
		t.Errorf("%d addresses after the reload, want 301", got)
	}
}

// TestFigures holds how deviations come from what was captured.
func TestFigures(t *testing.T) {
	x, y := routerID{1, 1}, routerID{2, 1}
	list := intervals([]advert{{x, 0}, {y, 30 * ms}, {x, 100 * ms}, {y, 125 * ms}, {x, 230 * ms}})
	if len(list) != 3 || list[0] != 100*ms || list[1] != 95*ms || list[2] != 130*ms {
		t.Fatalf("intervals are %v", list)
	}
	p99, most := deviation(list, 100*ms)
	if p99 != 5*ms || most != 30*ms {
		t.Errorf("off by %v and %v, want 5ms and 30ms", p99, most)
	}
}

func TestLocalAddress(t *testing.T) {
	b := make([]byte, unix.SizeofIfAddrmsg)
	for _, a := range []struct {
		kind uint16
		data string
	}{{unix.IFA_LABEL, "e0\x00"}, {unix.IFA_ADDRESS, "\x0a\x01\x02\x04"}, {unix.IFA_LOCAL, "\x0a\x01\x02\x03"}} {
		b = binary.NativeEndian.AppendUint16(b, uint16(4+len(a.data)))
		b = binary.NativeEndian.AppendUint16(b, a.kind)
		b = append(b, a.data...)
		b = append(b, make([]byte, align(len(a.data))-len(a.data))...)
	}
	if got, ok := localAddress(b); !ok || got != netip.MustParseAddr("10.1.2.3") {
		t.Errorf("got %v, %v", got, ok)
	}
	for n := range b[:len(b)-8] {
		if got, ok := localAddress(b[:n]); ok {
			t.Errorf("of %d octets: %v", n, got)
		}
	}
}

func TestTable(t *testing.T) {
	tbl := &table{}
	tbl.Add(row{1, time.Second, figureMemory}, ours, 20)
	tbl.Add(row{1, time.Second, figureMemory}, theirs, 13)
	for _, v := range []float64{40, 36, 39.6} {
		tbl.Add(row{1025, time.Second, figureMemory}, ours, v)
	}
	tbl.Add(row{1025, time.Second, figureMasterCPU}, ours, 1)
	tbl.Add(row{1025, time.Second, figureMasterCPU}, theirs, 2)
	tbl.Add(row{1025, time.Second, figureMasterCPU}, floor, 0.5)
	tbl.grow()
	var out strings.Builder
	tbl.print(&out, true)
	want := `| instances | interval | figure | moonkeep | keepalived | ratio | floor |
|---|---|---|---|---|---|---|
| 1 | 1s | RSS MASTER, MiB | 20 | 13 | 1.54 | - |
| 1025 | 1s | RSS MASTER, MiB | 36 / 39.6 / 40 | - | - | - |
| 1025 | 1s | CPU MASTER, s/min | 1 | 2 | 0.50 | 0.500 |
| all | all | RSS MASTER, KiB more an instance | 19.6 | - | - | - |
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

// sleeper sleeps for a millisecond at a time, until the function that it returns is
// called, which says by how much a sleep was longer at the worst.
func sleeper() (end func() time.Duration) {
	over, worst := make(chan struct{}), make(chan time.Duration)
	go func() {
		most := time.Duration(0)
		for {
			began := time.Now()
			select {
			case <-over:
				worst <- most
				return
			case <-time.After(ms):
				most = max(most, time.Since(began)-ms)
			}
		}
	}()
	return func() time.Duration { close(over); return <-worst }
}

// TestShort plays the smallest table with real programs.
func TestShort(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it builds networks")
	}
	if _, err := exec.LookPath("keepalived"); err != nil {
		t.Skip("needs keepalived: it is measured beside moonkeep")
	}
	binary := os.Getenv("MOONKEEP_PROGRAM") // as `make test` has built it
	if binary == "" {
		binary = filepath.Join(t.TempDir(), "moonkeep")
		build := exec.Command("go", "build", "-o", binary, "../../../cmd/moonkeep")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build moonkeep: %v\n%s", err, out)
		}
	}
	// For go test, which runs this again when a file that it looked at is another.
	if _, err := os.Stat(binary); err != nil {
		t.Fatal(err)
	}
	s, err := parseFlags([]string{"-short", "-moonkeep", binary, "-keepalived", "keepalived", "-markdown"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s.window, s.capture = 500*ms, 500*ms
	var out, progress strings.Builder
	lateness := sleeper()
	if err := run(context.Background(), s, &out, &progress); err != nil {
		t.Fatalf("%v\n%s%s", err, &progress, &out)
	}
	late := lateness()
	t.Logf("who only slept was %v late at the worst\n%s", late, &out)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	figures := 0
	for _, line := range lines {
		cells := strings.Split(line, "|")
		if len(cells) != 9 || !strings.Contains(cells[2], "100ms") {
			continue
		}
		figures++
		figure := strings.TrimSpace(cells[3])
		for i, program := range []string{ours, theirs} {
			value := strings.TrimSpace(cells[4+i])
			if value == "-" || value == "0" && figure != figureMoved {
				t.Errorf("%s of %s is %s", figure, program, value)
			}
			// Who waits for so long without a processor misses adverts that were sent.
			if figure == figureMoved && value != "0" && late < 100*ms {
				t.Errorf("%s: a reload moved %s addresses", program, value)
			}
		}
		if value := strings.TrimSpace(cells[7]); strings.HasPrefix(figure, "CPU") && (value == "-" || value == "0") {
			t.Errorf("the floor of %s is %s", figure, value)
		}
	}
	if figures != 14 {
		t.Errorf("%d figures, want 14", figures)
	}
}
