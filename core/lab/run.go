//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// ErrExpect is in the error of a step whose expectation did not come true:
// expect, await, settle. The lab goes on.
var ErrExpect = errors.New("not as expected")

// The limits of waiting.
const (
	// stopPatience is how long a daemon may take to stop.
	stopPatience = 15 * time.Second
	// settlePatience is what settle and await allow beyond the time that the
	// configuration needs.
	settlePatience = 15 * time.Second
	// look is how often settle and await look.
	look = 5 * time.Millisecond
	// certain is how long a node must have answered for await to be content:
	// by then the move was told, and the timeline reads in order.
	certain = 2 * overtaken
	// onItsWay is how long expect gives an address that nobody answers for.
	onItsWay = 500 * time.Millisecond
)

// Do carries one step out. Its names must have passed Resolve. An error with
// ErrExpect says what was found instead; the context's end ends a wait with
// its cause; any other error means that the lab is broken.
func (l *Lab) Do(ctx context.Context, s Step) error {
	if s.Verb != Show {
		l.emit(Event{Kind: Began, Step: &s})
	}
	if err := l.do(ctx, s); err != nil {
		if errors.Is(err, ErrExpect) || ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("%s: %s: %w", s.At, s, err)
	}
	return nil
}

func (l *Lab) do(ctx context.Context, s Step) error {
	number := Nobody
	var n *machine
	if s.Node != "" {
		i, ok := l.plan.Node(s.Node)
		if !ok {
			return fmt.Errorf("there is no node %q", s.Node)
		}
		number, n = i, l.nodes[i]
	}
	switch s.Verb {
	case Crash:
		return l.crash(s, n)
	case Kill:
		return l.kill(s, n)
	case Stop:
		return l.stop(ctx, s, n)
	case Start:
		return l.start(s, n)
	case Failover, Return, KeepOut, LetIn:
		return l.operate(ctx, s, n)
	case LinkDown, LinkUp:
		l.mark(s, number)
		return l.net.cable(number, s.Link, s.Verb == LinkUp)
	case Partition:
		l.mark(s, number)
		return l.net.partition(number, true)
	case Heal:
		return l.heal(s, number)
	case Fail, Pass:
		l.mark(s, number)
		return verdict(n.site.CheckDir, s.Script, s.Verb == Pass)
	case ServiceDown:
		if n.service == nil {
			l.note("%s: the web server is down already", n.Name)
			return nil
		}
		l.mark(s, number)
		err := n.service.close()
		n.service = nil
		return err
	case ServiceUp:
		if n.service != nil {
			l.note("%s: the web server is up already", n.Name)
			return nil
		}
		l.mark(s, number)
		var err error
		n.service, err = startService(n.host.ns, n.Name)
		return err
	case Wait:
		return pause(ctx, s.For)
	case Settle:
		return l.settle(ctx, s)
	case Await:
		return l.await(ctx, s, number)
	case Expect:
		return l.expect(ctx, s, number)
	case Show:
		l.emit(Event{Kind: Held, Holdings: l.Holdings()})
	case Say:
	default:
		return fmt.Errorf("no step is called %q", s.Verb)
	}
	return nil
}

// crash makes the machine silent first: nothing that dies on it may tell.
func (l *Lab) crash(s Step, n *machine) error {
	l.mark(s, n.number)
	if err := l.net.partition(n.number, true); err != nil {
		return err
	}
	n.crashed = true
	return n.kill(func() {})
}

func (l *Lab) kill(s Step, n *machine) error {
	if n.proc == nil || !n.proc.running() {
		l.note("%s: no daemon is running", n.Name)
		return nil
	}
	return n.kill(func() { l.mark(s, n.number) })
}

// kill ends the daemon and everything that it started.
func (n *machine) kill(now func()) error {
	if n.proc != nil {
		n.proc.expected.Store(true)
	}
	if err := killAll(n.host.ns, now); err != nil {
		return err
	}
	if n.proc != nil {
		<-n.proc.done
	}
	return nil
}

func (l *Lab) stop(ctx context.Context, s Step, n *machine) error {
	if n.proc == nil || !n.proc.running() {
		l.note("%s: no daemon is running", n.Name)
		return nil
	}
	l.mark(s, n.number)
	return n.proc.stop(ctx, stopPatience)
}

// start starts the daemon. A crashed machine comes back as if booted: with its
// own addresses only, an empty run directory and a network.
func (l *Lab) start(s Step, n *machine) error {
	if n.proc != nil && n.proc.running() {
		l.note("%s: the daemon is running already", n.Name)
		return nil
	}
	if n.crashed {
		if err := n.host.reset(n.Interfaces); err != nil {
			return err
		}
		if err := errors.Join(os.RemoveAll(n.site.RunDir), os.Mkdir(n.site.RunDir, 0o755)); err != nil {
			return err
		}
	}
	l.mark(s, n.number)
	if n.crashed {
		if err := l.net.partition(n.number, false); err != nil {
			return err
		}
		n.crashed = false
	}
	return l.launch(n)
}

