//go:build linux

package alarm

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newAlarm(t *testing.T) *Alarm {
	t.Helper()
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func set(t *testing.T, a *Alarm, d time.Duration) {
	t.Helper()
	if err := a.Set(d); err != nil {
		t.Fatal(err)
	}
}

func wait(t *testing.T, a *Alarm) (off bool) {
	t.Helper()
	off, err := a.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return off
}

// within fails when f does not return soon.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal(what)
	}
}

func TestGoesOffInTime(t *testing.T) {
	a := newAlarm(t)
	var late []time.Duration
	for range 50 {
		begin := time.Now()
		set(t, a, 2*time.Millisecond)
		if !wait(t, a) {
			t.Fatal("it returned though nobody rang")
		}
		took := time.Since(begin)
		if took < 2*time.Millisecond {
			t.Fatalf("went off after %v, set to 2 ms", took)
		}
		late = append(late, took-2*time.Millisecond)
	}
	slices.Sort(late)
	t.Logf("median lateness %v, worst %v", late[len(late)/2], late[len(late)-1])
	if m := late[len(late)/2]; m > 5*time.Millisecond {
		t.Errorf("median lateness is %v", m)
	}
}

func TestSetAgainReplaces(t *testing.T) {
	a := newAlarm(t)
	set(t, a, time.Millisecond)
	set(t, a, -1)
	timer := time.AfterFunc(30*time.Millisecond, a.Ring)
	defer timer.Stop()
	if wait(t, a) {
		t.Error("a disarmed alarm went off")
	}
	set(t, a, time.Hour)
	set(t, a, 0)
	within(t, "an alarm that is due did not go off", func() {
		if !wait(t, a) {
			t.Error("an alarm that is due did not go off first")
		}
	})
}

// TestRing: one that came before the wait is not lost, and several are one.
func TestRing(t *testing.T) {
	a := newAlarm(t)
	a.Ring()
	a.Ring()
	within(t, "a ring before the wait was lost", func() {
		if wait(t, a) {
			t.Error("a ring was taken for the time")
		}
	})
	set(t, a, 20*time.Millisecond)
	within(t, "the alarm did not go off after a ring", func() {
		if !wait(t, a) {
			t.Error("a second ring was counted")
		}
	})
}

// TestRingsFromMany: whatever is left before a ring is seen, however rings,
// waits and the time fall together.
func TestRingsFromMany(t *testing.T) {
	a := newAlarm(t)
	const ringers, each = 4, 5000
	var left atomic.Int64
	var all sync.WaitGroup
	for range ringers {
		all.Go(func() {
			for i := range each {
				left.Add(1)
				a.Ring()
				if i%64 == 0 {
					time.Sleep(50 * time.Microsecond) // so that the other comes to wait
				}
			}
		})
	}
	within(t, "a ring was lost", func() {
		for i := 0; left.Load() < ringers*each; i++ {
			if i%3 == 0 {
				if err := a.Set(time.Duration(i%7) * 10 * time.Microsecond); err != nil {
					t.Error(err)
				}
			} else if err := a.Set(-1); err != nil { // nothing but the rings
				t.Error(err)
			}
			if _, err := a.Wait(); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
}

func TestClose(t *testing.T) {
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { _, err := a.Wait(); ended <- err }()
	for a.state.Load() != waiting {
		time.Sleep(time.Millisecond)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	within(t, "a wait outlived its alarm", func() {
		if err := <-ended; err == nil {
			t.Error("a wait for a closed alarm ended well")
		}
	})
	a.Ring()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestWaitAllocatesNothing(t *testing.T) {
	a := newAlarm(t)
	if n := testing.AllocsPerRun(50, func() {
		set(t, a, time.Microsecond)
		wait(t, a)
		a.Ring()
		wait(t, a)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
