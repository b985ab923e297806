package checker

import (
	"context"
	"sync"
	"time"
)

// probeContext is the context of one probe. Package context's would read the
// clock some times and set a timer for each, which costs as much as the whole of
// a small check where reading the clock is a system call; this one does so when
// somebody asks for Done.
type probeContext struct {
	parent   context.Context
	ambience ambience
	begun    time.Time // when it was asked for
	deadline time.Time
	stood    time.Duration // for how long the process had stood still then

	mu    sync.Mutex // guards what follows
	err   error
	done  chan struct{} // nil until somebody asks for it
	timer *time.Timer   // with done
	apart func() bool   // lets go of parent, with done
	// after is called when the probe is called off, and so are others; most
	// probes ask for one call.
	after  func()
	others map[int]func()
	next   int
}

// Deadline is context.Context's.
func (c *probeContext) Deadline() (time.Time, bool) { return c.deadline, true }

// Done is context.Context's.
func (c *probeContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done != nil {
		return c.done
	}
	c.done = make(chan struct{})
	if c.err != nil {
		close(c.done)
		return c.done
	}
	c.timer = time.AfterFunc(time.Until(c.deadline), func() { c.end(context.DeadlineExceeded) })
	c.apart = context.AfterFunc(c.parent, func() { c.end(context.Canceled) })
	return c.done
}

// Err is context.Context's.
func (c *probeContext) Err() error {
	c.mu.Lock()
	err := c.err
	c.mu.Unlock()
	switch {
	case err != nil:
		return err
	case c.parent.Err() != nil:
		c.end(context.Canceled)
	case !time.Now().Before(c.deadline):
		c.end(context.DeadlineExceeded)
	default:
		return nil
	}
	return c.Err()
}

// Value is context.Context's.
func (c *probeContext) Value(key any) any {
	if key == (ambienceKey{}) {
		return &c.ambience
	}
	return c.parent.Value(key)
}

// AfterCancel has f called in a goroutine of its own when the probe is called
// off before its deadline, or has returned; it is for who keeps to the deadline
// without a timer of the context's. The result undoes it, and reports whether it
// came in time.
func (c *probeContext) AfterCancel(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		go f() // as long as f takes; once for each call
		return func() bool { return false }
	}
	if c.next == 0 {
		c.after, c.next = f, 1
		return c.unask
	}
	if c.others == nil {
		c.others = make(map[int]func(), 1)
	}
	id := c.next
	c.next++
	c.others[id] = f
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, there := c.others[id]
		delete(c.others, id)
		return there
	}
}

// unask undoes the first call of AfterCancel.
func (c *probeContext) unask() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	there := c.after != nil
	c.after = nil
	return there
}

// over reports whether somebody was told that the time of the probe is over.
func (c *probeContext) over() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err == context.DeadlineExceeded
}

// cancel ends the probe, or tells that it has returned.
func (c *probeContext) cancel() { c.end(context.Canceled) }

// end ends it for a reason; the first one stands.
func (c *probeContext) end(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.err = why
	if c.done != nil {
		c.timer.Stop()
		c.apart()
		close(c.done)
	}
	if c.after != nil {
		go c.after()
	}
	for _, f := range c.others { // as many as the probe has asked for
		go f()
	}
	c.after, c.others = nil, nil
}
