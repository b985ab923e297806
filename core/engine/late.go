package engine

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
)

const (
	// lateAlarm is from when on the log is told that the loop is late: the
	// shortest advertisement interval that is in wide use.
	lateAlarm = 100 * time.Millisecond
	// latePause is how long a further one is not told.
	latePause = time.Minute
)

// lateness is by how much the loop missed what was due. What that means for a
// virtual router its machine decides (core/vrrp: it listens or asserts itself);
// this is for people, who should look for what else the host does.
type lateness struct {
	last, most atomic.Int64 // nanoseconds
	quiet      mono.Instant // until when the log is not told
}

// seen compares the present instant with what is due. Only the loop calls it.
func (l *lateness) seen(now, due mono.Instant, t *teller) {
	if due > now {
		return
	}
	late := now.Sub(due)
	l.last.Store(int64(late))
	if int64(late) > l.most.Load() {
		l.most.Store(int64(late))
	}
	if late < lateAlarm || now < l.quiet {
		return
	}
	l.quiet = now.Add(latePause)
	t.note("", &node.Note{Level: node.Warn, Topic: "stall", Text: fmt.Sprintf(
		"the daemon was %v late with what was due: the host is overloaded or slept", late.Round(time.Millisecond))})
}

// Lateness returns how late the loop was when something was due last, and at
// the most since the start.
func (e *Engine) Lateness() (last, most time.Duration) {
	return time.Duration(e.late.last.Load()), time.Duration(e.late.most.Load())
}
