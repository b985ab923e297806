package checkertest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
)

// Harness is a host in memory with one checker. Its methods may be called at
// the same time by several goroutines.
type Harness struct {
	t      testing.TB
	hello  *checkerpb.Hello
	to     chan *checkerpb.FromHost
	cancel context.CancelFunc
	over   chan struct{} // closed when the conversation has ended
	err    error         // why, after over

	mu       sync.Mutex // guards what follows
	last     uint32     // number given to a check or a probe
	prepared map[uint32]chan string
	results  map[uint32]chan *checkerpb.Result
	pongs    map[uint32]chan struct{}
	logs     []string
}

// patience is how long the harness waits for an answer beyond the time that
// the answer may take, on however busy a machine.
const patience = 20 * time.Second

// Start begins a conversation with a checker; the end of the test ends it.
func Start(t testing.TB, c checker.Checker) *Harness {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h := &Harness{
		t: t, to: make(chan *checkerpb.FromHost), cancel: cancel, over: make(chan struct{}),
		prepared: map[uint32]chan string{}, results: map[uint32]chan *checkerpb.Result{}, pongs: map[uint32]chan struct{}{},
	}
	hello := make(chan *checkerpb.Hello, 1)
	go func() {
		defer close(h.over)
		h.err = checker.Converse(ctx, c, func() (*checkerpb.FromHost, error) {
			select {
			case m := <-h.to:
				return m, nil
			case <-ctx.Done():
				return nil, io.EOF
			}
		}, func(m *checkerpb.FromPlugin) error {
			// As on the wire: what cannot be written is an error.
			b, err := proto.Marshal(m)
			if err != nil {
				return err
			}
			m = new(checkerpb.FromPlugin)
			if err := proto.Unmarshal(b, m); err != nil {
				return err
			}
			if m.Hello != nil {
				hello <- m.Hello
			}
			h.take(m)
			return nil
		})
	}()
	t.Cleanup(func() { h.Close() })
	select {
	case h.hello = <-hello:
	case <-h.over:
		t.Fatalf("the checker did not begin: %v", h.err)
	}
	return h
}

// Close ends the conversation and waits until the checker has left it.
func (h *Harness) Close() {
	h.cancel()
	<-h.over
}

// Name is what the checker calls itself.
func (h *Harness) Name() string { return h.hello.GetName() }

// Logs are the lines that the checker has logged, each with its level.
func (h *Harness) Logs() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.logs...)
}

func (h *Harness) take(m *checkerpb.FromPlugin) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range m.GetPrepared() {
		if c := h.prepared[p.GetCheck()]; c != nil {
			c <- p.GetError()
			delete(h.prepared, p.GetCheck())
		} else {
			h.t.Errorf("the checker prepared check %d, which it was not asked to", p.GetCheck())
		}
	}
	for _, r := range m.GetResults() {
		if c := h.results[r.GetProbe()]; c != nil {
			c <- r
			delete(h.results, r.GetProbe())
		}
	}
	if n := m.GetPong(); n != 0 && h.pongs[n] != nil {
		close(h.pongs[n])
		delete(h.pongs, n)
	}
	for _, l := range m.GetLogs() {
		line := slog.Level(l.GetLevel()).String() + " " + l.GetMessage()
		if len(l.GetAttributes()) > 0 {
			line += " " + strings.Join(l.GetAttributes(), " ")
		}
		h.logs = append(h.logs, line)
	}
}

// number is one that was not given before.
func (h *Harness) number() uint32 {
	h.last++
	return h.last
}

// send hands a message to the checker; false when it has gone.
func (h *Harness) send(m *checkerpb.FromHost) bool {
	select {
	case h.to <- m:
		return true
	case <-h.over:
		return false
	}
}

// Prepare prepares a check. options is marshalled to JSON; nil is none.
func (h *Harness) Prepare(target checker.Target, options any) (*Check, error) {
	return h.Again(target, options, "")
}

