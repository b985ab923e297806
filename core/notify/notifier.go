package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/program"
)

// QueueBound is how many changes of one name wait, beside the one that is
// being delivered. It is small: who lags behind by more is better told how
// things stand than what they were like.
const QueueBound = 8

const (
	defaultTimeout = 30 * time.Second
	// gonePatience is how long the next program waits for one that was told
	// to end and has not: its SIGKILL comes after two seconds.
	gonePatience = 3 * time.Second
)

// Options make a Notifier.
type Options struct {
	// Targets say what is told about whom; see SetTargets.
	Targets map[Key]Target
	// Run runs a program, as (*program.Starter).Run does. It must return soon
	// after Spec.Timeout and after the end of its context. Required.
	Run func(context.Context, program.Spec) program.Outcome
	// Lua calls the functions of a Lua file that a change told as state is
	// meant for. It must return soon after the end of its context, which has
	// the deadline. Required.
	Lua func(ctx context.Context, file Lua, c node.Change, state string, addresses []netspec.Address) error
	// Timeout is what each program and function gets; 30 s when zero.
	Timeout time.Duration
	// Log takes one line for each thing told, failed or dropped. Required.
	Log *slog.Logger
}

// Notifier delivers changes. It implements the engine's Notifier. Its methods
// may be called by several goroutines. Close ends it.
type Notifier struct {
	run     func(context.Context, program.Spec) program.Outcome
	lua     func(context.Context, Lua, node.Change, string, []netspec.Address) error
	timeout time.Duration
	log     *slog.Logger

	ctx     context.Context // the workers' life, ended by Close
	cancel  context.CancelFunc
	workers sync.WaitGroup

	mu      sync.Mutex // guards what follows; never held over anything slow
	closed  bool
	targets map[Key]Target
	retired map[Key]Target // of the last SetTargets, for their Deleted changes
	busy    map[Key]*queue // names with a worker
}

// queue is what a worker has still to deliver; Notifier.mu guards it.
type queue struct {
	items   []item
	dropped uint64        // since the last delivery
	done    chan struct{} // closed when the worker ends: nothing is left
	// stop ends the delivery that is under way.
	stop context.CancelFunc
	// patience is how long what is told to end may keep the next waiting.
	patience time.Duration
}

// shrink drops all but the newest most changes.
func (q *queue) shrink(most int) {
	if drop := len(q.items) - most; drop > 0 {
		q.items = slices.Delete(q.items, 0, drop)
		q.dropped += uint64(drop)
	}
}

// item is a change and what was to be told when it happened.
type item struct {
	change node.Change
	target Target
	state  string
}

// New makes a Notifier. It has no goroutine until there is something to tell.
func New(o Options) (*Notifier, error) {
	if o.Run == nil || o.Lua == nil || o.Log == nil {
		return nil, errors.New("make notifier: Run, Lua and Log are required")
	}
	n := &Notifier{
		run:     o.Run,
		lua:     o.Lua,
		timeout: o.Timeout,
		log:     o.Log,
		targets: maps.Clone(o.Targets),
		busy:    make(map[Key]*queue),
	}
	if n.timeout <= 0 {
		n.timeout = defaultTimeout
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	return n, nil
}

// SetTargets replaces all targets, at a reload. What is queued is told to the
// targets that were there when it happened. A name that is no longer there
// keeps its target until the next SetTargets, for the change that says that
// it was deleted, and for no other.
func (n *Notifier) SetTargets(targets map[Key]Target) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.retired = n.targets
	n.targets = maps.Clone(targets)
}

// Notify queues a change for delivery. It never blocks, and does nothing
// after Close.
func (n *Notifier) Notify(c node.Change) {
	key := keyOf(c)
	n.mu.Lock()
	defer n.mu.Unlock()
	target, ok := n.targets[key]
	if !ok && c.Deleted {
		target, ok = n.retired[key]
	}
	state := target.State(c)
	if n.closed || !ok || state == "" {
		return
	}
	it := item{change: c, target: target, state: state}
	q := n.busy[key]
	if q == nil {
		q = &queue{done: make(chan struct{}), patience: gonePatience}
		n.busy[key] = q
		n.workers.Go(func() { n.work(key, q) })
	}
	q.items = append(q.items, it)
	q.shrink(QueueBound)
}

