package checker

import (
	"fmt"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
	"github.com/moonkeep/moonkeep/plugins/clock"
)

// A process that is stopped, or that gets little of a busy machine, looks too
// late at what servers answered in time, and finds that their time is over. That
// is no fault of theirs: that a time is over says nothing when a process finds it
// that stood still for most of the probe. What a server did, such as to refuse the
// connection, stands: being late does not make that up.

const (
	// beat is how often a session looks at the clock while probes are under way.
	beat = 100 * time.Millisecond
	// excused is the least time that it must have stood still to say so.
	excused = beat
)

// stall adds up how late the looks at the clock came.
type stall struct {
	mu    sync.Mutex // guards what follows
	timer *time.Timer
	beats bool      // the timer runs
	last  time.Time // when it was looked
	total time.Duration
}

// watch begins to look, unless that goes on.
func (w *stall) watch(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.beats {
		w.beats, w.last = true, now
		w.timer.Reset(beat)
	}
}

// look is one look; more says whether to go on.
func (w *stall) look(now time.Time, more func() bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.total, w.last = w.until(now), now
	if w.beats = more(); w.beats {
		w.timer.Reset(beat)
	}
}

// until is for how long the process stood still, in all; a look that is late by
// now counts.
func (w *stall) until(now time.Time) time.Duration {
	if !w.beats {
		return w.total
	}
	return w.total + max(0, now.Sub(w.last)-beat)
}

// stood is until for others.
func (w *stall) stood(now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.until(now)
}

// excuse makes a failure unknown that is the end of a time, which the process found
// after it had stood still for most of the probe. timedOut is what the probe says of
// it.
func (w *stall) excuse(ctx *probeContext, out *checkerpb.Result, timedOut bool) *checkerpb.Result {
	if out.GetVerdict() != checkerpb.Verdict_FAILED || !timedOut && !ctx.over() {
		return out
	}
	now := clock.Now()
	stood := w.stood(now) - ctx.stood
	if stood <= excused || stood <= now.Sub(ctx.begun)/2 {
		return out
	}
	out.Verdict, out.Weight = checkerpb.Verdict_UNKNOWN, nil
	out.Message = cut(fmt.Sprintf("the checker's process stood still for %s: %s", stood.Round(time.Millisecond), out.GetMessage()), maxMessage)
	return out
}
