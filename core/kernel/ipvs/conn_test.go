//go:build linux

package ipvs

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/moby/ipvs"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
)

func everything(balance.Key) bool { return true }

// sample has one of each: families, marks, persistence, methods, tunnels.
func sample() balance.Table {
	t := balance.Table{}
	set := func(k balance.Key, o balance.Options, list ...balance.Destination) {
		t[k] = balance.Service{Options: o, Destinations: list}.Normal(k)
	}
	at := netip.MustParseAddrPort
	set(balance.Key{Protocol: balance.TCP, Address: at("192.0.2.1:80")}, balance.Options{Scheduler: "wrr"},
		balance.Destination{Address: at("10.2.0.1:80"), Weight: 3, Forward: balance.Direct},
		balance.Destination{Address: at("10.2.0.2:80"), Weight: 0, Forward: balance.Direct, Upper: 500, Lower: 100})
	set(balance.Key{Protocol: balance.UDP, Address: at("192.0.2.1:53")}, balance.Options{Scheduler: "rr", Flags: balance.OnePacket},
		balance.Destination{Address: at("10.2.0.1:5353"), Weight: 1})
	set(balance.Key{Protocol: balance.TCP, Address: at("192.0.2.2:0")}, balance.Options{Scheduler: "sh", Flags: balance.Persistent | balance.Sched1 | balance.Sched2, Persistence: 300, Mask: [4]byte{255, 255, 255, 0}},
		balance.Destination{Address: at("10.2.0.3:0"), Weight: 2147483647})
	set(balance.Key{IPv6: true, Protocol: balance.TCP, Address: at("[2001:db8::1]:443")}, balance.Options{Scheduler: "wlc", Flags: balance.Persistent, Persistence: 60, Bits: 64},
		balance.Destination{Address: at("[2001:db8:2::1]:443"), Weight: 1, Forward: balance.Tunnel},
		balance.Destination{Address: at("[2001:db8:2::2]:8443"), Weight: 1})
	set(balance.Key{Fwmark: 5}, balance.Options{Scheduler: "lc"},
		balance.Destination{Address: at("10.2.0.4:0"), Weight: 1, Forward: balance.Tunnel, Tunnel: balance.GUE, TunnelPort: 6080, Checksum: balance.WithChecksum},
		balance.Destination{Address: at("10.2.0.5:0"), Weight: 1, Forward: balance.Tunnel, Tunnel: balance.GRE},
		balance.Destination{Address: at("[2001:db8:2::5]:0"), Weight: 1, Forward: balance.Tunnel})
	set(balance.Key{Fwmark: 5, IPv6: true}, balance.Options{Scheduler: "mh"},
		balance.Destination{Address: at("[2001:db8:2::6]:0"), Weight: 9, Forward: balance.Direct})
	return t
}

var same = cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })}

// apply carries a table out and wants no failure.
func apply(t *testing.T, c *Conn, have, want balance.Table) {
	t.Helper()
	failures, err := c.Apply(balance.Diff(have, want))
	if err != nil || len(failures) > 0 {
		t.Fatalf("apply: %v, %v", failures, err)
	}
}

func TestApplyAndRead(t *testing.T) {
	for _, piece := range []int{0, 1, 3} {
		c, f := connected(t)
		f.piece = piece
		apply(t, c, nil, sample())
		if diff := cmp.Diff(sample(), f.table, same); diff != "" {
			t.Fatalf("the kernel has: %s", diff)
		}
		got, err := c.Read(everything)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sample(), got, same); diff != "" {
			t.Fatalf("read back: %s", diff)
		}
		apply(t, c, sample(), nil)
		if len(f.table) != 0 {
			t.Errorf("left: %v", f.table.Keys())
		}
	}
}

