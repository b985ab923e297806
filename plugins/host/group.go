//go:build linux

package host

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/clock"
)

const (
	// pace is the least time between two messages to a process: what is to be
	// said meanwhile leaves together. The first after a pause leaves at once.
	pace = 10 * time.Millisecond
	// tripped is how often in a row a process has to end before the next start
	// is no longer waited for by probes.
	tripped = 5
	// proven is how long a process has to live for its end to be the first one.
	proven = 30 * time.Second
)

// ask is a probe that is to begin.
type ask struct {
	set        *Set
	slot       uint32
	check      *Subject
	generation uint32
	number     uint32
	seq        uint32
	at         time.Time
	once       chan<- checker.Result
	details    bool // of once: they are wanted
}

// group is one kind of check in one network namespace under one user: its
// checks, and the process that probes them. One goroutine, run, owns it.
type group struct {
	host *Host
	key  groupKey
	nth  int // see Status.Nth
	log  *slog.Logger

	wake chan struct{} // something is in the inbox; holds one
	// armed says that the loop looks at the inbox within pace anyway, so that
	// who puts a probe there need not wake it. A wake for each of thousands of
	// probes a second would cost more than the probes.
	armed   atomic.Bool
	events  chan event // of the instances' goroutines
	helpers sync.WaitGroup

	// mu guards the inbox and what Status reads. The inbox holds a probe of
	// each check at most, as long as the caller waits for answers, and one for each
	// caller of Set.Probe; orders holds one for each goroutine that waits in order.
	mu     sync.Mutex
	inbox  []ask
	orders []func()
	over   bool
	status Status

	// The rest is the goroutine's.
	plugin  Plugin
	slots   []slot
	byKey   map[slotKey]uint32
	nothing *Subject // of free slots
	free    []uint32
	live    int // slots in use
	under   deadlines
	queue   []uint32 // probes that wait to be sent
	probe   uint32   // the last number of a probe
	answers []answer
	onces   []onceAnswer
	failure string // why the last process that failed did
	refused int    // checks that the process refuses
	refusal uint32 // the slot of one of them, where there is one, see example
	told    limiter
	counts  Counts

	current  *instance   // takes probes
	next     *instance   // starts
	all      []*instance // with those two, until nothing is left of them
	started  uint32      // instances
	failures int         // in a row
	silences silences    // that raise how long a process may be silent
	retry    time.Time   // no start before it
	reason   string      // why there is no process
	upgrade  bool        // a new process is wanted beside the current
	again    time.Time   // not before it
	missed   int         // tries in a row to follow a name to its network namespace
	ending   bool
	now      time.Time // when the loop woke
	awake    time.Time // when it last looked
	rings    time.Time // when its timer wakes it; zero is never
}

// onceAnswer is one for somebody who waits for it.
type onceAnswer struct {
	to chan<- checker.Result // has room
	r  checker.Result
}

// answer is one that is to be told.
type answer struct {
	set        *Set
	generation uint32
	node.Answer
}

func newGroup(h *Host, key groupKey, nth int) *group {
	g := &group{
		host: h, key: key, nth: nth, log: h.opts.Log.With("plugin", key.who().called(nth)),
		wake: make(chan struct{}, 1), events: make(chan event, 16), byKey: make(map[slotKey]uint32), nothing: &Subject{},
	}
	g.under.slots = &g.slots
	g.status = Status{Name: key.name, NetNS: key.netns, User: key.user, Nth: nth, State: Starting}
	return g
}

// poke has the loop look at the inbox.
func (g *group) poke() {
	select {
	case g.wake <- struct{}{}:
	default: // it has been poked and has not looked yet
	}
}

// order has the loop do something, and waits for it.
func (g *group) order(f func()) {
	done := make(chan struct{})
	g.mu.Lock()
	if g.over {
		g.mu.Unlock()
		return
	}
	g.orders = append(g.orders, func() { f(); close(done) })
	g.mu.Unlock()
	g.poke()
	<-done
}

