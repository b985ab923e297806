package node

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// routed returns the instance with one route, to that network.
func (in Instance) routed(to string) Instance {
	in.Routing = netspec.Routing{Routes: []netspec.Route{{Destination: netip.MustParsePrefix(to), Hop: netspec.NextHop{Device: "eth0"}}}}
	return in
}

// last returns the newest action of that kind.
func last(t *testing.T, actions []Action, kind ActionKind) Action {
	t.Helper()
	for _, a := range slices.Backward(actions) {
		if a.Kind == kind {
			return a
		}
	}
	t.Fatalf("no action of kind %d among %d", kind, len(actions))
	return Action{}
}

func lose(d *driver, in *Instance) { d.step(&Gone{Instance: in.Name, Addresses: in.Addresses}) }

// TestFight: what is removed comes back at once, but who loses five times
// within ten seconds makes room; the rests grow until there was peace.
func TestFight(t *testing.T) {
	in := instance3("V", 1, 100)
	d := master(t, Config{Instances: []Instance{in}})
	fight := func(times int) {
		d.t.Helper()
		for range times {
			d.role("V", vrrp.Master)
			lose(d, &in)
			d.step(&Claimed{Instance: "V"})
			d.pass(second)
		}
	}
	back := func() {
		d.t.Helper()
		d.pass(4 * second)
		d.role("V", vrrp.Master)
		d.step(&Claimed{Instance: "V"})
	}
	fight(fights - 1)
	d.pass(fightWindow)
	fight(fights - 1)
	d.pass(fightWindow)
	fight(fights - 1)
	d.forget()
	d.step(&Gone{Instance: "V", Addresses: in.Addresses, Suspects: "dhclient (pid 7) runs for eth0"})
	d.want("V sends 0", "V releases 10.0.1.1", "V MASTER>FAULT")
	f := d.status("V").Faults
	if len(f) != 1 || !strings.Contains(f[0], "5 times within 10s, 10.0.1.1/24 dev eth0") || !strings.HasSuffix(f[0], "dhclient (pid 7) runs for eth0") {
		t.Errorf("got faults %q", f)
	}
	if got := d.status("V").Repaired; got != 3*fights-2 {
		t.Errorf("got %d repairs, want %d", got, 3*fights-2)
	}
	d.pass(fightRest - 1)
	d.role("V", vrrp.Fault)
	d.pass(1)
	d.role("V", vrrp.Backup)
	back()
	fight(fights)
	d.pass(2*fightRest - 2*second)
	d.role("V", vrrp.Fault)
	d.pass(second)
	back()
	d.pass(fightPeace + 2*fightRest)
	fight(fights)
	d.pass(fightRest)
	back()
}

// TestFightUnconfirmed: a loss before the kernel confirmed the claim is no
// removal, and neither is one while the interface comes and goes.
func TestFightUnconfirmed(t *testing.T) {
	in := instance3("V", 1, 100)
	d := master(t, Config{Instances: []Instance{in}})
	for range 3 * fights {
		lose(d, &in)
	}
	d.role("V", vrrp.Master)
	d.step(&Claimed{Instance: "V"})
	for range 3 * fights {
		lose(d, &in)
		d.down("eth0")
		d.up("eth0")
		d.pass(4 * second)
		d.role("V", vrrp.Master)
		d.step(&Claimed{Instance: "V"})
	}
}

// TestRoutingClaimed: routes go with every claim and leave with the release,
// and what somebody removes of them comes back without an announcement.
func TestRoutingClaimed(t *testing.T) {
	in := instance3("V", 1, 100).routed("203.0.113.0/24")
	d := master(t, Config{Instances: []Instance{in}})
	actions := d.node.Step(d.now, &Gone{Instance: "V", Routing: in.Routing})
	if got := last(t, actions, Claim); !got.Routing.Equal(in.Routing) || !slices.Equal(got.Addresses, in.Addresses) {
		t.Errorf("got claim %+v", got)
	}
	if slices.ContainsFunc(actions, func(a Action) bool { return a.Kind == Announce }) {
		t.Error("a lost route was announced")
	}
	other := in.routed("198.51.100.0/24")
	actions = d.node.Reconfigure(d.now, Config{Instances: []Instance{other}})
	if got := last(t, actions, Claim); !got.Routing.Equal(other.Routing) {
		t.Errorf("got claim %+v, want the other route", got)
	}
	fewer := other.with("10.0.1.9")
	actions = d.node.Reconfigure(d.now, Config{Instances: []Instance{fewer}})
	if got := last(t, actions, Release); !got.Routing.Equal(other.Routing) || !slices.Equal(got.Addresses, in.Addresses) {
		t.Errorf("got release %+v, want the address without the route", got)
	}
	actions = d.node.Reconfigure(d.now, Config{})
	if got := last(t, actions, Release); !got.Routing.Empty() {
		t.Errorf("got release %+v, want no route left", got)
	}
}

// TestRoutingRenamed: under a new name everything is claimed before the old
// name lets go of it.
func TestRoutingRenamed(t *testing.T) {
	in := instance3("V", 1, 100).routed("203.0.113.0/24").with()
	d := master(t, Config{Instances: []Instance{in}})
	in.Name = "W"
	d.reload(Config{Instances: []Instance{in}})
	d.want("W claims ", "V releases ")
}

