package node

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestFailover: an instance gives its addresses up when another node has
// them, and keeps them when none takes them.
func TestFailover(t *testing.T) {
	d := master(t, Config{Instances: []Instance{instance3("V", 1, 100), instance3("W", 2, 100)}})
	d.step(&Failover{Instances: []string{"V", "unknown"}})
	d.want("V sends 0")
	d.hear("V", lower, 50)
	d.pass(200 * time.Millisecond)
	d.want("V releases 10.0.1.1", "V MASTER>BACKUP")
	if s := d.status("V"); !s.Resting || s.HeardFrom != lower {
		t.Errorf("%+v", s)
	}
	d.step(&Return{Instances: []string{"V"}})
	if d.status("V").Resting {
		t.Error("it rests on")
	}
	d.forget()
	d.step(&Failover{Instances: []string{"W"}})
	d.pass(1300 * time.Millisecond)
	d.role("W", vrrp.Master)
	if !slices.Contains(d.log, "note failover") || slices.Contains(d.log, "W releases 10.0.2.1") {
		t.Errorf("nobody takes over: %q", d.log)
	}
}

// TestRestEnds: the status no longer says so when the rest is over, though nothing
// has happened then.
func TestRestEnds(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Router.NoPreempt = true
	d := master(t, Config{Instances: []Instance{in}})
	d.step(&Failover{Instances: []string{"V"}, Rest: 3 * second})
	for at := range 4 {
		d.hear("V", lower, 50)
		d.pass(second)
		if d.role("V", vrrp.Backup); d.status("V").Resting != (at < 3) {
			t.Errorf("after %d s: resting %v", at+1, at >= 3)
		}
	}
}

// TestFailoverOutlastsItsInterface: what was moved away is not taken back because a
// reload has it on another interface, as use_vmac does.
func TestFailoverOutlastsItsInterface(t *testing.T) {
	for _, midway := range []bool{false, true} {
		in := instance3("V", 1, 100)
		d := master(t, Config{Instances: []Instance{in}})
		d.step(&Failover{Instances: []string{"V"}})
		if !midway {
			d.hear("V", lower, 50)
			d.pass(200 * time.Millisecond)
			d.role("V", vrrp.Backup)
		}
		in.Interface = "vrrp.1"
		d.take(d.node.Reconfigure(d.now, Config{Instances: []Instance{in}}))
		d.up("vrrp.1")
		for range 50 {
			d.hear("V", lower, 50)
			d.pass(100 * time.Millisecond)
		}
		if d.role("V", vrrp.Backup); !d.status("V").Resting {
			t.Errorf("midway %v: it does not rest", midway)
		}
		// It rests until the other fails, and another virtual router does not.
		d.pass(5 * second)
		d.role("V", vrrp.Master)
	}
	in := instance3("V", 1, 100)
	d := master(t, Config{Instances: []Instance{in}})
	d.step(&Failover{Instances: []string{"V"}})
	d.hear("V", lower, 50)
	d.pass(200 * time.Millisecond)
	in.Router.VRID = 2
	d.take(d.node.Reconfigure(d.now, Config{Instances: []Instance{in}}))
	if d.status("V").Resting {
		t.Error("another virtual router of that name rests")
	}
}

// TestStayedAnnounces: who keeps its addresses because nobody took them announces
// them with both bursts.
func TestStayedAnnounces(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Router.Announce.Delay = 300 * time.Millisecond
	d := master(t, Config{Instances: []Instance{in}})
	d.step(&Failover{Instances: []string{"V"}})
	d.pass(3 * second)
	bursts := 0
	for _, line := range d.log {
		if line == "V announces 10.0.1.1 x5" {
			bursts++
		}
	}
	if bursts != 2 {
		t.Errorf("announced %d times: %q", bursts, d.log)
	}
}

// TestFailoverOfGroup: the members go together, and wait for the successor as
// long as the slowest of them.
func TestFailoverOfGroup(t *testing.T) {
	cfg := pair()
	cfg.Instances[0].Router.Interval = 100 * time.Millisecond
	d := master(t, cfg)
	d.step(&Failover{Instances: []string{"W"}})
	d.want("V sends 0", "W sends 0")
	d.pass(900 * time.Millisecond) // the skew of V is 0.1 s at most
	d.want()
	d.hear("V", lower, 50)
	d.hear("W", lower, 50)
	d.pass(100 * time.Millisecond)
	d.role("V", vrrp.Backup)
	d.role("W", vrrp.Backup)

	// A stop is the same.
	d = master(t, cfg)
	d.take(d.node.Stop(d.now))
	d.pass(160 * time.Millisecond) // without W it would be 150
	d.want("V sends 0", "W sends 0")

	// Half a group is none: what one member gave up the other cannot keep.
	d = master(t, cfg)
	d.step(&Failover{Instances: []string{"V"}})
	d.hear("V", lower, 50)
	d.pass(2 * second)
	d.role("V", vrrp.Backup)
	d.role("W", vrrp.Backup)
}

