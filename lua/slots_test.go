package lua

import (
	"context"
	"testing"
	"time"
)

// Who has computed for long waits behind the others, and in order among its like.
func TestLongCallsWaitBehindOthers(t *testing.T) {
	var s slots
	ctx := context.Background()
	s.made, s.free = true, 1
	if !s.acquire(ctx, false) {
		t.Fatal("no slot")
	}
	got := make(chan string)
	for _, c := range []struct {
		name string
		long bool
	}{{"long 1", true}, {"long 2", true}, {"short 1", false}, {"short 2", false}} {
		before := s.waiting.Load()
		go func() {
			if s.acquire(ctx, c.long) {
				got <- c.name
			}
		}()
		for s.waiting.Load() == before {
			time.Sleep(time.Millisecond)
		}
	}
	for _, long := range []bool{false, true} {
		over, cancel := context.WithCancel(ctx)
		cancel()
		if s.acquire(over, long) {
			t.Error("a call whose time is over has a slot")
		}
	}
	for _, want := range []string{"short 1", "short 2", "long 1", "long 2"} {
		s.release()
		if name := <-got; name != want {
			t.Errorf("%s has the slot, want %s", name, want)
		}
	}
	s.release()
	if s.free != 1 || s.waiting.Load() != 0 {
		t.Errorf("%d are free and %d wait", s.free, s.waiting.Load())
	}
}

// A call is long from its first slice on, and the next one is not.
func TestACallBecomesLong(t *testing.T) {
	r := runner(t, "local n = 0 return function() n = n + 1 if n == 1 then for i = 1, 1e5 do end end return true end", Options{})
	for i, want := range []bool{true, false} {
		if _, _, err := r.Check(within(t, 5*time.Second)); err != nil || r.state.long != want {
			t.Errorf("call %d: long is %v, %v", i+1, r.state.long, err)
		}
	}
}
