//go:build linux

package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/clock"
)

// ErrClosed is a Host that was closed.
var ErrClosed = errors.New("the host of plugins is closed")

// Options are a Host's. Zero times are the defaults.
type Options struct {
	// Dir is the directory for sockets. It is made, readable by nobody else,
	// and what an earlier daemon left in it is removed.
	Dir string
	// User and Group are those of plugins that name none; empty is nobody.
	User, Group string
	// Serve are the arguments by which this program serves its own checkers,
	// before the name of the kind; nil is "plugin".
	Serve []string
	// Log takes what plugins log, and what becomes of their processes.
	Log *slog.Logger
	// Shown says that whoever asked looks at each result, so that what these say is not
	// logged, too.
	Shown bool
	// OnThread, unless nil, is called on the thread that starts processes, which
	// inherit from it how the kernel runs them.
	OnThread func() error
	// Cell makes the control group of a Plain process and of what it starts: its
	// descriptor, 0 for the daemon's, and what is called when the process has ended.
	// Nil leaves them in the daemon's.
	Cell func() (fd int, end func(kill bool))
	// Start bounds the time from the start of a process until the host is
	// connected with it, and from there the time to its greeting; 10 s. It doubles
	// with each process in a row that failed, up to eight times as much.
	Start time.Duration
	// Ping is the time between two signs of life; 500 ms.
	Ping time.Duration
	// Silence is how long a process may give none before it is ended; 2 s. It
	// doubles with each process that is ended for it, up to eight times as much, for
	// the machine may be busy, and halves with each ten minutes in which none is.
	Silence time.Duration
	// Retry is the time until a process that ended is started again for the
	// first time; 100 ms. It doubles, up to RetryMost; 30 s.
	Retry, RetryMost time.Duration
	// Farewell is how long a process that is asked to end may take; 500 ms.
	Farewell time.Duration
	// Hold is for how long after New no process is started, unless Release is
	// called; 0 holds none. Probes that begin meanwhile wait.
	Hold time.Duration

	release string // of the kernel
	mark    string // the capability that setting a firewall mark takes
}

func (o *Options) defaults() {
	set := func(d *time.Duration, to time.Duration) {
		if *d <= 0 {
			*d = to
		}
	}
	set(&o.Start, 10*time.Second)
	set(&o.Ping, 500*time.Millisecond)
	set(&o.Silence, 2*time.Second)
	set(&o.Retry, 100*time.Millisecond)
	set(&o.RetryMost, 30*time.Second)
	set(&o.Farewell, 500*time.Millisecond)
	if o.User == "" && os.Geteuid() == 0 {
		o.User = "nobody"
	}
	if o.release == "" {
		o.release = release()
	}
	o.mark = markCapability(o.release)
	// Who is not root passes on what it has.
	if admin, raw := capabilities["net_admin"], capabilities["net_raw"]; os.Geteuid() != 0 && slices.Equal(inReach([]int{admin, raw}), []int{admin}) {
		o.mark = "net_admin"
	}
	if o.Serve == nil {
		o.Serve = []string{"plugin"}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Host runs plugins. Its methods may be called by any goroutine.
type Host struct {
	opts    Options
	spawner *spawner
	running owned // groups, sets that close, and answers for which there is no group

	mu     sync.Mutex // guards what follows
	closed bool
	groups map[groupKey]*group
	// held is until when no process is started; zero once that is over.
	held time.Time
}

// New makes a Host, which starts nothing yet. Close ends it.
func New(o Options) (*Host, error) {
	o.defaults()
	h := &Host{opts: o, groups: make(map[groupKey]*group)}
	if o.Hold > 0 {
		h.held = time.Now().Add(o.Hold)
	}
	if err := h.sweep(); err != nil {
		return nil, err
	}
	var err error
	if h.spawner, err = newSpawner(o.OnThread, o.Cell, o.Dir, o.Log); err != nil {
		return nil, err
	}
	return h, nil
}

// Release ends Options.Hold.
func (h *Host) Release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held.IsZero() {
		return
	}
	h.held = time.Time{}
	for _, g := range h.groups {
		g.order(func() {
			if g.started == 0 {
				g.retry = time.Time{}
			}
		})
	}
}

// sweep makes the directory for sockets, and removes what is left in it from
// a daemon that did not come to do so.
func (h *Host) sweep() error {
	if err := h.makeDir(); err != nil {
		return err
	}
	entries, err := os.ReadDir(h.opts.Dir)
	if err != nil {
		return fmt.Errorf("look for leftovers of plugins: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), leftSession) {
			if err := endLeft(filepath.Join(h.opts.Dir, e.Name())); err != nil {
				h.opts.Log.Warn("what plugins of a daemon that was killed left behind may go on", "error", err)
			}
		}
		if !strings.HasPrefix(e.Name(), "plugin-dir") {
			continue
		}
		if err := os.RemoveAll(filepath.Join(h.opts.Dir, e.Name())); err != nil {
			return fmt.Errorf("remove a leftover of a plugin: %w", err)
		}
	}
	return nil
}

// makeDir makes the directory for sockets, also when somebody wiped it.
func (h *Host) makeDir() error {
	if err := os.MkdirAll(h.opts.Dir, 0o700); err != nil {
		return fmt.Errorf("make the directory for the sockets of plugins: %w", err)
	}
	if err := os.Chmod(h.opts.Dir, 0o700); err != nil {
		return fmt.Errorf("close the directory for the sockets of plugins to others: %w", err)
	}
	return nil
}

// Close ends all processes, and returns when they have ended; ctx bounds how
// politely. Probes under way are answered Unknown. A second Close waits, too. Once
// it has returned nothing is answered any more.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	first := !h.closed
	h.closed = true
	for _, g := range h.groups {
		g.stop(ctx)
	}
	h.mu.Unlock()
	h.running.wait()
	if !first {
		return nil
	}
	h.spawner.close()
	if err := os.Remove(h.opts.Dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the directory for the sockets of plugins: %w", err)
	}
	return nil
}

