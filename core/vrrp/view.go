package vrrp

import (
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// View is what a Router knows, copied out for status.
type View struct {
	Role      Role
	Since     mono.Instant
	Why       string
	Effective uint8
	// Interval is the one in force: the configured one, or in version 3 the
	// master's.
	Interval time.Duration
	// MasterDown is when the master will be given up and NextAdvert when the
	// next advert leaves; Never where it does not apply.
	MasterDown mono.Instant
	NextAdvert mono.Instant
	Source     netip.Addr
	// LastSent and LastHeard are Never before the first advert.
	LastSent      mono.Instant
	LastHeard     mono.Instant
	HeardFrom     netip.Addr
	HeardPriority uint8
	Wanting       bool
	Leaving       bool
	// Barred is true in maintenance. Resting is true after a planned move while
	// a master of lower priority is obeyed, and remains true after RestEnd, which is
	// Never when that one is obeyed until it fails.
	Barred  bool
	Resting bool
	RestEnd mono.Instant
	// Dual is how it stands with other masters.
	Dual   DualView
	Counts Counters
}

// View returns a copy of what the router knows.
func (r *Router) View() View {
	why := r.why
	if r.wanting {
		why = r.wish
	}
	return View{
		Role: r.role, Since: r.since, Why: why, Effective: r.effective, Interval: r.interval,
		MasterDown: r.t.down, NextAdvert: r.t.advert, Source: r.source,
		LastSent: r.lastSent, LastHeard: r.lastHeard, HeardFrom: r.heardFrom, HeardPriority: r.heardPrio,
		Wanting: r.wanting, Leaving: r.leaving, Barred: r.move.barred, Resting: r.move.resting, RestEnd: r.move.restEnd, Counts: r.counters(),
		Dual: DualView{On: r.dual.on, Peer: r.dual.peer, Since: r.dual.since, Times: r.dual.times, Sum: r.dual.sum},
	}
}
