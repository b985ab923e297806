package node

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestStop: how instances end, by what they are.
func TestStop(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*driver)
		at      []string // at once
		later   []string // within two seconds
	}{
		{"backup", func(d *driver) { d.hear("V", higher, 200) }, []string{"V BACKUP>INIT stop"}, nil},
		{"fault", func(d *driver) { d.down("eth0") }, []string{"V FAULT>INIT stop"}, nil},
		{"master alone", func(d *driver) { d.pass(4 * second) },
			[]string{"V sends 0"}, []string{"V releases 10.0.1.1", "V MASTER>INIT stop"}},
		{"master with a peer", func(d *driver) { d.pass(4 * second); d.hear("V", lower, 50) },
			[]string{"V sends 0"}, []string{"V releases 10.0.1.1", "V MASTER>INIT stop"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := drive(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
			tt.prepare(d)
			d.forget()
			if d.node.Stopped() {
				t.Error("stopped before Stop")
			}
			d.take(d.node.Stop(d.now))
			d.want(tt.at...)
			if d.node.Stopped() != (tt.later == nil) {
				t.Errorf("stopped is %v", d.node.Stopped())
			}
			d.pass(2 * second)
			d.want(tt.later...)
			if !d.node.Stopped() {
				t.Error("it has not stopped")
			}
		})
	}
}

// TestHandOver: the addresses stay until the successor is heard, and meanwhile
// nothing that happens makes the node speak or claim.
func TestHandOver(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Scripts = []TrackScript{{Name: "s"}}
	d := master(t, Config{Instances: []Instance{in}, Scripts: []Script{check("s")}})
	d.hear("V", lower, 50)
	d.forget()
	d.take(d.node.Stop(d.now))
	d.want("V sends 0")
	if !d.status("V").Leaving {
		t.Error("it does not say that it leaves")
	}
	d.checked("s", Failed)
	d.down("eth0")
	d.up("eth0")
	d.step(&Claimed{Instance: "V", Failure: "no"})
	d.step(&Gone{Instance: "V", Addresses: in.Addresses})
	d.pass(200 * time.Millisecond)
	d.take(d.node.Stop(d.now))
	for _, line := range d.log {
		if line != "note check" && line != "note link" {
			t.Errorf("on its way out: %s", line)
		}
	}
	d.forget()
	d.hear("V", lower, 50)
	d.want()
	d.pass(9 * time.Millisecond)
	d.want()
	d.pass(time.Millisecond)
	d.want("V releases 10.0.1.1", "V MASTER>INIT stop")
}

// TestRetryDuringHandOver: a claim that failed is not tried again by a node
// that leaves.
func TestRetryDuringHandOver(t *testing.T) {
	d := master(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
	d.hear("V", lower, 50)
	d.step(&Claimed{Instance: "V", Failure: "no"})
	d.take(d.node.Stop(d.now))
	d.forget()
	d.pass(2 * claimPause)
	d.want()
}

// TestAbandon ends a hand-over at once.
func TestAbandon(t *testing.T) {
	d := master(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
	d.hear("V", lower, 50)
	d.forget()
	d.take(d.node.Abandon(d.now))
	d.want() // nobody leaves
	d.take(d.node.Stop(d.now))
	d.want("V sends 0")
	d.take(d.node.Abandon(d.now))
	d.want("V releases 10.0.1.1", "V MASTER>INIT stop")
	if !d.node.Stopped() || d.status("V").Role != vrrp.Init {
		t.Error("it has not stopped")
	}
}

// TestStopEndsChecks: no script is run any more.
func TestStopEndsChecks(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Scripts = []TrackScript{{Name: "s"}}
	d := master(t, Config{Instances: []Instance{in}, Scripts: []Script{check("s")}})
	d.checked("s", OK)
	d.hear("V", lower, 50)
	d.take(d.node.Stop(d.now))
	d.forget()
	d.pass(10 * second)
	d.want("V releases 10.0.1.1", "V MASTER>INIT stop")
}

// TestStopWaiting: an instance that still waits in INIT tells that it ends, and so
// does its sync group, once; one that a reload removes tells that it is gone.
func TestStopWaiting(t *testing.T) {
	cfg := pair()
	cfg.Instances = append(cfg.Instances, instance3("X", 3, 100))
	cfg.Instances[0].Interface = "eth1" // which is not known
	d := drive(t, cfg)
	d.role("W", vrrp.Init)
	d.role("X", vrrp.Backup)
	d.forget()
	d.take(d.node.Stop(d.now))
	d.want("V INIT>INIT stop", "W INIT>INIT stop", "group G INIT>INIT stop", "X BACKUP>INIT stop")
	if !d.node.Stopped() {
		t.Error("it has not stopped")
	}
	d.take(d.node.Stop(d.now))
	d.take(d.node.Abandon(d.now))
	d.want()

	d = drive(t, cfg)
	d.forget()
	cfg = Config{Instances: []Instance{cfg.Instances[2]}}
	d.reload(cfg)
	d.want("V INIT>INIT deleted", "W INIT>INIT deleted")
}
