package node

import (
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

func pair() Config { return grouped(instance3("V", 1, 100), instance3("W", 2, 100)) }

// TestGroupPromotes: the first that would become MASTER waits for the other.
func TestGroupPromotes(t *testing.T) {
	d := drive(t, pair())
	d.want("V INIT>BACKUP", "W INIT>BACKUP", "group G INIT>BACKUP")
	d.pass(2 * second)
	d.hear("W", lower, 100) // W waits anew from here
	d.pass(3 * second)
	d.role("V", vrrp.Backup)
	if !d.node.byName["V"].router.Wanting() {
		t.Error("V does not want to be MASTER")
	}
	d.want()
	d.pass(second)
	d.want(
		"V sends 100", "V claims 10.0.1.1", "V announces 10.0.1.1 x5", "V BACKUP>MASTER",
		"W sends 100", "W claims 10.0.2.1", "W announces 10.0.2.1 x5", "W BACKUP>MASTER",
		"group G BACKUP>MASTER")
}

// TestGroupWishEnds: a member that waits gives its wish up when it hears a
// master that it must obey.
func TestGroupWishEnds(t *testing.T) {
	d := drive(t, pair())
	d.pass(2 * second)
	d.hear("W", lower, 100)
	d.pass(2 * second)
	d.hear("V", lower, 150)
	d.pass(2 * second)
	d.role("W", vrrp.Backup)
	d.role("V", vrrp.Backup)
	d.pass(2 * second)
	d.role("V", vrrp.Master)
	d.role("W", vrrp.Master)
}

// TestGroupYields: one that yields takes the others along, in one call.
func TestGroupYields(t *testing.T) {
	d := master(t, pair())
	d.hear("W", lower, 150)
	d.want(
		"W sends 100", "W releases 10.0.2.1", "W MASTER>BACKUP",
		"V releases 10.0.1.1", "V MASTER>BACKUP",
		"group G MASTER>BACKUP")
	for _, name := range []string{"V", "W"} {
		if d.status(name).MasterDown != d.now.Add(vrrp.V3.MasterDown(100, second, 3)) {
			t.Errorf("%s does not wait a whole down interval", name)
		}
	}
}

// TestGroupFaults: one that is at fault takes the others along, and all come
// back with the last cause.
func TestGroupFaults(t *testing.T) {
	cfg := pair()
	cfg.Instances[1].Interface = "eth1"
	d := drive(t, cfg)
	d.want()
	d.role("V", vrrp.Init) // W's interface is not known
	d.up("eth1")
	d.pass(4 * second)
	d.forget()
	d.down("eth1")
	d.want("note link",
		"V sends 0", "V releases 10.0.1.1", "V MASTER>FAULT",
		"W sends 0", "W releases 10.0.2.1", "W MASTER>FAULT",
		"group G MASTER>FAULT")
	if f := d.status("V").Faults; len(f) != 1 || f[0] != "sync group G: W is in FAULT" {
		t.Errorf("faults of V: %q", f)
	}
	d.down("eth0")
	d.up("eth1")
	d.want("note link", "note link")
	d.up("eth0")
	d.want("note link", "V FAULT>BACKUP", "W FAULT>BACKUP", "group G FAULT>BACKUP")
}

// TestGroupRefused: a member that cannot hold its addresses faults the group.
func TestGroupRefused(t *testing.T) {
	d := master(t, pair())
	for range 3 {
		d.step(&Claimed{Instance: "W", Failure: "no"})
		d.pass(claimPause)
	}
	d.role("V", vrrp.Fault)
	d.role("W", vrrp.Fault)
	d.pass(claimRest)
	d.role("V", vrrp.Backup)
	d.role("W", vrrp.Backup)
}

// TestGroupConflict: a master that meets a lower one announces the addresses
// of the whole group, at most every conflict gap, and again in the end.
func TestGroupConflict(t *testing.T) {
	d := master(t, pair())
	d.pass(second)
	d.forget()
	d.hear("V", lower, 50)
	d.want("note conflict", "V sends 100", "V announces 10.0.1.1 x5", "W announces 10.0.2.1 x5")
	d.pass(1)
	d.hear("V", lower, 50)
	d.want()
	d.pass(10 * cs)
	d.want("V announces 10.0.1.1 x5", "W announces 10.0.2.1 x5")
	d.pass(second / 2)
	for _, line := range d.log {
		if line != "V sends 100" && line != "W sends 100" {
			t.Errorf("and then: %s", line)
		}
	}
}

// TestGroupConflictOver: members that heard another master's last word announce because of
// it and not again; one that hears nothing of it, whose clients it may have had, too,
// announces once more.
func TestGroupConflictOver(t *testing.T) {
	d := master(t, grouped(instance3("V", 1, 100), instance3("W", 2, 100), instance3("X", 3, 100)))
	d.pass(second)
	d.forget()
	d.hear("V", lower, 50)
	d.hear("W", lower, 50)
	d.want("note conflict", "V sends 100", "V announces 10.0.1.1 x5", "W announces 10.0.2.1 x5", "X announces 10.0.3.1 x5", "note conflict", "W sends 100")
	d.pass(11 * time.Millisecond)
	d.hear("V", lower, 1)
	d.pass(6 * time.Millisecond)
	d.hear("W", lower, 1)
	d.want("V sends 100", "V announces 10.0.1.1 x5", "W sends 100", "W announces 10.0.2.1 x5")
	d.pass(200 * time.Millisecond)
	d.want("X announces 10.0.3.1 x5")
}

// TestGroupConflictOfNone: one that announces nothing after a lower advert has the
// others of its group do so.
func TestGroupConflictOfNone(t *testing.T) {
	v, w := instance3("V", 1, 100), instance3("W", 2, 100)
	v.Router.Announce.LowerPrioRepeat = 0
	d := master(t, grouped(v, w))
	d.pass(second)
	d.forget()
	d.hear("V", lower, 50)
	d.want("note conflict", "V sends 100", "W announces 10.0.2.1 x5")
	d.pass(second)
	d.forget()
	d.hear("W", lower, 50)
	d.want("note conflict", "W sends 100", "W announces 10.0.2.1 x5")
}

// TestGroupWeights: members' own weights are not used; an interface with a
// weight faults, a script is not looked at; the group's trackers count for
// all.
func TestGroupWeights(t *testing.T) {
	tests := []struct {
		name   string
		keep   bool
		change func(*Config)
		v, w   uint8
		fault  bool
	}{
		{"member script", false, func(c *Config) { c.Instances[0].Scripts = []TrackScript{{Name: "bad", Weight: -20}} }, 100, 100, false},
		{"member script kept", true, func(c *Config) { c.Instances[0].Scripts = []TrackScript{{Name: "bad", Weight: -20}} }, 80, 100, false},
		{"member script of weight 0", false, func(c *Config) { c.Instances[0].Scripts = []TrackScript{{Name: "bad"}} }, 100, 100, true},
		{"member interface", false, func(c *Config) { c.Instances[0].Interfaces = []TrackInterface{{Name: "eth2", Weight: -20}} }, 100, 100, true},
		{"member interface up", false, func(c *Config) { c.Instances[0].Interfaces = []TrackInterface{{Name: "eth1", Weight: 20}} }, 100, 100, false},
		{"member interface kept", true, func(c *Config) { c.Instances[0].Interfaces = []TrackInterface{{Name: "eth2", Weight: -20}} }, 80, 100, false},
		{"group script", false, func(c *Config) { c.Groups[0].Scripts = []TrackScript{{Name: "bad", Weight: -20}} }, 80, 80, false},
		{"group script of weight 0", false, func(c *Config) { c.Groups[0].Scripts = []TrackScript{{Name: "bad"}} }, 100, 100, true},
		{"group interface", false, func(c *Config) { c.Groups[0].Interfaces = []TrackInterface{{Name: "eth2", Weight: -20}} }, 80, 80, false},
		{"both", true, func(c *Config) {
			c.Instances[1].Scripts = []TrackScript{{Name: "bad", Weight: -5}}
			c.Groups[0].Interfaces = []TrackInterface{{Name: "eth1", Weight: 20}}
		}, 120, 115, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := pair()
			cfg.Scripts = []Script{check("bad")}
			cfg.Groups[0].KeepWeights = tt.keep
			tt.change(&cfg)
			d := drive(t, cfg)
			d.up("eth1")
			d.down("eth2")
			d.checked("bad", Failed)
			d.priority("V", tt.v)
			d.priority("W", tt.w)
			want := map[bool]vrrp.Role{false: vrrp.Backup, true: vrrp.Fault}[tt.fault]
			d.role("V", want)
			d.role("W", want)
			if got := d.node.Status(d.now).Groups[0].Role; got != want {
				t.Errorf("the group is %v", got)
			}
		})
	}
}

