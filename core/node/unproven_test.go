package node

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
)

// TestServerMaintenance: checks rest, over a reload too. After it the server is
// probed at once, and gets no clients before that has a result, which decides
// alone.
func TestServerMaintenance(t *testing.T) {
	for what, gone := range map[string]bool{"connections are left": false, "its place is gone": true} {
		s := three(t)
		s.asked = nil
		s.hand("a", WishMaintenance, 0, -1)
		s.tick(time.Hour)
		if slices.ContainsFunc(s.asked, func(a Ask) bool { return a.Check == 0 }) {
			t.Error("its check runs")
		}
		v := *s.node.services[0].cfg
		v.Servers = slices.Clone(v.Servers)
		v.Servers[0].Checks = []Check{tcp("other")}
		s.asked = nil
		s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
		s.tick(time.Hour)
		if slices.ContainsFunc(s.asked, func(a Ask) bool { return a.Check == 0 }) {
			t.Error("its check runs after the reload")
		}
		if gone {
			s.take(s.node.Step(s.now, emptied("web", "a")))
		}
		s.tables, s.asked = nil, nil
		s.hand("a", WishAuto, 0, -1)
		s.asks()
		if st := s.node.Servers(nil, 0, 1)[0]; !st.Unproven || s.node.Services(s.now).Services[0].Weight != 20 {
			t.Errorf("%s: it counts before a result: %+v", what, st)
		}
		s.tick(50 * time.Millisecond)
		s.run(0, health.Failed) // alone, with a retry of 1
		s.says("a down")
		if gone {
			s.asks()
		} else {
			s.asks("1: 2*10 3*10")
		}
		s.run(0, health.OK)
		s.says("a up")
		s.asks("1: 1*10 2*10 3*10")

		// Again, and this time it works; without a result people may take another
		// hand in it.
		s.hand("a", WishMaintenance, 0, -1)
		if gone {
			s.take(s.node.Step(s.now, emptied("web", "a")))
		}
		s.hand("a", WishAuto, 0, -1)
		s.hand("a", WishDrain, 0, -1)
		s.hand("a", WishAuto, 0, 5)
		s.tables = nil
		s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
		s.asks()
		if got := s.node.Services(s.now).Services[0].Weight; got != 20 {
			t.Errorf("%s: before a result the quorum counts %d", what, got)
		}
		s.run(0, health.OK)
		s.says()
		s.asks("1: 1*5 2*10 3*10")
	}
}

// TestMaintenanceFromTheStart: a server that was in maintenance when the daemon
// began is believed no sooner, and one whose checks are gone or have no result for
// their grace is not waited for.
func TestMaintenanceFromTheStart(t *testing.T) {
	begin := func() *site {
		v := laid(web(backend("a", tcp("1")), backend("b", tcp("2"))), vip(1))
		v.SlowStart = balance.Ramp{Over: 20 * time.Second}
		s := newSite(t, Config{Services: []Service{v}, Hands: []Hand{{Service: "web", Server: "a", Wish: WishMaintenance, Left: -1, Weight: 40}}})
		s.asks("1: 2*1")
		s.tick(time.Hour)
		s.tables, s.asked = nil, nil
		s.hand("a", WishAuto, 0, 40)
		s.asks()
		return s
	}
	s := begin()
	s.tick(10 * time.Second)
	s.asks()
	s.run(0, health.OK)
	s.asks("1: 1*1 2*1") // its weight rises from here
	s = begin()
	v := *s.node.services[0].cfg
	v.Servers = []Server{backend("a"), v.Servers[1]}
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
	s.asks("1: 1*1 2*1")
	s = begin()
	s.run(0, health.Unknown)
	s.tick(29 * time.Second)
	s.asks()
	s.tick(1100 * time.Millisecond)
	s.asks("1: 1*1 2*1")
}

