package node

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestAwake: with ha_suspend checks run where the address is.
func TestAwake(t *testing.T) {
	cfg := Config{Instances: []Instance{instance3("V", 1, 100)}, Services: []Service{web(backend("a", tcp("1")))}}
	cfg.Services[0].Awake = netip.MustParseAddr("10.0.1.1")
	n := New(0, cfg)
	asked := func(actions []Action) bool {
		return slices.ContainsFunc(actions, func(a Action) bool { return a.Kind == Probe })
	}
	if asked(n.Tick(0)) || !n.Services(0).Services[0].Asleep {
		t.Error("checks run although the address is not here")
	}
	n.Step(0, &Link{Name: "eth0", Exists: true, Up: true, Index: 1, Primary: source})
	now, ran := mono.Instant(0), false
	for now < mono.Instant(30*second) {
		now = n.Deadline()
		if asked(n.Tick(now)) {
			if n.instances[0].router.Role().String() != "MASTER" {
				t.Fatal("checks run on a backup")
			}
			ran = true
		}
	}
	if !ran || n.Services(now).Services[0].Asleep {
		t.Error("checks do not run on the master")
	}
	// One that nobody moves counts as held.
	cfg.Services[0].Awake = netip.MustParseAddr("10.9.9.9")
	if n = New(0, cfg); !asked(n.Tick(0)) {
		t.Error("checks of an address that nobody moves do not run")
	}
}

// TestAwakeByTheHost: once it is told whether the host has the address that counts,
// whoever sets it, and the master of an instance has its addresses in any case.
func TestAwakeByTheHost(t *testing.T) {
	moved, nobodys := netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.9.9.9")
	for _, address := range []netip.Addr{moved, nobodys} {
		cfg := Config{Instances: []Instance{instance3("V", 1, 100)}, Services: []Service{web(backend("a", tcp("1")))}}
		cfg.Services[0].Awake = address
		n, now := New(0, cfg), mono.Instant(0)
		n.Tick(now)
		is := func(when string, awake bool) {
			t.Helper()
			asked := false
			for end := now + mono.Instant(10*second); n.Deadline() <= end; {
				now = max(now+1, n.Deadline())
				actions := n.Tick(now)
				asked = asked || slices.ContainsFunc(actions, func(a Action) bool { return a.Kind == Probe })
			}
			if asleep := n.Services(now).Services[0].Asleep; asleep == awake || asked && !awake {
				t.Errorf("%v, %s: asleep %v, and checks run %v", address, when, asleep, asked)
			}
		}
		tell := func(here map[netip.Addr]bool) { n.Step(now, &HostHas{here}) }
		is("not known", address == nobodys)
		tell(map[netip.Addr]bool{address: false})
		is("not there", false)
		tell(map[netip.Addr]bool{address: true})
		is("it comes", true)
		tell(map[netip.Addr]bool{address: false})
		is("it goes", false)
		n.Reconfigure(now, cfg)
		is("after a reload", false)
		tell(map[netip.Addr]bool{netip.MustParseAddr("10.9.9.8"): true})
		is("it is told of others", address == nobodys)
		tell(map[netip.Addr]bool{address: false})
		n.Step(now, &Link{Name: "eth0", Exists: true, Up: true, Index: 1, Primary: source})
		is("while the instance is master", address == moved)
	}
}