// TestGroupWaits: a member in FAULT whose own cause is gone waits with the one
// that waits for a first result, and says so.
func TestGroupWaits(t *testing.T) {
	cfg := pair()
	cfg.Scripts = []Script{check("a"), check("b")}
	cfg.Scripts[0].InitFail = true
	cfg.Instances[0].Scripts = []TrackScript{{Name: "a"}, {Name: "b"}}
	d := drive(t, cfg)
	d.checked("a", OK)
	d.role("W", vrrp.Fault)
	if w := d.status("W"); len(w.Faults) != 0 || len(w.Waiting) != 1 {
		t.Errorf("W: faults %v, waiting %v", w.Faults, w.Waiting)
	}
	d.checked("b", OK)
	d.role("V", vrrp.Backup)
	d.role("W", vrrp.Backup)
}

// TestGroupStops: the group is told once, after its members.
func TestGroupStops(t *testing.T) {
	d := master(t, pair())
	d.forget()
	d.take(d.node.Stop(d.now))
	d.want("V sends 0", "W sends 0")
	d.hear("V", lower, 50) // V hands over, W waits for nobody in vain
	d.pass(100 * time.Millisecond)
	d.want("V releases 10.0.1.1", "V MASTER>INIT stop")
	d.pass(2 * second)
	d.want("W releases 10.0.2.1", "W MASTER>INIT stop", "group G MASTER>INIT stop")
	if !d.node.Stopped() {
		t.Error("it has not stopped")
	}
}

