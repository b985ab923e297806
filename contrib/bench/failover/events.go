//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/core/lab"
)

// event is something that happens to the master, and its end.
type event struct {
	name string
	// fail makes the address move to b, recover brings it back to a.
	fail, recover lab.Verb
	// onFail and onRecover are the figures taken from what the client saw.
	onFail, onRecover []figure
	// asked is true for what only a moonkeep can be asked for.
	asked bool
}

// figure is one number taken from the moves that the client saw in a phase.
type figure struct {
	name string
	take func(moves []lab.Move) time.Duration
}

// events is the whole list. After kill9 the address stays in the dead node's
// kernel and is answered there until the other node announces it, so the
// outage says little and the take-over is the figure.
func events() []event {
	outage := figure{"outage", outage}
	returns := figure{"outage on return", outage.take}
	return []event{
		{name: "crash", fail: lab.Crash, recover: lab.Start, onFail: []figure{outage}},
		{name: "kill9", fail: lab.Kill, recover: lab.Start, onFail: []figure{outage, {"take-over", last}}},
		{name: "term", fail: lab.Stop, recover: lab.Start, onFail: []figure{outage}, onRecover: []figure{returns}},
		{name: "failover", fail: lab.Failover, recover: lab.Return, onFail: []figure{outage}, onRecover: []figure{returns}, asked: true},
		{name: "maintenance", fail: lab.KeepOut, recover: lab.LetIn, onFail: []figure{outage}, onRecover: []figure{returns}, asked: true},
		{name: "silent", fail: lab.Partition, recover: lab.Heal, onFail: []figure{outage}, onRecover: []figure{{"right again after heal", last}}},
	}
}

func eventNames() string {
	var names []string
	for _, e := range events() {
		names = append(names, e.name)
	}
	return strings.Join(names, ",")
}

func findEvent(name string) (event, bool) {
	for _, e := range events() {
		if e.name == name {
			return e, true
		}
	}
	return event{}, false
}

// outage is how long the client got no answer, in all.
func outage(moves []lab.Move) time.Duration {
	var sum time.Duration
	for _, m := range moves {
		sum += m.Outage()
	}
	return sum
}

// last is how long it took from the step until the client was answered by the
// node that it stayed with, without a gap since: both what it lost and which
// node answered count.
func last(moves []lab.Move) time.Duration {
	if len(moves) == 0 {
		return 0 // it never noticed
	}
	m := moves[len(moves)-1]
	if m.Cause == nil {
		return 0 // it happened before any step
	}
	return max(0, m.Next-m.Cause.At)
}

// measure runs all trials of one mode and adds their figures to the table.
func measure(ctx context.Context, s settings, m mode, t *table, progress io.Writer) (err error) {
	var pairs []*pair
	defer func() {
		for _, p := range pairs {
			err = errors.Join(err, p.close())
		}
	}()
	our, their := lab.Moonkeep{Binary: s.Moonkeep}, lab.Keepalived{Binary: s.Keepalived, Rewrite: keepalived.Rewrite}
	for _, program := range []struct {
		name    string
		daemons [2]lab.Daemon
	}{
		{ours, [2]lab.Daemon{our, our}},
		{theirs, [2]lab.Daemon{their, their}},
		{mixed, [2]lab.Daemon{our, their}},
	} {
		p, err := newPair(program.name, program.daemons, m, s.probe, progress)
		if err != nil {
			return err
		}
		pairs = append(pairs, p)
		if err := p.do(ctx, "", a); err != nil {
			return fmt.Errorf("%s: the first election: %w", m, err)
		}
	}
	for _, e := range s.events {
		for trial := range s.trials {
			fmt.Fprintf(progress, "\r%-10s %-11s trial %d of %d ", m, e.name, trial+1, s.trials)
			for i := range pairs {
				// Neither pair always goes first.
				p := pairs[(i+trial)%len(pairs)]
				if e.asked && p.name == theirs {
					continue
				}
				if err := p.trial(ctx, m, e, t); err != nil {
					return fmt.Errorf("%s %s trial %d: %w", m, e.name, trial+1, err)
				}
			}
		}
		fmt.Fprintln(progress)
	}
	for _, p := range pairs {
		if slow := p.lab.Probing().Slowest; slow > 10*s.probe {
			fmt.Fprintf(progress, "%s: the client of %s once sent no probe for %s: the machine was busy\n", m, p.name, slow.Round(time.Millisecond))
		}
	}
	return nil
}

// trial lets the event happen to the pair and end again.
func (p *pair) trial(ctx context.Context, m mode, e event, t *table) error {
	for _, phase := range []struct {
		verb    lab.Verb
		want    int
		figures []figure
	}{
		{e.fail, b, e.onFail},
		{e.recover, a, e.onRecover},
	} {
		// A random phase of the advertisement interval.
		select {
		case <-time.After(rand.N(m.interval)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		before := len(p.lab.Moves())
		if err := p.do(ctx, phase.verb, phase.want); err != nil {
			return err
		}
		for _, f := range phase.figures {
			t.add(row{mode: m.String(), event: e.name, figure: f.name}, p.name, f.take(p.lab.Moves()[before:]))
		}
	}
	return nil
}
