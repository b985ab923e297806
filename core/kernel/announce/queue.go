//go:build linux

package announce

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// lane is what has a queue of its own: a kind of announcement on an interface, or
// on those of a group.
type lane struct {
	device string
	group  int // 0 is none
	six    bool
}

// queue is what is to be announced in one lane, in order. An address is
// in it once for each instance, with the number of rounds that it has left:
// when one is sent, it goes to the end. So the rounds stay rounds, and the
// queue is never longer than the list of addresses.
//
// What an interface cannot take yet is tried again, behind what is queued for other
// interfaces of the group. If it takes nothing for busyLimit, all that is queued for it
// is given up.
type queue struct {
	entries []entry
	// next is when the lane may be used again.
	next time.Time
	// refused is when an interface began to take nothing, of those that something is
	// queued for.
	refused map[string]time.Time
}

const (
	// busyGap is the time until a lane whose interface takes no more is tried again.
	busyGap = time.Millisecond
	// busyLimit is how long that goes on. Neighbours have found out by themselves
	// by then, and the node announces again from time to time if it is to.
	busyLimit = 10 * time.Second
)

// givenUp is why an announcement was given up, and how many others with it.
type givenUp struct {
	why    error
	others int
}

func (g *givenUp) Error() string {
	return fmt.Sprintf("%v, and %d others are given up too", g.why, g.others)
}

func (g *givenUp) Unwrap() error { return g.why }

type entry struct {
	instance string
	address  netspec.Address
	rounds   int
}

// enqueue adds rounds for the addresses, all at once, or the first might be sent
// twice before the second. One that is queued already keeps its place and gets
// the greater of both numbers of rounds. What was dropped since the call began is
// left out.
func (a *Announcer) enqueue(c *call, addresses []netspec.Address, rounds int) (failed []error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, address := range addresses {
		if c.gone[identity(address)] {
			continue
		}
		if a.closed {
			failed = append(failed, announceError(address, net.ErrClosed))
			continue
		}
		if rounds <= 0 {
			continue
		}
		at, _ := a.lane(address)
		q := a.queues[at]
		if q == nil {
			q = &queue{}
			a.queues[at] = q
		}
		q.add(entry{c.instance, address, rounds})
	}
	select {
	case a.wake <- struct{}{}:
	default:
	}
	return failed
}

func (q *queue) add(e entry) {
	waits := false // something for the interface
	for i := range q.entries {
		have := &q.entries[i]
		if have.same(e) {
			have.rounds = max(have.rounds, e.rounds)
			return
		}
		waits = waits || have.address.Device == e.address.Device
	}
	if !waits { // whatever it refused was dropped
		delete(q.refused, e.address.Device)
	}
	q.entries = append(q.entries, e)
}

// pop takes the first entry out.
func (q *queue) pop() entry {
	first := q.entries[0]
	q.entries = q.entries[1:]
	delete(q.refused, first.address.Device)
	return first
}

// tried puts the first entry, which was tried with that outcome, to the end, or out
// of the queue if that was its last round or it could not be sent. It returns what is
// to be told.
func (q *queue) tried(err error, now time.Time, gap time.Duration) error {
	if busy(err) {
		return q.refuse(err, now, gap)
	}
	q.next = now.Add(gap)
	first := q.pop()
	if err != nil {
		return err
	}
	if first.rounds--; first.rounds > 0 {
		q.entries = append(q.entries, first)
	}
	return nil
}

// refuse is tried where the interface cannot take more yet.
func (q *queue) refuse(err error, now time.Time, gap time.Duration) error {
	device := q.entries[0].address.Device
	since, known := q.refused[device]
	if !known {
		if q.refused == nil {
			q.refused = make(map[string]time.Time)
		}
		since, q.refused[device] = now, now
	}
	theirs := func(e entry) bool { return e.address.Device == device }
	if now.Sub(since) >= busyLimit {
		before := len(q.entries)
		q.entries = slices.DeleteFunc(q.entries, theirs)
		delete(q.refused, device)
		q.next = now.Add(gap)
		return &givenUp{fmt.Errorf("%w: the interface takes nothing since %v", err, busyLimit), before - len(q.entries) - 1}
	}
	others := slices.IndexFunc(q.entries, func(e entry) bool { return !theirs(e) })
	if others < 0 {
		q.next = now.Add(max(gap, busyGap))
		return nil
	}
	waiting := slices.DeleteFunc(slices.Clone(q.entries), func(e entry) bool { return !theirs(e) })
	q.entries = append(slices.DeleteFunc(q.entries, theirs), waiting...)
	q.next = now.Add(busyGap) // nothing was sent
	return nil
}

