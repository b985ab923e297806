package checker_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/checker/checkertest"
)

// runner is odd that runs its probes itself, one after the other, but for those
// that wait.
type runner struct {
	odd
	mu  sync.Mutex
	ran int
}

func (*runner) Light() bool { return true }

func (r *runner) Run(list []checker.Turn) (others []checker.Turn) {
	for _, t := range list {
		if t.Probe.(*oddProbe).in.Do == "wait" {
			others = append(others, t)
			continue
		}
		r.mu.Lock()
		r.ran++
		r.mu.Unlock()
		t.Do()
	}
	return others
}

// TestRunner holds that a checker may run its probes itself: they come back as
// others do, also those that panic, and those that it leaves have goroutines.
func TestRunner(t *testing.T) {
	r := &runner{}
	h := checkertest.Start(t, r)
	prepare := func(do string) *checkertest.Check {
		c, err := h.Prepare(target, map[string]any{"do": do})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	waits, ok, panics := prepare("wait"), prepare("ok"), prepare("panic")
	held := make(chan checker.Result)
	go func() { held <- waits.Probe(time.Minute) }()
	for r.waiting.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 3 {
		if got := ok.Probe(time.Minute); got.Verdict != checker.OK {
			t.Errorf("came back as %+v", got)
		}
		if got := panics.Probe(time.Minute); got.Verdict != checker.Unknown || !strings.Contains(got.Message, "panicked: boom") {
			t.Errorf("a panic came back as %+v", got)
		}
	}
	if r.ran != 6 {
		t.Errorf("%d probes were run, want 6", r.ran)
	}
	waits.Cancel()
	if got := <-held; got.Message != "context canceled" {
		t.Errorf("what it left came back as %+v", got)
	}
	go waits.Probe(time.Minute)
	for r.waiting.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	h.Close() // ends it
}
