package vrrp

import (
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// hastened is the interval that a MASTER tells the others when it resigns. In
// version 3 a BACKUP takes its skew from the interval that it was told last
// (RFC 9568 6.4.2), so it takes over within hastened whatever the interval was
// before; by then its own interval counts again. It is long enough for the skews
// of two neighboring priorities, 0.5 ms apart, to differ by more than a packet
// takes.
const hastened = 120 * time.Millisecond

// hastens reports whether a BACKUP of this router takes over sooner when it is
// told of a shorter interval. In version 2 the skew is a part of a second
// whatever the interval, and another interval is discarded.
func (r *Router) hastens() bool {
	return r.cfg.Version == V3 && !r.cfg.Interop && r.cfg.Interval > hastened
}

// Stop leaves for INIT in an orderly way (RFC 9568 6.4.2, 6.4.3). A master
// sends priority 0 and keeps the addresses until the new master is heard or
// must have taken over, also when it never heard a peer: backups are silent.
// It ends in INIT by itself: drive it with Tick until Role is INIT. A router that
// waits in INIT says that it ends, too.
func (r *Router) Stop(now mono.Instant, why string, out []Action) []Action {
	switch r.role {
	case Init:
		if r.ended {
			return out
		}
	case Master:
		if r.leaving {
			r.move.on = false
			if !r.heir.from.IsValid() && !r.move.must {
				r.t.release = r.t.release.Add(handoverMargin - moveMargin) // a stop is waited for
			}
			return out
		}
		if r.source.IsValid() {
			return r.leave(now, why, out)
		}
		return r.gone(now, why, out)
	}
	out = r.become(now, Init, why, out)
	out[len(out)-1].Stopped = true
	return out
}

// Abandon ends a hand-over at once, for a stop that cannot wait.
func (r *Router) Abandon(now mono.Instant, out []Action) []Action {
	if r.leaving {
		out = r.gone(now, r.why, out)
	}
	if r.parting.last {
		r.t.release = now
		out = r.part(now, out)
	}
	return out
}

// gone gives the addresses up after the last advert and ends in INIT.
func (r *Router) gone(now mono.Instant, why string, out []Action) []Action {
	var p parting
	if h := r.heir; r.leaving && h.from.IsValid() && r.below(h) > 0 {
		p = r.owes(r.below(h))
		p.last = p.owed
	}
	out = append(out, Action{Kind: DoRelease, Tell: p.owed})
	out = r.become(now, Init, why, out)
	out[len(out)-1].Stopped = true
	if r.parting = p; p.last {
		r.t.release = now.Add(partingLimit)
	}
	return out
}

// leave sends priority 0 and keeps the addresses until the new master is heard
// or must have taken over: one whose skew is the longest that there is, and that
// did not hear the other interval. Where no other router was ever heard, or the
// last one left or has just fallen silent, nobody is waited for who heard priority 0
// and not the advert before it; and nobody at all where there are no peers.
func (r *Router) leave(now mono.Instant, why string, out []Action) []Action {
	out = r.alone(now, "we hand over", r.resign(now, out))
	r.t = disarmed
	r.leaving, r.why, r.heir, r.parting, r.dozed = true, why, heir{}, parting{}, false
	longest := r.cfg.Interval
	if r.solitary(now) && r.hastens() && !r.move.on {
		longest = hastened
	}
	margin := handoverMargin
	if r.move.on && !r.move.must {
		margin = moveMargin
	}
	r.t.release = now.Add(r.cfg.Version.Skew(1, longest) + margin)
	if r.cfg.Unicast.On && len(r.cfg.Unicast.Peers) == 0 {
		r.t.release = now
	}
	return out
}

// solitary reports whether a MASTER knows of no other router. One that fell silent may
// be there again after a while, as a BACKUP, which nobody hears.
func (r *Router) solitary(now mono.Instant) bool {
	bereft := r.bereft && r.lastHeard.Before(r.since) && now.Sub(r.since) < bereavement
	return r.lastHeard == mono.Never || r.heardPrio == 0 || bereft
}

// bereavement is how long a router that fell silent counts as gone.
const bereavement = time.Minute

// resign sends the advert of priority 0, and before it one that hastens the
// take-over.
func (r *Router) resign(now mono.Instant, out []Action) []Action {
	if !r.source.IsValid() {
		return out
	}
	own := r.cfg
	if r.hastens() {
		hasty := *own
		hasty.Interval, r.cfg = hastened, &hasty
		r.counts.Sent++
		// HMAC writes into what is sent, so this is none of the regular ones.
		out = r.transmit(now, r.frames(r.effective), out)
	}
	r.lastSent = now
	r.counts.Sent++
	r.counts.SentZero++
	out = r.transmit(now, r.frames(0), out)
	r.cfg = own
	return out
}
