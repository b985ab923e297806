package lua

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// slots bound how many calls compute at a time, so that one processor of Go's
// is always free for the rest of the process: one that has nothing else to do
// waits for the kernel's events and takes them at once, where busy ones look
// for them every ten milliseconds. A call that waits for the world holds none.
// The zero value is ready.
type slots struct {
	// waiting is how many wait, for those that compute to see.
	waiting atomic.Int32

	mu    sync.Mutex
	made  bool
	free  int
	queue []chan struct{} // first come, first served; as long as there are calls
}

// acquire waits for a slot; false when ctx ended first.
func (s *slots) acquire(ctx context.Context) bool {
	s.mu.Lock()
	if !s.made {
		s.made, s.free = true, max(1, runtime.GOMAXPROCS(0)-1)
	}
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return true
	}
	mine := make(chan struct{})
	s.queue = append(s.queue, mine)
	s.waiting.Add(1)
	s.mu.Unlock()
	select {
	case <-mine:
		return true
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, other := range s.queue {
		if other == mine {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			s.waiting.Add(-1)
			return false
		}
	}
	return true // it was given at this very moment
}

// release gives a slot to the first that waits.
func (s *slots) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.free++
		return
	}
	first := s.queue[0]
	s.queue = s.queue[1:]
	s.waiting.Add(-1)
	close(first)
}

// enter takes a slot for the call that runs. Without one, because its time is
// over, the call ends at its next instruction.
func (s *state) enter() {
	if s.opts.Lost.slots.acquire(s.meter.ctx) {
		s.holding.Store(true)
	}
}

// leave gives the slot back. Whoever gives a call up leaves for it.
func (s *state) leave() {
	if s.holding.CompareAndSwap(true, false) {
		s.opts.Lost.slots.release()
	}
}

// yield lets those go on that wait for a slot.
func (s *state) yield() {
	if s.opts.Lost.slots.waiting.Load() > 0 {
		s.leave()
		s.enter()
	}
}
