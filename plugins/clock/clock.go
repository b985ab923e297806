// Package clock reads the time for what runs thousands of times a second. It sets no
// timers; package time does.
package clock

import "time"

// origin is an instant from which the clock is read; see Now. It is never changed.
var origin = time.Now()

// Now is the time. It reads the clock once, where time.Now reads two: the clock on
// the wall follows from the other one, and may have been set since.
func Now() time.Time { return origin.Add(time.Since(origin)) }
