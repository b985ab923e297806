package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

const (
	inboxLen = 4096
	mailLen  = 4096
	queueLen = 4096
	asksLen  = 16
	// stopLimit is how long a stop waits for hand-overs, then for checks, twice
	// for addresses, and at last for the journal; tellLimit is how long it waits
	// for notifications before that.
	stopLimit = 2 * time.Second
	tellLimit = 5 * time.Second
	// clockStep is by how many nanoseconds the wall clock may differ from what
	// the node knows. Clocks that are kept right drift by less in a second.
	clockStep = int64(time.Millisecond)
)

// Plan is what an Engine runs: the node's configuration and what the edges
// need to know of it. Reload takes another one.
type Plan struct {
	Node node.Config
	// Checks runs the scripts of Node.
	Checks Checks
	// Probes makes the probes of the checks of Node. The engine closes it, also
	// when it does not come to be used. Nil makes none.
	Probes Probes
	// Watcher looks at the files and processes of Node. The engine closes it,
	// also when it does not come to be used. Nil means that there are none.
	Watcher Watcher
	// Policy may hold planned moves back. Nil holds none.
	Policy Policy
	// Interfaces are those whose state matters, beside those that carry
	// adverts.
	Interfaces []string
	// Keep are addresses that stood before the node claimed them and that are the
	// host's own: they are not removed, and the journal does not have them.
	Keep []netspec.Address
}

// Options are the parts that stay for an Engine's life.
type Options struct {
	Notifier Notifier
	// Balancer has the table of IPVS be what the node says. Nil leaves IPVS
	// alone.
	Balancer Balancer
	Log      *slog.Logger
	// Alarm wakes the loop. Nil means the runtime's timers, which may be a
	// millisecond late.
	Alarm Alarm
	// Slept returns how long the machine has been suspended since its start, in
	// which the runtime's clock stands still. Nil means never.
	Slept func() time.Duration
	// Stale are addresses that an earlier run may have left behind; they are
	// removed before anything else happens.
	Stale []netspec.Address
	// StaleRouting is Stale for routes and rules.
	StaleRouting netspec.Routing
	// Journal is told which addresses, routes and rules the node owns, each
	// time that changes. It is called from one goroutine. Nil means no journal.
	Journal func([]netspec.Address, netspec.Routing) error
	// Watching is called once all of the first plan is watched: from then on adverts
	// are heard. It must not wait. Nil is nobody.
	Watching func()
}

// Engine runs one node. It implements Sink for the kernel.
type Engine struct {
	opts Options
	plan Plan
	// start is when instant 0 was, by a clock that goes on while the machine is
	// suspended; slept is what Slept returned last. Both are of who has the turn.
	start time.Time
	slept time.Duration

	inbox   chan node.Event
	results chan *node.Probed // answers of probes, behind the inbox
	// gathered is scratch of gather.
	gathered node.ProbedMany
	asks     chan func(mono.Instant)
	begun    chan struct{} // closed when Watch has returned for the first time
	done     chan struct{} // closed when the loop has ended
	mail     mail
	packets  sync.Pool
	// bfdPackets is for BFD what packets is for adverts.
	bfdPackets sync.Pool
	dropped    atomic.Uint64

	// turn is held by whoever works the node and what goes with it: the loop from
	// New to the end of Run, except while it waits; then whoever brings packets.
	turn sync.Mutex
	// broken is what became of the node when it was the turn of somebody else.
	broken  string
	node    *node.Node
	keeping keeping
	kernel  Kernel
	lane    *lane
	teller  *teller
	runs    sync.WaitGroup
	hurry   chan struct{} // see Hurry
	// owning guards what may stand in the kernel: owned by instance, and due,
	// which could not be removed; beside kept, the host's own.
	owning sync.Mutex
	owned  map[string]owned
	due    owned
	kept   []netspec.Address // Plan.Keep
	acting acting            // of lane 1 only
	// refused holds the instances whose last claim failed, lane 1 only.
	refused map[string]bool
	armed   mono.Instant       // when the alarm goes off at the latest, as far as the loop knows
	wall    int64              // the wall clock at instant zero, as the node knows it
	failed  map[recipient]bool // whom adverts do not reach
	sent    []error            // scratch of send
	late    lateness
	// bfdFailed holds the sessions whose packets do not leave.
	bfdFailed map[string]bool
	runCtx    context.Context // ends the runs of checks
	// reloading is held during a Reload, and while the kernel is closed.
	reloading sync.Mutex
}

