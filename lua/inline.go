package lua

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Quick reports whether the script, as far as its text says, only looks at what
// the process or the kernel knows, and waits for nobody: what Inline is for. A
// script can hide what it requires; then it is only slower than it seems.
func (s *Script) Quick() bool { return s.quick }

// waitsForNobody finds out what Quick reports.
func (s *Script) waitsForNobody() bool {
	for _, m := range modules() {
		acts := func(f Function) bool { return f.Acts }
		if slices.Contains(s.requires, m.Name) && !slices.ContainsFunc(m.Functions, func(f Function) bool { return !acts(f) }) {
			return false
		}
		for _, f := range m.Functions {
			used := func(n requirement) bool { return n.name == m.Name+"."+f.Name }
			if acts(f) && slices.ContainsFunc(s.uses, used) {
				return false
			}
		}
	}
	return true
}

// Quick is that of the runner's script.
func (r *Runner) Quick() bool { return r.script.Quick() }

// Inline is Verdict with a limit, on the goroutine of the caller, which saves
// the two changes of goroutines that take longer than a small check. The answer
// goes to tell, once: before Inline returns, or from another goroutine when the
// call does not end in time; then Inline returns late, or never. Tell may call
// Inline again.
func (r *Runner) Inline(ctx context.Context, limit time.Duration, about Subject, tell func(Verdict, error)) {
	r.inline(ctx, limit, about, (*state).check, tell)
}

// InlineWeight is Inline for WeightOf: a verdict that is OK and has the weight.
func (r *Runner) InlineWeight(ctx context.Context, limit time.Duration, about Subject, tell func(Verdict, error)) {
	weigh := func(s *state, ctx context.Context, about Subject) (Verdict, error) {
		weight, err := s.measure(ctx, about)
		return Verdict{OK: true, Weight: &weight}, err
	}
	r.inline(ctx, limit, about, weigh, tell)
}

func (r *Runner) inline(ctx context.Context, limit time.Duration, about Subject, work func(*state, context.Context, Subject) (Verdict, error), tell func(Verdict, error)) {
	c := &inlined{r: r, limit: limit, tell: tell, ctx: &limited{parent: ctx, at: time.Now().Add(limit)}}
	defer c.ctx.end()
	lost := r.opts.Lost
	select {
	case r.turn <- struct{}{}:
	default:
		select {
		case r.turn <- struct{}{}:
		case <-c.ctx.Done():
			tell(Verdict{}, r.over(c.ctx, "an earlier call still runs"))
			return
		}
	}
	if err := r.tooMany(); err != nil {
		<-r.turn
		tell(Verdict{}, err)
		return
	}
	s := r.begin(c.ctx)
	c.s = s
	lost.watch.add(c)
	var v Verdict
	s.enter()
	err := s.protect(func(s *state) (err error) {
		v, err = work(s, c.ctx, about)
		return err
	})
	s.leave()
	lost.watch.remove(c)
	used := s.usage()
	if !s.phase.CompareAndSwap(phaseRunning, phaseEnded) {
		s.abandoned()
		return
	}
	r.used = used
	if err != nil {
		r.state, v = nil, Verdict{}
	}
	<-r.turn
	tell(v, err)
}

// inlined is a call of Inline that runs.
type inlined struct {
	r     *Runner
	s     *state
	limit time.Duration
	ctx   *limited
	tell  func(Verdict, error)
	// until is when it is given up; spared says that this was put off once.
	until  time.Time
	spared bool
}

// giveUp ends a call whose time has been over for a while, for everybody but its
// goroutine.
func (c *inlined) giveUp() {
	if c.r.abandon(c.s) {
		c.r.state = nil
		<-c.r.turn
		c.tell(Verdict{}, c.r.over(c.ctx, "it is stuck and was given up"))
	}
}

// watch gives up the calls of Inline that do not end in time. One timer serves
// all: setting one for each call would cost as much as a small call. The zero
// value is ready.
type watch struct {
	mu    sync.Mutex
	calls map[*inlined]bool
	timer *time.Timer
	at    time.Time // of the timer; zero when it is not set
}

func (w *watch) add(c *inlined) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls == nil {
		w.calls = map[*inlined]bool{}
		w.timer = time.AfterFunc(time.Hour, w.fire)
	}
	c.until = c.ctx.at.Add(giveUpAfter)
	// A timer that was left by calls which have ended is put off rather than let
	// go off, which would wake the process for nothing; but not for each call.
	stale := len(w.calls) == 0 && c.until.Sub(w.at) > c.limit/2
	w.calls[c] = true
	if w.at.IsZero() || stale || c.until.Before(w.at) {
		w.at = c.until
		w.timer.Reset(time.Until(c.until))
	}
}

func (w *watch) remove(c *inlined) {
	w.mu.Lock()
	delete(w.calls, c)
	w.mu.Unlock()
}

// fire gives up what is over and waits for the next. When the process stood still
// until now, so did the calls: each gets the time that it would have had to end.
func (w *watch) fire() {
	var over []*inlined
	w.mu.Lock()
	now := time.Now()
	stood := !w.at.IsZero() && now.Sub(w.at) > giveUpAfter
	w.at = time.Time{}
	for c := range w.calls {
		if stood && !c.spared && !now.Before(c.until) {
			c.until, c.spared = now.Add(giveUpAfter), true
		}
		if !now.Before(c.until) {
			over = append(over, c)
			delete(w.calls, c)
		} else if w.at.IsZero() || c.until.Before(w.at) {
			w.at = c.until
		}
	}
	if !w.at.IsZero() {
		w.timer.Reset(w.at.Sub(now))
	}
	w.mu.Unlock()
	for _, c := range over {
		c.giveUp()
	}
}

// limited is a context that ends at an instant, or with its parent. Unlike that
// of context.WithDeadline it sets a timer only when somebody waits for it.
type limited struct {
	parent context.Context
	at     time.Time
	mu     sync.Mutex
	cancel context.CancelFunc
	real   atomic.Pointer[context.Context]
}

func (d *limited) Deadline() (time.Time, bool) { return d.at, true }

func (d *limited) Err() error {
	if real := d.real.Load(); real != nil && (*real).Err() != nil {
		return (*real).Err()
	}
	if err := d.parent.Err(); err != nil {
		return err
	}
	if !time.Now().Before(d.at) {
		return context.DeadlineExceeded
	}
	return nil
}

func (d *limited) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	real := d.real.Load()
	if real == nil {
		ctx, cancel := context.WithDeadline(d.parent, d.at)
		real, d.cancel = &ctx, cancel
		d.real.Store(real)
	}
	return (*real).Done()
}

// Value finds what contexts look for in their parents, so that one made of this
// needs no goroutine.
func (d *limited) Value(key any) any {
	if real := d.real.Load(); real != nil {
		return (*real).Value(key)
	}
	return d.parent.Value(key)
}

// end ends those who wait.
func (d *limited) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
	}
}