// instances are the processes that are not to end yet.
func (g *group) instances() (list []*instance) {
	for _, i := range g.all {
		if !i.dead {
			list = append(list, i)
		}
	}
	return list
}

// stop begins the end: probes are answered, processes end; ctx bounds how
// politely.
func (g *group) stop(ctx context.Context) {
	polite := g.host.opts.Farewell
	if d, ok := ctx.Deadline(); ok {
		polite = min(polite, max(0, time.Until(d)))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.over {
		return
	}
	g.over = true
	g.orders = append(g.orders, func() { g.end(polite) })
	g.poke()
}

func (g *group) end(polite time.Duration) {
	g.ending = true
	for id := range g.slots {
		if s := &g.slots[id]; s.asked {
			g.finish(s, uint32(id), health.Unknown, "the daemon ends its plugins")
		}
	}
	for _, i := range g.instances() {
		i.end(polite)
	}
	g.current, g.next = nil, nil
}

// run is the group's goroutine.
func (g *group) run() {
	t := time.NewTimer(0)
	defer t.Stop()
	g.awake = clock.Now()
	g.rings = g.awake
	for {
		var first event
		select {
		case <-g.wake:
		case first = <-g.events:
		case <-t.C:
			g.rings = time.Time{}
		}
		g.now = clock.Now()
		if first.from != nil {
			g.event(first)
		}
		for more := true; more; { // what else is there already
			select {
			case e := <-g.events:
				g.event(e)
			default:
				more = false
			}
		}
		g.read()
		wait := g.look(g.now)
		g.tell()
		if g.ending && len(g.all) == 0 {
			break
		}
		// To wake too early once costs less than to set the timer each time.
		wait = g.arm(wait)
		if at := g.now.Add(wait); g.rings.IsZero() || at.Before(g.rings) {
			g.rings = at
			t.Reset(wait)
		}
	}
	g.helpers.Wait()
}

// arm decides whether probes that come now wake the loop: not while others wait
// for their message, which leaves pace after the one before.
func (g *group) arm(wait time.Duration) time.Duration {
	if i := g.current; i != nil && len(g.queue) > 0 {
		if rest := pace - g.now.Sub(i.sent); rest > 0 {
			g.armed.Store(true)
			return min(wait, rest)
		}
	}
	g.armed.Store(false)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.inbox) > 0 { // it came before that was said
		return 0
	}
	return wait
}

// read empties the inbox.
func (g *group) read() {
	g.mu.Lock()
	orders, asks := g.orders, g.inbox
	g.orders, g.inbox = nil, nil
	g.mu.Unlock()
	// First the probes: what an order releases may be among them.
	for i := range asks {
		g.begin(&asks[i])
	}
	for _, f := range orders {
		f()
	}
	g.mu.Lock()
	if g.inbox == nil && !g.over {
		g.inbox = asks[:0] // to use the room again
	}
	g.mu.Unlock()
}

// begin takes one probe.
func (g *group) begin(a *ask) {
	s := &g.slots[a.slot]
	if g.ending || s.refs == 0 || s.asked {
		why := "the probe before this one has not been answered"
		if !s.asked {
			why = "the check is gone"
		}
		g.counts.Unknown++
		if a.once != nil {
			g.onces = append(g.onces, onceAnswer{a.once, checker.Result{Message: why}})
			return
		}
		g.answers = append(g.answers, answer{a.set, a.generation, node.Answer{Check: a.number, Seq: a.seq, Message: why}})
		return
	}
	s.follow(a.check) // what a set that was closed without a probe has of it, is never in force
	g.probe++
	s.asked, s.sent, s.set, s.once, s.details = true, nil, a.set, a.once, a.details
	s.generation, s.number, s.seq, s.probe = a.generation, a.number, a.seq, g.probe
	s.until = a.at.Add(s.check.Patience)
	g.under.push(a.slot)
	g.counts.Begun++
	if !s.queued {
		s.queued = true
		g.queue = append(g.queue, a.slot)
	}
}

// finish answers a probe that is under way.
func (g *group) finish(s *slot, id uint32, v health.Verdict, why string) {
	g.complete(s, id, checker.Result{Verdict: checker.Verdict(v), Message: why})
}