// Drop forgets what is queued of the instance for the addresses, and has each Announce
// that is under way leave them out. When it has returned, none of them is announced any
// more; what failed is told anew afterwards.
func (a *Announcer) Drop(instance string, addresses []netspec.Address) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.failing) > 0 {
		for _, address := range addresses {
			delete(a.failing, target{instance, identity(address)})
		}
	}
	if len(a.queues) == 0 && len(a.calls) == 0 {
		return
	}
	gone := make(map[netspec.Address]bool, len(addresses))
	for _, address := range addresses {
		gone[identity(address)] = true
	}
	for c := range a.calls {
		if c.instance == instance {
			c.drop(gone)
		}
	}
	for _, q := range a.queues {
		q.drop(instance, gone)
	}
}

// drop looks before it moves anything: most queues have nothing of an instance, and
// the thousands that yield together each ask.
func (q *queue) drop(instance string, gone map[netspec.Address]bool) {
	dropped := func(e *entry) bool { return e.instance == instance && gone[identity(e.address)] }
	for i := range q.entries {
		if dropped(&q.entries[i]) {
			rest := slices.DeleteFunc(q.entries[i:], func(e entry) bool { return dropped(&e) })
			q.entries = q.entries[:i+len(rest)]
			return
		}
	}
}

// drop notes what the call is not to announce any more.
func (c *call) drop(gone map[netspec.Address]bool) {
	if c.gone == nil {
		c.gone = make(map[netspec.Address]bool, len(gone))
	}
	maps.Copy(c.gone, gone)
}

// identity leaves of an address what Same compares.
func identity(a netspec.Address) netspec.Address {
	return netspec.Address{Device: a.Device, Prefix: a.Prefix}
}

// run sends what is queued until Close.
func (a *Announcer) run() {
	defer close(a.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-a.done:
			return
		case <-a.wake:
		case <-timer.C:
		}
		if wait, more := a.sendDue(); more {
			timer.Reset(wait)
		}
	}
}

// sendDue sends one announcement in each lane whose time has come. It
// returns how long it is until the next is due, if there is any.
func (a *Announcer) sendDue() (wait time.Duration, more bool) {
	for at, e := range a.due(time.Now()) {
		if err := a.sendFirst(at, e); err != nil {
			a.log.Warn("cannot announce an address", "instance", e.instance, "err", err)
		}
	}
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, q := range a.queues {
		if len(q.entries) == 0 {
			continue
		}
		if left := max(q.next.Sub(now), 0); !more || left < wait {
			wait, more = left, true
		}
	}
	return wait, more
}

// due returns the first entry of each queue whose time has come.
func (a *Announcer) due(now time.Time) map[lane]entry {
	due := make(map[lane]entry)
	a.mu.Lock()
	defer a.mu.Unlock()
	for at, q := range a.queues {
		if now.Before(q.next) {
			continue
		}
		// An empty queue is kept until the gap has passed, so that the next
		// announcement cannot come too early.
		if len(q.entries) == 0 {
			delete(a.queues, at)
			continue
		}
		due[at] = q.entries[0]
	}
	return due
}

// sendFirst sends the first entry of its queue, and returns what is to be told. The
// interface is looked up without the lock, for that can take a while; an entry that
// was dropped meanwhile is not sent.
func (a *Announcer) sendFirst(at lane, e entry) error {
	i, err := a.lookup(e.address.Device)
	var f frame
	if err == nil && !i.NoARP {
		f, err = newFrame(i, e.address)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	q := a.queues[at]
	if q == nil || len(q.entries) == 0 || !q.entries[0].same(e) {
		return nil
	}
	if err != nil || i.NoARP {
		q.pop()
		return a.tellLocked(e.instance, e.address, err)
	}
	_, gap := a.lane(e.address)
	now := time.Now()
	sent := a.sendLocked(&f)
	if err = q.tried(sent, now, gap); err == nil && sent != nil {
		return nil // it is tried again
	}
	return a.tellLocked(e.instance, e.address, err)
}

func (e entry) same(o entry) bool {
	return e.instance == o.instance && e.address.Same(o.address)
}