// Check reports, as an error, what of a plan could not be run: plugins whose
// files are not to be trusted, users and network namespaces that do not exist.
// It starts nothing. The error joins Errors, one for each thing that is wrong.
func (o Options) Check(p Plan) error {
	o.defaults()
	_, err := o.arrange(p)
	return err
}

// maxOptions bounds the options of a check, in bytes, so that what prepares it is
// no larger than a message.
const maxOptions = 768 << 10

// arranged are the checks of one process.
type arranged struct {
	key    groupKey
	plugin Plugin
	checks []*Check
}

// arrange assigns checks to processes, in the order in which they come, and
// verifies what these need.
func (o *Options) arrange(p Plan) ([]*arranged, error) {
	var bad []error
	fail := func(plugin string, err error) { bad = append(bad, &Error{Plugin: plugin, Err: err}) }
	plugins := make(map[string]Plugin, len(p.Plugins))
	for _, x := range p.Plugins {
		if _, twice := plugins[x.Name]; twice {
			fail(x.Name, fmt.Errorf("%s is there twice", x))
		}
		plugins[x.Name] = x
	}
	large := make(map[string]bool) // kinds
	byKey := make(map[groupKey]*arranged)
	var all []*arranged
	var a *arranged // that of the check before
	var last needs
	for i := range p.Checks {
		c := &p.Checks[i]
		if c.Limit <= 0 || c.Patience < c.Limit || c.Last != 0 && c.Last < c.Patience {
			fail(c.Kind, fmt.Errorf("check %s: it may take %s, and the host waits %s for it, and %s in all", c.Label, c.Limit, c.Patience, c.Last))
		}
		if len(c.Options) > maxOptions && !large[c.Kind] { // thousands may have the same
			large[c.Kind] = true
			fail(c.Kind, fmt.Errorf("check %s: its options have %d bytes, more than %d", c.Label, len(c.Options), maxOptions))
		}
		if n := needsOf(c.Subject); a == nil || n != last { // tens of thousands need the same
			last = n
			key, plugin := o.place(c.Subject, plugins)
			if a = byKey[key]; a == nil {
				a = &arranged{key: key, plugin: plugin}
				byKey[key], all = a, append(all, a)
				if err := Verify(plugin); err != nil {
					fail(plugin.Name, err)
				}
				if key.netns != "" {
					f, err := openNetNS(key.netns)
					if err != nil {
						fail(plugin.Name, fmt.Errorf("%s: %w", plugin, err))
					} else {
						f.Close()
					}
				}
			}
		}
		if a.checks == nil {
			a.checks = make([]*Check, 0, len(p.Checks))
		}
		a.checks = append(a.checks, c)
	}
	return all, errors.Join(bad...)
}

// Set are the checks of one configuration.
type Set struct {
	host   *Host
	places []place // by number
	groups []*group
	wants  []Plugin // how the process of each of groups is to run
	tell   func(generation uint32, answers []node.Answer)
	once   sync.Once
}

// place is where a check is.
type place struct {
	group *group
	slot  uint32
	check *Subject // as the set has it
}