// TestBatches: operations share messages, and the kernel answers each message
// once when all is well.
func TestBatches(t *testing.T) {
	c, f := connected(t)
	k := balance.Key{Protocol: balance.TCP, Address: netip.MustParseAddrPort("192.0.2.1:80")}
	s := balance.Service{Options: balance.Options{Scheduler: "rr"}}
	for i := range 200 {
		s.Destinations = append(s.Destinations, balance.Destination{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 80), Weight: 1})
	}
	apply(t, c, nil, balance.Table{k: s.Normal(k)})
	if f.sends != 2 || f.calls != 0 || f.heard != 201 {
		t.Errorf("%d messages and %d calls for %d operations on a service and its 200 destinations", f.sends, f.calls, f.heard)
	}
	if f.answers != 2 {
		t.Errorf("%d answers to 2 messages", f.answers)
	}
}

// TestRepairs: what the table already has, or lacks, is no failure.
func TestRepairs(t *testing.T) {
	c, f := connected(t)
	apply(t, c, nil, sample())
	// Somebody changed half of it, and the caller does not know.
	r := rand.New(rand.NewPCG(1, 2))
	for k, s := range f.table {
		if r.IntN(3) == 0 {
			delete(f.table, k)
			continue
		}
		x := *s
		x.Options.Scheduler = "rr"
		x.Destinations = x.Destinations[1:]
		f.table[k] = &x
	}
	apply(t, c, nil, sample())
	if diff := cmp.Diff(sample(), f.table, same); diff != "" {
		t.Error(diff)
	}
	clear(f.table)
	apply(t, c, sample(), nil)
}

func TestFailures(t *testing.T) {
	c, f := connected(t)
	f.schedulers = []string{"rr", "wrr", "wlc", "lc", "mh"}
	failures, err := c.Apply(balance.Diff(nil, sample()))
	if err != nil {
		t.Fatal(err)
	}
	if len(failures) != 2 || !errors.Is(failures[0], unix.ENOENT) || !strings.Contains(failures[0].Error(), "load ip_vs_sh") ||
		!errors.Is(failures[1], errNoService) {
		t.Errorf("failures: %v", failures)
	}
	if len(f.table) != len(sample())-1 {
		t.Errorf("what could be done was not: %v", f.table.Keys())
	}

	c, f = connected(t)
	f.full = 3
	failures, err = c.Apply(balance.Diff(nil, sample()))
	if err != nil || len(failures) == 0 || !errors.Is(failures[0], unix.ENOMEM) {
		t.Errorf("a full table: %v, %v", failures, err)
	}
}

func TestInterruptedDump(t *testing.T) {
	c, f := connected(t)
	apply(t, c, nil, sample())
	f.interrupt = dumpTries - 1
	if got, err := c.Services(); err != nil || len(got) != len(sample()) {
		t.Errorf("%d services, %v", len(got), err)
	}
	f.interrupt = dumpTries
	if _, err := c.Services(); !errors.Is(err, errInterrupted) {
		t.Errorf("a table that never stands still: %v", err)
	}
}

func TestNoAnswer(t *testing.T) {
	c, f := connected(t)
	f.mute = true
	if _, err := c.Services(); !errors.Is(err, errSilent) {
		t.Errorf("services: %v", err)
	}
	k := balance.Key{Fwmark: 1}
	_, err := c.Apply([]balance.Op{{Kind: balance.AddDestination, Key: k, Destination: balance.Destination{Address: netip.MustParseAddrPort("10.0.0.1:0")}}})
	if !errors.Is(err, errSilent) {
		t.Errorf("apply: %v", err)
	}
	// What was answered late to a call that was given up is no answer to the
	// next one.
	f.mute = false
	if _, err := c.Services(); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

func TestCutShort(t *testing.T) {
	c, f := connected(t)
	apply(t, c, nil, sample())
	f.cut = true
	if _, err := c.Services(); !errors.Is(err, errShort) {
		t.Errorf("services: %v", err)
	}
}

func TestFindFamily(t *testing.T) {
	c, _ := connected(t)
	if id, err := c.findFamily(); id != fakeFamily || err != nil {
		t.Errorf("%d, %v", id, err)
	}
}

// TestLibraryHangs: a call of the library that never ends is given up.
func TestLibraryHangs(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it opens the library's socket")
	}
	l := &library{}
	if err := l.Flush(); !errors.Is(err, errSilent) {
		t.Errorf("a closed library: %v", err)
	}
	w, err := openServices()
	if err != nil {
		t.Fatal(err)
	}
	l = w.(*library)
	began, block := time.Now(), make(chan struct{})
	defer close(block)
	err = l.limited(func(*ipvs.Handle) error { <-block; return nil })
	if !errors.Is(err, errSilent) || time.Since(began) < answerLimit {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	if l.handle != nil {
		t.Error("its socket was left open")
	}
}

// FuzzReplies feeds what a kernel might send.
func FuzzReplies(f *testing.F) {
	k := balance.Key{Fwmark: 5}
	fk := &fake{table: sample()}
	fk.list(1, len(sample()), func(m *message, i int) {
		key := fk.table.Keys()[i]
		fk.putService(m, key, fk.table[key].Options)
	})
	for _, b := range fk.queue {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			r, rest, err := nextReply(b)
			if err != nil {
				return
			}
			b = rest
			_ = r.failure()
			if s, err := readService(r.body); err == nil && s.Key.Fwmark == 0 && !s.Key.Address.IsValid() {
				t.Errorf("a service without an address: %+v", s)
			}
			if d, err := readDestination(r.body, k); err == nil && (!d.Address.IsValid() || d.Weight < 0) {
				t.Errorf("a destination %+v", d)
			}
		}
	})
}

