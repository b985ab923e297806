package vrrp

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/core/mono"
)

// Receive takes a packet that carries this router's VRID from its interface:
// it verifies it (Config.Verify) and does what the state machine says. The
// payload is not kept. A valid advert costs no allocation while nothing
// changes.
//
// An address owner takes part in the election too (RFC 9568 7.1 with erratum
// 8298): two owners would else be master for ever. So it does in version 2,
// where RFC 3768 7.1 discards and keepalived does not.
func (r *Router) Receive(now mono.Instant, p *Packet, out []Action) []Action {
	wall := r.wallAt(now)
	a, rule := r.cfg.verify(p, r.guard, wall)
	from := bare(p.Source)
	switch {
	case rule != Accepted:
	case from == r.source:
		rule = RejectSelf
	default:
		// Also of an advert that an owner does not obey: the numbers of AH are one row
		// for all senders, and others refuse an owner's that is behind.
		rule = r.guard.admit(&a, from, wall)
		if rule == Accepted && r.deafTo(now, &a) {
			rule = RejectOwner
		}
	}
	if rule != Accepted {
		if !r.discards(now, rule) {
			return out
		}
		return append(out, Action{Kind: DoNote, Topic: "reject", Alarm: true,
			Why: fmt.Sprintf("discarded a packet from %v: %v%s", from, rule, r.detail(now, p, &a, rule))})
	}
	if r.role == Master && r.overslept(now) {
		out = r.Tick(now, out) // step back before judging as the master that we are not any more
	}
	r.counts.Received++
	switch {
	case from.Is6() || a.Version != V3:
	case a.Checksum == ChecksumMessage:
		r.counts.ChecksumMessage++
	case a.Checksum == ChecksumGroup:
		r.counts.ChecksumGroup++
		r.detectOldSum(from)
	default:
		r.counts.ChecksumPseudo++
	}
	if r.guard != nil {
		out = r.checkClock(now, &a, from, out)
	}
	if r.cfg.Interop {
		var echo bool
		if echo, out = r.interop(now, &a, from, out); echo {
			return out
		}
	}
	if a.Priority == 0 {
		r.counts.ReceivedZero++
	}
	last := r.saysLast(now, &a, from)
	bygone := last && r.Replacing(now)
	if r.role == Backup || r.role == Master {
		out = r.compare(now, &a, from, out)
		if from != r.heardFrom && r.discarded != nil {
			r.discarded.noted = [rejections]bool{}
		}
		if r.cfg.AskPreempt {
			r.meets(now, from)
		}
		r.lastHeard, r.heardFrom = now, from
		if !bygone {
			r.heardPrio = a.Priority // the one with which it was master stays known
		}
	}
	switch {
	case r.leaving:
		if a.Priority > 0 && !bygone {
			if !r.heir.from.IsValid() {
				r.heir = heir{from, a.Priority, a.Interval}
			}
			r.t.release = min(r.t.release, now.Add(r.grace()))
		}
	case r.role == Backup:
		out = r.receiveBackup(now, &a, from, out)
		return r.succeeded(now, heir{from, a.Priority, a.Interval}, out)
	case r.role == Master:
		return r.receiveMaster(now, &a, from, last, out)
	}
	return out
}

// deafTo reports whether an owner discards an advert because it is told to. One that
// hands over must hear who takes the addresses, and obey that one for as long as it
// rests. In BACKUP it hears of the masters that it is about to preempt, and of no
// other owner, which might keep it from that.
func (r *Router) deafTo(now mono.Instant, a *Advert) bool {
	if !r.Owner() || !r.cfg.OwnerIgnoresAdverts || r.leaving || r.obeys(now) {
		return false
	}
	return r.role != Backup || a.Priority == 255
}

// detail adds the two numbers that differ, where a rule compares numbers.
func (r *Router) detail(now mono.Instant, p *Packet, a *Advert, rule Rejection) string {
	switch rule {
	case RejectInterval:
		return fmt.Sprintf(" (its %v, ours %v): both will be master until they agree", a.Interval, r.cfg.Interval)
	case RejectVersion:
		return fmt.Sprintf(" (its %d, ours %d)", a.Version, r.cfg.Version)
	case RejectAuthType:
		return fmt.Sprintf(" (its %d, ours %d)", a.Auth, r.cfg.Auth)
	case RejectTTL:
		return fmt.Sprintf(" (it is %d)", p.TTL)
	case RejectMode:
		if r.cfg.Unicast.On {
			return ": this virtual router speaks unicast only"
		}
	case RejectAuth:
		if a.Auth == AuthAH {
			return " (authentication header)"
		}
	case RejectExtStale:
		return fmt.Sprintf(" (%d s, allowed are %d s): compare the clocks", r.guard.ring.far(a.sequence, r.wallAt(now)), r.guard.ring.window)
	case RejectSelf:
		return ": another machine uses it, or the packet came back"
	}
	return ""
}

