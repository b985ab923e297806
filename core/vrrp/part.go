package vrrp

import (
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// partingLimit is how long a router that leaves waits to hear that its
// addresses are gone before it says its last.
const partingLimit = 100 * time.Millisecond

// lastWord is the priority of what a router says last, in most cases: whoever is
// master wins by any other.
const lastWord = 1

// parting is what a router has still to say after it gave its addresses up.
//
// Of a Shared hardware address: what it answered between the announcement of the
// new master and that moment has turned the switches back to it, for they go by who
// sent last. The new master does not know and may say nothing for seconds. An advert
// of lower priority that leaves when nothing else can follow makes it assert itself:
// it sends an advert "to update any learning bridges" (RFC 9568 6.4.3), and announces
// the addresses again.
//
// Of any address that was given up before another master was heard: that one may
// have been master on the other side of a partition, and never have heard of us.
// Our clients would wait until it announces again by itself.
//
// Of one that goes on answering for a while after another master was heard: that one
// may have been master on the other side of a partition, and announced its addresses
// before our last answer. So it hears when there are no more.
type parting struct {
	// owed is true until the advert was sent, or another became pointless.
	owed bool
	// priority is that of the advert; 0 while no new master was heard that wins by
	// any.
	priority uint8
	// vacated is true when the addresses are gone.
	vacated bool
	// last is true in INIT, after Stop, when the router waits to send the advert
	// before it may end.
	last bool
}

// owes returns what is to be said after a DoRelease; priority is that of the advert, 0
// when the new master would not win by any.
func (r *Router) owes(priority uint8) parting {
	return parting{owed: r.cfg.Shared && !r.cfg.YieldSilently, priority: priority}
}

// withdraw makes a MASTER a BACKUP that has not heard its successor yet, and says
// its last when it does.
func (r *Router) withdraw(now mono.Instant, why string, grace time.Duration, out []Action) []Action {
	out = append(out, Action{Kind: DoRelease, Tell: !r.cfg.YieldSilently, Grace: grace})
	out = r.becomeBackup(now, why, out)
	r.parting = parting{owed: !r.cfg.YieldSilently}
	return out
}

// Cede is Demote where nobody takes the MASTER's place unless told to: it says
// priority 0 first, so that a BACKUP elsewhere need not wait, and one that counted
// this node as its master no longer does.
func (r *Router) Cede(now mono.Instant, why string, out []Action) []Action {
	if r.role == Master && !r.leaving {
		out = r.resign(now, out)
	}
	return r.Demote(now, why, out)
}

// Replacing reports whether what a MASTER hears of another may be of the one that it has
// just replaced: that answers its first advert, and says its last when its addresses are
// gone. It is no conflict worth telling.
func (r *Router) Replacing(now mono.Instant) bool {
	return r.role == Master && now.Sub(r.since) < max(r.cfg.Interval, partingLimit)
}

// saysLast reports whether an advert is the last word of another master that yields. A
// router whose priority is really so low says so twice, and one that was not heard for
// longer than backups wait was a master beside this one. Of the one that this router has
// just replaced it is not the first advert of one that takes over: who is to leave at once
// must not take it for that. And whenever it comes, it is no conflict.
func (r *Router) saysLast(now mono.Instant, a *Advert, from netip.Addr) bool {
	return a.Priority == lastWord && from == r.heardFrom && r.heardPrio > lastWord &&
		now.Sub(r.lastHeard) < r.masterDown()+slept
}

// Vacated says that the kernel has removed what the last DoRelease with Tell
// named. Repeats and calls that nobody waits for are harmless.
func (r *Router) Vacated(now mono.Instant, out []Action) []Action {
	r.parting.vacated = true
	return r.part(now, out)
}

// Parting reports whether a router in INIT has its last advert still to send. It
// sends it at the latest by Tick.
func (r *Router) Parting() bool { return r.parting.last }

// succeeded has a BACKUP that gave its addresses up say its last to the master that
// it hears. While it still waits to, the one that was heard last counts.
func (r *Router) succeeded(now mono.Instant, h heir, out []Action) []Action {
	if !r.parting.owed || h.priority == 0 {
		return out
	}
	r.parting.priority = r.below(h)
	return r.part(now, out)
}

// part sends the last advert if it is time to.
func (r *Router) part(now mono.Instant, out []Action) []Action {
	p := r.parting.priority
	late := r.parting.last && r.t.release.Reached(now)
	if !r.parting.owed || p == 0 || !r.parting.vacated && !late {
		return out
	}
	if r.parting.last {
		r.t.release = mono.Never
	}
	r.parting = parting{}
	if !r.source.IsValid() {
		return out
	}
	r.lastSent = now
	r.counts.Sent++
	return r.transmit(now, r.frames(p), out)
}

// below is a priority by which the heir wins, and so does whoever may be master in
// its place by the time that our last advert is heard; 0 when there is none. Our
// own will not do: the heir may have been read late, and have left since.
func (r *Router) below(h heir) uint8 {
	if h.priority > lastWord || h.from.Compare(r.source) > 0 {
		return lastWord
	}
	return 0
}

// grace is how long the addresses are kept after the first advert of a new master.
func (r *Router) grace() time.Duration {
	if r.cfg.Shared {
		return 0 // each answer of ours would turn the switches back
	}
	return handoverGrace
}
