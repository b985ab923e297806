package track

import (
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// Debounce lets a change count only when it has lasted for some time: one that
// is taken back earlier never was. The zero value is unknown and changes at
// once.
type Debounce struct {
	up, down time.Duration
	state    State
	since    mono.Instant
	next     State        // what the state becomes at due
	due      mono.Instant // see pending
	pending  bool
}

// Delay sets how long it must be up, and down, before that counts. A change
// that is under way keeps the time at which it will count.
func (d *Debounce) Delay(up, down time.Duration) { d.up, d.down = max(0, up), max(0, down) }

// State returns what counts, and since when.
func (d *Debounce) State() (State, mono.Instant) { return d.state, d.since }

// Pending returns what the state is about to become, and reports whether it is.
func (d *Debounce) Pending() (State, bool) { return d.next, d.pending }

// Deadline returns when Tick is due, Never when no change is under way.
func (d *Debounce) Deadline() mono.Instant {
	if !d.pending {
		return mono.Never
	}
	return d.due
}

// See takes what is so now, which is not Unknown, and reports whether what
// counts changed. The first time counts at once.
func (d *Debounce) See(now mono.Instant, seen State) bool {
	if seen == d.state {
		d.pending = false
		return false
	}
	wait := d.down
	if seen == Up {
		wait = d.up
	}
	if d.state == Unknown || wait == 0 {
		return d.Force(now, seen)
	}
	if !d.pending {
		d.next, d.due, d.pending = seen, now.Add(wait), true
	}
	return false
}

// Force makes a state count at once and reports whether it is another.
func (d *Debounce) Force(now mono.Instant, state State) bool {
	d.pending = false
	if state == d.state {
		return false
	}
	d.state, d.since = state, now
	return true
}

// Tick does what is due and reports whether what counts changed.
func (d *Debounce) Tick(now mono.Instant) bool {
	if !d.pending || !d.due.Reached(now) {
		return false
	}
	return d.Force(now, d.next)
}
