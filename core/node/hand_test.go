package node

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
)

// three is a service of three servers whose checks succeeded.
func three(t *testing.T, change ...func(*Service)) *site {
	t.Helper()
	v := laid(web(backend("a", tcp("1")), backend("b", tcp("2")), backend("c", tcp("3"))), vip(1))
	for i := range v.Servers {
		v.Servers[i].Weight = 10
	}
	for _, f := range change {
		f(&v)
	}
	s := newSite(t, Config{Services: []Service{v}})
	s.says("won start")
	for i := range 3 {
		s.run(i, health.OK)
	}
	s.tables = nil
	return s
}

func (s *site) hand(server string, w Wish, limit time.Duration, weight int) {
	s.t.Helper()
	s.take(s.node.Step(s.now, &Handle{[]Hand{{Service: "web", Server: server, Wish: w, Limit: limit, Weight: weight}}}))
}

// tick lets time pass.
func (s *site) tick(d time.Duration) {
	s.t.Helper()
	for end := s.now.Add(d); s.now < end; {
		s.now = mono.Min(end, max(s.now+1, s.node.Deadline()))
		s.take(s.node.Tick(s.now))
	}
}

func TestDrain(t *testing.T) {
	s := three(t)
	s.hand("a", WishDrain, 0, -1)
	s.asks("1: 1*0 2*10 3*10")
	if got := s.node.Draining(); len(got) != 1 || got[0].Server != "a" || got[0].Keys[0] != vip(1) || got[0].Address.Address.Addr().As4()[3] != 1 {
		t.Errorf("draining %+v", got)
	}
	s.tick(time.Hour)
	s.asks()
	s.take(s.node.Step(s.now, emptied("web", "a")))
	s.asks("1: 2*10 3*10")
	if got := s.node.Draining(); len(got) != 0 {
		t.Errorf("draining %+v", got)
	}
	s.hand("a", WishAuto, 0, -1)
	s.asks("1: 1*10 2*10 3*10")
	if got := s.node.Hands(s.now); len(got) != 0 {
		t.Errorf("hands %+v", got)
	}
	// News of connections that nobody waits for changes nothing.
	s.take(s.node.Step(s.now, emptied("web", "a")))
	s.take(s.node.Step(s.now, emptied("web", "x")))
	s.asks()
}

func TestDrainEndsInTime(t *testing.T) {
	s := three(t)
	s.hand("a", WishDrain, time.Minute, -1)
	s.tick(59 * time.Second)
	s.asks("1: 1*0 2*10 3*10")
	s.tick(time.Second)
	s.asks("1: 2*10 3*10")
	// It does not come back for a second drain.
	s.hand("a", WishDrain, 0, -1)
	s.asks()
	s.hand("b", WishDown, 0, -1)
	s.asks("1: 3*10")
}

// TestDrainOfTheLast: the quorum is lost with a server that is drained, and the
// sorry server serves, while connections end.
func TestDrainOfTheLast(t *testing.T) {
	s := three(t, func(v *Service) { v.Sorry = balance.Sorry{Present: true} })
	for _, name := range []string{"a", "b", "c"} {
		s.hand(name, WishDrain, 0, -1)
	}
	s.asks("1: 1*0 2*10 3*10", "1: 1*0 2*0 3*10", "1: 1*0 2*0 3*0 99*1")
	s.says("lost")
	s.hand("b", WishAuto, 0, -1)
	s.asks("1: 1*0 2*10 3*0")
	s.says("won")
}

// TestDrainOfOneThatIsDown: it has no place, and gets none to be drained, also when
// it comes up; one that inhibits, or has a place, has it until its connections are
// gone.
func TestDrainOfOneThatIsDown(t *testing.T) {
	s := three(t, func(v *Service) { v.Servers[1].Inhibits = true })
	for i := range 2 {
		s.run(i, health.Failed)
		s.run(i, health.Failed)
	}
	s.tables = nil
	s.hand("a", WishDrain, 0, -1)
	s.hand("b", WishDrain, 0, -1)
	s.hand("c", WishDrain, 0, -1)
	s.asks("1: 2*0 3*0")
	s.run(2, health.Failed)
	s.run(2, health.Failed)
	s.run(0, health.OK)
	s.asks()
	if got := s.node.Draining(); len(got) != 2 {
		t.Errorf("draining %+v", got)
	}
	s.hand("a", WishAuto, 0, -1)
	s.asks("1: 1*10 2*0 3*0")
}