// Again is Prepare of a check whose last Result.State is state, as the daemon
// prepares it in the next process.
func (h *Harness) Again(target checker.Target, options any, state string) (*Check, error) {
	raw, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("write the options: %w", err)
	}
	if string(raw) == "null" {
		raw = nil
	}
	answer := make(chan string, 1)
	h.mu.Lock()
	c := &Check{harness: h, id: h.number()}
	h.prepared[c.id] = answer
	h.mu.Unlock()
	h.send(&checkerpb.FromHost{Prepare: []*checkerpb.Prepare{{Check: c.id, Target: wire(target), Options: string(raw), Label: "test", State: state}}})
	select {
	case text := <-answer:
		if text != "" {
			return nil, fmt.Errorf("prepare: %s", text)
		}
		return c, nil
	case <-h.over:
		return nil, fmt.Errorf("prepare: the checker left: %w", h.err)
	case <-time.After(patience):
		return nil, fmt.Errorf("prepare: no answer in %s", patience)
	}
}

// wire is a target as the protocol has it.
func wire(t checker.Target) *checkerpb.Target {
	out := &checkerpb.Target{
		Port: uint32(t.Address.Port()), BindPort: uint32(t.BindPort), BindIf: t.BindIf, Fwmark: t.Fwmark,
		TimeoutUs: uint64(t.Timeout / time.Microsecond),
	}
	if t.Address.Addr().IsValid() {
		out.Address = t.Address.Addr().String()
	}
	if t.BindTo.IsValid() {
		out.Bindto = t.BindTo.String()
	}
	if t.Weight != nil {
		w := uint32(max(0, *t.Weight))
		out.Weight = &w
	}
	return out
}

// Check is a check that was prepared.
type Check struct {
	harness *Harness
	id      uint32
}

// Probe runs the check once, with its details, within timeout. When nothing
// comes in time, the verdict is Unknown and the message says so.
func (c *Check) Probe(timeout time.Duration) checker.Result {
	h := c.harness
	answer := make(chan *checkerpb.Result, 1)
	h.mu.Lock()
	n := h.number()
	h.results[n] = answer
	h.mu.Unlock()
	h.send(&checkerpb.FromHost{Start: []*checkerpb.Start{{
		Check: c.id, Probe: n, TimeoutUs: uint64(timeout / time.Microsecond), Details: true,
	}}})
	select {
	case r := <-answer:
		return result(r)
	case <-h.over:
		return checker.Result{Message: fmt.Sprintf("the checker left: %v", h.err)}
	case <-time.After(timeout + patience):
		return checker.Result{Message: fmt.Sprintf("no answer in %s", timeout+patience)}
	}
}

func result(r *checkerpb.Result) checker.Result {
	out := checker.Result{
		Verdict: checker.Verdict(r.GetVerdict()), Message: r.GetMessage(),
		Latency: time.Duration(r.GetLatencyUs()) * time.Microsecond, State: r.GetState(),
	}
	if r.Weight != nil {
		w := int(r.GetWeight())
		out.Weight = &w
	}
	for _, d := range r.GetDetails() {
		out.Details = append(out.Details, checker.Detail{Name: d.GetName(), Text: d.GetText()})
	}
	return out
}

// Cancel tells the checker that the probe that runs is no longer wanted.
func (c *Check) Cancel() { c.harness.send(&checkerpb.FromHost{Cancel: []uint32{c.id}}) }

// Release tells the checker that the check is gone.
func (c *Check) Release() { c.harness.send(&checkerpb.FromHost{Release: []uint32{c.id}}) }

// Ping waits for a sign of life.
func (h *Harness) Ping() error {
	alive := make(chan struct{})
	h.mu.Lock()
	n := h.number()
	h.pongs[n] = alive
	h.mu.Unlock()
	h.send(&checkerpb.FromHost{Ping: n})
	select {
	case <-alive:
		return nil
	case <-h.over:
		return fmt.Errorf("the checker left: %w", h.err)
	case <-time.After(patience):
		return fmt.Errorf("no sign of life in %s", patience)
	}
}

// Probe prepares one check and runs it once, with a fresh conversation.
func Probe(t testing.TB, c checker.Checker, target checker.Target, options any) checker.Result {
	t.Helper()
	h := Start(t, c)
	defer h.Close()
	check, err := h.Prepare(target, options)
	if err != nil {
		t.Fatal(err)
	}
	timeout := target.Timeout
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	return check.Probe(timeout)
}
