package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

func (d *driver) reload(cfg Config) { d.t.Helper(); d.take(d.node.Reconfigure(d.now, cfg)) }

// TestReloadSame: nothing happens and every timer stays.
func TestReloadSame(t *testing.T) {
	cfg := Config{Instances: []Instance{instance3("V", 1, 100), instance3("W", 2, 100)}, Scripts: []Script{check("s")}}
	cfg.Instances[0].Scripts = []TrackScript{{Name: "s", Weight: -20}}
	d := drive(t, cfg)
	d.checked("s", Failed)
	d.pass(4 * second)
	d.hear("W", higher, 200)
	d.pass(second / 3)
	d.forget()
	v, w, deadline := *d.status("V"), *d.status("W"), d.node.Deadline()
	d.reload(cfg)
	d.want()
	if d.node.Deadline() != deadline {
		t.Errorf("the deadline moves from %d to %d", deadline, d.node.Deadline())
	}
	if n := d.status("V"); n.NextAdvert != v.NextAdvert || n.Role != v.Role || n.Since != v.Since || n.Effective != v.Effective || n.Claimed != v.Claimed {
		t.Errorf("V changes from %+v to %+v", v, n)
	}
	if n := d.status("W"); n.MasterDown != w.MasterDown || n.Role != w.Role || n.Since != w.Since {
		t.Errorf("W changes from %+v to %+v", w, n)
	}
}

// TestReloadMaster: what a MASTER does when its configuration changes.
func TestReloadMaster(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Instance)
		want   []string
		next   []string // within the next interval
	}{
		{"priority", func(in *Instance) { in.Router.Priority = 50 }, nil, []string{"V sends 50"}},
		{"an address more", func(in *Instance) { *in = in.with("10.0.1.1", "10.0.1.9", "10.0.1.2") },
			[]string{"V claims 10.0.1.1 10.0.1.9 10.0.1.2", "V announces 10.0.1.2 x5"}, []string{"V sends 100"}},
		{"an address less", func(in *Instance) { *in = in.with("10.0.1.1") },
			[]string{"V releases 10.0.1.9"}, []string{"V sends 100"}},
		{"another address", func(in *Instance) { *in = in.with("10.0.1.1", "10.0.1.3") },
			[]string{"V claims 10.0.1.1 10.0.1.3", "V releases 10.0.1.9", "V announces 10.0.1.3 x5"}, []string{"V sends 100"}},
		{"excluded", func(in *Instance) { in.Excluded = []netspec.Address{address("10.7.7.7")} },
			[]string{"V claims 10.0.1.1 10.0.1.9 10.7.7.7", "V announces 10.7.7.7 x5"}, []string{"V sends 100"}},
		// Released, it would be gone: to the kernel it is the same address.
		{"a label", func(in *Instance) {
			in.Addresses = slices.Clone(in.Addresses)
			in.Addresses[0].Label = "eth0:1"
		}, []string{"V claims 10.0.1.1 10.0.1.9", "V announces 10.0.1.1 x5"}, []string{"V sends 100"}},
		{"name", func(in *Instance) { in.Name = "N" },
			// What waits to be announced goes with the old name.
			[]string{"N claims 10.0.1.1 10.0.1.9", "V releases 10.0.1.1 10.0.1.9", "N announces 10.0.1.1 10.0.1.9 x5"}, []string{"N sends 100"}},
		{"shorter interval", func(in *Instance) { in.Router.Interval = 300 * time.Millisecond }, nil,
			[]string{"V sends 100", "V sends 100", "V sends 100"}},
		{"a tracker that faults", func(in *Instance) { in.Interfaces = []TrackInterface{{Name: "eth0", Reverse: true}} },
			[]string{"V sends 0", "V releases 10.0.1.1 10.0.1.9", "V MASTER>FAULT"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := instance3("V", 1, 100).with("10.0.1.1", "10.0.1.9")
			d := drive(t, Config{Instances: []Instance{in}})
			d.pass(vrrp.V3.MasterDown(100, second, 3))
			d.forget()
			tt.change(&in)
			d.reload(Config{Instances: []Instance{in}})
			if tt.name == "priority" {
				d.log = nil // it tells of the new priority
			}
			d.want(tt.want...)
			d.pass(second)
			d.want(tt.next...)
			if got := d.node.byName[in.Name].cfg.Name; got != in.Name {
				t.Errorf("it is called %s", got)
			}
		})
	}
}

