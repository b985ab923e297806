package vrrp

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// move is what a planned move of the addresses to another node has come to.
type move struct {
	// on is true in MASTER while the router hands over, to be a BACKUP then.
	on bool
	// must has the addresses given up also when nobody takes them.
	must bool
	// rests is true when the router does not come back after the move, for the
	// time of rest, or when that is 0 until the other fails.
	rests bool
	rest  time.Duration
	// resting is true after a move, until restEnd: the router obeys a master of
	// lower priority. Being MASTER again ends it.
	resting bool
	restEnd mono.Instant
	// barred keeps the router from being MASTER at all.
	barred bool
	// vacant is until when it is not told again that nobody is master and that
	// this one may not be.
	vacant mono.Instant
}

// heir is the first master that was heard while the router hands over.
type heir struct {
	from     netip.Addr
	priority uint8
	interval time.Duration
}

// Hand moves the addresses of a MASTER to another node, as planned: it sends
// priority 0 and goes on answering for them until the new master is heard.
// Then it is BACKUP, and obeys a master of lower priority for the time of rest,
// or when that is 0 until the other fails. When nobody takes over within the
// longest skew and a margin, it stays MASTER and says so in a DoStay; with must
// it gives the addresses up nevertheless. In another role it does nothing.
func (r *Router) Hand(now mono.Instant, why string, rest time.Duration, must bool, out []Action) []Action {
	if r.role != Master || r.leaving {
		return out
	}
	r.move.on, r.move.must, r.move.rests, r.move.rest = true, must, true, rest
	return r.leave(now, why, out)
}

// ReleaseAt returns when a router that hands over gives the addresses up at the
// latest, Never when it does not.
func (r *Router) ReleaseAt() mono.Instant { return r.t.release }

// KeepUntil has a router that hands over, and has heard no new master yet, wait
// for one until at least then: the members of its sync group take over together
// and may be slower.
func (r *Router) KeepUntil(at mono.Instant) {
	if r.leaving && !r.heir.from.IsValid() {
		r.t.release = max(r.t.release, at)
	}
}

// released ends a hand-over.
func (r *Router) released(now mono.Instant, out []Action) []Action {
	h := r.heir
	if !r.move.on {
		return r.gone(now, r.why, out)
	}
	if !h.from.IsValid() && !r.move.must {
		if now.Sub(r.t.release) > handoverMargin && !r.dozed {
			// The process stood still. The adverts of a new master may still wait to be
			// read, and to stay would take the addresses from it.
			r.t.release, r.dozed = now.Add(moveMargin), true
			return out
		}
		r.move.on, r.leaving = false, false
		why := fmt.Sprintf("no other node took the addresses within %v: staying MASTER", now.Sub(r.lastSent).Round(time.Millisecond))
		r.t.release = mono.Never
		out = append(out, Action{Kind: DoStay, Why: why})
		r.why = r.why + "; " + why
		out = r.send(now, out)
		r.t.advert = r.nextAdvert(now)
		if r.cfg.Announce.Refresh > 0 {
			r.t.refresh = now.Add(r.cfg.Announce.Refresh)
		}
		return out
	}
	why := r.why + ": nobody took the addresses"
	if h.from.IsValid() {
		why = fmt.Sprintf("%s: %v has them now, with priority %d", r.why, h.from, h.priority)
	}
	r.move.resting, r.move.restEnd = r.move.rests, mono.Never
	if r.move.rest > 0 {
		r.move.restEnd = now.Add(r.move.rest)
	}
	out = append(out, Action{Kind: DoRelease, Tell: r.cfg.Shared})
	out = r.becomeBackup(now, why, out)
	if h.from.IsValid() {
		if p := r.below(h); p > 0 {
			r.parting = r.owes(p)
		}
		if r.cfg.Version == V3 {
			r.interval, r.learned = h.interval, true
		}
		r.follows, r.defied = h.from, false
	}
	r.listen(now) // an owner too: it was asked to let go
	return out
}

// Return ends the rest after Hand: the router preempts again as its
// configuration says.
func (r *Router) Return() { r.move.resting, r.move.rests = false, false }

// Rest is how long a router leaves a master of lower priority alone after Hand. The
// zero value is one that does not.
type Rest struct {
	On  bool
	End mono.Instant // Never is until the other fails
}

// Rest returns how the router rests, and is to rest when it has handed over.
func (r *Router) Rest(now mono.Instant) Rest {
	m := &r.move
	switch {
	case m.resting && !m.restEnd.Reached(now):
		return Rest{true, m.restEnd}
	case !m.on || !m.rests:
	case m.rest > 0:
		return Rest{true, now.Add(m.rest)}
	default:
		return Rest{true, mono.Never}
	}
	return Rest{}
}

// Resume has a router that was just made rest as the one did in whose place it is.
func (r *Router) Resume(rest Rest) {
	if rest.On {
		r.move.resting, r.move.restEnd, r.move.rests = true, rest.End, true
	}
}

// Bar keeps the router from being MASTER, until it is taken back with false. A
// MASTER hands over first, as Hand does; when it stays because nobody takes
// over, it is no longer barred.
func (r *Router) Bar(now mono.Instant, on bool, why string, must bool, out []Action) []Action {
	if on == r.move.barred {
		return out
	}
	r.move.barred, r.move.vacant = on, long
	switch {
	case on && r.role == Master && r.leaving:
		r.move.must = r.move.must || must
	case on && r.role == Master:
		out = r.Hand(now, why, 0, must, out)
		r.move.rests = false // being barred is enough
		return out
	case on && r.role == Backup:
		r.move.resting = false
		if r.wanting {
			r.listen(now)
		}
	case !on && r.role == Master && r.move.on:
		r.move.must = false
	case !on && r.role == Backup:
		r.move.resting = false
		r.listen(now)
	}
	return out
}

// Barred reports whether the router must not be MASTER.
func (r *Router) Barred() bool { return r.move.barred }

// obeys reports whether the router leaves a master of lower priority alone,
// because of a planned move.
func (r *Router) obeys(now mono.Instant) bool {
	return r.move.barred || r.move.resting && !r.move.restEnd.Reached(now)
}

// abstain has a barred BACKUP, whose down timer has fired, listen on.
func (r *Router) abstain(now mono.Instant, out []Action) []Action {
	why := r.vacancy(now)
	r.listen(now)
	r.follows = netip.Addr{} // who was given up
	if now < r.move.vacant {
		return out
	}
	r.move.vacant = now.Add(vacantPause)
	return append(out, Action{Kind: DoNote, Topic: "maintenance", Alarm: true,
		Why: "in maintenance, not taking over although " + why})
}