// compare tells, once for each master, what is legal but unlikely to be meant.
// It drops nothing (RFC 9568 7.1). In version 2 a check of the address list
// would have to (RFC 3768 7.1), but two masters are worse than a difference
// that was reported; keepalived decides the same.
func (r *Router) compare(now mono.Instant, a *Advert, from netip.Addr, out []Action) []Action {
	if from != r.heardFrom {
		r.notedList, r.notedTime, r.odd = false, false, 0
	}
	odd := r.odd
	if a.Priority > 0 {
		r.odd = a.Interval
	}
	// A master that resigns tells another interval once, to hasten us.
	once := a.Interval == hastened && odd != hastened || a.Priority == 0
	if a.Version == V3 && a.Interval != r.cfg.Interval && !once {
		r.counts.Intervals++
		if !r.notedTime && now >= r.quietTime {
			r.notedTime, r.quietTime = true, now.Add(notePause)
			out = append(out, Action{Kind: DoNote, Topic: "interval",
				Why: fmt.Sprintf("%v advertises every %v, our own interval is %v", from, a.Interval, r.cfg.Interval)})
		}
	}
	if r.cfg.CheckAddresses && !(r.cfg.SkipSameMaster && from == r.heardFrom) && !a.SameAddresses(r.Advertised()) {
		r.counts.AddressLists++
		if !r.notedList && now >= r.quietList {
			r.notedList, r.quietList = true, now.Add(notePause)
			out = append(out, Action{Kind: DoNote, Topic: "addresses", Alarm: true,
				Why: fmt.Sprintf("%v advertises another list of addresses than ours: %s; the configurations differ", from, r.difference(a))})
		}
	}
	return out
}

// difference names the first address that only one of the lists has.
func (r *Router) difference(a *Advert) string {
	theirs := make([]netip.Addr, a.Count)
	for i := range theirs {
		theirs[i] = a.Address(i)
	}
	for _, ours := range r.Advertised() {
		if !slices.Contains(theirs, ours) {
			return ours.String() + " is missing"
		}
	}
	for _, x := range theirs {
		if !slices.Contains(r.Advertised(), x) {
			return x.String() + " is not one of ours"
		}
	}
	return fmt.Sprintf("%d against %d of the same addresses", a.Count, len(r.Advertised()))
}

// receiveBackup is RFC 9568 6.4.2 with preempt_delay.
func (r *Router) receiveBackup(now mono.Instant, a *Advert, from netip.Addr, out []Action) []Action {
	if a.Priority == 0 {
		// Never later than the timer that runs already: repeated resignations
		// must not hold a take-over back.
		if !r.wanting {
			skew := r.skew()
			if r.cfg.Version == V3 {
				// The master may hasten us (Router.resign).
				skew = min(skew, V3.Skew(r.effective, a.Interval))
			}
			r.t.down = min(r.t.down, now.Add(skew))
		}
		r.follows = netip.Addr{}
		return out
	}
	lower := a.Priority < r.effective
	if lower && r.preempts(now) && (r.Owner() || !r.delayed(now)) {
		var may bool
		if may, out = r.consents(now, from, a.Priority, out); may {
			r.defied = r.defied || from == r.follows
			return out // the timer runs on and we take over when it fires
		}
	}
	if !lower {
		r.t.preempt, r.patience = mono.Never, false
		r.consent.forget()
	}
	if r.cfg.Version == V3 {
		r.interval, r.learned = a.Interval, true
	}
	running := r.t.down
	if from == r.follows || !r.follows.IsValid() || r.wanting {
		running = now
	}
	// The last advert of a master that yields may come after the first of the
	// one that it yields to. Where their intervals differ, the shorter must not
	// make us give the other up: another sender's advert only adds time.
	r.listen(now)
	r.t.down = max(r.t.down, running)
	r.follows, r.defied = from, false
	return out
}

// preempts reports whether the router takes over from a master of lower priority,
// once preempt_delay is over, which an owner does not wait for.
func (r *Router) preempts(now mono.Instant) bool {
	return (!r.cfg.NoPreempt || r.Owner()) && !r.obeys(now)
}

// delayed reports whether preempt_delay holds a preemption back, and starts
// it with the first lower advert, as keepalived does.
func (r *Router) delayed(now mono.Instant) bool {
	if r.cfg.PreemptDelay <= 0 || r.patience {
		return false
	}
	if r.t.preempt == mono.Never {
		r.t.preempt = now.Add(r.cfg.PreemptDelay)
	}
	return true
}