func (g *group) complete(s *slot, id uint32, r checker.Result) {
	g.under.remove(id)
	s.asked, s.gone = false, s.probe
	if s.sent != nil {
		s.sent.under--
		s.sent = nil
	}
	if r.Verdict == checker.Unknown {
		g.counts.Unknown++
	} else {
		g.counts.Answered++
	}
	if s.once != nil {
		g.onces = append(g.onces, onceAnswer{s.once, r})
		s.once = nil
		return
	}
	a := node.Answer{Check: s.number, Seq: s.seq, Verdict: verdictOf(r.Verdict), Message: r.Message, Took: r.Latency}
	if r.Weight != nil {
		a.Weighs, a.Weight = true, int32(*r.Weight)
	}
	g.answers = append(g.answers, answer{s.set, s.generation, a})
	s.set = nil
}

func verdictOf(v checker.Verdict) health.Verdict {
	switch v {
	case checker.OK:
		return health.OK
	case checker.Failed:
		return health.Failed
	}
	return health.Unknown
}

// look does what is due, and returns when to look again at the latest.
func (g *group) look(now time.Time) time.Duration {
	// A host that itself stood still has no right to blame a plugin.
	if late := now.Sub(g.awake); late > g.host.opts.Ping*2 {
		for _, i := range g.instances() {
			i.heard = i.heard.Add(late)
		}
	}
	g.awake = now
	for {
		s, id, ok := g.under.first()
		if !ok || s.until.After(now) {
			break
		}
		g.expire(s, id)
	}
	g.supervise(now)
	g.impatient(now)
	g.flush(now)
	g.publish()
	wait := g.host.opts.Ping
	soon := func(at time.Time) { wait = min(wait, max(0, at.Sub(now))) }
	if s, _, ok := g.under.first(); ok {
		soon(s.until)
	}
	if g.current == nil && g.next == nil && !g.ending && g.live > 0 {
		soon(g.retry)
	}
	if g.current != nil && g.next == nil && g.upgrade && !g.ending {
		soon(g.again)
	}
	if i := g.current; i != nil {
		soon(i.heard.Add(g.silence(now) + 1))
	}
	if i := g.current; i != nil && i.wants(g) {
		// The writer may be busy longer; then it is asked again.
		wait = min(wait, max(pace/2, i.sent.Add(pace).Sub(now)))
	}
	return wait
}

// expire answers a probe whose time is over.
func (g *group) expire(s *slot, id uint32) {
	why := "the plugin did not answer in time"
	switch i := s.sent; {
	case i != nil:
		i.cancel = append(i.cancel, id)
		i.owed++
	case g.current == nil:
		why = "the plugin does not run: " + g.reason
	}
	g.finish(s, id, health.Unknown, why)
}

// impatient answers probes that the next start of a process would come too
// late for, once starts have failed for a while.
func (g *group) impatient(now time.Time) {
	if g.current != nil || g.next != nil || g.failures < tripped || g.ending {
		return
	}
	for _, id := range g.queue {
		s := &g.slots[id]
		s.queued = false
		if s.asked && s.sent == nil {
			g.finish(s, id, health.Unknown, fmt.Sprintf("the plugin does not run: %s; the next try is in %s", g.reason, g.retry.Sub(now).Round(time.Millisecond)))
		}
	}
	g.queue = g.queue[:0]
}

// tell hands answers on. It may wait for whoever takes them.
func (g *group) tell() {
	for _, a := range g.onces { // Status knows what led to them
		a.to <- a.r
	}
	g.onces = g.onces[:0]
	for rest := g.answers; len(rest) > 0; {
		first := rest[0]
		n := 1
		for n < len(rest) && rest[n].set == first.set && rest[n].generation == first.generation {
			n++
		}
		list := make([]node.Answer, n)
		for i := range list {
			list[i] = rest[i].Answer
		}
		rest = rest[n:]
		first.set.tell(first.generation, list)
	}
	clear(g.answers) // the sets and the texts are not kept
	g.answers = g.answers[:0]
}
