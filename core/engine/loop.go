package engine

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
)

// perLook is how many events are taken to have come at one instant at most. It
// takes some ten microseconds to go through them.
const perLook = 32

// loop owns the node from its first Tick until it has stopped.
func (e *Engine) loop(ctx context.Context, watched <-chan error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			// A broken machine must not go on announcing. Say what happened,
			// give the addresses up and let the supervisor start us anew.
			err = fmt.Errorf("internal error, giving all addresses up: %v\n%s", p, debug.Stack())
			e.lastWill()
		}
	}()
	// The loop waits for one thing, the alarm: to be woken by a channel, for the
	// timer by a goroutine that waits for that one, costs a change of threads.
	defer context.AfterFunc(ctx, e.opts.Alarm.Ring)()
	stop := ctx.Done()
	limit := mono.Never
	leave := func() {
		stop = nil
		now := e.now()
		limit = now.Add(stopLimit)
		e.carry(e.node.Stop(now))
	}
	for more := false; ; {
		now := e.look()
		e.late.seen(now, e.node.Urgent(), e.teller)
		e.carry(e.node.Tick(now))
		if now >= limit {
			e.carry(e.node.Abandon(now))
		}
		if e.node.Stopped() {
			return err
		}
		// Each advert of a master puts a deadline off. Setting the alarm later
		// each time would cost a system call an advert; being woken once for
		// nothing costs less.
		if at := mono.Min(e.node.Deadline(), limit); at < e.armed {
			e.armed = at
			if err := e.opts.Alarm.Set(max(0, at.Sub(e.now()))); err != nil {
				e.lastWill()
				return fmt.Errorf("cannot keep time, giving all addresses up: %w", err)
			}
		}
		if !more {
			off, werr := e.wait()
			if werr != nil {
				e.lastWill()
				return fmt.Errorf("cannot keep time, giving all addresses up: %w", werr)
			}
			if off {
				e.armed = mono.Never
			}
		}
		// Adverts first.
		e.drain()
		more = true
		select {
		case p := <-e.results:
			e.step(e.look(), e.gather(p))
		case f := <-e.asks:
			f(e.now())
		case werr := <-watched:
			watched = nil
			if werr == nil {
				break
			}
			err = fmt.Errorf("watch the interfaces: %w", werr)
			// Those that could be opened may have made masters already.
			if stop != nil {
				leave()
			}
		case <-stop:
			leave()
		case <-e.hurry:
			// A stop and its haste may come together, and be seen in any order.
			if stop != nil && ctx.Err() != nil {
				leave()
			}
			if stop == nil {
				limit = e.now()
			}
		default:
			more = false
		}
	}
}

// wait leaves the node to whoever brings packets until the alarm goes off or rings.
func (e *Engine) wait() (off bool, err error) {
	e.turn.Unlock()
	off, err = e.opts.Alarm.Wait()
	e.turn.Lock()
	if e.broken != "" {
		panic(e.broken)
	}
	return off, err
}

// drain takes the adverts and the events that wait before anybody looks at the
// clock: an advert that came in time must not lose against a timer that is seen
// late.
func (e *Engine) drain() {
	e.open()
	for left := len(e.inbox); left > 0; {
		// Reading the clocks costs as much as an advert does: once for some.
		now, some := e.look(), min(left, perLook)
		for range some {
			e.step(now, <-e.inbox)
		}
		left -= some
	}
}

// look reads the monotonic clock and tells the node when the wall clock no
// longer goes with it: it was set, or the machine slept.
func (e *Engine) look() mono.Instant {
	t := time.Now()
	now := mono.Instant(t.Sub(e.start))
	wall := t.UnixNano() - int64(now)
	if d := wall - e.wall; d > clockStep || d < -clockStep {
		if e.awake() {
			return e.look()
		}
		e.wall = wall
		e.carry(e.node.Step(now, &node.Clock{Wall: t.UnixNano()}))
	}
	return now
}

// awake moves the clock on by how long the machine was suspended, and reports
// whether it was: the network has moved on meanwhile, and what was due is late.
func (e *Engine) awake() bool {
	if e.opts.Slept == nil {
		return false
	}
	slept := e.opts.Slept()
	d := slept - e.slept
	if d <= time.Duration(clockStep) {
		return false // it is read from two clocks, one after the other
	}
	e.slept, e.start = slept, e.start.Add(-d)
	e.armed = mono.Never // its clock stood still: it goes off that much later
	return true
}

func (e *Engine) step(now mono.Instant, ev node.Event) {
	e.carry(e.node.Step(now, ev))
	if p, ok := ev.(*node.BFDReceived); ok {
		e.bfdPackets.Put(p)
	}
}

// carry hands the actions to the lanes. Adverts leave here and now, those that
// follow one another together.
func (e *Engine) carry(actions []node.Action) {
	for i := 0; i < len(actions); i++ {
		a := &actions[i]
		switch a.Kind {
		case node.Send:
			first := i
			for i+1 < len(actions) && actions[i+1].Kind == node.Send {
				i++
			}
			e.send(actions[first : i+1])
		case node.SendBFD:
			e.sendBFD(a)
		case node.Claim:
			e.keeping.claimed(a.Instance, a.Addresses)
			e.lane.push(*a)
		case node.Announce:
			e.lane.push(*a)
		case node.Release:
			e.release(*a)
		case node.Run:
			first := i
			for i+1 < len(actions) && actions[i+1].Kind == node.Run {
				i++
			}
			e.check(actions[first : i+1])
		case node.AskPolicy:
			e.askPolicy(a)
		case node.Probe:
			e.probe(a)
		case node.Balance:
			if e.opts.Balancer != nil {
				e.opts.Balancer.Set(a.Table)
			}
		case node.Changed:
			e.teller.change(a.Change)
			e.notify(a)
		case node.Told:
			e.notify(a)
		case node.Noted:
			e.teller.note(a.Instance, a.Note)
		}
	}
}

// notify has a change told, after the addresses that change with it: a program
// that is told of MASTER may use them at once, and none of STOP stands.
func (e *Engine) notify(a *node.Action) {
	if e.opts.Notifier != nil && !e.lane.after(*a) {
		e.opts.Notifier.Notify(*a.Change)
	}
}

// send sends adverts and tells the node when sending begins or ceases to fail.
func (e *Engine) send(adverts []node.Action) {
	e.sent = slices.Grow(e.sent[:0], len(adverts))[:len(adverts)]
	e.kernel.Send(adverts, e.sent)
	for i, err := range e.sent {
		if err != nil || len(e.failed) > 0 {
			e.tried(&adverts[i], err)
		}
	}
}

// tried notes what came of one advert. The event goes through the inbox: the
// node is inside a call now.
func (e *Engine) tried(a *node.Action, err error) {
	to := recipient{a.Instance, a.Destination}
	if (err != nil) == e.failed[to] {
		return
	}
	failure := ""
	if err != nil {
		failure = err.Error()
	}
	select {
	case e.inbox <- &node.SendFailed{Instance: a.Instance, Destination: a.Destination, Failure: failure}:
		if err != nil {
			e.failed[to] = true
		} else {
			delete(e.failed, to)
		}
		e.opts.Alarm.Ring()
	default: // told at the next advert
	}
}
