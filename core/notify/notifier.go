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
	"github.com/moonkeep/moonkeep/core/notify/mail"
	"github.com/moonkeep/moonkeep/core/program"
)

// QueueBound is how many changes of one name wait, beside the one that is
// being delivered. It is small: who lags behind by more is better told how
// things stand than what they were like.
const QueueBound = 8

const (
	defaultTimeout = 30 * time.Second
	// luaTimeout is what a Lua file gets for the functions that one change calls, which
	// often try something again and again until it is done.
	luaTimeout = time.Minute
	// gonePatience is how long the next program waits for one that was told
	// to end and has not: its SIGKILL comes after two seconds.
	gonePatience = 3 * time.Second
)

// Options make a Notifier.
type Options struct {
	// Plan says what is told to whom; see Adopt.
	Plan Plan
	// Run runs a program, as (*program.Starter).Run does. It must return soon
	// after Spec.Timeout and after the end of its context. Required.
	Run func(context.Context, program.Spec) program.Outcome
	// Lua calls the functions of a Lua file that a change told as state is
	// meant for. It must return soon after the end of its context, which has
	// the deadline. Required.
	Lua func(ctx context.Context, file Lua, c node.Change, state string, addresses []netspec.Address) error
	// Timeout is what each program gets; 30 s when zero. A Lua file has a minute.
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
	mailer  *mail.Mailer

	ctx     context.Context // the workers' life, ended by Close
	cancel  context.CancelFunc
	workers sync.WaitGroup

	places chan struct{} // see atOnce

	adopting sync.Mutex // held during Adopt and Close; guards feeds from them

	mu      sync.Mutex // guards what follows; never held over anything slow
	closed  bool
	plan    Plan
	retired map[Key]*Target // of the last Adopt, for their Deleted changes
	busy    map[Key]*queue  // names with a worker
	feeds   []*feed         // in the order in which they are written
	mailed  map[Key]string  // the state that was mailed last
	counts  Counts
}

// queue is what a worker has still to deliver; Notifier.mu guards it.
type queue struct {
	items   []item
	dropped uint64        // since the last delivery
	done    chan struct{} // closed when the worker ends: nothing is left
	// stop ends the delivery that is under way; nil before the first.
	stop context.CancelFunc
	// last is closed when what was queued last was delivered or dropped.
	last chan struct{}
	// urged is closed when nothing may be waited for any more.
	urged  chan struct{}
	urging bool
	// patience is how long what is told to end may keep the next waiting.
	patience time.Duration
}

// shrink drops all but the newest most changes and returns how many it
// dropped. Of those, what is no change of role goes first.
func (q *queue) shrink(most int) (dropped uint64) {
	for len(q.items) > most {
		i := max(0, slices.IndexFunc(q.items, func(it item) bool { return !essential(&it.change) }))
		close(q.items[i].over)
		q.items = slices.Delete(q.items, i, i+1)
		dropped++
	}
	q.dropped += dropped
	return dropped
}

// item is a change and what was to be told when it happened.
type item struct {
	change node.Change
	target Target
	state  string
	// over is closed when it, or what took its place, was delivered or dropped.
	over chan struct{}
	// after are those of others which come first.
	after []<-chan struct{}
}