// reload gives the node another configuration; what it does of its instances is
// no matter of these tests.
func (s *site) reload(cfg Config) {
	s.t.Helper()
	s.take(slices.DeleteFunc(s.node.Reconfigure(s.now, cfg), func(a Action) bool {
		return !slices.Contains([]ActionKind{Probe, Told, Balance, Noted}, a.Kind)
	}))
}

// TestMaintenanceAsleep: with ha_suspend a maintenance that ends where the address is
// not takes nothing out that only its checks could bring back, nor does one that had
// no result yet when the address went. When the checks run again, the first result
// decides alone.
func TestMaintenanceAsleep(t *testing.T) {
	for what, before := range map[string]bool{"asleep at its end": true, "asleep after it": false} {
		v := laid(web(backend("a", tcp("1"))), vip(1))
		s := newSite(t, Config{Services: []Service{v}})
		s.run(0, health.OK)
		s.hand("a", WishMaintenance, 0, -1)
		sleeps := func() {
			v.Awake = netip.MustParseAddr("10.0.1.1")
			s.reload(Config{Services: []Service{v}, Instances: []Instance{instance3("V", 1, 100)}})
		}
		if before {
			sleeps()
		}
		s.hand("a", WishAuto, 0, -1)
		if !before {
			sleeps()
		}
		st := s.node.Services(s.now).Services[0]
		if servers := s.node.Servers(nil, 0, 1); !st.Asleep || !st.Quorum || servers[0].Unproven || !servers[0].Up {
			t.Errorf("%s: %+v of %+v", what, servers[0], st)
		}
		if at := s.tables[len(s.tables)-1][vip(1)].Destinations; len(at) != 1 || at[0].Weight != 1 {
			t.Errorf("%s: the table has %+v", what, at)
		}
		s.tables, s.told, s.asked = nil, nil, nil
		v.Awake = netip.Addr{}
		s.reload(Config{Services: []Service{v}})
		s.tick(10 * time.Second)
		s.run(0, health.Failed) // with a retry of 1
		s.says("a down", "lost")
		s.asks("1:")
	}
}

// TestGraceAfterMaintenance: that nothing is waited for any more is not called a result.
func TestGraceAfterMaintenance(t *testing.T) {
	for verdict, want := range map[health.Verdict]string{
		health.OK:      "real server a of virtual server web has results since its maintenance: it is up",
		health.Unknown: "real server a of virtual server web has no result since its maintenance, and the time to wait for one is over: it is up",
	} {
		s := three(t)
		s.hand("a", WishMaintenance, 0, -1)
		s.hand("a", WishAuto, 0, -1)
		s.run(0, verdict)
		s.tick(31 * time.Second)
		if !slices.Contains(s.notes, want) {
			t.Errorf("notes %q", s.notes)
		}
	}
}

// TestPlaceAfterMaintenance: a place that people took away while its server was not
// proven yet does not come back before it is.
func TestPlaceAfterMaintenance(t *testing.T) {
	s := three(t)
	s.hand("a", WishMaintenance, 0, -1)
	s.hand("a", WishAuto, 0, -1)
	s.hand("a", WishDown, 0, -1)
	s.tables = nil
	s.hand("a", WishAuto, 0, -1)
	s.hand("a", WishAuto, 0, 5)
	s.asks()
	s.run(0, health.OK)
	s.asks("1: 1*5 2*10 3*10")
}

// TestPanicAfterMaintenance: a panic keeps no server that its first result since its
// maintenance found broken.
func TestPanicAfterMaintenance(t *testing.T) {
	s := three(t, func(v *Service) { v.Panic = balance.Panic{Percent: 60} })
	s.hand("a", WishMaintenance, 0, -1)
	s.run(1, health.Failed)
	s.run(1, health.Failed)
	s.hand("a", WishAuto, 0, -1)
	s.tables = nil
	s.run(0, health.Failed)
	s.asks("1: 2*10 3*10")
	if st := s.node.Servers(nil, 0, 2); st[0].Kept || !st[1].Kept {
		t.Errorf("the status is %+v", st)
	}
}
