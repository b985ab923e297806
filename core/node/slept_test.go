package node

import (
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/track"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestGroupThatSleptReleasesAtOnce: the other node has taken what the members of a
// group that stood still have, so none of them goes on answering; one that yields
// with its group does, for a moment.
func TestGroupThatSleptReleasesAtOnce(t *testing.T) {
	for name, slept := range map[string]bool{"slept": true, "yielded": false} {
		d := drive(t, pair())
		d.pass(5 * second)
		d.role("V", vrrp.Master)
		var actions []Action
		if slept {
			d.now = d.now.Add(time.Minute)
			actions = d.node.Tick(d.now)
		} else {
			router := &d.node.byName["V"].cfg.Router
			actions = d.node.Step(d.now, &Received{Packet: vrrp.Packet{
				Interface: "eth0", Source: lower, Destination: vrrp.Group(false), TTL: vrrp.TTL,
				Payload: router.Append(nil, 150, lower, vrrp.Group(false)),
			}})
		}
		released := 0
		for _, a := range actions {
			if a.Kind == Release {
				if released++; (a.Grace == 0) != slept {
					t.Errorf("%s: %s is released in %v", name, a.Instance, a.Grace)
				}
			}
		}
		if released != 2 {
			t.Errorf("%s: %d releases", name, released)
		}
	}
}

// TestMasterThatSleptIsSilent: whatever a master sees first after a minute in which it
// stood still, it says and announces nothing, not even that it resigns: another node
// is master by now, and would give the addresses up for a moment.
func TestMasterThatSleptIsSilent(t *testing.T) {
	alone := func() Config {
		cfg := Config{Instances: []Instance{instance3("V", 1, 150)}, Scripts: []Script{check("s")}, Processes: []Process{{Name: "p"}}}
		cfg.Instances[0].Scripts = []TrackScript{{Name: "s"}}
		return cfg
	}
	group := func() Config {
		cfg := pair()
		cfg.Scripts = []Script{check("s")}
		cfg.Groups[0].Scripts = []TrackScript{{Name: "s"}}
		return cfg
	}
	link := func(up bool) *Link {
		return &Link{Name: "eth0", Exists: true, Up: up, Index: 2, Primary: source, MTU: 1500}
	}
	steps := func(list ...Event) func(*driver) []Action {
		return func(d *driver) (all []Action) {
			for _, e := range list {
				all = append(all, d.node.Step(d.now, e)...)
			}
			return all
		}
	}
	process := alone()
	process.Processes[0].TerminateDelay = 30 * second
	process.Processes[0].Quorum.Least, process.Processes[0].Quorum.Most = 1, track.NoMost
	process.Instances[0].Processes = []TrackProcess{{Name: "p"}}
	for _, tt := range []struct {
		name string
		cfg  Config
		do   func(*driver) []Action
	}{
		{"a script failed", alone(), steps(&Checked{Script: "s", Result: Failed})},
		{"a script of the group failed", group(), steps(&Checked{Script: "s", Result: Failed})},
		{"the link went away", alone(), steps(link(false))},
		{"the link was away", alone(), steps(link(false), link(true))},
		{"an address was removed", alone(), steps(&Gone{Instance: "V", Addresses: []netspec.Address{address("10.0.1.1")}})},
		{"the claim failed", alone(), steps(&Claimed{Instance: "V", Failure: "no"})},
		{"a failover is wanted", alone(), steps(&Failover{Instances: []string{"V"}})},
		{"maintenance is wanted", group(), steps(&Maintain{Instances: []string{"V"}, On: true})},
		{"it is to stop", alone(), func(d *driver) []Action { return d.node.Stop(d.now) }},
		{"its group is to stop", group(), func(d *driver) []Action { return d.node.Stop(d.now) }},
		{"it is removed", alone(), func(d *driver) []Action { return d.node.Reconfigure(d.now, Config{}) }},
		{"it is to hold more", alone(), func(d *driver) []Action {
			more := alone()
			more.Instances[0] = more.Instances[0].withMore("10.0.1.7")
			return d.node.Reconfigure(d.now, more)
		}},
		{"a process ended before", process, func(d *driver) []Action { return d.node.Tick(d.now) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := drive(t, tt.cfg)
			d.step(&ProcessesCounted{Process: "p", Count: 1})
			d.checked("s", OK)
			d.pass(10 * second)
			d.checked("s", OK)
			d.role("V", vrrp.Master)
			d.step(&Claimed{Instance: "V"})
			d.pass(second)
			d.step(&ProcessesCounted{Process: "p"})
			d.now = d.now.Add(time.Minute)
			released := false
			for _, a := range tt.do(d) {
				switch a.Kind {
				case Send, Announce, Claim:
					t.Errorf("%s: kind %d, %q, to %v", a.Instance, a.Kind, a.Payload, a.Addresses)
				case Release:
					released = released || a.Instance == "V"
					if a.Grace != 0 {
						t.Errorf("%s releases in %v", a.Instance, a.Grace)
					}
				}
			}
			if !released {
				t.Error("it keeps its addresses")
			}
			if role := d.node.Status(d.now).Instances; len(role) > 0 && role[0].Role == vrrp.Master {
				t.Error("it is MASTER still")
			}
		})
		t.Run(tt.name+", late by less than backups wait", func(t *testing.T) {
			d := drive(t, tt.cfg)
			d.step(&ProcessesCounted{Process: "p", Count: 1})
			d.checked("s", OK)
			d.pass(10 * second)
			d.checked("s", OK)
			d.step(&Claimed{Instance: "V"})
			d.pass(second)
			d.role("V", vrrp.Master)
			d.step(&ProcessesCounted{Process: "p"})
			d.now = d.now.Add(1900 * time.Millisecond)
			for _, a := range tt.do(d) {
				if a.Change != nil && strings.HasPrefix(a.Change.Why, "slept") {
					t.Errorf("%s: %v: %s", a.Instance, a.Change.To, a.Change.Why)
				}
			}
		})
	}
}

// TestMasterThatSleptIsReloaded: one that is late, and too late by what a reload brings,
// listens before what comes at the same instant, as it would at Tick; but the others
// wait by the interval that they were told, whatever the new one is.
func TestMasterThatSleptIsReloaded(t *testing.T) {
	for _, patient := range []bool{false, true} {
		in := instance3("V", 1, 150)
		d := master(t, Config{Instances: []Instance{in}})
		d.now = d.node.Deadline().Add(1500 * time.Millisecond)
		if in.Router.Interval = 300 * time.Millisecond; !patient {
			in.Router.DownAdverts = 1
		}
		d.reload(Config{Instances: []Instance{in}})
		d.want()
		d.down("eth0")
		if patient {
			d.want("note link", "V sends 0", "V releases 10.0.1.1", "V MASTER>FAULT")
		} else {
			d.want("V releases 10.0.1.1", "V MASTER>BACKUP", "note link", "V BACKUP>FAULT")
		}
	}
}

// TestLateTurnsAreCheap: whether anybody stood still for too long is looked at when one
// of them can have, and not at each turn that is late.
func TestLateTurnsAreCheap(t *testing.T) {
	quick := instance3("W", 2, 150)
	quick.Router.Interval = 100 * time.Millisecond
	for _, tt := range []struct {
		late   time.Duration
		quick  bool
		looked bool
	}{
		{2999 * time.Millisecond, false, false}, {3001 * time.Millisecond, false, true},
		{299 * time.Millisecond, true, false}, {301 * time.Millisecond, true, true},
	} {
		cfg := Config{Instances: []Instance{instance3("V", 1, 150)}}
		if tt.quick {
			cfg.Instances = append(cfg.Instances, quick)
		}
		d := master(t, cfg)
		d.now = d.node.Deadline().Add(tt.late)
		d.node.Step(d.now, &HostHas{})
		if looked := d.node.looked == d.now; looked != tt.looked {
			t.Errorf("late by %v: looked %v", tt.late, looked)
		}
	}
}