// New makes a Notifier, with FIFOs and their readers; it has no other goroutine
// until there is something to tell. The error is that of Adopt.
func New(o Options) (*Notifier, error) {
	if o.Run == nil || o.Lua == nil || o.Log == nil {
		return nil, errors.New("make notifier: Run, Lua and Log are required")
	}
	n := &Notifier{
		run:     o.Run,
		lua:     o.Lua,
		timeout: o.Timeout,
		log:     o.Log,
		mailer:  mail.New(o.Log),
		busy:    make(map[Key]*queue),
		mailed:  make(map[Key]string),
		places:  make(chan struct{}, atOnce),
	}
	if n.timeout <= 0 {
		n.timeout = defaultTimeout
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	if err := n.Adopt(o.Plan); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// Notify tells a change, or whatever else happened, to all who are to know. It
// never blocks, and does nothing after Close.
func (n *Notifier) Notify(c node.Change) {
	key := keyOf(c)
	n.mu.Lock()
	defer n.mu.Unlock()
	told, ok := n.plan.Targets[key]
	if !ok && c.Deleted {
		told, ok = n.retired[key]
	}
	if c.Occasion == node.CheckTurned {
		if !n.closed {
			n.mailCheck(c, told)
		}
		return
	}
	var target Target
	if ok {
		target = *told
	}
	state := target.State(c)
	// A FIFO is told of every server, whether or not anybody else is.
	if n.closed || !ok && !key.Service || state == "" {
		return
	}
	if target.queued(c) {
		n.enqueue(key, item{change: c, target: target, state: state})
	}
	for _, f := range n.feeds {
		switch {
		case key.Service:
			if f.fifo.Servers {
				f.push(serverLine(state, c))
			}
		case f.fifo.Routers && !(c.Occasion == node.PriorityChanged && target.NoPriorityLines):
			f.push(line(key, state, c))
		}
	}
	n.mail(key, c, state, target)
}

// enqueue has a change delivered to programs and functions; n.mu is held.
func (n *Notifier) enqueue(key Key, it item) {
	q := n.busy[key]
	if q == nil {
		q = &queue{done: make(chan struct{}), urged: make(chan struct{}), patience: gonePatience}
		n.busy[key] = q
		n.workers.Go(func() { n.work(key, q) })
	}
	if i := slices.IndexFunc(q.items, func(b item) bool { return b.change.Occasion == it.change.Occasion }); i >= 0 && !essential(&it.change) {
		// One that waits says the same, but for the priority: of that the newest
		// is told, behind the roles that came between.
		n.counts.Dropped++
		if it.change.Occasion != node.PriorityChanged {
			return
		}
		it.over = q.items[i].over // who waits for that one waits for this
		q.items = slices.Delete(q.items, i, i+1)
	}
	if it.over == nil {
		it.over = make(chan struct{})
	}
	for _, m := range it.target.Members {
		if before := n.busy[Key{Name: m}]; before != nil {
			it.after = append(it.after, before.last)
		}
	}
	q.last = it.over
	q.items = append(q.items, it)
	n.counts.Dropped += q.shrink(QueueBound)
}

// Drain waits until each name that has something queued at the call has
// nothing left, and makes what comes last come through: when a third of ctx's
// time is over, what is being delivered is told to end where something waits
// behind it, and of that only the newest is kept; after another third groups
// no longer wait for their members. Meanwhile the mails are sent and the FIFOs
// read, for which there is less time. At the end of ctx it returns an error
// that names whose changes were not delivered; they stay queued. It is for the
// end: a mail that fails is not tried again.
func (n *Notifier) Drain(ctx context.Context) error {
	rest := make(chan error, 1)
	go func() { rest <- n.drainRest(ctx) }()
	return errors.Join(n.drainNames(ctx), <-rest)
}

// drainNames waits for what names have queued.
func (n *Notifier) drainNames(ctx context.Context) error {
	n.mu.Lock()
	busy := maps.Clone(n.busy)
	n.mu.Unlock()
	var share time.Duration
	var over <-chan time.Time // nil, which never comes, without a deadline
	var t *time.Timer
	if deadline, ok := ctx.Deadline(); ok {
		share = time.Until(deadline) / 3
		t = time.NewTimer(share)
		defer t.Stop()
		over = t.C
	}
	hurried := false
	for _, q := range busy {
		for waiting := true; waiting; {
			select {
			case <-q.done:
				waiting = false
			case <-over:
				if !hurried {
					n.hurry(busy, share)
					t.Reset(share)
				} else {
					n.urge(busy)
				}
				hurried = true
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
			n.counts.Dropped += q.shrink(1)
			q.patience = min(q.patience, share)
			if q.stop != nil { // nothing is being delivered yet
				q.stop()
			}
		}
	}
}

// urge has what waits for others begin.
func (n *Notifier) urge(busy map[Key]*queue) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key, q := range busy {
		if n.busy[key] == q && !q.urging {
			q.urging = true
			close(q.urged)
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
			if n.await(ctx, q, it) && n.enter(ctx, key) {
				n.deliver(ctx, key, q, it, dropped)
				n.leave(key)
			}
			close(it.over)
		}
		stop()
		if !ok {
			return
		}
	}
}

// atOnce is how many programs and functions of virtual and real servers run at
// a time: thousands of servers may go down together.
const atOnce = 64

// enter waits for one of the places that servers share; false when there is no
// time left.
func (n *Notifier) enter(ctx context.Context, key Key) bool {
	if !key.Service {
		return true
	}
	select {
	case n.places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (n *Notifier) leave(key Key) {
	if key.Service {
		<-n.places
	}
}

// next takes the oldest change, and how many before it were dropped; stop will
// end its delivery. When there is none, or after Close, ok is false and the
// worker has ended, as far as others can see.
func (n *Notifier) next(key Key, q *queue, stop context.CancelFunc) (it item, dropped uint64, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(q.items) == 0 {
		n.counts.Dropped += q.shrink(0)
		dropped = q.dropped
		delete(n.busy, key)
		close(q.done)
		return item{}, dropped, false
	}
	it, dropped = q.items[0], q.dropped
	q.items = slices.Delete(q.items, 0, 1)
	q.dropped, q.stop = 0, stop
	return it, dropped, true
}

// await waits until what comes before was told, but no longer than one program or Lua
// file may take; false when there is no time left to tell it at all.
func (n *Notifier) await(ctx context.Context, q *queue, it item) bool {
	t := time.NewTimer(max(n.timeout, luaTimeout))
	defer t.Stop()
	for _, before := range it.after {
		select {
		case <-before:
		case <-q.urged:
		case <-t.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// count adds to what was told, or failed.
func (n *Notifier) count(failed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if failed {
		n.counts.Failed++
	} else {
		n.counts.Told++
	}
}

// deliver tells one change to all who are to know, in order, until ctx ends.
func (n *Notifier) deliver(ctx context.Context, key Key, q *queue, it item, dropped uint64) {
	log := n.log.With("name", key.String(), "state", it.state, "seq", it.change.Seq)
	for _, t := range it.target.tells(it.change, it.state, dropped) {
		if ctx.Err() != nil {
			return
		}
		if t.lua != nil {
			n.call(ctx, log, t.lua, it)
			continue
		}
		spec := t.spec
		spec.Timeout = n.timeout
		o := n.run(ctx, spec)
		n.count(!o.OK())
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
	}
}

// call calls a Lua function, or those of the state.
func (n *Notifier) call(ctx context.Context, log *slog.Logger, file *Lua, it item) {
	ctx, cancel := context.WithTimeout(ctx, luaTimeout)
	defer cancel()
	begin := time.Now()
	err := n.lua(ctx, *file, it.change, it.state, it.target.Addresses)
	took := time.Since(begin)
	n.count(err != nil)
	if err != nil {
		log.Warn("notify script failed", "lua", file.Path, "error", err, "took", took)
		return
	}
	log.Info("notified", "lua", file.Path, "took", took)
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
