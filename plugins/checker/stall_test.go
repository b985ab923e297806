package checker

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
)

// TestStall plays looks at the clock that come late.
func TestStall(t *testing.T) {
	const ms = time.Millisecond
	w := stall{timer: time.NewTimer(time.Hour)}
	defer w.timer.Stop()
	begin := clock()
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

// TestExcuse: only a failure, and only of a probe most of which was lost.
func TestExcuse(t *testing.T) {
	for _, test := range []struct {
		name    string
		verdict checkerpb.Verdict
		took    time.Duration
		stood   time.Duration
		want    checkerpb.Verdict
	}{
		{"it stood still", checkerpb.Verdict_FAILED, time.Second, 700 * time.Millisecond, checkerpb.Verdict_UNKNOWN},
		{"the server had most of the time", checkerpb.Verdict_FAILED, time.Second, 400 * time.Millisecond, checkerpb.Verdict_FAILED},
		{"nothing to speak of", checkerpb.Verdict_FAILED, 50 * time.Millisecond, 45 * time.Millisecond, checkerpb.Verdict_FAILED},
		{"it found out all the same", checkerpb.Verdict_OK, time.Second, 700 * time.Millisecond, checkerpb.Verdict_OK},
	} {
		w := stall{total: time.Hour + test.stood}
		ctx := &probeContext{begun: clock().Add(-test.took), stood: time.Hour}
		out := w.excuse(ctx, &checkerpb.Result{Verdict: test.verdict, Message: "timed out"})
		if out.GetVerdict() != test.want {
			t.Errorf("%s: %v %q", test.name, out.GetVerdict(), out.GetMessage())
		}
	}
}
