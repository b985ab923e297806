package engine

import (
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/moonkeep/moonkeep/core/node"
)

// mail holds the packets that the node has not seen yet, at most mailLen; any
// more are dropped and counted, as a network may always do. They have no place
// in the inbox: the loop is to be woken once for all that came together, and
// taking one from a channel costs as much as judging it does.
type mail struct {
	mu   sync.Mutex
	list []*node.Received
	// spare is the list that was gone through.
	spare []*node.Received
}

// NewPacket returns an event to be filled and handed to Packets.
func (e *Engine) NewPacket() *node.Received { return e.packets.Get().(*node.Received) }

// Packets takes received packets. While the loop waits they are judged here and
// now: to wake the loop's goroutine costs a change of threads, and the runtime
// wakes a second one beside it, which together are more than some forty packets.
func (e *Engine) Packets(list ...*node.Received) {
	e.mail.mu.Lock()
	fit := min(len(list), mailLen-len(e.mail.list))
	e.mail.list = append(e.mail.list, list[:fit]...)
	e.mail.mu.Unlock()
	for _, p := range list[fit:] {
		e.dropped.Add(1)
		e.packets.Put(p)
	}
	if !e.turn.TryLock() || !e.meanwhile() {
		e.opts.Alarm.Ring()
	}
}

// meanwhile opens the mail while the loop waits, in a turn that the caller has
// begun. It reports whether the loop may go on waiting.
func (e *Engine) meanwhile() (wait bool) {
	defer e.turn.Unlock()
	defer func() {
		if p := recover(); p != nil {
			e.broken = fmt.Sprintf("%v\n%s", p, debug.Stack()) // the loop ends with it
		}
	}()
	if e.broken != "" {
		return false
	}
	e.open()
	return e.node.Deadline() >= e.armed && !e.node.Stopped()
}

// take returns what has come. It is valid until the next call.
func (m *mail) take() []*node.Received {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.list) == 0 {
		return nil
	}
	m.list, m.spare = m.spare[:0], m.list
	return m.spare
}

// open has the node take the packets that have come.
func (e *Engine) open() {
	list := e.mail.take()
	for len(list) > 0 {
		// Reading the clocks costs as much as an advert does: once for some.
		now, some := e.look(), min(len(list), perLook)
		for i, p := range list[:some] {
			e.carry(e.node.Step(now, p))
			e.packets.Put(p)
			list[i] = nil
		}
		list = list[some:]
	}
}