// TestReloadGone: an instance that is not there any more resigns and releases
// at once; a new one starts; the one in between does not notice.
func TestReloadGone(t *testing.T) {
	v, w, x := instance3("V", 1, 100), instance3("W", 2, 100), instance3("X", 3, 100)
	d := master(t, Config{Instances: []Instance{v, w}})
	d.hear("V", lower, 50) // has a peer, and yet no time for a hand-over
	d.forget()
	d.reload(Config{Instances: []Instance{w, x}})
	d.want("V sends 0", "V releases 10.0.1.1", "V MASTER>INIT deleted", "X INIT>BACKUP")
	d.role("W", vrrp.Master)
	d.hear("W", lower, 50)
	if s := d.node.Status(d.now); len(s.Instances) != 2 || s.Strangers != 0 {
		t.Errorf("%+v", s)
	}
	d.pass(4 * second)
	d.role("X", vrrp.Master)
	if _, still := d.node.byName["V"]; still || len(d.node.byKey) != 2 || len(d.node.sched.heap) != 2 {
		t.Error("something of V is left")
	}
}

// TestReloadSwapsNames: two instances take each other's names and keep what
// they are.
func TestReloadSwapsNames(t *testing.T) {
	d := master(t, Config{Instances: []Instance{instance3("V", 1, 100), instance3("W", 2, 100)}})
	d.hear("W", lower, 200)
	d.forget()
	d.reload(Config{Instances: []Instance{instance3("W", 1, 100), instance3("V", 2, 100)}})
	d.want("W claims 10.0.1.1", "V releases 10.0.1.1", "W announces 10.0.1.1 x5")
	d.role("W", vrrp.Master)
	d.role("V", vrrp.Backup)
}

// TestReloadScript: what becomes of a check.
func TestReloadScript(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Scripts = []TrackScript{{Name: "s", Weight: -20}}
	begin := func(result Result) *driver {
		d := drive(t, Config{Instances: []Instance{in}, Scripts: []Script{check("s")}})
		d.checked("s", result)
		d.forget()
		return d
	}
	other := check("s")
	other.Identity = "second"

	t.Run("the same", func(t *testing.T) {
		d := begin(Failed)
		d.reload(Config{Instances: []Instance{in}, Scripts: []Script{check("s")}})
		d.pass(2*second - 1)
		d.want()
		slow := in
		slow.Router.DownAdverts = 5 // the router begins anew with its base
		d.reload(Config{Instances: []Instance{slow}, Scripts: []Script{check("s")}})
		d.want()
		d.priority("V", 80)
		d.pass(1)
		d.want("run s")
		d.priority("V", 80)
	})
	t.Run("another interval", func(t *testing.T) {
		d := begin(Failed)
		slower := check("s")
		slower.Interval = 20 * second
		d.reload(Config{Instances: []Instance{in}, Scripts: []Script{slower}})
		d.pass(2 * second)
		d.checked("s", Failed)
		d.pass(19 * second)
		d.priority("V", 80)
		if got := d.node.scripts["s"].timer.at; got != 22*1000*1000*1000 {
			t.Errorf("next run at %d", got)
		}
		d.pass(2 * second)
		d.checked("s", Failed)
		d.forget()
		d.reload(Config{Instances: []Instance{in}, Scripts: []Script{check("s")}}) // each 2 s again
		d.pass(2*second - 1)
		early := slices.Contains(d.log, "run s")
		d.pass(1)
		if early || !slices.Contains(d.log, "run s") {
			t.Errorf("two seconds after a shorter interval: %q, too early %v", d.log, early)
		}
	})
	t.Run("another program disturbs nothing until it has spoken", func(t *testing.T) {
		d := begin(Failed)
		d.reload(Config{Instances: []Instance{in}, Scripts: []Script{other}})
		d.want()
		d.priority("V", 80)
		d.pass(0)
		d.want("run s")
		d.checked("s", OK)
		d.priority("V", 100)
	})
	t.Run("another program waits for the run of the old one", func(t *testing.T) {
		d := begin(OK)
		d.pass(2 * second)
		d.want("run s")
		d.reload(Config{Instances: []Instance{in}, Scripts: []Script{other}})
		d.pass(10 * second)
		for _, line := range d.log {
			if line == "run s" {
				t.Fatal("two runs at once")
			}
		}
		d.forget()
		d.checked("s", Failed) // of the old program
		d.priority("V", 100)
		d.pass(0)
		d.want("run s")
		d.checked("s", Failed)
		d.priority("V", 80)
	})
	t.Run("removed while it runs, and back", func(t *testing.T) {
		d := begin(OK)
		d.pass(2 * second)
		d.reload(Config{Instances: []Instance{instance3("V", 1, 100)}})
		d.reload(Config{Instances: []Instance{in}, Scripts: []Script{check("s")}})
		d.pass(second)
		d.want("run s")
		d.checked("s", Failed)
		d.priority("V", 100)
		d.pass(0)
		d.want("run s")
	})
	t.Run("no longer tracked", func(t *testing.T) {
		d := begin(Failed)
		d.reload(Config{Instances: []Instance{instance3("V", 1, 100)}, Scripts: []Script{check("s")}})
		d.priority("V", 100)
		d.forget()
		d.pass(3 * second)
		d.want()
		if d.node.Status(d.now).Scripts[0].Used {
			t.Error("it counts as used")
		}
	})
}

