package checker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
	"github.com/moonkeep/moonkeep/plugins/clock"
)

const (
	// pace is the least time between two messages to the host, and how long a
	// result waits at most for others while probes are under way: results leave
	// together. That of the last probe leaves at once.
	pace = 10 * time.Millisecond
	// spare is how many goroutines without a probe are kept for the next ones.
	spare = 64
	// maxBatch bounds the results in one message.
	maxBatch = 512
	// maxMessage bounds Result.Message, in bytes; the host cuts there too.
	maxMessage = 1 << 10
	// maxState bounds Result.State, in bytes; the host keeps no longer one.
	maxState = 1 << 10
	// maxDetails and maxDetail bound Result.Details and each text.
	maxDetails, maxDetail = 64, 16 << 10
	// goodbye is how long a session that ends waits for probes to return.
	goodbye = time.Second
)

// session is a checker's side of one connection: it prepares checks, runs
// probes in a goroutine each, or has a Runner do so, and sends in batches what
// comes of them.
type session struct {
	checker Checker
	options []Option
	send    func(*checkerpb.FromPlugin) error

	ctx    context.Context // of all probes
	wake   chan struct{}   // there is something to send; holds one
	probes sync.WaitGroup  // goroutines that run them
	jobs   chan job        // to those that have none

	stall stall

	checks map[uint32]*check // the receiver's only
	runner Runner            // nil when each probe has a goroutine
	due    []Turn            // the receiver's; those of one message

	mu      sync.Mutex // guards what follows
	out     *checkerpb.FromPlugin
	results []*checkerpb.Result // not more than there are checks
	under   int                 // starts without a result
	gather  bool                // more results come at once
	idle    int                 // goroutines that wait for jobs, or are about to
	hold    *time.Timer         // wakes the sender when results have waited for pace
	dropped int                 // lines of the log, since the last that was kept
}

// check is one check of a session.
type check struct {
	id      uint32
	probe   Probe  // nil when it could not be prepared
	refusal string // why not
	ambient ambience

	mu      sync.Mutex    // guards what follows
	under   *probeContext // of the probe that runs
	running bool
	gone    bool

	panicked bool // the last probe; only that who runs a probe has it
}

// Converse holds the conversation with a host until recv fails or ctx ends.
// It returns nil when the host ended it (io.EOF), after the context of every
// probe has ended and the probes have had a second to return. send is called by one
// goroutine at a time. Serve calls it; others may who have another way to
// carry the messages, as the package checkertest has.
func Converse(ctx context.Context, c Checker, recv func() (*checkerpb.FromHost, error), send func(*checkerpb.FromPlugin) error) error {
	info, err := describe(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{
		checker: c, options: info.Options, send: send, ctx: ctx,
		wake: make(chan struct{}, 1), jobs: make(chan job), checks: make(map[uint32]*check), out: &checkerpb.FromPlugin{},
	}
	s.runner = runner(c)
	s.hold = time.AfterFunc(time.Hour, s.poke)
	defer s.hold.Stop()
	s.hold.Stop()
	s.stall.timer = time.AfterFunc(time.Hour, func() { s.stall.look(clock.Now(), s.busy) })
	defer s.stall.timer.Stop()
	s.stall.timer.Stop()
	if err := send(&checkerpb.FromPlugin{Hello: hello(info)}); err != nil {
		return fmt.Errorf("greet the host: %w", err)
	}
	sent := make(chan error, 1)
	go func() {
		sent <- s.deliver()
		cancel()
	}()
	err = s.receive(recv)
	cancel()
	s.end()
	if failed := <-sent; failed != nil && err == nil {
		err = failed
	}
	return err
}

// describe calls Info, which is the author's code.
func describe(c Checker) (info Info, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("Info panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return c.Info(), nil
}

func (s *session) receive(recv func() (*checkerpb.FromHost, error)) error {
	for {
		m, err := recv()
		if errors.Is(err, io.EOF) || s.ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("receive from the host: %w", err)
		}
		for _, p := range m.GetPrepare() {
			s.prepare(p)
		}
		for _, id := range m.GetRelease() {
			s.release(id)
		}
		for _, id := range m.GetCancel() {
			if c := s.checks[id]; c != nil {
				c.stop(false)
			}
		}
		if n := m.GetPing(); n != 0 { // before what takes long
			s.add(func() { s.out.Pong = n })
		}
		if list := m.GetStart(); len(list) > 0 {
			s.mu.Lock()
			s.under += len(list)
			s.mu.Unlock()
			now := clock.Now()
			s.stall.watch(now)
			for _, p := range list {
				s.start(p, now)
			}
			s.run()
		}
	}
}

// prepare makes a check ready, in place of one of the same number.
func (s *session) prepare(p *checkerpb.Prepare) {
	s.release(p.GetCheck())
	c := &check{id: p.GetCheck()}
	c.ambient.log = s.logger(c.id)
	probe, err := s.prepared(p)
	c.probe = probe
	if err != nil {
		c.refusal = cut(err.Error(), maxMessage)
	}
	s.checks[c.id] = c
	s.add(func() {
		s.out.Prepared = append(s.out.Prepared, &checkerpb.Prepared{Check: c.id, Error: c.refusal})
	})
}

func (s *session) prepared(p *checkerpb.Prepare) (probe Probe, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			probe, err = nil, fmt.Errorf("the checker panicked while it prepared: %v", panicked)
			s.logger(p.GetCheck()).Error(err.Error(), "label", p.GetLabel(), "stack", string(debug.Stack()))
		}
	}()
	target, err := targetOf(p.GetTarget())
	if err != nil {
		return nil, err
	}
	options, err := NewOptions([]byte(p.GetOptions()))
	if err != nil {
		return nil, err
	}
	if options, err = options.as(s.options); err != nil {
		return nil, err
	}
	again := true
	for again {
		probe, err = s.checker.Prepare(target, options)
		if err == nil && probe == nil {
			err = errors.New("the checker prepared nothing and gave no reason")
		}
		r, ok := probe.(Restorer)
		again = ok && err == nil && p.GetState() != "" && !s.restored(r, p)
		p.State = ""
	}
	return probe, err
}

