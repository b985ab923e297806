package vrrp

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// walk drives a router through random events. The same seed makes the same
// walk.
func walk(t *testing.T, seed uint64) *driver {
	rnd := rand.New(rand.NewPCG(seed, 1))
	chance := func(n int) bool { return rnd.IntN(n) == 0 }
	d := made(t, []Version{V2, V3}[rnd.IntN(2)], []uint8{1, 100, 254, 255}[rnd.IntN(4)], func(c *Config) {
		c.NoPreempt, c.YieldSilently, c.LowerPrioNoAdvert, c.Hold = chance(3), chance(3), chance(3), chance(4)
		c.PreemptDelay = time.Duration(rnd.IntN(3)) * 2 * time.Second
		c.Announce.Refresh = time.Duration(rnd.IntN(2)) * 3 * time.Second
	})
	for range 300 {
		switch rnd.IntN(20) {
		case 0:
			d.fault()
		case 1, 2:
			d.clear()
			d.start()
		case 3:
			d.stop()
		case 4:
			d.abandon()
		case 5:
			d.demote()
		case 6:
			if d.r.Wanting() {
				d.promote()
			}
		case 7:
			d.r.SetPriority(d.at(), uint8(1+rnd.IntN(254)))
			d.armed()
		case 8:
			d.reconfigure(func(c *Config) { c.Announce.Refresh = time.Duration(rnd.IntN(2)) * 3 * time.Second })
		case 9:
			d.jump(d.now + time.Duration(rnd.IntN(9000))*ms)
			d.tick()
		case 10, 11, 12, 13, 14:
			from := []netip.Addr{peerLow, ownAddr, peerHigh}[rnd.IntN(3)]
			d.hear(from, []uint8{0, 1, 99, 100, 200, 255}[rnd.IntN(6)])
		default:
			d.run(d.now + time.Duration(rnd.IntN(3000))*ms)
		}
	}
	return d
}

// Whatever happens in whatever order, the addresses are claimed on becoming
// MASTER and released on leaving it, announced only in between, adverts leave
// only then, and priority 0 only as the last (I-6, I-7). The driver checks the
// timers (I-1).
func TestWalk(t *testing.T) {
	roles := map[string]int{}
	for seed := range uint64(300) {
		d := walk(t, seed)
		held, resigned := false, false
		for _, line := range d.lines {
			_, actions, _ := strings.Cut(line, " ")
			words := strings.Split(actions, ", ")
			for i, w := range words {
				bad := false
				switch {
				case w == "claim":
					bad, held, resigned = held, true, false
				case strings.HasPrefix(w, "release"):
					bad, held = !held, false
				case w == "hasten":
					bad = !held || resigned || words[i+1] != "send 0"
				case w == "send 0":
					bad, resigned = !held || resigned, true
				case strings.HasPrefix(w, "send"):
					first := !held && i+1 < len(words) && words[i+1] == "claim"
					bad = !first && (!held || resigned)
				case strings.HasPrefix(w, "announce"), strings.HasPrefix(w, "defend"):
					bad = !held || resigned
				case strings.HasPrefix(w, "note"), strings.HasPrefix(w, "alarm"):
				default:
					roles[w]++
					bad = held != strings.HasSuffix(w, "->MASTER")
				}
				if bad {
					t.Fatalf("seed %d: %q in %q, with the addresses held %v and resigned %v", seed, w, line, held, resigned)
				}
			}
		}
		if again := walk(t, seed); !slices.Equal(d.lines, again.lines) || d.r.View() != again.r.View() {
			t.Fatalf("seed %d: the same events do not give the same actions", seed)
		}
	}
	for _, change := range []string{
		"INIT->BACKUP", "INIT->MASTER", "INIT->FAULT", "BACKUP->MASTER", "BACKUP->FAULT", "BACKUP->INIT stopped",
		"MASTER->BACKUP", "MASTER->FAULT", "MASTER->INIT stopped", "FAULT->BACKUP", "FAULT->INIT stopped", "INIT->INIT stopped",
	} {
		if roles[change] == 0 {
			t.Errorf("no walk came through %s", change)
		}
		delete(roles, change)
	}
	if len(roles) > 0 {
		t.Errorf("changes of role that must not be: %v", roles)
	}
}