// receiveMaster is RFC 9568 6.4.3; with parted the advert is the last word of one that is
// master no more.
func (r *Router) receiveMaster(now mono.Instant, a *Advert, from netip.Addr, parted bool, out []Action) []Action {
	if a.Priority == 0 {
		if !r.mayReply(now) {
			return out
		}
		r.t.advert = r.nextAdvert(now)
		return r.send(now, out)
	}
	if !parted {
		r.counts.Conflicts++
	}
	higher := a.Priority > r.effective
	if higher || a.Priority == r.effective && from.Compare(r.source) > 0 {
		why := fmt.Sprintf("%v has priority %d, ours is %d", from, a.Priority, r.effective)
		if !higher {
			why = fmt.Sprintf("%v has our priority %d and the higher address", from, a.Priority)
		}
		grace := r.grace()
		if r.dual.on {
			if from == r.dual.peer {
				grace = 0 // it was MASTER before, and has its addresses
			}
			r.meet(now, from, a.Interval)
		}
		if !r.cfg.YieldSilently && !r.cfg.Shared {
			// After a partition the winner may never have heard us. This advert
			// makes it announce the addresses, so that clients which still send to
			// us find it at once; the one of parting, those that we answer until then.
			out = r.send(now, out)
		}
		out = append(out, Action{Kind: DoRelease, Tell: !r.cfg.YieldSilently, Grace: grace})
		out = r.becomeBackup(now, why, out)
		if r.cfg.Version == V3 {
			r.interval, r.learned = a.Interval, true
		}
		r.listen(now)
		r.follows, r.defied = from, false
		r.parting = parting{owed: !r.cfg.YieldSilently, priority: r.below(heir{from: from, priority: a.Priority})}
		return out
	}
	if !parted && !r.Replacing(now) {
		r.meet(now, from, a.Interval)
		if now >= r.conflictEnd {
			out = append(out, Action{Kind: DoNote, Topic: "conflict", Alarm: true,
				Why: fmt.Sprintf("%v is master too, with priority %d against our %d: asserting ours", from, a.Priority, r.effective)})
		}
		r.conflictEnd = now.Add(r.silence(a.Interval))
	}
	// What it answered until it said its last may have come after our last burst.
	// A third router goes by the interval of the master that it heard last, which is to be
	// ours.
	last := a.Priority == lastWord && now.Sub(r.lastParting) >= conflictGap
	if last {
		r.lastParting = now
	}
	if !r.cfg.LowerPrioNoAdvert && (r.mayReply(now) || last) {
		out = r.send(now, out)
	}
	if due := r.lastDefence.Add(conflictGap); due > now && !last {
		r.t.defend, r.relayed = min(r.t.defend, due), false
		return out
	}
	return r.answer(now, out)
}

// answer announces the addresses again because of a lower advert, or where none is
// to be announced after one has only the others of the sync group do so.
func (r *Router) answer(now mono.Instant, out []Action) []Action {
	if r.cfg.Announce.LowerPrioRepeat > 0 {
		return r.defend(now, true, out)
	}
	r.t.defend, r.lastDefence = mono.Never, now
	return append(out, Action{Kind: DoAnnounce, Conflict: true})
}

// Defend announces the addresses of a MASTER again because a member of its
// sync group met another master: that one announced ours too, and may never
// meet us.
func (r *Router) Defend(now mono.Instant, out []Action) []Action {
	if r.role != Master || r.leaving || r.cfg.Announce.LowerPrioRepeat == 0 {
		return out
	}
	if now.Sub(r.lastParting) < conflictGap {
		return out // the other has said itself that it is gone, and was answered
	}
	if due := r.lastDefence.Add(conflictGap); due > now {
		if r.t.defend == mono.Never {
			r.t.defend, r.relayed = due, true
		}
		return out
	}
	return r.defend(now, false, out)
}

// mayReply reports whether an advert may answer another's now, and counts it.
// One that is held back is made up for by the next regular one: forged adverts
// must not be answered one for one.
func (r *Router) mayReply(now mono.Instant) bool {
	if now.Sub(r.lastReply) < min(conflictGap, r.cfg.Interval/2) {
		return false
	}
	r.lastReply = now
	return true
}

// defend announces the addresses again, now and once more after a while,
// because another router announced or answered for them. With conflict the
// router met that one itself.
func (r *Router) defend(now mono.Instant, conflict bool, out []Action) []Action {
	r.t.defend = mono.Never
	r.lastDefence = now
	if d := r.cfg.Announce.LowerPrioDelay; d > 0 {
		r.t.second = now.Add(d)
	}
	out = r.announce(r.cfg.Announce.LowerPrioRepeat, out)
	out[len(out)-1].Conflict = conflict
	return out
}