// Drain waits until each name that has something queued at the call has
// nothing left, and makes what comes last come through: when a third of ctx's
// time is over, what is being delivered is told to end where something waits
// behind it, and of that only the newest is kept. At the end of
// ctx it returns an error that names whose changes were not delivered; they
// stay queued.
func (n *Notifier) Drain(ctx context.Context) error {
	n.mu.Lock()
	busy := maps.Clone(n.busy)
	n.mu.Unlock()
	var share time.Duration
	var over <-chan time.Time // nil, which never comes, without a deadline
	if deadline, ok := ctx.Deadline(); ok {
		share = time.Until(deadline) / 3
		t := time.NewTimer(share)
		defer t.Stop()
		over = t.C
	}
	for _, q := range busy {
		for waiting := true; waiting; {
			select {
			case <-q.done:
				waiting = false
			case <-over:
				n.hurry(busy, share)
			case <-ctx.Done():
				if left := n.left(busy); len(left) > 0 {
					return fmt.Errorf("deliver notifications: %w; not delivered, or not to the end: %s", ctx.Err(), strings.Join(left, ", "))
				}
				return nil
			}
		}
	}
	return nil
}

// hurry ends each delivery that a newer change waits for, which is then the
// next, at the latest after another share of the time.
func (n *Notifier) hurry(busy map[Key]*queue, share time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key, q := range busy {
		if n.busy[key] == q && len(q.items) > 0 {
			q.shrink(1)
			q.patience = min(q.patience, share)
			q.stop()
		}
	}
}

// left says which of the queues have a worker still.
func (n *Notifier) left(busy map[Key]*queue) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var left []string
	for key, q := range busy {
		if n.busy[key] == q {
			left = append(left, fmt.Sprintf("%s (%d waiting)", key, len(q.items)))
		}
	}
	slices.Sort(left)
	return left
}

// Close drops what is queued, tells what is running to end, and waits for
// that. Drain first to have all delivered.
func (n *Notifier) Close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.cancel()
	n.workers.Wait()
}

// work delivers the changes of one name until none is left.
func (n *Notifier) work(key Key, q *queue) {
	for {
		ctx, stop := context.WithCancel(n.ctx)
		it, dropped, ok := n.next(key, q, stop)
		switch {
		case dropped > 0 && ok:
			n.log.Warn("notifications dropped: newer changes superseded them",
				"name", key.String(), "dropped", dropped, "next", it.change.Seq)
		case dropped > 0:
			n.log.Warn("notifications dropped: the daemon ends", "name", key.String(), "dropped", dropped)
		}
		if ok {
			n.deliver(ctx, key, q, it, dropped)
		}
		stop()
		if !ok {
			return
		}
	}
}

// next takes the oldest change, and how many before it were dropped; stop will
// end its delivery. When there is none, or after Close, ok is false and the
// worker has ended, as far as others can see.
func (n *Notifier) next(key Key, q *queue, stop context.CancelFunc) (it item, dropped uint64, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(q.items) == 0 {
		dropped = q.dropped + uint64(len(q.items))
		delete(n.busy, key)
		close(q.done)
		return item{}, dropped, false
	}
	it, dropped = q.items[0], q.dropped
	q.items = slices.Delete(q.items, 0, 1)
	q.dropped, q.stop = 0, stop
	return it, dropped, true
}

// deliver tells one change to all who are to know, in order, until ctx ends.
func (n *Notifier) deliver(ctx context.Context, key Key, q *queue, it item, dropped uint64) {
	log := n.log.With("name", key.String(), "state", it.state, "seq", it.change.Seq)
	for _, spec := range it.target.programs(it.change, it.state, dropped) {
		spec.Timeout = n.timeout
		o := n.run(ctx, spec)
		switch {
		case o.OK():
			log.Info("notified", "program", spec.Argv[0], "took", o.Took)
		case n.ctx.Err() != nil:
			log.Warn("notify program stopped: the daemon ends", "program", spec.Argv[0], "result", o.String())
			return
		case ctx.Err() != nil:
			log.Warn("notify program stopped: the daemon ends, and a newer change is still to be told", "program", spec.Argv[0], "result", o.String())
		default:
			log.Warn("notify program failed", "program", spec.Argv[0], "result", o.String())
		}
		n.awaitGone(log, q, spec.Argv[0], o)
		if ctx.Err() != nil {
			return
		}
	}
	if it.target.Lua == nil || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, n.timeout)
	defer cancel()
	begin := time.Now()
	err := n.lua(ctx, *it.target.Lua, it.change, it.state, it.target.Addresses)
	took := time.Since(begin)
	if err != nil {
		log.Warn("notify script failed", "lua", it.target.Lua.Path, "error", err, "took", took)
		return
	}
	log.Info("notified", "lua", it.target.Lua.Path, "took", took)
}

// awaitGone keeps the next program from starting beside one that is still
// being ended, as long as that makes sense.
func (n *Notifier) awaitGone(log *slog.Logger, q *queue, name string, o program.Outcome) {
	if o.Gone == nil {
		return
	}
	n.mu.Lock()
	patience := q.patience
	n.mu.Unlock()
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-o.Gone:
	case <-n.ctx.Done():
	case <-t.C:
		log.Warn("notify program cannot be ended in time; going on beside it", "program", name, "pid", o.Pid)
	}
}
