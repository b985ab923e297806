package lua

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// slots bound how many calls compute at a time, so that one processor of Go's
// is always free for the rest of the process: one that has nothing else to do
// waits for the kernel's events and takes them at once, where busy ones look
// for them every ten milliseconds. A call that waits for the world holds none.
// Calls that have computed for long wait behind the others, so that scripts which
// use up their time cost a small check next to nothing. The zero value is ready.
type slots struct {
	// waiting is how many wait, for those that compute to see.
	waiting atomic.Int32

	mu        sync.Mutex
	made      bool
	all, free int
	// queue is first come, first served, as is long, those behind it; both are as
	// long as there are calls.
	queue, long []chan struct{}
}

// acquire waits for a slot; false when ctx ended first. long says that the call
// has computed for long.
func (s *slots) acquire(ctx context.Context, long bool) bool {
	s.mu.Lock()
	if !s.made {
		s.made, s.all = true, max(1, runtime.GOMAXPROCS(0)-1)
		s.free = s.all
	}
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return true
	}
	mine := make(chan struct{})
	in := &s.queue
	if long {
		in = &s.long
	}
	*in = append(*in, mine)
	s.waiting.Add(1)
	s.mu.Unlock()
	select {
	case <-mine:
		return true
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(*in, mine); i >= 0 {
		*in = slices.Delete(*in, i, i+1)
		s.waiting.Add(-1)
		return false
	}
	return true // it was given at this very moment
}

// release gives a slot to the first that waits.
func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := &s.queue
	if len(*from) == 0 {
		from = &s.long
	}
	if len(*from) == 0 {
		s.free++
		return
	}
	first := (*from)[0]
	*from = (*from)[1:]
	s.waiting.Add(-1)
	close(first)
}

// enter takes a slot for the call that runs, unless it has one: what waits may
// call the script, which calls what waits. Without one, because its time is over,
// the call ends at its next instruction.
func (s *state) enter() {
	if s.holding.Load() {
		return
	}
	if s.opts.Lost.slots.acquire(s.meter.ctx, s.long) {
		s.holding.Store(true)
		s.meter.resume()
	}
}

// leave gives the slot back. Whoever gives a call up leaves for it.
func (s *state) leave() {
	if s.holding.CompareAndSwap(true, false) {
		s.opts.Lost.slots.release()
	}
}

// compute does with a slot what a function that else waits has to compute.
func (s *state) compute(work func()) {
	s.enter()
	work() // it may raise an error: then the function ends, and has one
	s.leave()
}

// yield lets those go on that wait for a slot. A call that has none, because it
// waits, is in nobody's way.
func (s *state) yield() {
	if !s.holding.Load() {
		return
	}
	s.long = true
	if s.opts.Lost.slots.waiting.Load() > 0 {
		s.leave()
		s.enter()
	}
}
