// Package tcp is the check TCP_CHECK: the server is healthy if it accepts a connection.
// Nothing is sent, and the connection is closed at once.
package tcp

import (
	"context"
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/dial"
)

// Checker is TCP_CHECK.
type Checker struct {
	dialer dial.Dialer // of all probes
}

// New is TCP_CHECK.
func New() *Checker { return &Checker{} }

// Info describes the checker.
func (*Checker) Info() checker.Info {
	return checker.Info{Name: "TCP_CHECK", Version: "1", Doc: "Opens a connection and closes it."}
}

type probe struct {
	dialer *dial.Dialer
	target checker.Target
	task   *dial.Task // that runs it; nil is a goroutine
}

// Light is checker.Runner's.
func (*Checker) Light() bool { return true }

// Run runs probes as tasks of the dialer.
func (c *Checker) Run(list []checker.Turn) (others []checker.Turn) {
	tasks := make([]func(*dial.Task), 0, len(list))
	for _, turn := range list {
		p, ok := turn.Probe.(*probe)
		if !ok { // it goes nowhere
			turn.Do()
			continue
		}
		tasks = append(tasks, func(t *dial.Task) {
			p.task = t
			turn.Do()
			p.task = nil
		})
	}
	c.dialer.Run(tasks)
	return nil
}

// Prepare takes the target.
func (c *Checker) Prepare(t checker.Target, o checker.Options) (checker.Probe, error) {
	if err := o.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	if t.Address.Port() == 0 {
		return dial.Nowhere("TCP_CHECK"), nil
	}
	t.Address = netip.AddrPortFrom(t.Address.Addr().Unmap(), t.Address.Port())
	return &probe{dialer: &c.dialer, target: t}, nil
}

// Probe connects once.
func (p *probe) Probe(ctx context.Context) checker.Result {
	begin := p.task.Now()
	c, err := p.dialer.Connect(ctx, p.target, p.task)
	took := p.task.Now().Sub(begin)
	if err != nil {
		r := checker.Failure(err, "connect to "+p.target.Address.String())
		r.Latency = took
		return r
	}
	c.Close()
	r := checker.Result{Verdict: checker.OK, Message: "connected", Latency: took}
	if checker.WantDetails(ctx) {
		r.Details = []checker.Detail{{Name: "connected", Text: "after " + took.Round(time.Microsecond).String()}}
	}
	return r
}
