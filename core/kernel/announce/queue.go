//go:build linux

package announce

import (
	"fmt"
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
// What the interface cannot take yet stays where it is, and is tried again. If it
// takes nothing for busyLimit, all that is queued is given up.
type queue struct {
	entries []entry
	// next is when the lane may be used again.
	next time.Time
	// refused is when the interface began to take nothing; zero while it takes.
	refused time.Time
}

const (
	// busyGap is the time until a lane whose interface takes no more is tried again.
	busyGap = time.Millisecond
	// busyLimit is how long that goes on. Neighbours have found out by themselves
	// by then, and the node announces again from time to time if it is to.
	busyLimit = 10 * time.Second
)

type entry struct {
	instance string
	address  netspec.Address
	rounds   int
}

// enqueue adds rounds for the addresses, all at once, or the first might be sent
// twice before the second. One that is queued already keeps its place and gets
// the greater of both numbers of rounds.
func (a *Announcer) enqueue(instance string, addresses []netspec.Address, rounds int) (failed []error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, address := range addresses {
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
		q.add(entry{instance, address, rounds})
	}
	select {
	case a.wake <- struct{}{}:
	default:
	}
	return failed
}

func (q *queue) add(e entry) {
	for i := range q.entries {
		if have := &q.entries[i]; have.same(e) {
			have.rounds = max(have.rounds, e.rounds)
			return
		}
	}
	q.entries = append(q.entries, e)
}

// Drop forgets what is queued of the instance for the addresses. When it has
// returned, none of them is announced any more.
func (a *Announcer) Drop(instance string, addresses []netspec.Address) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.queues) == 0 {
		return
	}
	gone := make(map[netspec.Address]bool, len(addresses))
	for _, address := range addresses {
		gone[identity(address)] = true
	}
	for _, q := range a.queues {
		kept := q.entries[:0]
		for _, e := range q.entries {
			if e.instance != instance || !gone[identity(e.address)] {
				kept = append(kept, e)
			}
		}
		clear(q.entries[len(kept):])
		q.entries = kept
	}
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
			a.log.Warn("cannot announce an address", "instance", e.instance, "err", announceError(e.address, err))
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

// sendFirst sends the first entry of its queue and moves it to the end, or out
// of the queue if that was its last round or it could not be sent; it stays if the
// interface cannot take it yet. The
// interface is looked up without the lock, for that can take a while; an entry
// that was dropped meanwhile is not sent.
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
	first := q.entries[0]
	q.entries = q.entries[1:]
	if err != nil {
		return err
	}
	if i.NoARP {
		return nil
	}
	_, gap := a.lane(e.address)
	now := time.Now()
	q.next = now.Add(gap)
	switch err := a.sendLocked(&f); {
	case err == nil:
		q.refused = time.Time{}
	case !busy(err):
		return err
	case q.refused.IsZero() || now.Sub(q.refused) < busyLimit:
		if q.refused.IsZero() {
			q.refused = now
		}
		q.entries = slices.Insert(q.entries, 0, first)
		q.next = now.Add(max(gap, busyGap))
		return nil
	default:
		more := len(q.entries)
		q.entries, q.refused = nil, time.Time{}
		return fmt.Errorf("%w: the interface takes nothing since %v, and %d others are given up too", err, busyLimit, more)
	}
	if first.rounds--; first.rounds > 0 {
		q.entries = append(q.entries, first)
	}
	return nil
}

func (e entry) same(o entry) bool {
	return e.instance == o.instance && e.address.Same(o.address)
}