// restored gives a check its past. One that panicked may be in any state, and is to be
// prepared anew without: the past would come back to every process.
func (s *session) restored(r Restorer, p *checkerpb.Prepare) (ok bool) {
	defer func() {
		if panicked := recover(); panicked != nil {
			ok = false
			s.logger(p.GetCheck()).Error(fmt.Sprintf("the checker panicked at the state of a check, which has none now: %v", panicked), "label", p.GetLabel(), "stack", string(debug.Stack()))
		}
	}()
	r.Restore(p.GetState())
	return true
}

// targetOf reads a target.
func targetOf(t *checkerpb.Target) (Target, error) {
	out := Target{
		BindIf: t.GetBindIf(), Fwmark: t.GetFwmark(), BindPort: uint16(t.GetBindPort()),
		Timeout: micro(t.GetTimeoutUs()),
	}
	if t.GetPort() > 65535 || t.GetBindPort() > 65535 {
		return Target{}, fmt.Errorf("port %d or bind_port %d is none", t.GetPort(), t.GetBindPort())
	}
	if t.GetAddress() != "" {
		a, err := netip.ParseAddr(t.GetAddress())
		if err != nil {
			return Target{}, fmt.Errorf("read the address: %w", err)
		}
		out.Address = netip.AddrPortFrom(a, uint16(t.GetPort()))
	}
	if t.GetBindto() != "" {
		a, err := netip.ParseAddr(t.GetBindto())
		if err != nil {
			return Target{}, fmt.Errorf("read bindto: %w", err)
		}
		out.BindTo = a
	}
	if t.Weight != nil {
		w := int(t.GetWeight())
		out.Weight = &w
	}
	return out, nil
}

// micro is a count of microseconds; one beyond what Go can say is for ever.
func micro(n uint64) time.Duration {
	const most = uint64(1<<63-1) / uint64(time.Microsecond)
	return time.Duration(min(n, most)) * time.Microsecond
}

// release forgets a check.
func (s *session) release(id uint32) {
	c := s.checks[id]
	if c == nil {
		return
	}
	delete(s.checks, id)
	if idle := c.stop(true); idle {
		c.close()
	}
}

// stop cancels a probe that runs; for good when the check is gone. It reports
// whether none ran.
func (c *check) stop(gone bool) (idle bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = c.gone || gone
	if c.running {
		c.under.cancel()
	}
	return !c.running
}

// close ends the author's probe; a panic in it harms nobody.
func (c *check) close() {
	defer func() {
		if p := recover(); p != nil {
			c.ambient.log.Error(fmt.Sprintf("the checker panicked in Close: %v", p), "stack", string(debug.Stack()))
		}
	}()
	if x, ok := c.probe.(closer); ok {
		x.Close()
	}
}

// busy reports whether probes are under way whose results somebody wants.
func (s *session) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.under > 0 && s.ctx.Err() == nil
}

// job is a probe that is to be run.
type job struct {
	check *check
	start *checkerpb.Start
	ctx   *probeContext
}

// start has a goroutine run a probe. It is answered exactly once.
func (s *session) start(p *checkerpb.Start, now time.Time) {
	c := s.checks[p.GetCheck()]
	switch {
	case c == nil:
		s.answer(&checkerpb.Result{Check: p.GetCheck(), Probe: p.GetProbe(), Message: "there is no such check"})
		return
	case c.probe == nil:
		s.answer(&checkerpb.Result{Check: p.GetCheck(), Probe: p.GetProbe(), Message: c.refusal})
		return
	}
	ctx := &probeContext{begun: now, parent: s.ctx, ambience: c.ambient, deadline: now.Add(micro(p.GetTimeoutUs()))}
	ctx.ambience.details, ctx.stood = p.GetDetails(), s.stall.stood(now)
	c.mu.Lock()
	busy := c.running
	if !busy {
		c.running, c.under = true, ctx
	}
	c.mu.Unlock()
	if busy {
		s.answer(&checkerpb.Result{Check: c.id, Probe: p.GetProbe(), Message: "the probe before this one has not returned"})
		return
	}
	j := job{c, p, ctx}
	if s.runner == nil {
		s.employ(j)
		return
	}
	s.due = append(s.due, Turn{Probe: c.probe, job: j, Do: func() {
		defer s.probes.Done()
		s.perform(j)
	}})
}

