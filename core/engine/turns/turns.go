// Package turns makes quick calls that are due together, one after another, which
// takes less than to change between goroutines for each of them. One that takes
// its time after all keeps the others waiting for a moment only.
//
// It does not know what is called, and starts no goroutine itself: who drives it,
// core/engine for scripts and cmd/moonkeep/daemon for checks of real servers, says how.
package turns

import (
	"runtime"
	"sync"
	"time"
)

const (
	// spareAfter is how often it is looked how far the calls have come: what is
	// known then is told, and another goroutine goes on with the rest when they
	// have come nowhere. So the rest waits for less than twice as long.
	spareAfter = 2 * time.Millisecond
	// worthHelp is how many times spareAfter the rest must seem to take for another
	// goroutine to help although the calls go on. Two that are in each other's way
	// take longer than one, as they are where there are no more than fewProcessors:
	// one of these is the rest of the daemon's.
	worthHelp     = 4
	fewProcessors = 2
)

// Run has n calls made by goroutines that spawn begins: as a rule one makes them
// all, and told gets all results together. call makes the call with a number from
// 0, and hands its result to tell, once at most and from whatever goroutine, before
// or after it returns. When one takes its time, or all of them together do, what is
// known is told, another goroutine goes on, and the rest is told as it comes.
//
// spawn begins a goroutine, now or when there is room for it, and is not asked for
// another before that has begun; it may be called while another call is made, but
// not after the last one has ended.
func Run[T any](n int, spawn func(func()), call func(i int, tell func(T)), told func([]T)) {
	b := &batch[T]{n: n, spawn: spawn, call: call, told: told}
	spawn(b.work)
}

type batch[T any] struct {
	n     int
	spawn func(func())
	call  func(int, func(T))
	told  func([]T)

	mu    sync.Mutex
	next  int
	seen  int // what next was when it was looked last, or when the first call began
	known []T
	// coming is true while a goroutine that is to help has not begun: there may be
	// no room for it, and others would wait behind it for the same.
	coming bool
	spare  *time.Timer // nil before the first
	// late is true when nobody will come by to tell what is known, so that each
	// result is told when it comes.
	late bool
}

// help is work of another goroutine.
func (b *batch[T]) help() {
	b.mu.Lock()
	b.coming = false
	b.mu.Unlock()
	b.work()
}

func (b *batch[T]) work() {
	for {
		i, ok := b.take()
		if !ok {
			b.tell()
			return
		}
		b.call(i, b.answer)
	}
}

// take returns the next call.
func (b *batch[T]) take() (i int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == b.n {
		if b.spare != nil {
			b.spare.Stop()
		}
		b.late = true
		return 0, false
	}
	i = b.next
	b.next++
	if b.spare == nil {
		b.known, b.seen = make([]T, 0, b.n), b.next
		b.spare = time.AfterFunc(spareAfter, b.look)
	}
	return i, true
}

// look has another goroutine go on where one is needed, and tells what is known.
// When no call has begun since the last look, all that have begun before and have
// not returned are stuck.
func (b *batch[T]) look() {
	b.mu.Lock()
	made, rest := b.next-b.seen, b.n-b.next
	b.seen = b.next
	if rest > 0 {
		if !b.coming && (made == 0 || rest > worthHelp*made && runtime.GOMAXPROCS(0) > fewProcessors) {
			b.coming = true
			// While the lock is held one that works cannot find that it was the last.
			b.spawn(b.help)
		}
		b.spare.Reset(spareAfter)
	} else {
		b.late = true
	}
	b.mu.Unlock()
	b.tell()
}

func (b *batch[T]) answer(result T) {
	b.mu.Lock()
	late := b.late
	if !late {
		b.known = append(b.known, result)
	}
	b.mu.Unlock()
	if late {
		b.told([]T{result})
	}
}

// tell tells what is known.
func (b *batch[T]) tell() {
	b.mu.Lock()
	known := b.known
	b.known = nil
	b.mu.Unlock()
	if len(known) > 0 {
		b.told(known)
	}
}