// recipient is whom an instance's adverts go to.
type recipient struct {
	instance    string
	destination netip.Addr
}

// New returns an engine that is ready to be the kernel's sink.
func New(plan Plan, opts Options) *Engine {
	e := &Engine{
		opts: opts, plan: plan, kept: plan.Keep, start: time.Now(),
		inbox: make(chan node.Event, inboxLen), results: make(chan *node.Probed, resultsLen), asks: make(chan func(mono.Instant), asksLen), hurry: make(chan struct{}, 1),
		begun: make(chan struct{}), done: make(chan struct{}),
		armed: mono.Never,
		owned: map[string]owned{}, refused: map[string]bool{}, failed: map[recipient]bool{},
		bfdFailed: map[string]bool{},
	}
	if opts.Slept != nil {
		e.slept = opts.Slept()
	}
	e.packets.New = func() any { return new(node.Received) }
	e.bfdPackets.New = func() any { return new(node.BFDReceived) }
	if e.opts.Alarm == nil {
		e.opts.Alarm = newTimerAlarm()
	}
	e.turn.Lock()
	e.lane = newLane()
	e.teller = newTeller(opts.Log)
	return e
}

// now reads the monotonic clock; steps of the wall clock do not show.
func (e *Engine) now() mono.Instant { return mono.Instant(time.Since(e.start)) }

// Event takes any other event and waits for room.
func (e *Engine) Event(ev node.Event) {
	select {
	case e.inbox <- ev:
		e.opts.Alarm.Ring()
	case <-e.done:
	}
}

// Run runs the node until ctx ends, then stops in an orderly way: masters
// resign and hand over, addresses are released, notifications delivered. It
// closes the kernel, unless a call of it hangs; then that is the error, and the
// goroutine of the call is left behind. Any other error means that the node
// could not begin, or that something could not be undone. Run is called once.
func (e *Engine) Run(ctx context.Context, k Kernel) error {
	e.kernel = k
	if err := e.Sweep(k); err != nil {
		close(e.done)
		return errors.Join(err, e.unwatch(&e.plan), k.Close())
	}
	// Before the node's first packet, which else would find no socket.
	if err := k.Sessions(sessions(&e.plan)); err != nil {
		close(e.done)
		return errors.Join(fmt.Errorf("begin BFD: %w", err), e.unwatch(&e.plan), k.Close())
	}
	runCtx, endRuns := context.WithCancel(context.Background())
	defer endRuns()
	e.runCtx = runCtx
	var calls, writes sync.WaitGroup // who calls the kernel, who the log
	calls.Go(func() { e.lane.work(e.act) })
	writes.Go(e.teller.work)

	e.node = node.New(e.now(), e.plan.Node)
	e.watch(&e.plan)
	e.beginProbes(&e.plan)
	watched := make(chan error, 1)
	interfaces, channels := e.plan.Interfaces, e.plan.Node.Channels()
	// Watch delivers into the inbox, so the loop must already be reading it.
	calls.Go(func() {
		err := k.Watch(interfaces, channels)
		if err == nil && e.opts.Watching != nil {
			e.opts.Watching()
		}
		watched <- err
		e.opts.Alarm.Ring()
		close(e.begun)
	})
	err := e.loop(ctx, watched)
	close(e.done) // whoever still has an event for the node may go on
	endRuns()
	if !within(stopLimit, ended(&e.runs)) {
		err = errors.Join(err, errors.New("a check does not end although it was told to"))
	}
	return errors.Join(err, e.finish(&calls, &writes))
}

// Hurry has a stop that is under way give the addresses up now, without
// waiting for another node to take them.
func (e *Engine) Hurry() {
	select {
	case e.hurry <- struct{}{}:
		e.opts.Alarm.Ring()
	default: // it was told already
	}
}

