package vrrp

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// Router is one virtual router. Its methods take the present instant, which
// must not run backwards, and append what is to be done to out.
type Router struct {
	cfg  *Config // shared with its author
	role Role
	t    timers

	source    netip.Addr
	mtu       int // 0 is unknown
	effective uint8
	// interval is Active_Adver_Interval: our own, or learned from the master
	// (version 3).
	interval time.Duration
	learned  bool
	// advert is that of the effective priority. It is replaced when what it is
	// made of changes.
	advert []frame
	// guard is nil without HMAC and AH.
	guard *guard
	// wall is the wall clock at instant zero.
	wall int64
	// oldSums are the peers that were heard to send ChecksumGroup.
	oldSums []netip.Addr
	// heard says when a master of Interop was last heard in each version; nil
	// before the first.
	heard *hearings

	// wanting is true in BACKUP when the down timer fired and the router
	// waits for Promote; wish is then why.
	wanting bool
	wish    string
	// leaving is true in MASTER after Stop, until the addresses are given up.
	leaving bool
	heir    heir // of a hand-over
	move    move
	parting parting
	dual    dual
	// started is true once BACKUP or MASTER was entered.
	started bool
	// ended is true in INIT after Stop.
	ended bool
	// bereft is true when the router became MASTER because the one before it had
	// fallen silent.
	bereft bool
	// patience is true when a preempt_delay has run out.
	patience bool
	// consent is nil unless Config.AskPreempt was seen.
	consent *consent
	// dozed is true when the down timer, or the end of a planned move, was seen late
	// and runs once more.
	dozed bool

	since       mono.Instant
	fresh       bool // the role is the first one since the start
	why         string
	lastSent    mono.Instant
	told        told
	lastHeard   mono.Instant
	heardFrom   netip.Addr
	heardPrio   uint8
	follows     netip.Addr // in BACKUP whose advert was last obeyed, if any
	defied      bool       // a later one of it was not
	lastReply   mono.Instant
	lastDefence mono.Instant
	lastParting mono.Instant // when another's last word was answered
	relayed     bool         // the burst held back is for a member of the sync group
	conflictEnd mono.Instant // when a conflict counts as over
	stallQuiet  mono.Instant // until when a further stall is not told
	quietList   mono.Instant
	quietTime   mono.Instant
	quietClock  mono.Instant
	notedList   bool
	notedTime   bool
	odd         time.Duration // the interval that the last master told
	counts      Tally
	discarded   *discarded // nil before the first
}

// long is far enough in the past to be out of every window.
const long mono.Instant = -1 << 62

// New returns a router in INIT. It does nothing until Start. The configuration
// is not changed while the router has it.
func New(now mono.Instant, cfg *Config) *Router {
	r := &Router{
		t: disarmed, since: now, why: "not started", lastSent: mono.Never, lastHeard: mono.Never,
		lastReply: long, lastDefence: long, lastParting: long, conflictEnd: long, stallQuiet: long,
		quietList: long, quietTime: long, quietClock: long,
	}
	r.adopt(cfg)
	return r
}

func (r *Router) adopt(cfg *Config) {
	r.cfg = cfg
	r.effective = cfg.Priority
	r.interval, r.learned = cfg.Interval, false
	r.guard = newGuard(r.cfg, r.guard)
	r.build()
}

// Share takes an equal configuration in place of the present one, which then
// need not be kept for the router's sake.
func (r *Router) Share(cfg *Config) { r.cfg = cfg }

// build makes the advert anew. Nothing of an old priority, address list or
// source survives a change.
func (r *Router) build() { r.advert = r.frames(r.effective) }

// Role returns the present role.
func (r *Router) Role() Role { return r.role }

// Config returns the configuration in force.
func (r *Router) Config() *Config { return r.cfg }

// Source returns the address that adverts are sent from.
func (r *Router) Source() netip.Addr { return r.source }

// Wanting reports whether a router with Hold waits for Promote.
func (r *Router) Wanting() bool { return r.wanting }