// TestDrainKeepsItsTime: another weight, a reload and a restart do not begin the
// time of a drain anew; asking for it again does.
func TestDrainKeepsItsTime(t *testing.T) {
	s := three(t)
	s.hand("a", WishDrain, time.Minute, -1)
	s.tick(40 * time.Second)
	h := s.node.Hands(s.now)[0]
	if h.Left != 20*time.Second || h.Limit != time.Minute {
		t.Fatalf("%+v", h)
	}
	v := *s.node.services[0].cfg
	other := newSite(t, Config{Services: []Service{v}, Hands: s.node.Hands(s.now)})
	other.tick(19 * time.Second)
	other.asks("1: 1*0 2*10 3*10")
	other.tick(time.Second)
	other.asks("1: 2*10 3*10")
	h.Weight = 7
	s.take(s.node.Step(s.now, &Handle{[]Hand{h}}))
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
	s.tick(19 * time.Second)
	s.asks("1: 1*0 2*10 3*10")
	s.tick(time.Second)
	s.asks("1: 2*10 3*10")
	if h = s.node.Hands(s.now)[0]; h.Left >= 0 {
		t.Errorf("when it is gone %+v", h)
	}
	other = newSite(t, Config{Services: []Service{v}, Hands: []Hand{h}})
	other.asks("1: 2*10 3*10")
	s.hand("b", WishDrain, time.Minute, -1)
	s.tick(40 * time.Second)
	s.hand("b", WishDrain, time.Minute, -1)
	s.tables = nil
	s.tick(59 * time.Second)
	s.asks()
	s.tick(time.Second)
	s.asks("1: 3*10")
	// Also where it is asked for anew of the server wherever it is.
	s.hand("c", WishDrain, time.Minute, -1)
	s.tick(40 * time.Second)
	s.take(s.node.Step(s.now, &Handle{[]Hand{{Service: "web", Server: "c", Wish: WishDrain, Limit: time.Minute, Weight: -1, Everywhere: "c"}}}))
	s.tables = nil
	s.tick(59 * time.Second)
	s.asks()
	if got := s.node.Hands(s.now)[2]; got.Everywhere != "c" || got.Left != time.Second {
		t.Errorf("%+v", got)
	}
	s.tick(time.Second)
	s.asks("1:")
}

func TestWeightByHand(t *testing.T) {
	s := three(t)
	s.hand("a", WishAuto, 0, 3)
	s.asks("1: 1*3 2*10 3*10")
	s.run(0, health.OK, weighs(77))
	s.asks()
	s.hand("a", WishAuto, 0, -1)
	s.asks("1: 1*77 2*10 3*10")
	s.hand("b", WishAuto, 0, 0)
	s.asks("1: 1*77 2*0 3*10")
	if got := s.node.Services(s.now).Services[0].Weight; got != 87 {
		t.Errorf("the quorum counts %d", got)
	}
}

// TestHandsAreRemembered: over a reload without the server, and from the start.
func TestHandsAreRemembered(t *testing.T) {
	s := three(t)
	s.hand("a", WishDown, 0, -1)
	s.hand("b", WishAuto, 0, 4)
	want := []Hand{{Service: "web", Server: "a", Wish: WishDown, Weight: -1}, {Service: "web", Server: "b", Weight: 4}}
	if diff := cmp.Diff(want, s.node.Hands(s.now)); diff != "" {
		t.Error(diff)
	}
	v := *s.node.services[0].cfg
	s.take(s.node.Reconfigure(s.now, Config{}))
	s.tables = nil
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
	s.asks("1: 2*4 3*10")
	other := newSite(t, Config{Services: []Service{v}, Hands: s.node.Hands(s.now)})
	other.asks("1: 2*4 3*10")
}