// Open takes the checks of a configuration: it verifies their plugins, starts
// those that do not run, and prepares the checks that are new. The set before goes on
// until its Close.
func (h *Host) Open(p Plan) (*Set, error) {
	all, err := h.opts.arrange(p)
	if err != nil {
		return nil, err
	}
	s := &Set{host: h}
	most := -1
	for i := range p.Checks {
		most = max(most, int(p.Checks[i].Number))
	}
	s.places = make([]place, most+1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	for _, a := range all {
		g := h.groups[a.key]
		if g == nil {
			g = newGroup(h, a.key, h.number(a.key.who()))
			h.groups[a.key] = g
			h.running.run(g.run) // it has not ended: closed is said before
		}
		s.groups, s.wants = append(s.groups, g), append(s.wants, a.plugin)
		for i, id := range g.adopt(a, h.held) {
			s.places[a.checks[i].Number] = place{g, id, a.checks[i].Subject}
		}
	}
	return s, nil
}

// number is the lowest one that no group of somebody has. It is called with the lock.
func (h *Host) number(of who) int {
	taken := make(map[int]bool)
	for key, g := range h.groups {
		if key.who() == of {
			taken[g.nth] = true
		}
	}
	n := 1
	for taken[n] {
		n++
	}
	return n
}

// Begin puts the set in force: it says where answers go, and has processes run anew
// whose file or limits changed. It is called before the first Start, and does not
// wait. tell may wait; it must not call Start.
func (s *Set) Begin(tell func(generation uint32, answers []node.Answer)) {
	s.tell = tell
	for i, g := range s.groups {
		g.use(s, s.wants[i])
	}
}

// Start begins probes. It never blocks, and list is the caller's. Each is
// answered exactly once, also when there is no such check, unless Host.Close has
// returned.
func (s *Set) Start(generation uint32, list []node.Ask) {
	now := clock.Now()
	var g *group
	var lost []node.Answer
	leave := func() {
		if g != nil {
			g.mu.Unlock()
			if !g.armed.Load() {
				g.poke()
			}
		}
	}
	for _, a := range list {
		var p place
		if int(a.Check) < len(s.places) {
			p = s.places[a.Check]
		}
		if p.group == nil {
			lost = append(lost, node.Answer{Check: a.Check, Seq: a.Seq, Message: "no plugin has this check"})
			continue
		}
		if p.group != g {
			leave()
			g = p.group
			g.mu.Lock()
		}
		if g.over {
			lost = append(lost, node.Answer{Check: a.Check, Seq: a.Seq, Message: ErrClosed.Error()})
			continue
		}
		g.inbox = append(g.inbox, ask{set: s, slot: p.slot, check: p.check, generation: generation, number: a.Check, seq: a.Seq, at: now})
	}
	leave()
	if len(lost) > 0 { // not from here: to tell may wait for the caller
		s.host.running.run(func() { s.tell(generation, lost) })
	}
}

// Close says that there will be no further Start. Checks that no other set has
// are forgotten, and processes without checks end. It does not wait.
func (s *Set) Close() error {
	s.once.Do(func() { s.host.running.run(s.close) }) // an ended host has no checks
	return nil
}

func (s *Set) close() {
	h := s.host
	byGroup := make(map[*group][]uint32)
	for _, p := range s.places {
		if p.group != nil {
			byGroup[p.group] = append(byGroup[p.group], p.slot)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range s.groups {
		if g.release(byGroup[g]) == 0 && h.groups[g.key] == g {
			delete(h.groups, g.key)
			ctx, cancel := context.WithTimeout(context.Background(), h.opts.Farewell)
			g.stop(ctx)
			cancel()
		}
	}
}

// Probe runs one check once, with its details, and waits for its result, which
// is Unknown when ctx ends first.
func (s *Set) Probe(ctx context.Context, number uint32) checker.Result {
	return s.probe(ctx, number, true)
}

// Verdict is Probe without the details, for those who look at the result only.
func (s *Set) Verdict(ctx context.Context, number uint32) checker.Result {
	return s.probe(ctx, number, false)
}

func (s *Set) probe(ctx context.Context, number uint32, details bool) checker.Result {
	var p place
	if int(number) < len(s.places) {
		p = s.places[number]
	}
	if p.group == nil {
		return checker.Result{Message: "no plugin has this check"}
	}
	answer := make(chan checker.Result, 1)
	g := p.group
	g.mu.Lock()
	if g.over {
		g.mu.Unlock()
		return checker.Result{Message: ErrClosed.Error()}
	}
	g.inbox = append(g.inbox, ask{set: s, slot: p.slot, check: p.check, once: answer, details: details, at: clock.Now()})
	g.mu.Unlock()
	g.poke()
	select {
	case r := <-answer:
		return r
	case <-ctx.Done():
		return checker.Result{Message: "no result in time: " + ctx.Err().Error()}
	}
}

// Probe prepares one check, runs it once with its details, and forgets it.
func (h *Host) Probe(ctx context.Context, c Check, plugins ...Plugin) (checker.Result, error) {
	c.Number = 0
	s, err := h.Open(Plan{Checks: []Check{c}, Plugins: plugins})
	if err != nil {
		return checker.Result{}, err
	}
	defer s.Close()
	return s.Probe(ctx, 0), nil
}

// spec is how a plugin is started.
func (h *Host) spec(key groupKey, p Plugin) spec {
	sp := spec{plugin: p, netns: key.netns, args: []string{p.Path}}
	if p.Path == "" {
		sp.args = slices.Concat([]string{"moonkeep: checker"}, h.opts.Serve, []string{p.Name})
	}
	return sp
}

// jitter is d, up to a quarter more or less.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2+1)
}
