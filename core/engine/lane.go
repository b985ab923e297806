package engine

import (
	"context"
	"slices"
	"sync"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// lane is the queue of address actions. Its bound is its content: a push
// removes what it makes pointless, so that each instance has at most one
// claim, one release and one announcement of each list waiting.
type lane struct {
	mu    sync.Mutex
	wake  sync.Cond
	queue []node.Action
	// waiting counts the queued actions of each instance.
	waiting map[string]int
	busy    bool
	closed  bool
	idle    []chan struct{}
}

func newLane() *lane {
	l := &lane{waiting: map[string]int{}}
	l.wake.L = &l.mu
	return l
}

func (l *lane) push(a node.Action) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting[a.Instance] > 0 {
		before := len(l.queue)
		l.queue = slices.DeleteFunc(l.queue, func(b node.Action) bool { return a.Instance == b.Instance && replaces(a, b) })
		l.waiting[a.Instance] -= before - len(l.queue)
	}
	l.queue = append(l.queue, a)
	l.waiting[a.Instance]++
	l.wake.Signal()
}

// replaces reports whether b need not be done any more once a is asked for.
// A release keeps its place whatever follows: what is claimed afterwards may
// be fewer addresses.
func replaces(a, b node.Action) bool {
	switch {
	case a.Kind == b.Kind:
		return slices.Equal(a.Addresses, b.Addresses)
	case a.Kind == node.Release:
		// An announcement may be of some of the claimed addresses only, as
		// after a reload: it must not outlive the claim.
		return !slices.ContainsFunc(b.Addresses, func(x netspec.Address) bool { return !slices.Contains(a.Addresses, x) })
	}
	return false
}

// work carries actions out in order until close.
func (l *lane) work(act func(*node.Action)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for len(l.queue) == 0 {
			l.busy = false
			for _, c := range l.idle {
				close(c)
			}
			l.idle = nil
			if l.closed {
				return
			}
			l.wake.Wait()
		}
		a := l.queue[0]
		l.queue[0] = node.Action{}
		l.queue = l.queue[1:]
		l.waiting[a.Instance]--
		l.busy = true
		l.mu.Unlock()
		act(&a)
		l.mu.Lock()
	}
}

// drain waits until nothing is queued or under way; false when ctx ended
// first.
func (l *lane) drain(ctx context.Context) bool {
	l.mu.Lock()
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

// close lets work return once the queue is empty.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wake.Signal()
}

// act carries out one address action and reports what came of it.
func (e *Engine) act(a *node.Action) {
	switch a.Kind {
	case node.Claim:
		e.own(a.Instance, a.Addresses)
		err := e.kernel.Claim(a.Instance, a.Addresses, a.NoAccept)
		e.refused[a.Instance] = err != nil
		failure := ""
		if err != nil {
			failure = err.Error()
		}
		e.Event(&node.Claimed{Instance: a.Instance, Failure: failure})
	case node.Release:
		if err := e.kernel.Release(a.Instance, a.Addresses); err != nil {
			// The kernel tries again and tells nobody but its log how that
			// ends: they stay in the journal, for the next start to remove.
			e.teller.trouble(a.Instance, "addresses could not be removed, will try again", err)
			return
		}
		e.disown(a.Instance, a.Addresses)
	case node.Announce:
		if e.refused[a.Instance] {
			return // clients must not be sent to what does not stand here
		}
		if err := e.kernel.Announce(a.Instance, a.Addresses, a.Rounds); err != nil {
			e.teller.trouble(a.Instance, "addresses could not be announced", err)
		}
	}
}

// own notes addresses that are about to be claimed, beside those that are
// still to be released.
func (e *Engine) own(instance string, addresses []netspec.Address) {
	for _, a := range addresses {
		if !slices.Contains(e.owned[instance], a) {
			e.owned[instance] = append(e.owned[instance], a)
		}
	}
	e.journal()
}

func (e *Engine) disown(instance string, addresses []netspec.Address) {
	left := slices.DeleteFunc(e.owned[instance], func(a netspec.Address) bool { return slices.Contains(addresses, a) })
	if len(left) == 0 {
		delete(e.owned, instance)
	} else {
		e.owned[instance] = left
	}
	e.journal()
}

// journal has the teller write down what the node owns now.
func (e *Engine) journal() {
	if e.opts.Journal == nil {
		return
	}
	var all []netspec.Address
	for _, list := range e.owned {
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b netspec.Address) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) })
	e.teller.write(func() error { return e.opts.Journal(all) })
}
