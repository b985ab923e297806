package vrrp

import (
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// Skew returns the Skew_Time of a priority: (256-priority)/256 of a second in
// version 2 (RFC 3768 6.1), of the master's interval in version 3 (RFC 9568
// 6.1). It multiplies before it divides and is exact to the nanosecond.
func (v Version) Skew(priority uint8, interval time.Duration) time.Duration {
	if v == V2 {
		interval = time.Second
	}
	return time.Duration(256-int64(priority)) * interval / 256
}

// MasterDown returns the Active_Down_Interval: how long a router of this
// priority waits for an advert before it takes over.
func (v Version) MasterDown(priority uint8, interval time.Duration, adverts int) time.Duration {
	return time.Duration(adverts)*interval + v.Skew(priority, interval)
}

// timers are the deadlines of a Router, Never when not armed. In MASTER
// advert is armed, or release while the router hands over; in BACKUP down,
// unless the router waits for its sync group. In INIT and FAULT none is.
type timers struct {
	advert  mono.Instant // the next advert is due
	down    mono.Instant // the master is given up
	preempt mono.Instant // preempt_delay ends
	second  mono.Instant // the second burst of announcements is due
	refresh mono.Instant // the next periodic announcement is due
	defend  mono.Instant // a burst held back by conflictGap is due
	peace   mono.Instant // another master counts as gone
	release mono.Instant // the addresses are given up after a hand-over
}

var disarmed = timers{
	advert: mono.Never, down: mono.Never, preempt: mono.Never, second: mono.Never,
	refresh: mono.Never, defend: mono.Never, peace: mono.Never, release: mono.Never,
}

func (t *timers) next() mono.Instant {
	return min(t.advert, t.down, t.preempt, t.second, t.refresh, t.defend, t.peace, t.release)
}

const (
	// conflictGap is the least time between two bursts of announcements, and
	// between two replies, that other routers' adverts cause: a flood of
	// forged adverts must not become a flood of ours.
	conflictGap = 100 * time.Millisecond
	// slept is how long a master may have been silent beyond what backups
	// wait before it counts as asleep and not as busy; and how late an advert
	// must be for a master, which no backup has given up, to announce again.
	slept = time.Second
	// notePause is how long the same thing about adverts is not told again,
	// whoever sends them.
	notePause = 10 * time.Second
	// stallPause is how long a busy machine's further stalls are not told.
	stallPause = 10 * time.Second
	// clockPause is how long a peer's wrong clock is not told again.
	clockPause = time.Minute
	// vacantPause is how long it is not told again that nobody is master and
	// that a router in maintenance does not take over.
	vacantPause = time.Minute
	// catchUp is by how much an interval between two adverts is shorter at most
	// because the first of them was late by little.
	catchUp = 200 * time.Microsecond
	// handoverGrace is how long the addresses are kept after the new
	// master's first advert: it claims and announces them just after it.
	handoverGrace = 10 * time.Millisecond
	// handoverMargin is added to the longest skew when a new master is
	// awaited.
	handoverMargin = 50 * time.Millisecond
	// moveMargin is that of a planned move, which nobody waits for: the
	// addresses answer meanwhile, and the other node may be busy.
	moveMargin = 250 * time.Millisecond
)

// Slots is how many parts an interval has for Config.Slot.
const Slots = 24

// slotsTogether is how many slots make one part of an interval below shortest,
// where the parts would be as short as a receiver waits for more than one packet.
//
// A host that is BACKUP of a thousand routers wakes for each part anew: at 1 s that
// takes half as much again of its processor time with 24 parts as with 8, and a tenth
// at 100 ms. In return adverts keep better time the fewer leave together. A machine
// that wakes late by a millisecond, once in some hundred times, makes one advert of 24
// late in that second and not of 8: of a thousand each second, 1 % were off by more
// than 0.6 to 2.7 ms with 8 parts, and by 0.4 ms with 24.
const (
	slotsTogether = 3
	shortest      = 100 * time.Millisecond
)

// slotStart returns how far into each interval the slot begins.
func slotStart(interval time.Duration, slot int) int64 {
	i, n := int64(slot-1), parts(interval)
	if n < Slots {
		i /= slotsTogether
	}
	return int64(interval) * i / n
}

// parts is in how many parts an interval is divided.
func parts(interval time.Duration) int64 {
	if interval < shortest {
		return Slots / slotsTogether
	}
	return Slots
}

// afterAdvert returns when the advert after a regular one at now is due: an
// interval later (RFC 9568 6.4.3). One that was late brings the router behind its
// slot. Were the next one due there again, a late advert would make two intervals
// wrong; so as long as it is behind by less than a slot, it comes back in steps. They
// are the longer the farther it is behind, or it would drift away where each is late.
func (r *Router) afterAdvert(now mono.Instant) mono.Instant {
	next, slotted := now.Add(r.cfg.Interval), r.nextAdvert(now)
	behind := next.Sub(slotted)
	if behind >= r.cfg.Interval/time.Duration(parts(r.cfg.Interval)) {
		return slotted
	}
	return max(slotted, next.Add(-max(catchUp, behind/8)))
}

// nextAdvert returns when the advert after one at now is due: an interval
// later, or earlier at the router's slot. So that one interval is shorter, none
// is ever longer, and from then on adverts come an interval apart.
func (r *Router) nextAdvert(now mono.Instant) mono.Instant {
	next := now.Add(r.cfg.Interval)
	if r.cfg.Slot == 0 {
		return next
	}
	interval := int64(r.cfg.Interval)
	over := (int64(next) - slotStart(r.cfg.Interval, r.cfg.Slot)) % interval
	if over < 0 {
		over += interval
	}
	return next - mono.Instant(over)
}
