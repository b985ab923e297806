package track

import (
	"math"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// Smoothing says how a weight follows what is measured. The zero value follows
// at once.
type Smoothing struct {
	// TimeConstant is that of an exponential average: after it, a jump of the
	// measurement has come through to 63 %, after three times it to 95 %. Zero
	// takes each measurement as it is.
	TimeConstant time.Duration
	// Min and Max bound the weight; both zero is no bound.
	Min, Max int
	// Step is the least change that is passed on: below it the weight stays.
	// Zero and one pass every change on.
	Step int
	// SlowStart is how long a weight takes to rise from Min, or from 0 without
	// bounds, to the full value after Restart, linearly. Zero is none.
	SlowStart time.Duration
}

// Weight is an absolute weight that is measured again and again: the average,
// bounds and steps between a noisy number and a table that others act on. It
// never overshoots: the average lies between the measurements. What is passed
// on is at most half a unit, or Step, away from it.
type Weight struct {
	cfg     Smoothing
	known   bool
	average float64
	at      mono.Instant // of the last measurement
	value   int          // what was passed on
	began   mono.Instant // of the slow start
	slow    bool
}

// NewWeight returns a weight that is not known yet.
func NewWeight(cfg Smoothing) *Weight { return &Weight{cfg: cfg} }

// Reconfigure changes how it follows, from the next measurement on.
func (w *Weight) Reconfigure(cfg Smoothing) { w.cfg = cfg }

// Known reports whether there was a measurement.
func (w *Weight) Known() bool { return w.known }

// Value returns the weight, 0 before the first measurement.
func (w *Weight) Value() int { return w.value }

// Restart begins a slow start: what it is the weight of has come up.
func (w *Weight) Restart(now mono.Instant) {
	w.slow, w.began = w.cfg.SlowStart > 0, now
	if w.slow && w.known {
		w.value = w.bound(float64(w.cfg.Min)) // 0 without bounds
	}
}

// Observe takes a measurement and reports whether the weight changed. The first
// one counts as it is. NaN is none.
func (w *Weight) Observe(now mono.Instant, measured float64) (changed bool) {
	if math.IsNaN(measured) {
		return false
	}
	measured = min(max(measured, -maxMeasured), maxMeasured)
	first := !w.known
	switch {
	case first || w.cfg.TimeConstant <= 0:
		w.average = measured
	default:
		passed := max(0, now.Sub(w.at))
		w.average += (measured - w.average) * -math.Expm1(-passed.Seconds()/w.cfg.TimeConstant.Seconds())
	}
	w.known, w.at = true, now
	target := w.average
	if w.slow {
		low := float64(w.cfg.Min)
		part := now.Sub(w.began).Seconds() / w.cfg.SlowStart.Seconds()
		if w.slow = part < 1; w.slow && target > low {
			target = low + (target-low)*part
		}
	}
	next := w.bound(target)
	// Within the step it stays, but at a bound it comes to rest.
	step := max(w.cfg.Step, 1)
	atBound := w.bounded() && (next == w.cfg.Min || next == w.cfg.Max)
	if !first && next-w.value < step && w.value-next < step && !(atBound && next != w.value && !w.slow) {
		return false
	}
	// A rounded average flickers between two numbers; half a unit more than
	// rounding does keeps it at one.
	if !first && w.cfg.TimeConstant > 0 && math.Abs(target-float64(w.value)) < 0.75 && !atBound {
		return false
	}
	changed = first || next != w.value
	w.value = next
	return changed
}

// maxMeasured bounds measurements, so that sums of them stay exact.
const maxMeasured = 1 << 40

func (w *Weight) bounded() bool { return w.cfg.Min != 0 || w.cfg.Max != 0 }

// bound rounds to a weight within the bounds.
func (w *Weight) bound(v float64) int {
	low, high := float64(-maxMeasured), float64(maxMeasured)
	if w.bounded() {
		low, high = float64(w.cfg.Min), float64(w.cfg.Max)
	}
	return int(math.Round(min(max(v, low), high)))
}
