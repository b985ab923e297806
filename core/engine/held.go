package engine

import (
	"time"

	"github.com/moonkeep/moonkeep/core/node"
)

// held is an action that is queued at a later time.
type held struct {
	action node.Action
	at     time.Time
}

// hold has a release wait for the end of its grace. mu is held.
func (l *lane) hold(a node.Action) {
	l.holding[a.Instance] = true
	l.held = append(l.held, held{a, time.Now().Add(a.Grace)})
	if len(l.held) > 1 {
		return // the timer is set
	}
	if l.mature == nil {
		l.mature = time.AfterFunc(a.Grace, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.release(time.Now())
		})
		return
	}
	l.mature.Reset(a.Grace)
}

// release queues what was held until now, or with the zero time all. mu is held.
func (l *lane) release(now time.Time) {
	n := 0
	for n < len(l.held) && (now.IsZero() || !l.held[n].at.After(now)) {
		a := &l.held[n].action
		if n++; tells(a) {
			l.queue = append(l.queue, *a)
			l.wake.Signal()
			continue
		}
		delete(l.holding, a.Instance)
		l.queued(*a)
	}
	if l.held = l.held[n:]; len(l.held) > 0 {
		l.mature.Reset(time.Until(l.held[0].at))
	} else {
		l.held = nil
	}
}

// hurry ends the grace of all that is held.
func (l *lane) hurry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.release(time.Time{})
}
