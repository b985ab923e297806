package lab

import "time"

// Times in this package are durations since the lab's start, on the monotonic
// clock.

// Nobody is the owner of an address for which no node answers.
const Nobody = -1

// Change is one thing that a client saw of an address: another node answers
// than before, or the same one again after a gap.
type Change struct {
	// From and To are nodes by index, Nobody before the first answer.
	From, To int
	// Lost is when the first unanswered probe was sent; it equals Next when
	// none was lost.
	Lost time.Duration
	// Next is when the next answered probe was sent.
	Next time.Duration
}

// Outage is how long the client went without: from the sending of the first
// lost probe to the sending of the next answered one.
func (c Change) Outage() time.Duration { return c.Next - c.Lost }

// The limits of a Watch.
const (
	// lateAfter is how old an unanswered probe gets before it counts as lost
	// though nothing sent after it was answered. Probes wait in the client's
	// kernel while it resolves the hardware address and are then answered
	// late: the client was served, if slowly.
	lateAfter = time.Second
	// overtaken is how long ago a later probe must have been answered for an
	// unanswered one to be lost. Within one path nothing is reordered; two
	// nodes that both answer have two paths.
	overtaken = 20 * time.Millisecond
)

// Watch follows the probes to one address and tells what their fates mean. It
// keeps the probes that are not decided yet, at most those of the last second.
// It is not safe for concurrent use.
type Watch struct {
	base    uint64 // sequence number of pending[0]
	pending []probe
	owner   int
	gap     bool
	lost    time.Duration
	since   time.Duration
	heard   time.Duration
	heardBy int
}

type probe struct {
	sent, answered time.Duration
	by             int
}

// NewWatch returns the watch of an address that nobody answers for.
func NewWatch() *Watch { return &Watch{owner: Nobody, heardBy: Nobody} }

// Sent records that a probe was sent and returns its sequence number.
func (w *Watch) Sent(at time.Duration) uint64 {
	w.pending = append(w.pending, probe{sent: at, by: Nobody})
	return w.base + uint64(len(w.pending)) - 1
}

// Answered records the first answer to a probe. One for a probe that is
// decided or was never sent is ignored.
func (w *Watch) Answered(seq uint64, at time.Duration, by int) {
	if seq < w.base || seq-w.base >= uint64(len(w.pending)) {
		return
	}
	p := &w.pending[seq-w.base]
	if p.by != Nobody {
		return
	}
	p.by, p.answered = by, at
	w.heard, w.heardBy = at, by
}

// Decide returns the changes that are certain by now, in order.
func (w *Watch) Decide(now time.Duration) []Change {
	var out []Change
	n := 0
	for ; n < len(w.pending); n++ {
		p := w.pending[n]
		if p.by == Nobody && now-p.sent < lateAfter && !w.passed(n+1, now) {
			break
		}
		if c, ok := w.feed(p); ok {
			out = append(out, c)
		}
	}
	w.base += uint64(n)
	w.pending = append(w.pending[:0], w.pending[n:]...)
	return out
}

// passed reports whether the first answered probe from i on was answered so
// long ago that the ones before it must be lost.
func (w *Watch) passed(i int, now time.Duration) bool {
	for _, p := range w.pending[i:] {
		if p.by != Nobody {
			return now-p.answered >= overtaken
		}
	}
	return false
}

// feed takes the next decided probe.
func (w *Watch) feed(p probe) (Change, bool) {
	if p.by == Nobody {
		if !w.gap {
			w.gap, w.lost, w.since = true, p.sent, p.sent
		}
		return Change{}, false
	}
	if !w.gap && p.by == w.owner {
		return Change{}, false
	}
	c := Change{From: w.owner, To: p.by, Lost: p.sent, Next: p.sent}
	if w.gap {
		c.Lost = w.lost
	}
	w.owner, w.gap, w.since = p.by, false, p.sent
	return c, true
}

// Owner is who answers now, and since when: the sending of its first probe
// without a gap since. It is Nobody when the last answer is older than fresh.
// In the moment between the first answer after a gap or of another node and
// Decide's word on it, since is the time of that answer.
func (w *Watch) Owner(now, fresh time.Duration) (owner int, since time.Duration) {
	switch {
	case w.heardBy == Nobody || now-w.heard > fresh:
		return Nobody, 0
	case w.gap || w.heardBy != w.owner:
		return w.heardBy, w.heard
	}
	return w.owner, w.since
}

// Silent reports whether the address is in a gap that is certain, and since
// when. Before the first answer it is not.
func (w *Watch) Silent() (since time.Duration, silent bool) {
	return w.lost, w.gap && w.owner != Nobody
}