// TestReloadGroup: a member that waited for a group which is gone takes over
// by itself, and a group of the same name keeps its role.
func TestReloadGroup(t *testing.T) {
	d := drive(t, pair())
	d.pass(2 * second)
	d.hear("W", lower, 100)
	d.pass(2 * second)
	d.forget()
	d.reload(Config{Instances: []Instance{instance3("V", 1, 100), instance3("W", 2, 100)}})
	d.role("V", vrrp.Backup)
	d.pass(4 * second)
	d.role("V", vrrp.Master)

	d = master(t, pair())
	d.reload(grouped(instance3("V", 1, 110), instance3("W", 2, 110)))
	for _, line := range d.log {
		if line != "note priority" {
			t.Errorf("%s", line)
		}
	}
	if g := d.node.Status(d.now).Groups[0]; g.Role != vrrp.Master {
		t.Errorf("the group is %v", g.Role)
	}

	// So does one that is renamed, while another with its members does not begin
	// with what a third one was.
	cfg, since := pair(), d.node.groups[0].since
	d.pass(second)
	d.forget()
	cfg.Groups[0].Name = "H"
	d.reload(cfg)
	d.want("note priority", "note priority")
	if g := d.node.groups[0]; g.role != vrrp.Master || g.since != since {
		t.Errorf("the renamed group is %v since %d, not since %d", g.role, g.since, since)
	}
	other := grouped(instance3("V", 1, 100), instance3("W", 2, 100), instance3("X", 3, 100))
	d.forget()
	d.reload(other)
	if !slices.Contains(d.log, "X INIT>BACKUP") || d.node.groups[0].since == since {
		t.Errorf("a group of other members: %q", d.log)
	}
}