// TestFirstGroupOnly: an instance named in two groups belongs to the first,
// and unknown members are nobody.
func TestFirstGroupOnly(t *testing.T) {
	cfg := pair()
	cfg.Groups = append(cfg.Groups, Group{Name: "H", Members: []string{"V", "nobody"}})
	d := drive(t, cfg)
	s := d.node.Status(0)
	if d.status("V").Group != "G" || !slices.Equal(s.Groups[0].Members, []string{"V", "W"}) || len(s.Groups[1].Members) != 0 {
		t.Errorf("%+v", s.Groups)
	}
}

// TestGroupStoodStill: after a pause too long for one member no other says or
// announces anything as the MASTER that it is not any more, though its own advert
// is due first and not too late.
func TestGroupStoodStill(t *testing.T) {
	cfg := pair()
	cfg.Instances[0].Router.Interval = 2 * second
	cfg.Instances[1].Router.Interval = 20 * cs
	d := drive(t, cfg)
	d.pass(11200 * time.Millisecond) // both are due at once, V first
	d.role("V", vrrp.Master)
	d.role("W", vrrp.Master)
	d.forget()
	d.now = d.now.Add(5 * second)
	d.take(d.node.Tick(d.now))
	d.want("W releases 10.0.2.1", "W MASTER>BACKUP", "V releases 10.0.1.1", "V MASTER>BACKUP", "group G MASTER>BACKUP")
}