// run has the checker run the probes that are due.
func (s *session) run() {
	if len(s.due) == 0 {
		return
	}
	s.probes.Add(len(s.due))
	// What has come leaves before the next begin: thousands begin after a restart,
	// and take long enough for a host to take silence for a fault.
	for list := range slices.Chunk(s.due, maxBatch) {
		s.runSome(list)
		if len(list) == maxBatch {
			runtime.Gosched() // the sender, where there is one processor
		}
	}
	clear(s.due)
	s.due = s.due[:0]
}

func (s *session) runSome(list []Turn) {
	s.mu.Lock()
	s.gather = true
	s.mu.Unlock()
	for _, t := range s.runner.Run(list) {
		s.probes.Done()
		s.employ(t.job)
	}
	s.mu.Lock()
	s.gather = false
	some := len(s.results) > 0
	all := some && (s.under == 0 || len(s.results) >= maxBatch)
	s.mu.Unlock()
	s.leave(all, some)
}

// employ has a goroutine run a probe.
func (s *session) employ(j job) {
	select {
	case s.jobs <- j: // one whose stack has grown to what a probe needs
	default:
		s.probes.Go(func() { s.work(j) })
	}
}

// work runs one probe after the other.
func (s *session) work(j job) {
	for more := true; more; {
		s.perform(j)
		s.mu.Lock()
		keep := s.idle < spare
		if keep {
			s.idle++
		}
		s.mu.Unlock()
		if !keep {
			return
		}
		j, more = <-s.jobs
		s.mu.Lock()
		s.idle--
		s.mu.Unlock()
	}
}

func (s *session) perform(j job) {
	defer j.ctx.cancel()
	c := j.check
	out, timedOut := c.run(j.ctx, j.start)
	out = s.stall.excuse(j.ctx, out, timedOut)
	// First, since who has the answer may ask again.
	c.mu.Lock()
	c.running, c.under = false, nil
	gone := c.gone
	c.mu.Unlock()
	s.answer(out)
	if gone {
		c.close()
	}
}

// run runs a probe once. timedOut is Result's.
func (c *check) run(ctx *probeContext, p *checkerpb.Start) (out *checkerpb.Result, timedOut bool) {
	out = &checkerpb.Result{Check: c.id, Probe: p.GetProbe()}
	defer func() {
		if panicked := recover(); panicked != nil {
			out = &checkerpb.Result{Check: c.id, Probe: p.GetProbe(), Message: cut(fmt.Sprintf("the checker panicked: %v", panicked), maxMessage)}
			if !c.panicked { // the verdict says it each time; the stack would be a flood
				c.ambient.log.Error(out.Message, "stack", string(debug.Stack()))
			}
			c.panicked = true
		}
	}()
	r := c.probe.Probe(ctx)
	c.panicked = false
	if r.Latency == 0 {
		r.Latency = time.Since(ctx.begun)
	}
	out.Verdict = checkerpb.Verdict(r.Verdict)
	if r.Verdict > Failed {
		out.Verdict, r.Message = checkerpb.Verdict_UNKNOWN, fmt.Sprintf("the checker gave the verdict %d, which there is not", r.Verdict)
	}
	out.Message = cut(r.Message, maxMessage)
	out.LatencyUs = uint64(max(0, r.Latency) / time.Microsecond)
	if r.Weight != nil {
		w := int32(max(min(*r.Weight, 1<<31-1), -1<<31))
		out.Weight = &w
	}
	if out.State = r.State; len(out.State) > maxState || !utf8.ValidString(out.State) {
		c.ambient.log.Error(fmt.Sprintf("the state of a check is not kept: it has %d bytes, or is no UTF-8", len(out.State)))
		out.State = ""
	}
	if p.GetDetails() {
		for _, d := range r.Details[:min(len(r.Details), maxDetails)] {
			out.Details = append(out.Details, &checkerpb.Detail{Name: cut(d.Name, maxMessage), Text: cut(d.Text, maxDetail)})
		}
	}
	return out, r.TimedOut
}

// end waits a little for the probes, whose context has ended.
func (s *session) end() {
	for id := range s.checks {
		s.release(id)
	}
	close(s.jobs) // only the receiver sends, and it has returned
	over := make(chan struct{})
	go func() {
		s.probes.Wait()
		close(over)
	}()
	t := time.NewTimer(goodbye)
	defer t.Stop()
	select {
	case <-over:
	case <-t.C: // the process ends anyway, and they with it
	}
}
