package lua

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"time"
)

// Runner is one running script. Its methods may be called from any goroutine;
// they run one at a time, and one that waits for another to end gives up at
// its own deadline. What the script keeps in variables lasts from call to
// call, until a call fails: then the next one starts afresh.
//
// A runner needs no closing. Between calls it has no goroutine.
type Runner struct {
	script *Script
	opts   Options
	// turn holds one token while a call runs.
	turn chan struct{}
	// state is nil before the first call and after a failure. Only the
	// holder of the turn touches it.
	state *state
	// used is what the last call that ended took.
	used Usage
	// lost counts the calls that were given up and have not ended.
	lost atomic.Int32
}

// Usage is what a call took of its budget.
type Usage struct {
	// Instructions of the virtual machine, and Memory in octets, by estimate.
	Instructions, Memory int
}

// Usage returns what the last call that ended took. It may not be called
// beside another method.
func (r *Runner) Usage() Usage { return r.used }

// NewRunner returns a runner of the script. Nothing is executed before the
// first call. The error names a grant that does not exist.
func (s *Script) NewRunner(o Options) (*Runner, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	return &Runner{script: s, opts: o, turn: make(chan struct{}, 1)}, nil
}

// Functions runs the script's outermost code, unless it has run, and returns
// the names of the functions that the script has, sorted. Modules that act or
// wait refuse to be called at that time, so that looking at a script has no
// effects.
func (r *Runner) Functions(ctx context.Context) ([]string, error) {
	var names []string
	// Whatever is stuck: a configuration must be read to mend it.
	err := r.make(ctx, false, func(s *state) error {
		for name := range s.functions {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	return names, nil
}

// Has reports, as an error, that the script lacks every one of the functions,
// and returns those that it has.
func (r *Runner) Has(ctx context.Context, functions ...string) ([]string, error) {
	names, err := r.Functions(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range functions {
		if slices.Contains(names, f) {
			return names, nil
		}
	}
	return nil, fmt.Errorf("it returns no function %s; it has %s", functions[0], strings.Join(names, ", "))
}

// Check calls the script's check function with {args=, timeout=}. ok is the
// verdict and message the reason that the script gave, which may be empty.
// The verdict counts only when err is nil; err is an *Error.
//
// The function may return true, false, false with a message, or a table {ok=,
// message=, weight=}. Anything else is an error of the script.
func (r *Runner) Check(ctx context.Context) (ok bool, message string, err error) {
	v, err := r.Verdict(ctx, Subject{})
	return v.OK, v.Message, err
}

// Subject is what a check of a real server is about. Scripts see it as
// ctx.server and ctx.service.
type Subject struct{ Server, Service string }

// Verdict is what a check says.
type Verdict struct {
	OK      bool
	Message string
	// Weight is an absolute weight, nil when the script gave none.
	Weight *float64
}

// Verdict is Check with what the check is about, and the weight that the table
// which the function returned may have: {ok=, message=, weight=}.
func (r *Runner) Verdict(ctx context.Context, about Subject) (Verdict, error) {
	var v Verdict // a call that was given up may still write it: it is no result
	err := r.run(ctx, func(s *state) (err error) {
		v, err = s.check(ctx, about)
		return err
	})
	if err != nil {
		return Verdict{}, err
	}
	return v, nil
}

// Weight calls the script's weight function with {args=, timeout=} and
// returns its number. err is an *Error.
func (r *Runner) Weight(ctx context.Context) (float64, error) { return r.WeightOf(ctx, Subject{}) }

// WeightOf is Weight for a real server.
func (r *Runner) WeightOf(ctx context.Context, about Subject) (float64, error) {
	var weight float64
	err := r.run(ctx, func(s *state) (err error) {
		weight, err = s.measure(ctx, about)
		return err
	})
	if err != nil {
		return 0, err
	}
	return weight, nil
}

// Notify calls the functions of the event, those of them that the script has,
// each with a table of its own. A failure of the
// first does not keep the second from being called; err then joins both. They share the
// time of ctx: that the second was not called is an error.
func (r *Runner) Notify(ctx context.Context, event Event) error {
	var errs []error
	names := event.functions()
	last := names[len(names)-1]
	var hasLast atomic.Bool // a call that was given up may still write it
	for i, name := range names {
		err := r.run(ctx, func(s *state) error {
			hasLast.Store(s.functions[last] != nil)
			if s.functions[name] == nil {
				return nil
			}
			_, _, err := s.call(name, s.event(event))
			return err
		})
		if err != nil {
			errs = append(errs, err)
		}
		if errors.Is(err, ErrStuck) || ctx.Err() != nil {
			if i < len(names)-1 && hasLast.Load() {
				errs = append(errs, r.over(ctx, last+" was not called"))
			}
			break
		}
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// run makes a call, unless too many are stuck.
func (r *Runner) run(ctx context.Context, work func(*state) error) error {
	return r.make(ctx, true, work)
}

// make gives work a loaded state on a goroutine of its own, and waits until it
// has ended or is given up. What work writes may be read only when make
// returns nil.
func (r *Runner) make(ctx context.Context, bounded bool, work func(*state) error) error {
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return r.over(ctx, "an earlier call still runs")
	}
	if ctx.Err() != nil {
		return r.over(ctx, "it was not started")
	}
	if bounded {
		if err := r.tooMany(); err != nil {
			return err
		}
	}
	s := r.begin(ctx)
	go s.run(work)
	var err error
	select {
	case err = <-s.done:
	case <-ctx.Done():
		err = r.await(ctx, s)
	}
	if s.phase.Load() == phaseEnded {
		r.used = s.used
	}
	if err != nil {
		r.state = nil
	}
	return err
}

// begin returns the state for a call, with its budget.
func (r *Runner) begin(ctx context.Context) *state {
	if r.state == nil {
		r.state = newState(r.script, &r.opts)
	}
	s := r.state
	s.phase.Store(phaseRunning)
	s.lines, s.long = 0, false
	s.meter.begin(ctx, r.opts.Limits)
	return s
}

// await waits a little for a call whose time is over, then gives it up.
func (r *Runner) await(ctx context.Context, s *state) error {
	timer := time.NewTimer(giveUpAfter)
	defer timer.Stop()
	select {
	case err := <-s.done:
		return err
	case <-timer.C:
	}
	if !r.abandon(s) {
		return <-s.done
	}
	return r.over(ctx, "it is stuck and was given up")
}

// abandon gives up the call that a state is in, and reports false when it ended
// at this very moment.
func (r *Runner) abandon(s *state) bool {
	s.lost = &r.lost
	s.lost.Add(1)
	s.opts.Lost.n.Add(1)
	if !s.phase.CompareAndSwap(phaseRunning, phaseGivenUp) {
		s.lost.Add(-1)
		s.opts.Lost.n.Add(-1)
		return false
	}
	s.leave()
	time.AfterFunc(stuckAfter, func() {
		s.countStuck(1)
		if !s.phase.CompareAndSwap(phaseGivenUp, phaseStuck) {
			s.countStuck(-1)
		}
	})
	return true
}

// over is the error of a call that this side ended.
func (r *Runner) over(ctx context.Context, why string) error {
	kind := endOf(ctx.Err())
	return &Error{Kind: kind, Text: fmt.Sprintf("%s: %v: %s", r.script.path, kind, why)}
}

// run is the goroutine of one call. It ends by putting the call's end into
// done.
func (s *state) run(work func(*state) error) {
	growStack(0)
	s.enter()
	err := s.protect(work)
	s.leave()
	s.used = s.usage()
	if s.phase.CompareAndSwap(phaseRunning, phaseEnded) {
		s.done <- err
		return
	}
	s.abandoned()
}

// usage is what the present call has taken.
func (s *state) usage() Usage {
	return Usage{s.opts.Limits.Instructions - s.meter.instructions, s.opts.Limits.Memory - s.meter.memory}
}

// abandoned notes that a call has ended after all that was given up: nobody
// waits, and the state is garbage.
func (s *state) abandoned() {
	if s.phase.Swap(phaseEnded) == phaseStuck {
		s.countStuck(-1)
	}
	s.lost.Add(-1)
	s.opts.Lost.n.Add(-1)
}

// countStuck notes that a call is stuck, or is not any more.
func (s *state) countStuck(n int) { s.opts.Lost.count(s.script.path, n) }

// tooMany returns the error of a call that is not made because of those that are
// stuck. What is stuck of the runner's own is a timeout: it is what this script does.
// What is stuck of others says nothing about it: while nothing is of its own, there is
// more room.
func (r *Runner) tooMany() error {
	own := int(r.lost.Load())
	kind, ofScript, inAll := ErrTimeout, maxOfScript, maxLost
	if own == 0 {
		kind, ofScript, inAll = ErrStuck, maxFirstOfScript, maxFirst
	}
	n, text := own, "it"
	if own < maxOwn {
		if n, text = r.opts.Lost.full(r.script.path, ofScript, inAll); n == 0 {
			return nil
		}
	}
	return &Error{Kind: kind, Text: fmt.Sprintf("%s: not run: %d earlier calls of %s did not end in time and are stuck", r.script.path, n, text)}
}

// growStack makes the new goroutine's stack as large as the virtual machine
// needs, while there is nothing on it to move. Growing it in steps, from deep
// inside, takes as long as a small check.
//
//go:noinline
func growStack(i uint8) byte {
	var room [4 << 10]byte
	return room[i]
}

// protect runs work and turns everything that can go wrong into an error. A
// panic that reaches this far is a defect of gopher-lua or of a module; it
// costs the script its state, never the process.
func (s *state) protect(work func(*state) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Kind: ErrScript, Text: fmt.Sprintf("%s: panic in the Lua runtime: %v", s.script.path, p), Trace: string(debug.Stack())}
		}
	}()
	defer s.closeOpened()
	s.l.SetContext(s.meter)
	if !s.loaded {
		if err := s.load(); err != nil {
			return s.explain(err)
		}
	}
	if err := s.explain(work(s)); err != nil {
		return err
	}
	return s.explain(s.keepWithin())
}
