// Package mono is the time that the pure machines know: nanoseconds on a
// monotonic clock whose zero is arbitrary.
//
// It reads no clock. Whoever drives a machine (the engine from the kernel's
// monotonic clock, a simulation from its own) passes an Instant into every
// call, so a step of the wall clock can neither fire nor stall a timer, and a
// recorded run can be played again.
package mono

import (
	"math"
	"time"
)

// Instant is a point on a monotonic clock, in nanoseconds.
type Instant int64

// Never is later than every instant that a clock can show. A machine whose
// deadline is Never has nothing scheduled.
const Never Instant = math.MaxInt64

// Add returns t+d. Never stays Never.
func (t Instant) Add(d time.Duration) Instant {
	if t == Never {
		return Never
	}
	return t + Instant(d)
}

// Sub returns t-u.
func (t Instant) Sub(u Instant) time.Duration { return time.Duration(t - u) }

// Before reports whether t is earlier than u.
func (t Instant) Before(u Instant) bool { return t < u }

// Reached reports whether the deadline t is due at now. Never is not.
func (t Instant) Reached(now Instant) bool { return t != Never && t <= now }

// Min returns the earlier of t and u.
func Min(t, u Instant) Instant {
	if u < t {
		return u
	}
	return t
}