// TestAwakeAfterYield: what an instance has is here while it is master and no longer, be
// it that it yields or that a reload takes the address from it; what the host has by
// itself is here all the same.
func TestAwakeAfterYield(t *testing.T) {
	virtual, excluded := netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.0.1.9")
	for _, address := range []netip.Addr{virtual, excluded} {
		for _, host := range []bool{false, true} {
			cfg := Config{Instances: []Instance{instance3("V", 1, 100)}, Services: []Service{web(backend("a", tcp("1")))}}
			cfg.Instances[0].Addresses = append(cfg.Instances[0].Addresses, netspec.Address{Prefix: netip.MustParsePrefix("10.0.1.8/24"), Device: "eth0"})
			cfg.Instances[0].Excluded = []netspec.Address{{Prefix: netip.PrefixFrom(excluded, 32), Device: "eth0"}}
			cfg.Services[0].Awake = address
			d := drive(t, cfg)
			asleep := func(want bool, when string) {
				t.Helper()
				if got := d.node.Services(d.now).Services[0].Asleep; got != want {
					t.Errorf("%v, on the host %v, %s: asleep %v", address, host, when, got)
				}
			}
			d.step(&HostHas{map[netip.Addr]bool{address: host}})
			asleep(!host, "at the start")
			d.pass(5 * second)
			d.role("V", vrrp.Master)
			asleep(false, "as the master")
			d.hear("V", lower, 150)
			d.role("V", vrrp.Backup)
			asleep(!host, "as a backup")
			d.pass(5 * second)
			d.role("V", vrrp.Master)
			asleep(false, "as the master again")
			without := cfg.Instances[0]
			without.Addresses, without.Excluded = without.Addresses[len(without.Addresses)-1:], nil
			d.node.Reconfigure(d.now, Config{Instances: []Instance{without}, Services: cfg.Services})
			d.role("V", vrrp.Master)
			asleep(!host, "without the address")
		}
	}
}

// TestAwakeOverReload: checks that rest because the address is not here run when a
// reload takes ha_suspend out, or names an address that is here, and rest when
// it comes.
func TestAwakeOverReload(t *testing.T) {
	away, nobodys := netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.9.9.9")
	for what, tt := range map[string]struct {
		before, after netip.Addr
		other         bool // its check is another one
		runs          bool
	}{
		"taken out":                {away, netip.Addr{}, false, true},
		"taken out, another check": {away, netip.Addr{}, true, true},
		"an address of nobody":     {away, nobodys, false, true},
		"the same":                 {away, away, false, false},
		"put in":                   {netip.Addr{}, away, false, false},
		"put in, another check":    {netip.Addr{}, away, true, false},
	} {
		cfg := Config{Instances: []Instance{instance3("V", 1, 100)}, Services: []Service{web(backend("a", tcp("1")))}}
		cfg.Services[0].Awake = tt.before
		n := New(0, cfg)
		n.Tick(0)
		v := web(backend("a", tcp("1")))
		if v.Awake = tt.after; tt.other {
			v.Servers[0].Checks[0].Identity = "2"
		}
		n.Reconfigure(1, Config{Instances: cfg.Instances, Services: []Service{v}})
		asked := false
		for now := mono.Instant(1); n.Deadline() <= mono.Instant(30*second); {
			now = max(now+1, n.Deadline())
			asked = asked || slices.ContainsFunc(n.Tick(now), func(a Action) bool { return a.Kind == Probe })
		}
		if asleep := n.Services(0).Services[0].Asleep; asked != tt.runs || asleep == tt.runs {
			t.Errorf("%s: checks run %v, asleep %v; want that they run %v", what, asked, asleep, tt.runs)
		}
	}
}

// TestAwakeInGroup: with ha_suspend checks follow the address whichever member of the
// sync group makes it come and go.
func TestAwakeInGroup(t *testing.T) {
	cfg := pair()
	cfg.Services = []Service{web(backend("a", tcp("1")))}
	cfg.Services[0].Awake = netip.MustParseAddr("10.0.2.1") // W's
	d := drive(t, cfg)
	asleep := func(want bool, when string) {
		t.Helper()
		if got := d.node.Services(d.now).Services[0].Asleep; got != want {
			t.Errorf("%s: asleep %v", when, got)
		}
	}
	asleep(true, "at the start")
	d.pass(5 * second)
	d.role("W", vrrp.Master)
	asleep(false, "as the master")
	d.hear("V", lower, 150)
	asleep(true, "when the other member yields")
	d.pass(5 * second)
	d.role("W", vrrp.Master)
	asleep(false, "as the master again")
	cfg.Services = []Service{web(backend("a", tcp("1")))}
	d.hear("W", lower, 150)
	asleep(true, "as a backup")
	d.node.Reconfigure(d.now, cfg)
	asleep(false, "without ha_suspend")
}