// Settled reports whether the kernel has been told of all addresses that are to be
// claimed or released by now.
func (e *Engine) Settled() bool { return e.lane.settled() }

// Sweep removes what an earlier run left behind (Options.Stale): an address that
// stands here while another node is master would answer for it. Run does it before
// anything is heard; who has to wait before it can run calls it before that. It
// removes each once.
func (e *Engine) Sweep(k Kernel) error {
	if len(e.opts.Stale) == 0 && e.opts.StaleRouting.Empty() {
		return nil
	}
	e.kernel = k
	left, err := e.kernel.Held(e.opts.Stale)
	if err != nil {
		return fmt.Errorf("look for addresses of an earlier run: %w", err)
	}
	for _, a := range left {
		e.opts.Log.Warn("removing "+a.Prefix.String()+" from "+a.Device+": an earlier run left it behind", "address", a.Prefix.String(), "interface", a.Device)
	}
	if err := e.sweepRouting(); err != nil {
		return err
	}
	e.opts.Stale, e.opts.StaleRouting = nil, netspec.Routing{} // they are many
	if len(left) == 0 {
		return nil
	}
	var released [1]error
	e.kernel.Release([]Holding{{Addresses: left}}, released[:])
	if err := released[0]; err != nil {
		return fmt.Errorf("remove addresses of an earlier run: %w", err)
	}
	return nil
}

func (e *Engine) sweepRouting() error {
	if e.opts.StaleRouting.Empty() {
		return nil
	}
	left, err := e.kernel.HeldRouting(e.opts.StaleRouting)
	if err != nil {
		return fmt.Errorf("look for routes and rules of an earlier run: %w", err)
	}
	for _, r := range left.Routes {
		e.opts.Log.Warn("removing route " + r.String() + ": an earlier run left it behind")
	}
	for _, r := range left.Rules {
		e.opts.Log.Warn("removing rule " + r.String() + ": an earlier run left it behind")
	}
	if err := e.kernel.ClearRouting(left); err != nil {
		return fmt.Errorf("remove routes and rules of an earlier run: %w", err)
	}
	return nil
}

// finish waits, within limits, until what the loop asked for is done, and ends
// the goroutines of Run.
func (e *Engine) finish(calls, writes *sync.WaitGroup) (err error) {
	e.lane.close()
	// What waits there to be told follows the addresses, and is told before Drain.
	released := within(2*stopLimit, ended(calls))
	if e.opts.Notifier != nil {
		ctx, cancel := context.WithTimeout(context.Background(), tellLimit)
		if derr := e.opts.Notifier.Drain(ctx); derr != nil {
			e.teller.trouble("", "notifications were still under way when the daemon stopped", derr)
		}
		cancel()
	}
	if released {
		e.reloading.Lock()
		err = errors.Join(e.unwatch(&e.plan), e.kernel.Close())
		e.reloading.Unlock()
	} else {
		err = errors.New("addresses could not be released in time: see the log, and `ip address` for what is left")
	}
	e.teller.close()
	if !within(stopLimit, ended(writes)) {
		err = errors.Join(err, errors.New("the log or the journal of owned addresses could not be written in time"))
	}
	return err
}

// within calls f with a context that ends after the limit.
func within(limit time.Duration, f func(context.Context) bool) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return f(ctx)
}

