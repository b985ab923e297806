package engine

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

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
	stop := ctx.Done()
	limit := mono.Never
	leave := func() {
		stop = nil
		now := e.now()
		limit = now.Add(stopLimit)
		e.carry(e.node.Stop(now))
	}
	for {
		now := e.look()
		e.carry(e.node.Tick(now))
		if now >= limit {
			e.carry(e.node.Abandon(now))
		}
		if e.node.Stopped() {
			return err
		}
		wait := time.Duration(-1)
		if at := mono.Min(e.node.Deadline(), limit); at != mono.Never {
			wait = max(0, at.Sub(e.now()))
		}
		if err := e.opts.Alarm.Set(wait); err != nil {
			e.lastWill()
			return fmt.Errorf("cannot keep time, giving all addresses up: %w", err)
		}
		select {
		case ev := <-e.inbox:
			e.step(ev)
		case <-e.opts.Alarm.C():
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
			if stop == nil {
				limit = e.now()
			}
		}
		// Take what waits before looking at the clock: an advert that came in
		// time must not lose against a timer that is seen late.
		for i := len(e.inbox); i > 0; i-- {
			e.step(<-e.inbox)
		}
	}
}

// look reads the monotonic clock and tells the node when the wall clock no
// longer goes with it: it was set, or the machine slept.
func (e *Engine) look() mono.Instant {
	t := time.Now()
	now := mono.Instant(t.Sub(e.start))
	wall := t.UnixNano() - int64(now)
	if d := wall - e.wall; d > clockStep || d < -clockStep {
		e.wall = wall
		e.carry(e.node.Step(now, &node.Clock{Wall: t.UnixNano()}))
	}
	return now
}

func (e *Engine) step(ev node.Event) {
	e.carry(e.node.Step(e.look(), ev))
	switch p := ev.(type) {
	case *node.Received:
		e.packets.Put(p)
	case *node.BFDReceived:
		e.bfdPackets.Put(p)
	}
}

// carry hands the actions to the lanes. Adverts leave here and now.
func (e *Engine) carry(actions []node.Action) {
	for i := range actions {
		a := &actions[i]
		switch a.Kind {
		case node.Send:
			e.send(a)
		case node.SendBFD:
			e.sendBFD(a)
		case node.Claim, node.Announce:
			e.lane.push(*a)
		case node.Release:
			e.release(*a)
		case node.Run:
			e.check(a.Script)
		case node.Changed:
			e.teller.change(a.Change)
			if e.opts.Notifier != nil {
				e.opts.Notifier.Notify(*a.Change)
			}
		case node.Told:
			if e.opts.Notifier != nil {
				e.opts.Notifier.Notify(*a.Change)
			}
		case node.Noted:
			e.teller.note(a.Instance, a.Note)
		}
	}
}

// release has addresses removed, except the host's own.
func (e *Engine) release(a node.Action) {
	if len(e.opts.Keep) > 0 {
		keep := func(x netspec.Address) bool { return slices.ContainsFunc(e.opts.Keep, x.Same) }
		a.Addresses = slices.DeleteFunc(slices.Clone(a.Addresses), keep)
	}
	e.lane.push(a)
}

// send sends one advert and tells the node when sending begins or ceases to
// fail. That event goes through the inbox: the node is inside a call now.
func (e *Engine) send(a *node.Action) {
	err := e.kernel.Send(a)
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
	default: // told at the next advert
	}
}

func (e *Engine) check(script string) {
	checks := e.plan.Checks
	e.runs.Go(func() { e.Event(checked(e.runCtx, checks, script)) })
}

func checked(ctx context.Context, c Checks, script string) *node.Checked {
	r := c.Run(ctx, script)
	r.Script = script
	return &r
}

// lastWill gives up every address without the node's help.
func (e *Engine) lastWill() {
	for _, in := range e.plan.Node.Instances {
		e.release(node.Action{Kind: node.Release, Instance: in.Name, Addresses: slices.Concat(in.Addresses, in.Excluded)})
	}
	for _, s := range e.plan.Node.Static {
		e.release(node.Action{Kind: node.Release, Instance: s.Name, Addresses: s.Addresses})
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	e.lane.drain(ctx)
}