// heal ends the partition of one node or of all; crashed machines stay silent.
func (l *Lab) heal(s Step, number int) error {
	l.mark(s, number)
	for i, n := range l.nodes {
		if number != Nobody && i != number || n.crashed {
			continue
		}
		if err := l.net.partition(i, false); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// judge tells the outcome of s and makes it an error when it is bad.
func (l *Lab) judge(s Step, ok bool, text string) error {
	l.emit(Event{Kind: Judged, Step: &s, OK: ok, Text: text, Holdings: l.Holdings()})
	if ok {
		return nil
	}
	return fmt.Errorf("%s: %s: %w: %s", s.At, s, ErrExpect, text)
}

// settle waits until the last step must have had its effect and every address
// was answered by one node without a gap for settleFor.
func (l *Lab) settle(ctx context.Context, s Step) error {
	l.mu.Lock()
	due := l.disturbed + l.plan.Reaction(l.by)
	l.mu.Unlock()
	limit := s.For
	if limit == 0 {
		limit = max(0, due-l.Now()) + l.plan.Reaction(Kill) + settlePatience
	}
	end := l.Now() + limit
	for {
		now := l.Now()
		unsettled := l.unsettled(now)
		if len(unsettled) == 0 && now >= due {
			return l.judge(s, true, "settled")
		}
		if now >= end {
			if len(unsettled) == 0 {
				return l.judge(s, false, fmt.Sprintf("%s is over, and the last step may still have an effect until %.1f s", limit, due.Seconds()))
			}
			return l.judge(s, false, fmt.Sprintf("not within %s: %s", limit.Round(time.Millisecond), strings.Join(unsettled, "; ")))
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
}

// unsettled says of each address that is not settled what is wrong with it.
func (l *Lab) unsettled(now time.Duration) []string {
	var out []string
	for i, t := range l.plan.Targets {
		owner, since := l.prober.owner(i)
		switch {
		case owner == Nobody:
			out = append(out, fmt.Sprintf("%s: nobody answers", t.Addr))
		case now-since < settleFor:
			out = append(out, fmt.Sprintf("%s: %s answers for %d ms only", t.Addr, l.nodes[owner].Name, (now-since).Milliseconds()))
		}
	}
	return out
}

// targets are the targets that the step's subjects mean.
func (l *Lab) targets(s Step) []int {
	var out []int
	for _, subject := range s.Subjects {
		out = append(out, l.plan.Find(subject)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// await waits until the node answers for all the subjects.
func (l *Lab) await(ctx context.Context, s Step, node int) error {
	limit := s.For
	if limit == 0 {
		l.mu.Lock()
		limit = max(0, l.disturbed+l.plan.Reaction(l.by)-l.Now()) + settlePatience
		l.mu.Unlock()
	}
	end := l.Now() + limit
	for {
		wrong := l.wrong(l.targets(s), node, certain)
		if len(wrong) == 0 {
			return l.judge(s, true, "it does")
		}
		if l.Now() >= end {
			return l.judge(s, false, fmt.Sprintf("not within %s: %s", limit.Round(time.Millisecond), strings.Join(wrong, "; ")))
		}
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
}

// expect judges at once, but for an address that nobody answers for: on a busy
// machine the answer may be on its way.
func (l *Lab) expect(ctx context.Context, s Step, node int) error {
	targets := l.targets(s)
	silent := func(i int) bool {
		owner, _ := l.prober.owner(i)
		return owner == Nobody
	}
	for end := l.Now() + onItsWay; slices.ContainsFunc(targets, silent) && l.Now() < end; {
		if err := pause(ctx, look); err != nil {
			return err
		}
	}
	if wrong := l.wrong(targets, node, 0); len(wrong) > 0 {
		return l.judge(s, false, strings.Join(wrong, "; "))
	}
	return l.judge(s, true, "it does")
}

// wrong says of each target that the node has not answered for at least as
// long as told who does.
func (l *Lab) wrong(targets []int, node int, least time.Duration) []string {
	var out []string
	for _, i := range targets {
		switch owner, since := l.prober.owner(i); {
		case owner == node && l.Now()-since >= least:
		case owner == Nobody:
			out = append(out, fmt.Sprintf("%s: nobody answers", l.plan.Targets[i].Addr))
		default:
			out = append(out, fmt.Sprintf("%s: %s answers", l.plan.Targets[i].Addr, l.nodes[owner].Name))
		}
	}
	return out
}

// Holdings are who answers for each address now, and in whose kernels it
// stands.
func (l *Lab) Holdings() []Holding {
	out := make([]Holding, len(l.plan.Targets))
	for i, t := range l.plan.Targets {
		out[i].Target = i
		out[i].Answers, _ = l.prober.owner(i)
		for k, n := range l.nodes {
			if !slices.Contains(n.links(), t.Link) {
				continue
			}
			// A node whose tables cannot be read is as good as one that does
			// not have the address; the probes say who answers.
			if has, err := n.host.has(t.Addr, t.Link); err == nil && has {
				out[i].Stands = append(out[i].Stands, k)
			}
		}
	}
	return out
}
