//go:build linux

package host

import (
	"net/netip"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
)

// adopt takes the checks of a new set, and returns their slots. No process is
// started before the instant held. How the process runs is that of the set before
// until use: the new one may come to nothing.
func (g *group) adopt(a *arranged, held time.Time) (ids []uint32) {
	g.order(func() {
		if g.live == 0 {
			g.plugin, g.failures, g.retry = a.plugin, 0, held
		}
		if g.started == 0 && time.Now().Before(held) {
			g.reason = "its start is put off"
		}
		g.slots = slices.Grow(g.slots, max(0, len(a.checks)-g.live-len(g.free)))
		if g.live == 0 {
			g.byKey = make(map[slotKey]uint32, len(a.checks))
		}
		ids = make([]uint32, len(a.checks))
		taken := make([]bool, len(g.slots)+len(a.checks)) // by slot
		further := make(map[string]int)                   // how many have an identity beside the first; most have none
		remembers := g.remembers()
		var fresh []uint32
		for i, c := range a.checks {
			key := slotKey{identity: c.Identity}
			id, there := g.byKey[key]
			if there && taken[id] {
				further[c.Identity]++
				key.nth = further[c.Identity]
				id, there = g.byKey[key]
			}
			if there {
				g.slots[id].refs++ // its check is that of the set in force, see follow
			} else if id = g.take(key, c.Subject); remembers {
				fresh = append(fresh, id)
			}
			ids[i], taken[id] = id, true
		}
		g.bequeath(ids, fresh)
	})
	return ids
}

// use has the process run as a set wants it, which is in force from now on, and lets go
// of what checks are in the set before. It does not wait.
func (g *group) use(s *Set, p Plugin) {
	g.mu.Lock()
	if !g.over {
		g.orders = append(g.orders, func() {
			g.replace(p)
			for _, x := range s.places {
				if x.group == g && !g.slots[x.slot].asked {
					g.slots[x.slot].follow(x.check)
				}
			}
		})
	}
	g.mu.Unlock()
	g.poke()
}

// replace starts a new process when how it runs, its file or its network namespace is
// another than that of the one which runs.
func (g *group) replace(p Plugin) {
	if g.started > 0 && !Same(g.plugin, p) {
		g.upgrade, g.again = true, time.Time{}
	}
	g.plugin = p
	if g.failures > 0 { // somebody may have put right what was wrong
		g.failures, g.retry = 0, time.Time{}
	}
	if g.next != nil {
		g.next.recheck = true // which file it has, only its own goroutine knows
	}
	if g.current != nil && g.outdated(g.current) {
		g.upgrade, g.again, g.missed = true, time.Time{}, 0
	}
}

// outdated reports whether the file of an instance, or the network namespace that has
// the name now, is another than that with which it began.
func (g *group) outdated(i *instance) bool {
	return g.plugin.replaced(i.starter.edition) || i.starter.proc.space.replaced(g.key.netns)
}

// whose is whom a check is about, for the past that it may have.
type whose struct {
	address netip.AddrPort
	label   string
}

// remembers reports whether a check has a past; those of most kinds have none.
func (g *group) remembers() bool {
	return slices.ContainsFunc(g.slots, func(s slot) bool { return s.state != "" })
}

// bequeath gives those of the slots ids that are fresh the pasts of checks that are in
// none of these slots any more: a check whose options have changed has the past of the
// one before. What leaves a doubt whose past it is, has none.
func (g *group) bequeath(ids, fresh []uint32) {
	if len(fresh) == 0 {
		return
	}
	kept := make([]bool, len(g.slots))
	for _, id := range ids {
		kept[id] = true
	}
	const many = -1
	find := func(from map[whose]int, id uint32) {
		c := g.slots[id].check
		if w := (whose{c.Target.Address, c.Label}); !w.address.IsValid() {
		} else if _, twice := from[w]; twice {
			from[w] = many
		} else {
			from[w] = int(id)
		}
	}
	old, heirs := make(map[whose]int), make(map[whose]int)
	for id := range g.slots {
		if g.slots[id].refs > 0 && !kept[id] {
			find(old, uint32(id))
		}
	}
	for _, id := range fresh {
		find(heirs, id)
	}
	for w, to := range heirs {
		from, ok := old[w]
		if !ok || from == many || to == many {
			continue
		}
		g.slots[to].state = g.slots[from].state
		key := g.slots[to].key
		g.slots[from].heir = &key
	}
}

// remember keeps the state that a result of a check came with, which counts for the
// check that takes its place, too. A process that was told of another is told anew.
func (g *group) remember(i *instance, s *slot, state string) {
	if state == s.state {
		return
	}
	if s.state = state; s.prepared != i.number {
		s.prepared = 0
	}
	if s.heir == nil {
		return
	}
	// Until it is probed itself.
	if id, ok := g.byKey[*s.heir]; ok && g.slots[id].probe == 0 {
		g.slots[id].state, g.slots[id].prepared = state, 0
	}
}

// Same reports whether a process of one is as one of the other.
func Same(a, b Plugin) bool {
	return a.Path == b.Path && a.SHA256 == b.SHA256 && a.User == b.User && a.Group == b.Group && a.Memory == b.Memory &&
		a.OpenFiles == b.OpenFiles && a.Processes == b.Processes && a.Plain == b.Plain && a.Nice == b.Nice && slices.Equal(a.Allow, b.Allow)
}

// take makes the slot of a check that has none.
func (g *group) take(key slotKey, c *Subject) (id uint32) {
	if n := len(g.free); n > 0 {
		id, g.free = g.free[n-1], g.free[:n-1]
	} else {
		id = uint32(len(g.slots))
		g.slots = append(g.slots, slot{})
	}
	s := &g.slots[id]
	// A late answer to the probe of whoever had the slot is still to be known,
	// and its place in the queue is used up when it is met.
	*s = slot{check: c, key: key, refs: 1, gone: s.gone, queued: s.queued}
	g.byKey[key] = id
	g.live++
	for _, i := range g.instances() {
		i.fresh = append(i.fresh, id)
	}
	return id
}

// release gives slots back, and returns how many are in use.
func (g *group) release(ids []uint32) (live int) {
	g.order(func() {
		for _, id := range ids {
			s := &g.slots[id]
			if s.refs--; s.refs > 0 {
				continue
			}
			if s.asked {
				g.finish(s, id, health.Unknown, "the check is gone since the reload")
			}
			g.refuse(s, "")
			delete(g.byKey, s.key)
			g.free = append(g.free, id)
			g.live--
			*s = slot{check: g.nothing, gone: s.gone, queued: s.queued}
			for _, i := range g.instances() {
				i.release = append(i.release, id)
			}
		}
		live = g.live
	})
	return live
}
