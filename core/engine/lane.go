package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// lane is the queue of address actions, and of what is to be told of them once
// they are done. The bound of the former is their content: a push removes what
// it makes pointless, so that each instance has at most one claim, one release
// and one announcement of each list waiting. Of the latter maxTold wait; what
// is beyond is told at once.
type lane struct {
	mu    sync.Mutex
	wake  sync.Cond
	queue []node.Action
	// waiting counts the queued actions of each instance, by kind: with thousands
	// queued, looking for what is not there would take most of the time.
	waiting map[string]kinds
	// held are releases whose grace is not over, and what is to be told after
	// them, in order; holding has the instances of the releases. There is no more of
	// them than of what is queued.
	held    []held
	holding map[string]bool
	mature  *time.Timer
	// leaving has the instances that have yielded, whose release is not under way yet,
	// and that have not claimed again: they announce nothing.
	leaving map[string]bool
	// told counts the queued changes that are to be told.
	told   int
	busy   bool
	closed bool
	idle   []chan struct{}
	// taken and among are scratch of batch.
	taken []node.Action
	among map[string]bool
}

// kinds are how many claims, releases and announcements there are.
type kinds struct{ claims, releases, announcements int }

// add counts an action, or with -1 one less.
func (k *kinds) add(a *node.Action, n int) {
	switch a.Kind {
	case node.Claim:
		k.claims += n
	case node.Release:
		k.releases += n
	default:
		k.announcements += n
	}
}

// replaced reports whether there is any that the action may replace.
func (k *kinds) replaced(a *node.Action) bool {
	switch a.Kind {
	case node.Claim:
		return k.claims > 0
	case node.Release:
		return *k != kinds{}
	}
	return k.announcements > 0
}

func newLane() *lane {
	l := &lane{waiting: map[string]kinds{}, among: map[string]bool{}, holding: map[string]bool{}, leaving: map[string]bool{}}
	l.wake.L = &l.mu
	return l
}

func (l *lane) push(a node.Action) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.holding[a.Instance] {
		l.release(time.Time{})
	}
	switch {
	case a.Yields:
		l.leaving[a.Instance] = true
	case a.Kind == node.Claim:
		delete(l.leaving, a.Instance)
	}
	// What waits of the instance, which is no longer MASTER, must not be done meanwhile.
	if a.Grace > 0 && !l.closed && l.waiting[a.Instance] == (kinds{}) {
		l.hold(a)
		return
	}
	l.queued(a)
}

// queued queues an address action. mu is held.
func (l *lane) queued(a node.Action) {
	waiting := l.waiting[a.Instance]
	if a.Kind == node.Claim && waiting.claims > 0 && l.reclaim(&a) {
		l.wake.Signal()
		return
	}
	if a.Kind == node.Release && waiting.announcements > 0 {
		l.hush(&a)
	}
	if waiting.replaced(&a) {
		l.queue = slices.DeleteFunc(l.queue, func(b node.Action) bool {
			gone := a.Instance == b.Instance && !tells(&b) && replaces(a, b)
			if gone {
				waiting.add(&b, -1)
				a.Tell = a.Tell || b.Tell && a.Kind == node.Release
			}
			return gone
		})
	}
	l.queue = append(l.queue, a)
	waiting.add(&a, 1)
	l.waiting[a.Instance] = waiting
	l.wake.Signal()
}

// hush takes what is released out of what waits to be announced. That may be more than
// any one release has, when a reload gives up a part and then the instance the rest:
// it must not be announced once another node is MASTER. mu is held.
func (l *lane) hush(release *node.Action) {
	gone := func(x netspec.Address) bool { return slices.ContainsFunc(release.Addresses, x.Same) }
	for i := range l.queue {
		b := &l.queue[i]
		if b.Kind == node.Announce && b.Instance == release.Instance && slices.ContainsFunc(b.Addresses, gone) {
			b.Addresses = slices.DeleteFunc(slices.Clone(b.Addresses), gone) // the list is the node's
		}
	}
}

// leaves reports whether an instance is no longer to announce what it still has.
func (l *lane) leaves(instance string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leaving[instance]
}

