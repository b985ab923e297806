package node

import (
	"math/rand/v2"
	"testing"

	"github.com/moonkeep/moonkeep/core/mono"
)

// TestSchedule compares the heap with a walk over all deadlines.
func TestSchedule(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	instant := func() mono.Instant {
		if r.IntN(4) == 0 {
			return mono.Never
		}
		return mono.Instant(r.IntN(50))
	}
	for range 300 {
		var s schedule
		var all []*timed
		for range 100 {
			switch n := len(all); {
			case n == 0 || r.IntN(3) == 0:
				timer := &timed{at: instant()}
				s.add(timer)
				all = append(all, timer)
			case r.IntN(4) == 0:
				i := r.IntN(n)
				s.remove(all[i])
				all = append(all[:i], all[i+1:]...)
			default:
				s.set(all[r.IntN(n)], instant())
			}
			least := mono.Never
			for _, timer := range all {
				least = min(least, timer.at)
			}
			if got := s.next(); got != least {
				t.Fatalf("next is %d, want %d", got, least)
			}
			if len(s.heap) != len(all) {
				t.Fatalf("%d timers, want %d", len(s.heap), len(all))
			}
			for i, timer := range s.heap {
				if timer.place != i {
					t.Fatalf("the timer at %d believes that it is at %d", i, timer.place)
				}
			}
		}
	}
}

// TestDeadline: the node's deadline is the least of all that its parts wait
// for, whatever happens to it.
func TestDeadline(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	cfg := grouped(instance3("V", 1, 100), instance3("W", 2, 150))
	alone := instance3("X", 3, 200)
	alone.Scripts = []TrackScript{{Name: "s", Weight: -50}, {Name: "t"}}
	cfg.Instances = append(cfg.Instances, alone)
	cfg.Scripts = []Script{check("s"), check("t")}
	d := drive(t, cfg)
	names := []string{"V", "W", "X"}
	for i := range 3000 {
		name := names[r.IntN(3)]
		switch r.IntN(7) {
		case 0:
			d.hear(name, lower, uint8(r.IntN(256)))
		case 1:
			d.hear(name, higher, uint8(r.IntN(256)))
		case 2:
			d.checked([]string{"s", "t"}[r.IntN(2)], Result(r.IntN(4)))
		case 3:
			d.down("eth0")
		case 4:
			d.up("eth0")
		case 5:
			d.step(&Claimed{Instance: name, Failure: []string{"", "no"}[r.IntN(2)]})
		case 6:
			d.pass(cs * 50)
		}
		d.forget()
		least := mono.Never
		for _, in := range d.node.instances {
			least = min(least, in.router.Deadline(), in.retry)
		}
		for _, s := range d.node.order {
			least = min(least, s.life.Deadline())
		}
		if got := d.node.Deadline(); got != least {
			t.Fatalf("step %d: the deadline is %d, want %d", i, got, least)
		}
	}
}