// ended returns a function that reports whether a group ends before a context.
func ended(group *sync.WaitGroup) func(context.Context) bool {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	return func(ctx context.Context) bool {
		select {
		case <-done:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// ErrStopped is returned to callers who ask an engine that has ended.
var ErrStopped = errors.New("the engine has stopped")

// ask has the loop call f with the present instant and waits until it has, or
// until ctx ends: then f is not called any more.
func (e *Engine) ask(ctx context.Context, f func(mono.Instant)) error {
	answered := make(chan struct{})
	var settled atomic.Bool // by the loop, which calls f, or by giving up
	call := func(now mono.Instant) {
		if settled.CompareAndSwap(false, true) {
			f(now)
			close(answered)
		}
	}
	select {
	case e.asks <- call:
		e.opts.Alarm.Ring()
		select {
		case <-answered:
			return nil
		case <-e.done: // f panicked, or this choice was a random one of two
		case <-ctx.Done():
			if settled.CompareAndSwap(false, true) {
				return ctx.Err()
			}
			select { // f is being called
			case <-answered:
			case <-e.done:
			}
		}
		select {
		case <-answered:
			return nil
		default:
			return ErrStopped
		}
	case <-e.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Status asks the node. The wall clock time of its At is returned with it.
func (e *Engine) Status(ctx context.Context) (*node.Status, time.Time, error) {
	var s *node.Status
	var at time.Time
	err := e.ask(ctx, func(now mono.Instant) { s, at = e.node.Status(now), time.Now() })
	return s, at, err
}

// Dropped returns how many packets were dropped because too many waited.
func (e *Engine) Dropped() uint64 { return e.dropped.Load() }

// Held returns which of the addresses stand in the kernel now.
func (e *Engine) Held(addresses []netspec.Address) ([]netspec.Address, error) {
	return e.kernel.Held(addresses)
}

// HeldRouting is Held for routes and rules.
func (e *Engine) HeldRouting(r netspec.Routing) (netspec.Routing, error) {
	return e.kernel.HeldRouting(r)
}

// addressesFirst is how long what follows a reload lets the addresses go before it.
const addressesFirst = 50 * time.Millisecond

// first waits until the addresses that a reload changes are as they should be, or
// a little while: to read all that stands, which comes next, would take the
// processor and the kernel's lock from them.
func (e *Engine) first(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, addressesFirst)
	defer cancel()
	e.lane.drain(ctx)
}

// Reload makes the node run another plan. Instances that are the same in both
// keep role, timers and addresses (node.Reconfigure). On an error the node runs
// on as it did. Before Run has begun to watch, Reload waits for that.
func (e *Engine) Reload(ctx context.Context, p Plan) error {
	select {
	case <-e.begun:
	case <-e.done:
		return errors.Join(ErrStopped, e.unwatch(&p))
	case <-ctx.Done():
		return errors.Join(ctx.Err(), e.unwatch(&p))
	}
	e.reloading.Lock()
	defer e.reloading.Unlock()
	select {
	case <-e.done:
		return errors.Join(ErrStopped, e.unwatch(&p))
	default:
	}
	old := e.plan
	interfaces, channels := p.Interfaces, p.Node.Channels()
	before := old.Node.Channels()
	// Each Watch reads all that stands, which takes longer than all else where a
	// thousand addresses do. A reload for which nothing more is to be watched,
	// as most, does not wait for it.
	var err error
	if !slices.Equal(old.Interfaces, interfaces) || !slices.Equal(before, channels) {
		err = e.kernel.Watch(slices.Concat(old.Interfaces, interfaces), slices.Concat(before, channels))
	}
	if err != nil {
		err = fmt.Errorf("watch the new configuration's interfaces: %w", err)
	} else if err = e.kernel.Sessions(sessions(&old, &p)); err != nil {
		err = fmt.Errorf("begin the new configuration's BFD: %w", err)
	} else {
		e.beginProbes(&p)
		err = e.quietly(ctx, takes(&old.Node, &p.Node), func(now mono.Instant) {
			// Should it panic, what is to be given up is what the present plan has.
			actions := e.node.Reconfigure(now, p.Node)
			e.take(p)
			e.carry(actions)
		})
	}
	if err != nil {
		err = errors.Join(err, e.unwatch(&p))
		p = old
	} else {
		e.first(ctx)
		if narrow := e.unwatch(&old); narrow != nil {
			e.teller.trouble("", "what was tracked before the reload is still looked at", narrow)
		}
		e.watch(&p)
	}
	// Only names that are not wanted go now. What this cannot open was watched
	// before, and is tried again by the kernel: no reason to refuse the plan.
	if narrow := e.kernel.Sessions(sessions(&p)); narrow != nil {
		e.teller.trouble("", "not all BFD sockets are as they should be after the reload", narrow)
	}
	if narrow := e.kernel.Watch(p.Interfaces, p.Node.Channels()); narrow != nil {
		e.teller.trouble("", "not all interfaces are watched after the reload", narrow)
	}
	return err
}