func statically(members ...string) Static {
	return Static{Name: "static", Addresses: []netspec.Address{address("10.9.9.1")}, Members: members}
}

// TestStatic: what is static is claimed first and released last.
func TestStatic(t *testing.T) {
	cfg := Config{Instances: []Instance{instance3("V", 1, 100)}, Static: []Static{statically()}}
	d := drive(t, cfg)
	d.want("static claims 10.9.9.1", "V INIT>BACKUP")
	d.pass(4 * second)
	d.role("V", vrrp.Master)
	d.step(&Claimed{Instance: "static"})
	d.forget()
	d.step(&Gone{Instance: "static", Addresses: cfg.Static[0].Addresses})
	d.want("note address", "static claims 10.9.9.1")
	cfg.Static[0].Addresses = []netspec.Address{address("10.9.9.2")}
	d.reload(cfg)
	d.want("static claims 10.9.9.2", "static releases 10.9.9.1")
	d.take(d.node.Stop(d.now))
	d.pass(10 * second)
	if got := d.log[len(d.log)-1]; got != "static releases 10.9.9.2" || !d.node.Stopped() {
		t.Errorf("got %q as the last thing, stopped %t", d.log, d.node.Stopped())
	}
	d.forget()
	d.step(&Gone{Instance: "static", Addresses: cfg.Static[0].Addresses})
	d.step(&Claimed{Instance: "static", Failure: "no"})
	d.up("eth1")
	d.pass(10 * second)
	d.want()
}

// TestStaticRemoved: a reload without it gives it up.
func TestStaticRemoved(t *testing.T) {
	d := drive(t, Config{Static: []Static{statically()}})
	d.forget()
	d.reload(Config{})
	d.want("static releases 10.9.9.1")
}

// TestTrackGroup: instances wait for what is static, and are in FAULT while it
// cannot be held.
func TestTrackGroup(t *testing.T) {
	d := drive(t, Config{Instances: []Instance{instance3("V", 1, 100), instance3("W", 2, 100)}, Static: []Static{statically("V")}})
	d.role("V", vrrp.Init)
	d.role("W", vrrp.Backup)
	d.step(&Claimed{Instance: "static"})
	d.role("V", vrrp.Backup)
	d.step(&Gone{Instance: "static", Addresses: []netspec.Address{address("10.9.9.1")}})
	d.role("V", vrrp.Backup)
	d.step(&Claimed{Instance: "static", Failure: "no such device"})
	d.role("V", vrrp.Fault)
	d.forget()
	d.step(&Gone{Instance: "static", Addresses: []netspec.Address{address("10.9.9.1")}})
	d.want()
	d.pass(staticPause)
	d.want("static claims 10.9.9.1")
	d.step(&Claimed{Instance: "static", Failure: "no such device"})
	d.forget()
	d.up("eth7")
	d.want("static claims 10.9.9.1")
	d.step(&Claimed{Instance: "static"})
	d.role("V", vrrp.Backup)
}

// TestLeft: what is gone with its network namespace is claimed in the next without a
// word, however often, and is no fight.
func TestLeft(t *testing.T) {
	in := instance3("V", 1, 100)
	cfg := Config{Instances: []Instance{in}, Static: []Static{statically()}}
	d := master(t, cfg)
	for range 2 * fights {
		d.step(&Claimed{Instance: "V"})
		d.step(&Claimed{Instance: "static"})
		d.forget()
		d.step(&Gone{Instance: "static", Addresses: cfg.Static[0].Addresses, Left: true})
		d.want("static claims 10.9.9.1")
		d.forget()
		d.step(&Gone{Instance: "V", Routing: in.Routing, Left: true})
		d.want("V claims 10.0.1.1")
	}
	d.role("V", vrrp.Master)
	if got := d.status("V").Repaired; got != 0 {
		t.Errorf("%d repairs", got)
	}
	// What somebody removes is noted still.
	d.forget()
	d.step(&Gone{Instance: "static", Addresses: cfg.Static[0].Addresses})
	d.want("note address", "static claims 10.9.9.1")
}

// TestStaticFight: too many removals end in a rest, which a link that changes
// does not end.
func TestStaticFight(t *testing.T) {
	d := drive(t, Config{Instances: []Instance{instance3("V", 1, 100)}, Static: []Static{statically("V")}})
	gone := &Gone{Instance: "static", Addresses: []netspec.Address{address("10.9.9.1")}}
	d.step(&Claimed{Instance: "static"})
	for range fights - 1 {
		d.step(gone)
		d.step(&Claimed{Instance: "static"})
	}
	d.role("V", vrrp.Backup)
	d.step(gone)
	d.role("V", vrrp.Fault)
	d.forget()
	d.up("eth7")
	d.pass(fightRest - time.Millisecond)
	d.want()
	d.pass(time.Millisecond)
	d.want("static claims 10.9.9.1")
	d.step(&Claimed{Instance: "static"})
	d.role("V", vrrp.Backup)
}