// Obeying reports whether a BACKUP hears a master that it leaves alone, and would
// leave alone if that spoke now.
func (r *Router) Obeying(now mono.Instant) bool {
	if r.role != Backup || !r.follows.IsValid() || r.defied || r.wanting {
		return false
	}
	// The priority may have changed since, or the time to wait be over.
	return r.heardFrom != r.follows || r.heardPrio >= r.effective || r.cfg.AskPreempt || !r.preempts(now) ||
		!r.Owner() && r.cfg.PreemptDelay > 0 && !r.patience
}

// Leaving reports whether the router hands over after Stop.
func (r *Router) Leaving() bool { return r.leaving }

// Deadline returns when Tick is due next, Never when nothing is scheduled.
func (r *Router) Deadline() mono.Instant { return r.t.next() }

// Owner reports whether the router owns its addresses (RFC 9568: priority
// 255). Trackers do not move an owner's priority.
func (r *Router) Owner() bool { return r.cfg.Owner() }

// SetSource sets the address that adverts are sent from, from the next on.
// The caller faults the router while there is none.
func (r *Router) SetSource(a netip.Addr) {
	if a = bare(a); a != r.source {
		r.source = a
		r.build()
	}
}

// bare returns an address as peers compare it: the zone of a link-local one is
// our own name for the interface, and would decide a tie.
func bare(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// Start leaves INIT (RFC 9568 6.4.1). The source must have been set.
func (r *Router) Start(now mono.Instant, why string, out []Action) []Action {
	if r.role != Init {
		return out
	}
	if r.Owner() && !r.cfg.Hold && !r.obeys(now) {
		return r.becomeMaster(now, "owner of the addresses (priority 255)", out)
	}
	return r.becomeBackup(now, why, out)
}

// Fault enters FAULT, the Initialize of a router that lacks something it
// needs. A master says priority 0 first, so that a backup need not wait.
func (r *Router) Fault(now mono.Instant, why string, out []Action) []Action {
	if r.role == Fault || r.leaving && !r.move.on {
		return out
	}
	if r.role == Master {
		if !r.leaving {
			out = r.resign(now, out)
		}
		out = append(out, Action{Kind: DoRelease})
	}
	// What was being moved away is not taken back when the fault is over.
	rest := r.Rest(now)
	r.move.resting, r.move.restEnd = rest.On, rest.End
	return r.become(now, Fault, why, out)
}

// Clear leaves FAULT for BACKUP, with a whole down interval to listen first.
func (r *Router) Clear(now mono.Instant, why string, out []Action) []Action {
	if r.role != Fault {
		return out
	}
	return r.becomeBackup(now, why, out)
}

// Promote makes a BACKUP the MASTER now: its sync group agreed.
func (r *Router) Promote(now mono.Instant, why string, out []Action) []Action {
	if r.role != Backup || r.move.barred {
		return out
	}
	return r.becomeMaster(now, why, out)
}

// Demote makes a MASTER a BACKUP now: a member of its sync group yielded. It
// also takes back the wish of a BACKUP to become MASTER.
func (r *Router) Demote(now mono.Instant, why string, out []Action) []Action {
	switch {
	case r.role == Master && !r.leaving:
		// The new master of that one becomes ours at about the same time; long ago
		// if we slept.
		grace := r.grace()
		if r.overslept(now) {
			grace = 0
		}
		return r.withdraw(now, why, grace, out)
	case r.move.on:
		// The group's successor has them all by now.
		r.move.must = true
		return r.released(now, out)
	case r.role == Backup && r.wanting:
		r.listen(now)
		r.follows = netip.Addr{} // who was given up
	}
	return out
}

// SetPriority sets the effective priority. In BACKUP the running down timer
// moves by the difference of the skews, as in keepalived; in MASTER the next
// advert carries the new value.
func (r *Router) SetPriority(now mono.Instant, p uint8) {
	if p == r.effective || r.Owner() {
		return
	}
	old := r.skew()
	r.effective = p
	r.build()
	if r.role == Backup && r.t.down != mono.Never {
		r.t.down = max(now, r.t.down.Add(r.skew()-old))
	}
}

// Tick does what is due. Early or repeated calls are harmless.
func (r *Router) Tick(now mono.Instant, out []Action) []Action {
	switch r.role {
	case Master:
		return r.tickMaster(now, out)
	case Init:
		return r.part(now, out)
	case Backup:
		if r.t.preempt.Reached(now) {
			r.t.preempt, r.patience = mono.Never, true
		}
		if !r.t.down.Reached(now) {
			return out
		}
		if r.move.barred {
			return r.abstain(now, out)
		}
		if late := now.Sub(r.t.down); late > r.interval && !r.dozed {
			// The process slept. Adverts that came meanwhile may still wait
			// to be read, and a living master sends its next within an
			// interval: look at those before deciding that it is dead. Once:
			// a machine that is always late must take over too.
			r.t.down, r.dozed = now.Add(r.interval), true
			return append(out, Action{Kind: DoNote, Topic: "stall", Alarm: true,
				Why: fmt.Sprintf("woke %v too late: listening before taking over", late.Round(time.Millisecond))})
		}
		why := r.vacancy(now)
		if r.cfg.Hold {
			r.t.down, r.wanting = mono.Never, true
			r.wish = why + "; waiting for the sync group"
			return out
		}
		return r.becomeMaster(now, why, out)
	}
	return out
}

// vacancy says why a BACKUP takes over. What was heard before it became BACKUP
// has nothing to do with that.
func (r *Router) vacancy(now mono.Instant) string {
	switch {
	case r.lastHeard == mono.Never && r.fresh:
		return "no master heard since start"
	case r.lastHeard == mono.Never || r.lastHeard.Before(r.since):
		return fmt.Sprintf("no master heard for %v", now.Sub(r.since).Round(100*time.Microsecond))
	case r.heardPrio == 0:
		return fmt.Sprintf("%v resigned (priority 0)", r.heardFrom)
	case r.heardPrio < r.effective && now.Sub(r.lastHeard) < r.masterDown():
		return fmt.Sprintf("preempting %v: its priority is %d, ours %d", r.heardFrom, r.heardPrio, r.effective)
	}
	return fmt.Sprintf("no advert from %v for %v", r.heardFrom, now.Sub(r.lastHeard).Round(100*time.Microsecond))
}

func (r *Router) tickMaster(now mono.Instant, out []Action) []Action {
	if r.t.release.Reached(now) {
		return r.released(now, out)
	}
	due, interval := r.promised()
	silent := (now.Sub(due) + interval).Round(time.Millisecond)
	if r.overslept(now) {
		// Do not advertise into a network that has moved on.
		return r.withdraw(now, fmt.Sprintf("slept %v, longer than backups wait: listening first", silent), 0, out)
	}
	if r.lapsed(now) {
		// Every backup has given us up by now.
		// A short lapse of a busy machine. Giving the addresses up would cut
		// the clients off for longer than it lasted; whoever took over yields
		// to the advert, and the announcement brings its clients back.
		if now >= r.stallQuiet {
			r.stallQuiet = now.Add(stallPause)
			out = append(out, Action{Kind: DoNote, Topic: "stall", Alarm: true,
				Why: fmt.Sprintf("no advert left for %v, longer than backups wait: asserting ourselves", silent)})
		}
		out = r.send(now, out)
		r.t.advert = r.nextAdvert(now)
		out = r.defend(now, true, out)
	}
	if r.t.advert.Reached(now) {
		late := now.Sub(r.t.advert)
		r.t.advert = r.afterAdvert(now)
		out = r.send(now, out)
		if late >= slept {
			// No backup has taken over, but a machine that stood still may
			// have been moved to another port of another switch meanwhile.
			out = r.defend(now, false, out)
		}
	}
	if r.t.peace.Reached(now) {
		out = r.alone(now, "it is silent", out)
		if r.cfg.Shared {
			// What it answered last has turned the switches to it.
			out = r.defend(now, false, out)
		}
	}
	if r.t.defend.Reached(now) {
		if r.relayed {
			out = r.defend(now, false, out)
		} else {
			out = r.answer(now, out)
		}
	}
	if r.t.second.Reached(now) {
		r.t.second = mono.Never
		out = r.announce(r.cfg.Announce.Repeat, out)
	}
	if r.t.refresh.Reached(now) {
		r.t.refresh = now.Add(r.cfg.Announce.Refresh)
		out = r.announce(r.cfg.Announce.RefreshRepeat, out)
	}
	return out
}

func (r *Router) skew() time.Duration { return r.cfg.Version.Skew(r.effective, r.interval) }

func (r *Router) masterDown() time.Duration {
	return r.cfg.Version.MasterDown(r.effective, r.interval, r.cfg.DownAdverts)
}

// listen arms the down timer with a whole interval.
func (r *Router) listen(now mono.Instant) {
	r.wanting, r.dozed = false, false
	r.t.down = now.Add(r.masterDown())
}

// become is the only place where the role changes.
func (r *Router) become(now mono.Instant, to Role, why string, out []Action) []Action {
	from := r.role
	if from == Master {
		r.counts.LeftMaster++
		out = r.alone(now, "we are not any more", out)
	}
	if to == Master {
		r.counts.BecameMaster++
	}
	r.t, r.told = disarmed, told{}
	r.role, r.since, r.why, r.fresh = to, now, why, from == Init
	r.wanting, r.leaving, r.patience = false, false, false
	r.ended = to == Init // which only Stop leads to
	r.consent.forget()
	r.move.on, r.parting = false, parting{}
	r.move.resting = r.move.resting && to != Master
	r.follows = netip.Addr{}
	r.conflictEnd = long
	return append(out, Action{Kind: DoChange, From: from, To: to, Why: why})
}

func (r *Router) becomeBackup(now mono.Instant, why string, out []Action) []Action {
	out = r.become(now, Backup, why, out)
	// What an earlier master said holds no longer (RFC 9568 6.4.1).
	r.interval, r.learned = r.cfg.Interval, false
	r.listen(now)
	switch {
	case r.Owner() && !r.obeys(now):
		r.t.down = now // an owner waits for nothing but its sync group
	case !r.started && r.cfg.InitialMaster:
		r.t.down = now.Add(r.cfg.Interval + r.cfg.Version.Skew(1, r.cfg.Interval))
	}
	r.started = true
	return out
}

// becomeMaster sends the advert first, so that the old master lets go of the
// addresses before they are announced from here (RFC 9568 6.4.2).
func (r *Router) becomeMaster(now mono.Instant, why string, out []Action) []Action {
	// What was said while it did not listen does not count.
	down := r.masterDown()
	r.bereft = r.role == Backup && r.lastHeard != mono.Never && now.Sub(r.lastHeard) >= down && now.Sub(r.since) >= down
	out = r.send(now, out)
	out = append(out, Action{Kind: DoClaim})
	out = r.announce(r.cfg.Announce.Repeat, out)
	out = r.become(now, Master, why, out)
	r.started = true
	r.interval, r.learned = r.cfg.Interval, false
	r.t.advert = r.nextAdvert(now)
	r.lastDefence = now
	if a := r.cfg.Announce; a.Delay > 0 {
		r.t.second = now.Add(a.Delay)
	}
	if a := r.cfg.Announce; a.Refresh > 0 {
		r.t.refresh = now.Add(a.Delay + a.Refresh)
	}
	return out
}

func (r *Router) send(now mono.Instant, out []Action) []Action {
	r.lastSent, r.told = now, told{}
	r.counts.Sent++
	return r.transmit(now, r.advert, out)
}
