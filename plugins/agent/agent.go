package agent

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/dial"
)

type settings struct {
	Send   string `json:"send"`
	Weight *int   `json:"weight"`
}

// Checker is AGENT_CHECK.
type Checker struct {
	dialer dial.Dialer // of all probes
}

// New is AGENT_CHECK.
func New() *Checker { return &Checker{} }

// Info describes the checker.
func (*Checker) Info() checker.Info {
	return checker.Info{
		Name: "AGENT_CHECK", Version: "1", Doc: "Asks an agent on the server for its state and weight, as HAProxy does.",
		Options: []checker.Option{
			{Name: "send", Type: "string", Doc: "Text that is sent to the agent first, followed by a newline."},
			{Name: "weight", Type: "int", Doc: "The weight that the agent's percentages refer to (default: the real server's weight, or 1)."},
		},
	}
}

// Probe never runs twice at once, so that its state needs no lock.
type probe struct {
	dialer   *dial.Dialer
	target   checker.Target
	settings settings
	weight   int // which the agent's parts are parts of
	state    state
}

// Prepare takes the target.
func (c *Checker) Prepare(t checker.Target, o checker.Options) (checker.Probe, error) {
	var s settings
	if err := o.Decode(&s); err != nil {
		return nil, err
	}
	switch {
	case t.Address.Port() == 0:
		return nil, errors.New("AGENT_CHECK needs a port to connect to")
	case strings.ContainsAny(s.Send, "\r\n"):
		return nil, errors.New("send must be one line, without its end")
	case s.Weight != nil && (*s.Weight < 0 || *s.Weight > math.MaxInt32):
		return nil, errors.New("weight must be from 0 to 2147483647")
	}
	t.Address = netip.AddrPortFrom(t.Address.Addr().Unmap(), t.Address.Port())
	p := &probe{dialer: &c.dialer, target: t, settings: s, weight: 1, state: state{percent: 100, admin: "ready"}}
	if w := cmp.Or(s.Weight, t.Weight); w != nil {
		p.weight = *w
	}
	return p, nil
}

// Restore takes what the agent said to the process before.
func (p *probe) Restore(text string) { p.state.restore(text) }

// Probe hears one line.
func (p *probe) Probe(ctx context.Context) checker.Result {
	begin := time.Now()
	line, err := p.read(ctx)
	r := p.judge(line, err)
	r.Latency = time.Since(begin)
	if checker.WantDetails(ctx) {
		r.Details = append([]checker.Detail{{Name: "sent", Text: p.settings.Send}, {Name: "received", Text: fmt.Sprintf("%q", line)}}, r.Details...)
	}
	return r
}

// maxLine is how long a line may be.
const maxLine = 1024

func (p *probe) read(ctx context.Context) (string, error) {
	conn, err := p.dialer.TCP(ctx, p.target)
	if err != nil {
		return "", errors.New("connect to " + p.target.Address.String() + ": " + checker.Reason(err))
	}
	defer conn.Close()
	conn.Renew(ctx, p.target)
	if p.settings.Send != "" {
		if _, err := conn.Write([]byte(p.settings.Send + "\n")); err != nil {
			return "", errors.New("send to the agent: " + checker.Reason(err))
		}
	}
	return firstLine(conn)
}

// firstLine reads up to the end of a line, or of what comes.
func firstLine(r io.Reader) (string, error) {
	buf := make([]byte, 0, maxLine)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if i := bytes.IndexAny(buf, "\r\n"); i >= 0 {
			return string(buf[:i]), nil
		}
		switch {
		case err == io.EOF && len(buf) > 0:
			return string(buf), nil
		case err == io.EOF:
			return "", errors.New("the agent says nothing")
		case err != nil:
			return "", errors.New("hear the agent: " + checker.Reason(err))
		case len(buf) == cap(buf):
			return "", fmt.Errorf("the agent's line is longer than %d bytes", maxLine)
		}
	}
}

// judge says what a line, or that there is none, is worth.
func (p *probe) judge(line string, err error) checker.Result {
	if err == nil {
		var passed []string
		if passed, err = p.state.hear(line); err == nil {
			r := checker.Result{Verdict: checker.OK, Message: p.state.String(), Weight: p.state.weight(p.weight), State: p.state.save()}
			if p.state.down != "" || p.state.admin == "maint" {
				r.Verdict = checker.Failed
			}
			if len(passed) > 0 {
				r.Details = []checker.Detail{{Name: "without effect", Text: strings.Join(passed, " ")}}
			}
			return r
		}
	}
	return checker.Result{Message: err.Error()}
}
