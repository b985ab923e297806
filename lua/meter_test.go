package lua

import (
	"context"
	"testing"
	"time"
)

// metered is a meter whose clock stands still but for what a test adds to it.
type metered struct {
	*meter
	clock  time.Duration
	yields int
}

func newMetered() *metered {
	m := &metered{meter: newMeter(), clock: time.Second}
	m.yield = func() { m.yields++ }
	m.begin(context.Background(), Limits{Instructions: 1 << 30, Memory: 1 << 20})
	return m
}

// run counts instructions, each of which takes so long by the clock.
func (m *metered) run(n int, each time.Duration) {
	for range n {
		m.clock += each
		m.born = time.Now().Add(-m.clock)
		m.Done()
	}
}

// A call that the process stood still under has computed no longer than others, and
// none waits for it: it is not one that takes long.
func TestAPauseMakesNoCallLong(t *testing.T) {
	m := newMetered()
	m.run(20*checkEvery, time.Microsecond)
	m.run(1, time.Minute)
	m.run(closely+10*checkEvery, time.Microsecond)
	if m.yields != 0 {
		t.Errorf("it let others compute %d times after a pause", m.yields)
	}
}

// The closer looks after one that shows a pause leave a slice as long as it is.
func TestCloserLooksMakeNoSliceShorter(t *testing.T) {
	m := newMetered()
	m.run(2*checkEvery, 0)
	m.run(1, time.Minute)
	m.run((sliceOf-4)*checkEvery, 0)
	if m.yields != 0 {
		t.Errorf("the slice ended %d times before its end", m.yields)
	}
	m.run(2*checkEvery, 0)
	if m.yields != 1 {
		t.Errorf("the slice ended %d times, want once", m.yields)
	}
}

// Instructions that are slow, one after the other, end a slice by time.
func TestSlowInstructionsEndASlice(t *testing.T) {
	m := newMetered()
	m.run(2*checkEvery, 0)
	m.run(checkEvery+4, 2*sliceTime)
	if m.yields == 0 {
		t.Error("it let nobody compute")
	}
}
