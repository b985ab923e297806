package node

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// The members of a sync group are asked about together, and move or stay
// together, whoever of them was answered for.
func TestAskForGroup(t *testing.T) {
	cfg := pair()
	cfg.AskPreempt(func(string) bool { return true })
	d := drive(t, cfg)
	hold := func(seconds int, names ...string) (asked []Action) {
		d.asked = nil
		for range seconds {
			d.pass(time.Second)
			for _, name := range names {
				if d.node.byName[name].router.Role() == vrrp.Backup {
					d.hear(name, lower, 50)
				}
			}
		}
		return d.asked
	}
	asked := hold(1, "V")
	if len(asked) != 1 || asked[0].Instance != "V" || len(asked[0].Preempt) != 2 {
		t.Fatalf("asked %+v, want one question of V about both", asked)
	}
	v, w := asked[0].Preempt[0], asked[0].Preempt[1]
	if v.Instance != "V" || v.Group != "G" || v.Priority != 100 || v.Master != lower || v.MasterPriority != 50 || w.Instance != "W" || w.Master.IsValid() {
		t.Errorf("asked about %+v and %+v", v, w)
	}
	if asked := hold(2, "V", "W"); len(asked) != 0 {
		t.Errorf("asked again about the same group: %+v", asked)
	}
	d.step(&PolicySaid{Instance: "V", Objection: "not now"})
	if asked := hold(9, "V", "W"); len(asked) != 0 {
		t.Errorf("asked within 9 s after an objection: %+v", asked)
	}
	if asked := hold(2, "V", "W"); len(asked) != 1 || asked[0].Preempt[0].MasterFor < 12*time.Second {
		t.Errorf("after 10 s asked %+v, want once, about a master of 13 s", asked)
	}
	d.role("V", vrrp.Backup)
	d.role("W", vrrp.Backup)
	d.step(&PolicySaid{Instance: "W"})
	if asked := hold(5, "V", "W"); len(asked) != 0 {
		t.Errorf("asked after it was allowed: %+v", asked)
	}
	d.role("V", vrrp.Master)
	d.role("W", vrrp.Master)
	d.step(&PolicySaid{Instance: "gone", Objection: "x"}) // a reload removed it
}

// What holds one member of a group holds the others, which ask nobody.
func TestAskForOneOfGroup(t *testing.T) {
	cfg := pair()
	cfg.AskPreempt(func(name string) bool { return name == "W" })
	d := drive(t, cfg)
	for range 8 {
		d.pass(time.Second)
		d.hear("V", lower, 50)
		d.hear("W", lower, 50)
		if len(d.asked) > 0 {
			d.step(&PolicySaid{Instance: "W", Objection: "not now"})
		}
	}
	d.role("V", vrrp.Backup)
	d.role("W", vrrp.Backup)
	if len(d.asked) != 1 || d.asked[0].Instance != "W" {
		t.Errorf("asked %+v, want once by W", d.asked)
	}
	// When the master dies nobody is asked.
	d.pass(4 * time.Second)
	d.role("V", vrrp.Master)
	d.role("W", vrrp.Master)
	if len(d.asked) != 1 {
		t.Errorf("asked %+v when the master died", d.asked)
	}
}