// TestMake: a table that is new is made service by service, and what cannot be
// made keeps nothing else from it.
func TestMake(t *testing.T) {
	c, f := connected(t)
	f.schedulers = []string{"rr"}
	want, ops := balance.Table{}, 0
	for i := range 40 {
		k := balance.Key{Protocol: balance.TCP, Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 80)}
		s := balance.Service{Options: balance.Options{Scheduler: "rr"}}
		if i == 20 {
			s.Scheduler = "none"
		}
		for n := range 10 * (1 + i%3) {
			s.Destinations = append(s.Destinations, balance.Destination{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), byte(n + 1)}), 80), Weight: 1})
		}
		want[k] = s.Normal(k)
		ops += 1 + len(s.Destinations)
	}
	n, failures, err := c.Make(want)
	if err != nil || n != ops || f.heard != ops {
		t.Errorf("%d operations, %d sent, want %d; %v", n, f.heard, ops, err)
	}
	if least := (ops + batch - 1) / batch; f.sends < least || f.sends > 2*least {
		t.Errorf("%d messages for %d operations", f.sends, ops)
	}
	for k, s := range want {
		if s.Scheduler == "none" {
			if len(failures) != 1+len(s.Destinations) || !errors.Is(failures[0], unix.ENOENT) || !errors.Is(failures[1], errNoService) {
				t.Errorf("failures: %v", failures)
			}
			delete(want, k)
		}
	}
	if diff := cmp.Diff(want, f.table, same); diff != "" {
		t.Error(diff)
	}
}

// TestSyncLength: a daemon is the one that was asked for also when the kernel took
// another length for the one that it was given (start_sync_thread of ip_vs_sync.c).
func TestSyncLength(t *testing.T) {
	six := netip.MustParseAddr("ff02::181")
	for _, tt := range []struct {
		s    Sync
		runs uint16
	}{
		{Sync{Role: SyncBackup}, 1472}, // the kernel's own
		{Sync{Role: SyncBackup, MaxLen: 1}, 1024},
		{Sync{Role: SyncBackup, MaxLen: 2000}, 2000},
		{Sync{Role: SyncBackup, MaxLen: 65535}, 65507},
		{Sync{Role: SyncBackup, MaxLen: 65500, Group: six}, 65487},
		{Sync{Role: SyncMaster, MaxLen: 1}, 1},
		{Sync{Role: SyncMaster, MaxLen: 65535}, 65507},
		{Sync{Role: SyncMaster, MaxLen: 65507, Group: six}, 65487},
	} {
		runs := tt.s
		runs.MaxLen = tt.runs
		if !tt.s.runs(runs) {
			t.Errorf("%+v is not known by %+v", tt.s, runs)
		}
		if runs.MaxLen++; tt.s.MaxLen != 0 && tt.s.runs(runs) {
			t.Errorf("%+v is taken for %+v", runs, tt.s)
		}
	}
}
