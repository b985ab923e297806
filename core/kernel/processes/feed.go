//go:build linux

package processes

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pause is the least time between two looks at what the kernel tells, from
	// the second on: a host that begins a thousand processes a second wakes us
	// fifty times.
	pause = 20 * time.Millisecond
	// maxWaiting is how many processes may wait for one that follows; who has
	// more is told that it lost some, and looks at all of them.
	maxWaiting = 16 << 10
)

// Feed hears what happens to processes over one socket, for all who follow it.
// The socket is open, and a goroutine reads it, while somebody does. The zero
// value is ready.
type Feed struct {
	mu     sync.Mutex
	source *connector // nil while nobody follows
	all    map[*follower]bool
	closed bool
	wg     sync.WaitGroup
}

// follower is one who follows: a watcher of this package that asks, or a
// function that is called.
type follower struct {
	feed *Feed
	tell func(changed map[int]bool, err error) (more bool) // nil: next

	mu      sync.Mutex
	waiting map[int]bool
	err     error // why there is no more, or unix.ENOBUFS for a gap
	ready   chan struct{}
}

// Follow has tell called, first with nothing, and from then on with the
// processes that something happened to: they began, run another program, or have
// another name or user; those with false have ended. An error says that some may
// have been missed, and one that is not ErrMissed that nothing is told, or no
// longer; Reason explains it to people. Tell may not wait nor call the feed, and
// keeps nothing of the map; it returns false when it wants no more. Follow
// returns at once.
func (f *Feed) Follow(tell func(changed map[int]bool, err error) (more bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		tell(nil, os.ErrClosed)
		return
	}
	// To begin may take as long as the kernel takes to answer.
	f.wg.Go(func() {
		if _, err := f.follow(tell, listen); err != nil {
			tell(nil, err)
		}
	})
}

// ErrMissed says that events were lost.
var ErrMissed = unix.ENOBUFS

// Reason says, for people, why nothing is told.
func Reason(err error) string { return reason(err) }

func (f *Feed) follow(tell func(map[int]bool, error) bool, listen func() (*connector, error)) (*follower, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, os.ErrClosed
	}
	if f.source == nil {
		c, err := listen()
		if err != nil {
			return nil, err
		}
		f.source, f.all = c, map[*follower]bool{}
		f.wg.Go(func() { f.run(c) })
	}
	x := &follower{feed: f, tell: tell, waiting: map[int]bool{}, ready: make(chan struct{}, 1)}
	f.all[x] = true
	if tell != nil && !tell(nil, nil) {
		f.drop(x)
	}
	return x, nil
}

// Close ends it, for all who follow.
func (f *Feed) Close() {
	f.mu.Lock()
	f.closed = true
	f.end(f.source, os.ErrClosed)
	f.mu.Unlock()
	f.wg.Wait()
}

// end closes a connector, if it is the present one, and tells those who follow.
// The feed is locked.
func (f *Feed) end(c *connector, err error) {
	if c == nil || f.source != c {
		return
	}
	c.close()
	for x := range f.all {
		x.take(nil, err)
	}
	f.source, f.all = nil, nil
}

// run hands on what a connector tells until it is closed.
func (f *Feed) run(c *connector) {
	var last time.Time
	for {
		changed, err := c.next(time.Time{})
		f.mu.Lock()
		if f.source != c {
			f.mu.Unlock()
			return // closed
		}
		if err != nil && !errors.Is(err, ErrMissed) {
			f.end(c, err)
			f.mu.Unlock()
			return
		}
		for x := range f.all {
			if !x.take(changed, err) {
				f.drop(x)
			}
		}
		f.mu.Unlock()
		// Closing waits for a pause at most.
		if rest := pause - time.Since(last); rest > 0 && len(changed) < batch {
			time.Sleep(rest)
		}
		last = time.Now()
	}
}

// drop ends one who follows, and the connector with the last. The feed is
// locked.
func (f *Feed) drop(x *follower) {
	if delete(f.all, x); len(f.all) == 0 {
		f.end(f.source, os.ErrClosed)
	}
}

// take notes what happened, and reports whether more is wanted.
func (x *follower) take(changed map[int]bool, err error) (more bool) {
	if x.tell != nil {
		return x.tell(changed, err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for pid, alive := range changed {
		x.waiting[pid] = alive
	}
	if len(x.waiting) > maxWaiting {
		err = ErrMissed
	}
	if err != nil {
		x.err = err
		clear(x.waiting)
	}
	select {
	case x.ready <- struct{}{}:
	default: // it was told, and will find this too
	}
	return true
}

// next waits for processes that something happened to, until the deadline, and
// then returns os.ErrDeadlineExceeded.
func (x *follower) next(deadline time.Time) (map[int]bool, error) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-x.ready:
	case <-timer.C:
		return nil, os.ErrDeadlineExceeded
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.err; err != nil {
		if errors.Is(err, ErrMissed) {
			x.err = nil
		}
		return nil, err
	}
	changed := x.waiting
	x.waiting = map[int]bool{}
	return changed, nil
}

// close ends it; a next that waits returns.
func (x *follower) close() {
	x.feed.mu.Lock()
	defer x.feed.mu.Unlock()
	if x.feed.all[x] {
		x.take(nil, os.ErrClosed)
		x.feed.drop(x)
	}
}
