//go:build linux

package ipvs

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
)

// at is a server by the end of its address.
func at(last byte) balance.Destination {
	return balance.Destination{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, last}), 80), Weight: 1}
}

// eventually waits until something holds.
func (x *kept) eventually(what string, is func(Counts) bool) {
	x.t.Helper()
	for range 1000 {
		if is(x.Counts()) {
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
	x.t.Fatalf("not %s: %+v", what, x.Counts())
}

// TestKeeperSilentFlush: a kernel that does not answer while the table is to be
// emptied is asked again, and the rest follows.
func TestKeeperSilentFlush(t *testing.T) {
	x := keep(t, with(others(), sample()), Options{Flush: true}, func(x *kept) { x.f.silentFlushes = 2 })
	x.Set(sample())
	x.holds(sample())
	x.eventually("fine", func(c Counts) bool { return c.Trouble == "" && !c.Pending })
	x.close(true, false)
}

// TestKeeperTroubleEnds: what was said of a kernel that did not answer, or not
// well, is not said any more once it does, also when the table was right
// throughout.
func TestKeeperTroubleEnds(t *testing.T) {
	for name, harm := range map[string]func(*kept, bool){
		"looks fail":  func(x *kept, on bool) { x.f.blind = on },
		"dumps break": func(x *kept, on bool) { x.f.cut = on },
		"silent":      func(x *kept, on bool) { x.f.mute = on },
	} {
		t.Run(name, func(t *testing.T) {
			x := keep(t, others(), Options{})
			x.Set(sample())
			x.wait()
			x.inside(func(balance.Table) { harm(x, true) })
			if name != "looks fail" {
				// Somebody has to ask for something.
				x.Set(balance.Table{{Fwmark: 98}: balance.Service{Options: balance.Options{Scheduler: "rr"}}.Normal(balance.Key{Fwmark: 98})})
			}
			x.eventually("in trouble", func(c Counts) bool { return c.Trouble != "" })
			x.mu.Lock()
			x.onOpen = func() { harm(x, false) }
			x.mu.Unlock()
			x.eventually("fine", func(c Counts) bool { return c.Trouble == "" })
			if n := x.log.count("is as it should be again"); n != 1 {
				t.Errorf("told %d times that all is well", n)
			}
			x.close(true, false)
		})
	}
}

// TestKeeperSyncTrouble: daemons that cannot be started are told once, however
// often the table changes meanwhile.
func TestKeeperSyncTrouble(t *testing.T) {
	x := keep(t, others(), Options{})
	x.Set(sample())
	x.SetSync([]Sync{{Role: SyncMaster, Interface: "eth7"}})
	x.wait()
	x.eventually("in trouble", func(c Counts) bool { return strings.Contains(c.Trouble, "synchron") })
	changed := sample()
	k := changed.Keys()[0]
	for i := range 20 {
		s := *changed[k]
		s.Destinations = append([]balance.Destination(nil), s.Destinations...)
		s.Destinations[0].Weight = int32(10 + i)
		x.Set(balance.Table{k: &s})
		x.wait()
	}
	if c, n := x.Counts(), x.log.count("synchronis"); n != 1 || !strings.Contains(c.Trouble, "synchron") || x.log.count("as it should be again") != 0 {
		t.Errorf("told %d times, %d times that all is well; trouble %q", n, x.log.count("as it should be again"), c.Trouble)
	}
	x.close(true, false)
}

// TestKeeperSyncWithoutInterface: while the interface of a daemon that runs is
// gone it is told once that it is, and nothing is said to begin anew; it does
// when the interface is back, also where the daemon ran before the keeper.
func TestKeeperSyncWithoutInterface(t *testing.T) {
	for _, before := range []bool{false, true} {
		x := keep(t, balance.Table{}, Options{}, func(x *kept) {
			x.f.links = &iface{index: 7}
			if before {
				x.f.links, x.f.syncs = &iface{}, []Sync{{Role: SyncMaster, Interface: "eth7"}}
			}
		})
		x.Set(nil)
		x.SetSync([]Sync{{Role: SyncMaster, Interface: "eth7"}})
		starts, had := -1, 0
		if !before {
			for starts != 1 {
				x.inside(func(balance.Table) { starts = x.f.starts })
			}
			x.inside(func(balance.Table) { x.f.links = &iface{} })
		}
		x.eventually("in trouble", func(c Counts) bool { return strings.Contains(c.Trouble, "on eth7: ") })
		x.inside(func(balance.Table) { had = x.f.asked })
		for asked := had; asked < had+10; {
			x.inside(func(balance.Table) { asked = x.f.asked })
		}
		if n, errs := x.log.count("the synchronisation was restarted"), x.log.count("level=ERROR"); n != 0 || errs != 1 {
			t.Errorf("told %d times that it was restarted, and %d errors, in 10 looks: %s", n, errs, x.log.b.String())
		}
		x.inside(func(balance.Table) { x.f.links, had = &iface{index: 8}, x.f.starts })
		x.eventually("fine", func(c Counts) bool { return c.Trouble == "" })
		x.inside(func(balance.Table) { starts = x.f.starts })
		if n := x.log.count("the synchronisation was restarted"); starts != had+1 || n != 1 {
			t.Errorf("it was started %d times with the new interface, told %d times", starts-had, n)
		}
		x.close(true, false)
	}
}

// TestKeeperScheduler: a service that cannot be made is told of by its cause, and
// not by that each of its servers has no service.
func TestKeeperScheduler(t *testing.T) {
	k := balance.Key{Protocol: balance.TCP, Address: sample().Keys()[0].Address}
	s := balance.Service{Options: balance.Options{Scheduler: "lblcr"}}
	for i := range byte(50) {
		s.Destinations = append(s.Destinations, at(i+1))
	}
	x := keep(t, balance.Table{}, Options{}, func(x *kept) { x.f.schedulers = []string{"rr"} })
	x.Set(balance.Table{k: s.Normal(k)})
	x.wait()
	x.eventually("in trouble", func(c Counts) bool { return strings.Contains(c.Trouble, "load ip_vs_lblcr") })
	if n := x.log.count("level=ERROR"); n != 1 {
		t.Errorf("%d errors are told for one cause", n)
	}
	x.close(true, false)
}

// TestKeeperFull: a full table is told of with what it lacks, and what fits stands.
func TestKeeperFull(t *testing.T) {
	x := keep(t, balance.Table{}, Options{}, func(x *kept) { x.f.full = 3 })
	x.Set(sample())
	x.wait()
	x.eventually("in trouble", func(c Counts) bool { return strings.Contains(c.Trouble, "no memory") })
	x.inside(func(have balance.Table) { x.f.full = 0 })
	x.holds(sample())
	x.eventually("fine", func(c Counts) bool { return c.Trouble == "" })
	x.close(true, false)
}

// TestKeeperManyFailures: what a large table is refused is not a line for each.
func TestKeeperManyFailures(t *testing.T) {
	k := sample().Keys()[0]
	s := balance.Service{Options: balance.Options{Scheduler: "rr"}}
	for i := range byte(200) {
		s.Destinations = append(s.Destinations, at(i+1))
	}
	x := keep(t, balance.Table{}, Options{}, func(x *kept) { x.f.full = 3 })
	x.Set(balance.Table{k: s.Normal(k)})
	x.wait()
	time.Sleep(30 * time.Millisecond) // it is tried again
	if n := x.log.count("level=ERROR"); n != maxTold+1 || x.log.count("now=187") != 1 {
		t.Errorf("%d lines are told", n)
	}
	x.close(true, false)
}

// TestKeeperWaitsForWishes: what an earlier run owned is not taken away before
// anybody said what should be: after a crash connections go on.
func TestKeeperWaitsForWishes(t *testing.T) {
	x := keep(t, sample(), Options{Earlier: append(sample().Keys(), balance.Key{Fwmark: 77})})
	removed := 0
	x.SetSync([]Sync{{Role: SyncMaster, Interface: "eth7"}}) // which is no wish for a table
	x.wait()
	for range 20 {
		time.Sleep(5 * time.Millisecond)
		x.inside(func(have balance.Table) {
			if len(have) < len(sample()) {
				removed++
			}
		})
	}
	if removed > 0 {
		t.Error("services are removed before it is known whether they are wanted")
	}
	x.Set(sample())
	x.wait()
	if c := x.Counts(); c.Operations != 0 {
		t.Errorf("%d operations to adopt a table that was right", c.Operations)
	}
	x.close(true, false)

	x = keep(t, with(others(), sample()), Options{Earlier: sample().Keys()})
	x.Set(nil) // nothing is wanted
	x.wait()
	x.holds(others())
	x.close(true, false)
}

// TestKeeperNotAllowed: without the capability the message says which.
func TestKeeperNotAllowed(t *testing.T) {
	x := keep(t, others(), Options{}, func(x *kept) { x.f.refuse = unix.EPERM })
	x.Set(sample())
	x.wait()
	x.eventually("told what is lacking", func(c Counts) bool { return strings.Contains(c.Trouble, "CAP_NET_ADMIN") })
	x.inside(func(balance.Table) { x.f.refuse = nil })
	x.holds(with(others(), sample()))
	x.close(true, false)
}

// TestKeeperCannotRemove: an end that leaves services behind is an error.
func TestKeeperCannotRemove(t *testing.T) {
	x := keep(t, others(), Options{})
	x.Set(sample())
	x.wait()
	x.mu.Lock()
	x.missing = true
	x.mu.Unlock()
	_ = x.ask(t.Context(), func(*Conn) error { return unix.EBADF })
	if err := x.Close(true, false); err == nil || !strings.Contains(err.Error(), "6 services could not be removed from IPVS: ") {
		t.Errorf("the end says %v, and %d services are left", err, len(x.f.table))
	}
}

// TestKeeperAmongMadmen: somebody else changes the table as fast as he can while
// it is changed. In the end it is as it should be, and that somebody did it is
// told, not that the kernel refused something.
func TestKeeperAmongMadmen(t *testing.T) {
	x := keep(t, others(), Options{})
	x.Set(sample())
	x.wait()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r := rand.New(rand.NewPCG(5, 6))
	keys := sample().Keys()
	want := sample()
	for i := 0; ctx.Err() == nil; i++ {
		x.inside(func(have balance.Table) {
			switch k := keys[r.IntN(len(keys))]; r.IntN(4) {
			case 0:
				for k := range have {
					if k != foreign {
						delete(have, k)
					}
				}
			case 1:
				delete(have, k)
			case 2:
				if s := have[k]; s != nil {
					c := *s
					c.Destinations = append([]balance.Destination{at(250)}, c.Destinations...)
					have[k] = c.Normal(k)
				}
			case 3:
				if s := have[k]; s != nil && len(s.Destinations) > 0 {
					c := *s
					c.Destinations = append([]balance.Destination(nil), c.Destinations...)
					c.Destinations[0].Weight += 3
					have[k] = &c
				}
			}
		})
		k := keys[r.IntN(len(keys))]
		s := *want[k]
		s.Destinations = append([]balance.Destination(nil), s.Destinations...)
		s.Destinations[0].Weight = int32(1 + r.IntN(9))
		want[k] = &s
		x.Set(balance.Table{k: &s})
	}
	x.holds(with(others(), want))
	x.wait()
	x.eventually("fine", func(c Counts) bool { return c.Trouble == "" })
	if n := x.log.count("level=ERROR"); n > 0 || x.log.count("somebody else changed IPVS") == 0 {
		t.Errorf("%d errors, %d times told of somebody else", n, x.log.count("somebody else changed IPVS"))
	}
	x.close(true, false)
}

// TestKeeperForgetsNothing: what was to change when the kernel did not answer is
// changed once it does, and not only when the whole table is read next: a service
// that comes, which has to be read before, and one that goes, which has not. Until
// then changes are pending.
func TestKeeperForgetsNothing(t *testing.T) {
	for what, asks := range map[string]bool{"by the change": false, "before": true} {
		x := keep(t, others(), Options{})
		all := sample()
		keys := all.Keys()
		first := all[keys[0]]
		delete(all, keys[0])
		x.Set(all)
		x.wait()
		quiet := make(chan struct{})
		x.mu.Lock()
		x.onOpen = func() {
			<-quiet
			x.f.mute = false
		}
		x.mu.Unlock()
		x.inside(func(balance.Table) { x.f.mute = true })
		if asks {
			_ = x.ask(t.Context(), func(c *Conn) error {
				_, err := c.Services()
				return err
			})
		}
		x.Set(balance.Table{keys[0]: first, keys[1]: nil})
		x.eventually("in trouble", func(c Counts) bool { return asks || c.Trouble != "" })
		if c := x.Counts(); !c.Pending {
			t.Errorf("%s: nothing is pending: %+v", what, c)
		}
		close(quiet)
		x.wait()
		want := sample()
		delete(want, keys[1])
		x.inside(func(have balance.Table) {
			if diff := cmp.Diff(with(others(), want), have, same); diff != "" {
				t.Errorf("%s: the kernel has: %s", what, diff)
			}
		})
		x.close(true, false)
	}
}

// TestKeeperRefusedForLong: what is refused again and again is asked for ever more
// rarely, and written down once; the other servers of the service are kept as they
// should be meanwhile, and it is tried at once when something else is wanted.
func TestKeeperRefusedForLong(t *testing.T) {
	bad := balance.Key{Protocol: balance.TCP, Address: netip.MustParseAddrPort("192.0.2.9:80")}
	lacks := balance.Service{Options: balance.Options{Scheduler: "none"}, Destinations: []balance.Destination{at(1)}}.Normal(bad)
	x := keep(t, balance.Table{}, Options{}, func(x *kept) { x.f.schedulers = []string{"rr", "wrr", "sh", "wlc", "lc", "mh"} })
	x.Set(with(sample(), balance.Table{bad: lacks}))
	x.wait()
	time.Sleep(300 * time.Millisecond) // sixty looks
	if c := x.Counts(); c.Failed < 4 || c.Failed > 2*8 {
		t.Errorf("refused %d operations", c.Failed)
	}
	x.mu.Lock()
	writes := x.writes
	x.mu.Unlock()
	if writes != 1 {
		t.Errorf("written down %d times", writes)
	}
	lacks.Scheduler = "rr"
	fits := *lacks
	x.Set(balance.Table{bad: &fits})
	x.wait()
	x.holds(with(sample(), balance.Table{bad: &fits}))
	x.eventually("fine", func(c Counts) bool { return c.Trouble == "" })
	x.close(true, false)
	if len(x.journal) != 0 || len(x.f.table) != 0 {
		t.Errorf("left are %v, written down %v", x.f.table.Keys(), x.journal)
	}

	// Of one service the second server is refused, and somebody changes the first.
	x = keep(t, balance.Table{}, Options{}, func(x *kept) { x.f.full = 1 })
	two := balance.Service{Options: balance.Options{Scheduler: "rr"}, Destinations: []balance.Destination{at(1), at(2)}}.Normal(bad)
	x.Set(balance.Table{bad: two})
	x.wait()
	time.Sleep(300 * time.Millisecond)
	one := balance.Service{Options: balance.Options{Scheduler: "rr"}, Destinations: []balance.Destination{at(1)}}.Normal(bad)
	x.inside(func(have balance.Table) {
		s := *one
		s.Destinations = []balance.Destination{at(1)}
		s.Destinations[0].Weight = 9
		have[bad] = &s
		for key, r := range x.Keeper.inside.refused { // it is not waited for that
			r.next = time.Now().Add(time.Hour)
			x.Keeper.inside.refused[key] = r
		}
	})
	x.holds(balance.Table{bad: one})
	x.eventually("told", func(c Counts) bool { return c.Repaired == 1 })
	x.close(true, false)
}

// TestKeeperRefusedAndMended: of two refusals that is told which still is one, and a
// reload has what was refused tried again at once.
func TestKeeperRefusedAndMended(t *testing.T) {
	lacks := func(last byte, scheduler string) (balance.Key, *balance.Service) {
		key := balance.Key{Protocol: balance.TCP, Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, last}), 80)}
		return key, balance.Service{Options: balance.Options{Scheduler: scheduler}, Destinations: []balance.Destination{at(1)}}.Normal(key)
	}
	one, first := lacks(8, "none")
	two, second := lacks(9, "nor")
	x := keep(t, balance.Table{}, Options{LookEvery: time.Hour}, func(x *kept) { x.f.schedulers = []string{"rr"} })
	x.Set(balance.Table{one: first, two: second})
	x.wait()
	mended, left := one, two
	if strings.Contains(x.Counts().Trouble, two.String()) {
		mended, left = two, one
	}
	_, fits := lacks(mended.Address.Addr().As4()[3], "rr")
	x.Set(balance.Table{mended: fits})
	x.wait()
	if told := x.Counts().Trouble; !strings.Contains(told, left.String()) {
		t.Errorf("of %s is told %q", left, told)
	}
	x.inside(func(balance.Table) { x.f.schedulers = []string{"rr", "none", "nor"} })
	x.SetTimeouts(Timeouts{})
	x.wait()
	x.inside(func(have balance.Table) {
		if len(have) != 2 {
			t.Errorf("the kernel has %v", have.Keys())
		}
	})
	if told := x.Counts().Trouble; told != "" {
		t.Errorf("when all is mended %q is told", told)
	}
	x.close(true, false)
}
