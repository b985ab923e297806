package checker

import (
	"context"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
	"github.com/moonkeep/moonkeep/plugins/clock"
)

// TestStall plays looks at the clock that come late.
func TestStall(t *testing.T) {
	const ms = time.Millisecond
	w := stall{timer: time.NewTimer(time.Hour)}
	defer w.timer.Stop()
	begin := clock.Now()
	at := func(d time.Duration) time.Time { return begin.Add(d) }
	on, off := func() bool { return true }, func() bool { return false }
	stood := func(d, want time.Duration) {
		t.Helper()
		if got := w.stood(at(d)); got != want {
			t.Errorf("at %s it stood still for %s, want %s", d, got, want)
		}
	}
	w.watch(at(0))
	stood(50*ms, 0)
	w.look(at(beat), on)
	stood(beat+50*ms, 0)
	stood(beat+700*ms, 600*ms) // the look is late, and has not come yet
	w.look(at(beat+700*ms), on)
	stood(beat+700*ms, 600*ms)
	w.watch(at(beat + 750*ms)) // goes on
	w.look(at(beat+850*ms), off)
	stood(time.Minute, 650*ms) // nobody looks
	w.watch(at(time.Minute))
	stood(time.Minute, 650*ms)
}

// TestExcuse: only a failure that is the end of a time, and only of a probe most of
// which was lost.
func TestExcuse(t *testing.T) {
	const ms = time.Millisecond
	timedOut := Result{Verdict: Failed, TimedOut: true, Message: "timed out"}
	for _, test := range []struct {
		name   string
		result Result
		err    error // of its context
		took   time.Duration
		stood  time.Duration
		want   checkerpb.Verdict
	}{
		{"it stood still", timedOut, nil, time.Second, 700 * ms, checkerpb.Verdict_UNKNOWN},
		{"it stood still, and its context says so", Result{Verdict: Failed, Message: "late"}, context.DeadlineExceeded, time.Second, 700 * ms, checkerpb.Verdict_UNKNOWN},
		{"called off", Result{Verdict: Failed, Message: "off"}, context.Canceled, time.Second, 700 * ms, checkerpb.Verdict_FAILED},
		{"the server refused", Result{Verdict: Failed, Message: "connection refused"}, nil, time.Second, 700 * ms, checkerpb.Verdict_FAILED},
		{"the server had most of the time", timedOut, nil, time.Second, 400 * ms, checkerpb.Verdict_FAILED},
		{"nothing to speak of", timedOut, nil, 50 * ms, 45 * ms, checkerpb.Verdict_FAILED},
		{"it found out all the same", Result{Verdict: OK}, nil, time.Second, 700 * ms, checkerpb.Verdict_OK},
	} {
		s := &session{stall: stall{total: time.Hour + test.stood}, under: 1}
		ctx := &probeContext{parent: t.Context(), begun: clock.Now().Add(-test.took), stood: time.Hour, err: test.err}
		s.perform(job{&check{probe: says(test.result)}, &checkerpb.Start{}, ctx})
		if len(s.results) != 1 || s.results[0].GetVerdict() != test.want {
			t.Errorf("%s: %v", test.name, s.results)
		}
	}
}

// says is a probe that comes out so.
type says Result

func (r says) Probe(context.Context) Result { return Result(r) }