// TestMaintenance: what is in maintenance stays in it over a reload, by whatever
// name, and takes its sync group along.
func TestMaintenance(t *testing.T) {
	in := instance3("V", 1, 100)
	d := drive(t, Config{Instances: []Instance{in}, Maintenance: Maintenance{Instances: []string{"V", "later"}}})
	d.pass(10 * second)
	d.role("V", vrrp.Backup)
	in.Name = "renamed"
	d.take(d.node.Reconfigure(d.now, Config{Instances: []Instance{in, instance3("later", 2, 100), instance3("free", 3, 100)}}))
	d.pass(10 * second)
	d.role("renamed", vrrp.Backup)
	d.role("later", vrrp.Backup)
	d.role("free", vrrp.Master)
	if m := d.node.Maintenance(); !slices.Contains(m.Instances, "renamed") || m.All {
		t.Errorf("in maintenance are %+v", m)
	}
	d.step(&Maintain{Instances: []string{"renamed", "V"}, On: false})
	d.pass(10 * second)
	d.role("renamed", vrrp.Master)
	if diff := cmp.Diff(Maintenance{Instances: []string{"later"}}, d.node.Maintenance()); diff != "" {
		t.Error(diff)
	}

	// Names that are swapped, and one that another has afterwards.
	v, w := instance3("V", 1, 100), instance3("W", 2, 100)
	d = drive(t, Config{Instances: []Instance{v, w}, Maintenance: Maintenance{Instances: []string{"V"}}})
	v.Name, w.Name = "W", "V"
	d.reload(Config{Instances: []Instance{v, w}})
	d.pass(10 * second)
	d.role("W", vrrp.Backup)
	d.role("V", vrrp.Master)
	v.Name = "X"
	d.reload(Config{Instances: []Instance{v, instance3("W", 3, 100)}})
	d.pass(10 * second)
	d.role("X", vrrp.Backup)
	d.role("W", vrrp.Master)

	// The name of one in maintenance that is gone is another's now.
	w = instance3("W", 2, 100)
	d = drive(t, Config{Instances: []Instance{instance3("V", 1, 100), w}, Maintenance: Maintenance{Instances: []string{"V"}}})
	d.pass(10 * second)
	d.role("W", vrrp.Master)
	w.Name = "V"
	d.forget()
	d.reload(Config{Instances: []Instance{w}})
	if slices.Contains(d.log, "V sends 0") || len(d.node.Maintenance().Instances) > 0 {
		t.Errorf("%v are in maintenance: %q", d.node.Maintenance().Instances, d.log)
	}

	d = master(t, pair())
	d.step(&Maintain{Instances: []string{"W"}, On: true, Force: true})
	d.pass(20 * second)
	d.role("V", vrrp.Backup)
	d.role("W", vrrp.Backup)
	d.step(&Maintain{Instances: []string{"V"}, On: false})
	d.pass(20 * second)
	d.role("V", vrrp.Master)
	d.role("W", vrrp.Master)
}

// TestMaintenanceOfAll: of the node as a whole, also of what a reload adds;
// what nobody takes over is left out.
func TestMaintenanceOfAll(t *testing.T) {
	d := master(t, Config{Instances: []Instance{instance3("V", 1, 100), instance3("W", 2, 100)}})
	d.step(&Maintain{All: true, On: true})
	d.hear("V", lower, 50)
	d.pass(2 * second)
	d.role("V", vrrp.Backup)
	d.role("W", vrrp.Master)
	if diff := cmp.Diff(Maintenance{Instances: []string{"V"}}, d.node.Maintenance()); diff != "" {
		t.Error(diff)
	}
	d.step(&Maintain{All: true, On: true, Force: true})
	d.take(d.node.Reconfigure(d.now, Config{Instances: []Instance{instance3("V", 1, 100), instance3("W", 2, 100), instance3("X", 3, 255)}}))
	d.pass(10 * second)
	for _, name := range []string{"V", "W", "X"} {
		d.role(name, vrrp.Backup)
	}
	if !d.node.Status(d.now).Maintenance {
		t.Error("the status does not say so")
	}
	d.step(&Maintain{Instances: []string{"X"}, On: false})
	if diff := cmp.Diff(Maintenance{Instances: []string{"V", "W"}}, d.node.Maintenance()); diff != "" {
		t.Error(diff)
	}
	d.step(&Maintain{All: true})
	d.pass(10 * second)
	for _, name := range []string{"V", "W", "X"} {
		d.role(name, vrrp.Master)
	}
}

// A group of which no member finds a successor is not in maintenance.
func TestMaintenanceOfGroupStays(t *testing.T) {
	d := master(t, pair())
	d.step(&Maintain{Instances: []string{"V"}, On: true})
	d.pass(5 * second)
	d.role("V", vrrp.Master)
	d.role("W", vrrp.Master)
	if m := d.node.Maintenance(); m.All || len(m.Instances) > 0 {
		t.Errorf("in maintenance are %+v", m)
	}
}

// Once the node stops, nothing is moved any more.
func TestMoveAfterStop(t *testing.T) {
	d := master(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
	d.take(d.node.Stop(d.now))
	d.forget()
	d.step(&Failover{Instances: []string{"V"}})
	d.step(&Maintain{All: true, On: true})
	d.want()
	d.pass(2 * second)
	if !d.node.Stopped() {
		t.Error("it has not stopped")
	}
}

// TestDualMasterTold: who is told of another master learns for how long it has
// been one, and the status adds it up.
func TestDualMasterTold(t *testing.T) {
	in := instance3("V", 1, 100)
	in.TellLower = true
	d := master(t, Config{Instances: []Instance{in}})
	d.pass(2 * second)
	var told []Change
	for range 3 {
		d.node.Step(d.now, &Received{Packet: vrrp.Packet{
			Interface: "eth0", Source: lower, Destination: vrrp.Group(false), TTL: vrrp.TTL,
			Payload: in.Router.Append(nil, 50, lower, vrrp.Group(false)),
		}})
		for _, a := range d.node.out {
			if a.Kind == Told {
				told = append(told, *a.Change)
			}
		}
		d.pass(second)
	}
	if len(told) != 3 || told[0].Dual != 0 || told[2].Dual != 2*second || told[2].DualTimes != 1 || told[2].Peer != lower || told[2].Occasion != LowerHeard {
		t.Errorf("told %+v", told)
	}
	if s := d.status("V").Dual; !s.On || s.Times != 1 || s.Sum != 2*second || s.Peer != lower {
		t.Errorf("status %+v", s)
	}
}