// reclaim puts a claim in the place of one of the same addresses that waits, when
// nothing else of its instance is claimed or released after that one: what waits
// behind it, to be announced or told, goes by what stands. mu is held.
func (l *lane) reclaim(a *node.Action) bool {
	for i := len(l.queue) - 1; i >= 0; i-- {
		b := &l.queue[i]
		if b.Instance != a.Instance || b.Kind != node.Claim && b.Kind != node.Release {
			continue
		}
		if b.Kind == node.Release || !slices.Equal(a.Addresses, b.Addresses) {
			return false
		}
		*b = *a
		return true
	}
	return false
}

// maxTold is how many changes wait for the addresses to follow.
const maxTold = 4096

// after queues a change behind what is waiting, so that whoever is told of it
// finds the addresses as it says. It reports false when nothing is waiting or too
// much, and the change is to be told at once.
func (l *lane) after(a node.Action) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 && len(l.held) == 0 && !l.busy || l.told == maxTold {
		return false
	}
	l.told++
	if n := len(l.held); n > 0 {
		l.held = append(l.held, held{a, l.held[n-1].at})
		return true
	}
	l.queue = append(l.queue, a)
	l.wake.Signal()
	return true
}

// tells reports whether an action is a change that is to be told.
func tells(a *node.Action) bool { return a.Kind == node.Changed || a.Kind == node.Told }

// replaces reports whether b need not be done any more once a is asked for.
// A release keeps its place whatever follows: what is claimed afterwards may
// be fewer addresses.
func replaces(a, b node.Action) bool {
	switch {
	case a.Kind == b.Kind:
		return slices.Equal(a.Addresses, b.Addresses)
	case b.Kind == node.Claim && !a.Routing.Empty():
		return false // it may be the only one that sets some of it
	case a.Kind == node.Release:
		// An announcement may be of some of the claimed addresses only, as
		// after a reload: it must not outlive the claim.
		return !slices.ContainsFunc(b.Addresses, func(x netspec.Address) bool { return !slices.Contains(a.Addresses, x) })
	}
	return false
}

// together is how many actions are carried out together at the most: enough to
// spare most of what asking the kernel costs, and a few milliseconds' work.
const together = 128

// batch takes what is next, and what of that which follows may be done with it:
// claims before the announcements between them, and releases, while no instance
// comes twice with one. What is told stays behind what comes before it. mu is
// held, and the queue is not empty.
func (l *lane) batch() []node.Action {
	l.taken = l.taken[:0]
	clear(l.among)
	var releases, claims bool
	for len(l.queue) > 0 && len(l.taken) < together {
		a := &l.queue[0]
		switch {
		case tells(a):
		case (a.Kind == node.Release || a.Kind == node.Claim) && l.among[a.Instance]:
			return l.taken
		case a.Kind == node.Release && claims, a.Kind != node.Release && releases:
			return l.taken
		case a.Kind == node.Release:
			releases = true
			delete(l.leaving, a.Instance)
		default:
			claims = true
		}
		l.among[a.Instance] = true
		if tells(a) {
			l.told--
		} else {
			waiting := l.waiting[a.Instance]
			if waiting.add(a, -1); waiting == (kinds{}) {
				delete(l.waiting, a.Instance)
			} else {
				l.waiting[a.Instance] = waiting
			}
		}
		l.taken = append(l.taken, *a)
		*a = node.Action{}
		l.queue = l.queue[1:]
	}
	return l.taken
}

// work carries actions out in order until close, some of them together. act may
// not keep the list.
func (l *lane) work(act func([]node.Action)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for len(l.queue) == 0 {
			l.busy, l.queue, l.waiting = false, nil, map[string]kinds{} // with the room that a burst took
			for _, c := range l.idle {
				close(c)
			}
			l.idle = nil
			if l.closed {
				return
			}
			l.wake.Wait()
		}
		batch := l.batch()
		l.busy = true
		l.mu.Unlock()
		act(batch)
		l.mu.Lock()
		clear(batch)
	}
}

// drain ends all graces and waits until nothing is queued or under way; false when
// ctx ended first.
func (l *lane) drain(ctx context.Context) bool {
	l.mu.Lock()
	l.release(time.Time{})
	if len(l.queue) == 0 && !l.busy {
		l.mu.Unlock()
		return true
	}
	c := make(chan struct{})
	l.idle = append(l.idle, c)
	l.mu.Unlock()
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}

// settled reports whether nothing waits or is under way.
func (l *lane) settled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue)+len(l.held) == 0 && !l.busy
}

// close lets work return once the queue is empty.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.release(time.Time{})
	l.closed = true
	l.wake.Signal()
}
