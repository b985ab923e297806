package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// told is want for what is told of instances that keep their role only.
func (d *driver) told(lines []string) {
	d.t.Helper()
	d.log = slices.DeleteFunc(d.log, func(s string) bool { return !strings.HasPrefix(s, "tell ") })
	d.want(lines...)
}

// TestTells holds what is told of instances that keep their role, and that
// nothing is when nobody asked.
func TestTells(t *testing.T) {
	for _, asked := range []bool{true, false} {
		in := instance3("V", 1, 100).with("10.0.1.1")
		in.Scripts = []TrackScript{{Name: "s", Weight: -20}}
		in.TellPriority, in.TellLower = asked, asked
		cfg := Config{Instances: []Instance{in}, Scripts: []Script{check("s")}, TellStanding: asked}
		d := master(t, cfg)
		told := func(line string) []string {
			if !asked {
				return nil
			}
			return []string{line}
		}
		lines := func(parts ...[]string) (all []string) {
			for _, p := range parts {
				all = append(all, p...)
			}
			return all
		}
		d.checked("s", Failed)
		d.want(lines([]string{"note check", "note priority"}, told("tell V MASTER 80: priority"))...)
		d.pass(2 * second)
		d.forget()
		d.hear("V", lower, 50)
		d.hear("V", lower, 50) // too soon to be told
		d.told(told("tell V MASTER 80: lower"))
		d.pass(second)
		d.forget()
		d.hear("V", lower, 50)
		d.told(told("tell V MASTER 80: lower"))
		d.take(d.node.Reconfigure(d.now, cfg))
		d.told(told("tell V MASTER 80: standing"))
		changed := cfg
		changed.Instances = []Instance{in}
		changed.Instances[0].Router.Priority = 110
		d.take(d.node.Reconfigure(d.now, changed))
		d.told(lines(told("tell V MASTER 90: priority"), told("tell V MASTER 90: standing")))
		changed.Instances[0].Router.NoPreempt = true // another configuration, the same priority
		d.take(d.node.Reconfigure(d.now, changed))
		d.told(told("tell V MASTER 90: standing"))
		d.hear("V", lower, 200)
		d.role("V", vrrp.Backup)
		d.told(nil)
	}
}

// TestTellsNothingOfTheReplaced holds that the last words of the master that was
// replaced are none of a master beside this one, however short the interval and however
// late they come.
func TestTellsNothingOfTheReplaced(t *testing.T) {
	in := instance3("V", 1, 200)
	in.Router.Interval, in.TellLower = 10*time.Millisecond, true
	d := drive(t, Config{Instances: []Instance{in}})
	for d.status("V").Role != vrrp.Master {
		d.pass(time.Millisecond)
	}
	d.forget()
	d.hear("V", lower, 100)
	d.pass(12 * time.Millisecond)
	d.hear("V", lower, 1)
	d.told(nil)
	d.pass(second)
	d.hear("V", lower, 1) // it was busy with its addresses
	d.told(nil)
	d.hear("V", lower, 100)
	d.told([]string{"tell V MASTER 200: lower"})
}

// TestGroupsTellHowTheyStand holds that groups follow the instances, and that
// what does not take part is not told of.
func TestGroupsTellHowTheyStand(t *testing.T) {
	cfg := pair()
	cfg.TellStanding = true
	cfg.Groups = append(cfg.Groups, Group{Name: "H", Members: []string{"X"}})
	cfg.Instances = append(cfg.Instances, instance3("X", 3, 100))
	cfg.Instances[2].Interface = "eth7"
	d := drive(t, cfg)
	d.pass(5 * second)
	d.told(nil)
	d.take(d.node.Reconfigure(d.now, cfg))
	d.told([]string{"tell V MASTER 100: standing", "tell W MASTER 100: standing", "tell G MASTER 0: standing"})
}