// TestSlowStart: a server that comes back gets its weight step by step; one
// that starts with the daemon, or did not fail, has it at once.
func TestSlowStart(t *testing.T) {
	s := three(t, func(v *Service) { v.SlowStart = balance.Ramp{Over: 20 * time.Second} })
	s.run(0, health.Failed)
	s.run(0, health.Failed)
	s.asks("1: 2*10 3*10")
	s.tick(time.Minute)
	s.run(0, health.OK)
	from := s.now
	last, steps := int32(0), 0
	for s.now.Sub(from) < 30*time.Second {
		for _, table := range s.tables {
			d := table[vip(1)].Destinations
			if len(d) != 3 || d[0].Weight <= last || d[1].Weight != 10 {
				t.Fatalf("after %v: %+v", s.now.Sub(from), d)
			}
			last = d[0].Weight
			steps++
		}
		s.tables = nil
		s.tick(time.Second)
	}
	if last != 10 || steps < 8 || steps > 11 {
		t.Errorf("weight %d after %d steps", last, steps)
	}
	// After a drain, too.
	s.hand("b", WishDown, 0, -1)
	s.tables = nil
	s.hand("b", WishAuto, 0, -1)
	got := s.tables[0][vip(1)].Destinations[1].Weight
	if got >= 5 {
		t.Errorf("weight %d after it was down by hand", got)
	}
	if st := s.node.Servers(nil, 0, 3); st[0].Rising >= 0 || st[1].Rising != int(got) || st[1].Weight != 10 {
		t.Errorf("the status is %+v", st[:2])
	}
}

func TestPanic(t *testing.T) {
	s := three(t, func(v *Service) { v.Panic = balance.Panic{Percent: 60} })
	fail := func(i int) {
		s.run(i, health.Failed)
		s.run(i, health.Failed)
	}
	fail(0)
	s.asks("1: 2*10 3*10")
	fail(1)
	fail(2)
	s.asks()
	if !slices.ContainsFunc(s.notes, func(n string) bool {
		return n == "panic: fewer than 60% of the servers of virtual server web work; those that worked last are kept"
	}) {
		t.Errorf("notes %q", s.notes)
	}
	if st := s.node.Servers(nil, 0, 3); !s.node.Services(s.now).Services[0].Panics || st[0].Kept || !st[1].Kept || !st[2].Kept {
		t.Errorf("in a panic the status is %+v", st)
	}
	s.run(0, health.OK)
	s.asks("1: 1*10 2*10 3*10")
	s.run(1, health.OK)
	s.asks("1: 1*10 2*10")
	if s.node.Services(s.now).Services[0].Panics || s.node.Servers(nil, 0, 3)[2].Kept {
		t.Error("the panic is not over")
	}
}

// TestSlowStartInPanic: the one server that works again in a panic had its
// place all the time: it keeps its full weight, as those have that still fail.
// One that fails while its weight rises gets no more of it by that.
func TestSlowStartInPanic(t *testing.T) {
	s := three(t, func(v *Service) {
		v.Panic, v.SlowStart = balance.Panic{Percent: 60}, balance.Ramp{Over: 20 * time.Second}
	})
	fail := func(i int) {
		s.run(i, health.Failed)
		s.run(i, health.Failed)
	}
	for i := range 3 {
		fail(i)
	}
	s.tables = nil
	s.run(2, health.OK) // kept, as the first that failed is not
	s.asks()
	if st := s.node.Servers(nil, 0, 3); !st[2].Up || st[2].Rising >= 0 || !st[1].Kept {
		t.Errorf("the status is %+v", st)
	}
	s.tick(time.Minute)
	s.asks()
	s.run(0, health.OK) // which was away
	s.tick(5 * time.Second)
	began := s.tables[0][vip(1)].Destinations[0].Weight
	s.tables = nil
	fail(2)
	fail(0) // while its weight rises
	if st := s.node.Servers(nil, 0, 3); began > 2 || !st[0].Kept || st[0].Rising < int(began) || st[0].Rising > 5 {
		t.Errorf("it began with %d, and the status is %+v", began, st[0])
	}
	s.tick(30 * time.Second)
	last := s.tables[len(s.tables)-1][vip(1)].Destinations[0].Weight
	if st := s.node.Servers(nil, 0, 3); last != 10 || st[0].Rising >= 0 {
		t.Errorf("it ends at %d, and the status is %+v", last, st[0])
	}
}

// TestPanicByHand: servers that people take out neither work nor fail.
func TestPanicByHand(t *testing.T) {
	s := three(t, func(v *Service) { v.Panic = balance.Panic{Percent: 50} })
	fail := func(i int) {
		s.run(i, health.Failed)
		s.run(i, health.Failed)
	}
	panics := func(want bool) {
		t.Helper()
		if s.node.Services(s.now).Services[0].Panics != want {
			t.Errorf("panic is %v", !want)
		}
	}
	s.hand("a", WishDown, 0, -1)
	s.hand("b", WishDown, 0, -1)
	panics(false)
	s.tables = nil
	fail(2) // the only one that is left
	panics(true)
	s.asks()
	s.hand("b", WishAuto, 0, -1) // one of two works
	panics(false)
	s.asks("1: 2*10")
}