// TestReloadStopping: a node that is about to end takes no configuration.
func TestReloadStopping(t *testing.T) {
	d := master(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
	d.hear("V", lower, 50)
	d.take(d.node.Stop(d.now))
	d.forget()
	d.reload(Config{Instances: []Instance{instance3("V", 1, 100).with("10.0.1.2"), instance3("W", 2, 100)}})
	d.want()
	d.pass(2 * second)
	d.want("V releases 10.0.1.1", "V MASTER>INIT stop")
	if !d.node.Stopped() {
		t.Error("it has not stopped")
	}
}

// TestReloadMovesNames: what a master holds stays when names or addresses move to
// another one, whatever their order.
func TestReloadMovesNames(t *testing.T) {
	v, w := instance3("V", 1, 100).routed("10.8.0.0/24"), instance3("W", 2, 100).routed("10.9.0.0/24")
	named := func(in Instance, name string) Instance { in.Name = name; return in }
	at := func(in Instance, a string) Instance {
		routing := in.Routing
		in = in.with(a)
		in.Routing = routing
		return in
	}
	for _, tt := range []struct {
		name string
		to   [2]Instance
		want []string
	}{
		{"names are swapped", [2]Instance{named(v, "W"), named(w, "V")}, []string{
			"W claims 10.0.1.1", "V claims 10.0.2.1", "V releases 10.0.1.1", "W releases 10.0.2.1", "W announces 10.0.1.1 x5", "V announces 10.0.2.1 x5"}},
		{"names and addresses are", [2]Instance{at(named(v, "W"), "10.0.2.1"), at(named(w, "V"), "10.0.1.1")}, []string{
			"W claims 10.0.2.1", "V claims 10.0.1.1", "V releases ", "W releases ", "W announces 10.0.2.1 x5", "V announces 10.0.1.1 x5"}},
		{"an address moves down", [2]Instance{at(v, "10.0.1.9"), w.withMore("10.0.1.1")}, []string{
			"V claims 10.0.1.9", "W claims 10.0.1.1", "V releases 10.0.1.1", "V announces 10.0.1.9 x5", "W announces 10.0.1.1 x5"}},
		{"an address moves up", [2]Instance{v.withMore("10.0.2.1"), at(w, "10.0.2.9")}, []string{
			"V claims 10.0.2.1", "W claims 10.0.2.9", "W releases 10.0.2.1", "V announces 10.0.2.1 x5", "W announces 10.0.2.9 x5"}},
		{"a name is handed on", [2]Instance{named(v, "W"), named(w, "X")}, []string{
			"W claims 10.0.1.1", "X claims 10.0.2.1", "V releases 10.0.1.1", "W releases 10.0.2.1", "W announces 10.0.1.1 x5", "X announces 10.0.2.1 x5"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := master(t, Config{Instances: []Instance{v, w}})
			actions := d.node.Reconfigure(d.now, Config{Instances: tt.to[:]})
			d.take(actions)
			d.want(tt.want...)
			// By the edge's account each name has the routes of the last action with it.
			routes := map[string]netspec.Routing{}
			for _, a := range actions {
				if a.Kind == Claim || a.Kind == Release {
					routes[a.Instance] = a.Routing
				}
			}
			for _, in := range tt.to {
				if got, touched := routes[in.Name]; touched && !got.Equal(in.Routing) {
					t.Errorf("%s ends with %v, want %v", in.Name, got, in.Routing)
				}
			}
		})
	}
}

// withMore adds an address.
func (in Instance) withMore(a string) Instance {
	in.Addresses = append(slices.Clone(in.Addresses), address(a))
	in.Router.Addresses = append(slices.Clone(in.Router.Addresses), address(a).Addr())
	return in
}

// TestReloadGroupsDiffer: the members of a sync group that a reload makes of masters
// and backups are all BACKUP, at once or when the one that joins hears a master; one
// whose masters nobody contests is joined, and loses nothing.
func TestReloadGroupsDiffer(t *testing.T) {
	v, w := instance3("V", 1, 100), instance3("W", 2, 100)
	d := master(t, Config{Instances: []Instance{v, w}})
	d.hear("W", lower, 200)
	d.forget()
	d.reload(pair())
	d.want("V sends 0", "V releases 10.0.1.1", "V MASTER>BACKUP", "group G INIT>BACKUP")

	d = master(t, Config{Instances: []Instance{v}})
	d.reload(pair())
	d.want("W INIT>BACKUP")
	d.pass(second / 2)
	d.hear("W", lower, 50) // which it will preempt
	d.forget()
	d.pass(4 * second)
	if !slices.Contains(d.log, "W BACKUP>MASTER") || slices.Contains(d.log, "V MASTER>BACKUP") || d.log[len(d.log)-1] != "group G INIT>MASTER" {
		t.Errorf("W joins: %q", d.log)
	}

	d = master(t, Config{Instances: []Instance{v}})
	d.reload(pair())
	d.pass(second / 2)
	d.forget()
	d.hear("W", lower, 200)
	d.want("V sends 0", "V releases 10.0.1.1", "V MASTER>BACKUP", "group G INIT>BACKUP")

	// W waits for the first result of its script, which is no change of the others'.
	waiting := grouped(v, w)
	waiting.Scripts = []Script{check("s")}
	waiting.Instances[1].Scripts = []TrackScript{{Name: "s", Weight: 0}}
	join := func(d *driver) {
		t.Helper()
		d.reload(waiting)
		d.pass(0)
		d.want("run s")
		d.role("W", vrrp.Init)
	}
	d = master(t, grouped(v))
	join(d)
	d.checked("s", OK)
	d.pass(second / 2)
	d.hear("W", lower, 50)
	d.pass(4 * second)
	d.role("W", vrrp.Master)
	for _, line := range d.log {
		if strings.HasPrefix(line, "group") {
			t.Errorf("a group of a master is joined: %s", line)
		}
	}
	d = drive(t, grouped(v))
	d.hear("V", lower, 200)
	d.forget()
	join(d)
	d.checked("s", OK)
	d.want("note check", "W INIT>BACKUP")
	d = master(t, grouped(v))
	join(d)
	d.hear("V", lower, 200) // while W waits
	d.want("V sends 100", "V releases 10.0.1.1", "V MASTER>BACKUP", "group G MASTER>BACKUP")

	// W is about to preempt with the priority that the same reload gives it.
	d = master(t, Config{Instances: []Instance{v, w}})
	d.hear("W", lower, 120)
	d.forget()
	d.reload(grouped(v, instance3("W", 2, 150)))
	d.want("note priority")
	for range 4 {
		d.pass(second)
		d.hear("W", lower, 120)
	}
	if !slices.Contains(d.log, "W BACKUP>MASTER") || slices.Contains(d.log, "V MASTER>BACKUP") {
		t.Errorf("W preempts: %q", d.log)
	}
}
