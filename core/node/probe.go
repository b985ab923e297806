package node

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/track"
)

// perTick is how many checks one Tick looks at. The rest is due at once again,
// so that adverts get their turn between.
const perTick = 256

// Checks are looked at on a grid of instants: those that are due within it begin
// together, so that ten thousand a second do not wake anybody ten thousand
// times, and the edge gets them in batches. It is a twentieth of the shortest
// interval, or a tenth of the shortest time until a verdict is tried again where that
// is less, within these bounds. A check has its own place before an instant of the
// grid, and so begins as long after the run before as its interval says.
const (
	finest   = time.Millisecond
	coarsest = 100 * time.Millisecond
)

// checker is one check with what it said last.
type checker struct {
	life   health.Check
	cfg    *Check
	server *server
	// place is its place in checkQueue, from 1; 0 for none.
	place int32
	id    uint32
	// asked is the generation and the number under which the run that is under
	// way was asked for.
	asked   uint64
	message string
	took    time.Duration
	late    time.Duration // the most that a run began late, as of ProbeCounts
	// added is what a file adds to the weight.
	added int64
	// smooth is between what is told and weight; nil takes it as it is.
	smooth *track.Weight
	// session is what it follows, and expects is true when a reload put that in the
	// place of another, until it has come up or had its time to.
	session *session
	expects bool
	// up, known and fresh are of those that follow something: fresh says that
	// this is the first that is known of it.
	up, known, fresh bool
	dark             bool
	// weighs says that it told an absolute weight, which weight is.
	weighs bool
	weight int32
}

// follows reports whether the check runs nothing.
func (c *checker) follows() bool { return c.cfg.File != "" || c.cfg.Session != "" }

// working reports whether the check is up.
func (c *checker) working() bool {
	if c.follows() {
		return c.up
	}
	return c.life.Up()
}

// adds is what the check adds to the weight of its server.
func (c *checker) adds() int64 {
	switch {
	case !c.working():
		return 0
	case c.weighs:
		return int64(c.weight) - int64(c.server.cfg.Weight)
	}
	return c.added
}

// checkQueue is a heap of the deadlines of checks. It is one beside schedule
// because there are tens of thousands of checks, each of which moves twice a
// run: deadlines stand in the heap itself, four children side by side, so that
// a move touches little memory.
type checkQueue struct {
	heap   []checkDue
	checks []*checker // by their numbers
	grid   time.Duration
}

type checkDue struct {
	at mono.Instant
	id uint32
}

const fanout = 4

// next returns when to look, which is not before the earliest deadline.
func (q *checkQueue) next() mono.Instant {
	if len(q.heap) == 0 {
		return mono.Never
	}
	return q.onGrid(q.heap[0].at)
}

// onGrid is the first instant of the grid from an instant on.
func (q *checkQueue) onGrid(at mono.Instant) mono.Instant {
	if over := time.Duration(at) % q.grid; over > 0 {
		return at.Add(q.grid - over)
	}
	return at
}

// fill makes the heap of all checks that have a deadline.
func (q *checkQueue) fill() {
	q.heap, q.grid = q.heap[:0], coarsest
	for i := range q.checks {
		c := q.checks[i]
		c.place = 0
		if !c.follows() {
			life := c.cfg.Life
			q.grid = min(q.grid, life.Interval/20)
			// Where one verdict is enough none is tried again.
			if life.Doubt > 0 && max(life.Rise, life.Fall) > 1 {
				q.grid = min(q.grid, life.Doubt/10)
			}
			if at := c.life.Deadline(); at != mono.Never {
				q.heap = append(q.heap, checkDue{at, c.id})
				c.place = int32(len(q.heap))
			}
		}
	}
	q.grid = max(finest, q.grid)
	for i := (len(q.heap) - 2) / fanout; i >= 0 && len(q.heap) > 1; i-- {
		q.down(i, q.heap[i])
	}
}

// set moves a check to its deadline; Never takes it out.
func (q *checkQueue) set(c *checker) {
	at := c.life.Deadline()
	i := int(c.place) - 1
	switch {
	case i < 0 && at == mono.Never:
	case i < 0:
		q.heap = append(q.heap, checkDue{})
		q.up(len(q.heap)-1, checkDue{at, c.id})
	case at == mono.Never:
		last := len(q.heap) - 1
		moved := q.heap[last]
		q.heap = q.heap[:last]
		c.place = 0
		if i < last {
			q.move(i, moved)
		}
	default:
		q.move(i, checkDue{at, c.id})
	}
}

// move puts d where the entry of place i was.
func (q *checkQueue) move(i int, d checkDue) {
	if i > 0 && d.before(q.heap[(i-1)/fanout]) {
		q.up(i, d)
		return
	}
	q.down(i, d)
}

// before orders what is due at one instant by the numbers of checks, so that a
// run can be played again.
func (d checkDue) before(e checkDue) bool { return d.at < e.at || d.at == e.at && d.id < e.id }

func (q *checkQueue) put(i int, d checkDue) {
	q.heap[i] = d
	q.checks[d.id].place = int32(i + 1)
}

func (q *checkQueue) up(i int, d checkDue) {
	for i > 0 {
		parent := (i - 1) / fanout
		if !d.before(q.heap[parent]) {
			break
		}
		q.put(i, q.heap[parent])
		i = parent
	}
	q.put(i, d)
}

func (q *checkQueue) down(i int, d checkDue) {
	for {
		first := fanout*i + 1
		if first >= len(q.heap) {
			break
		}
		least := first
		for c := first + 1; c < min(first+fanout, len(q.heap)); c++ {
			if q.heap[c].before(q.heap[least]) {
				least = c
			}
		}
		if !q.heap[least].before(d) {
			break
		}
		q.put(i, q.heap[least])
		i = least
	}
	q.put(i, d)
}

// runChecks asks for the probes that are due, in one action. Whoever wakes the
// node between two instants of the grid, such as the answers to those before,
// begins none: batches would fall apart.
func (n *Node) runChecks(now mono.Instant) {
	if !n.queue.next().Reached(now) {
		return
	}
	n.asks = n.asks[:0]
	for range perTick {
		if len(n.queue.heap) == 0 || !n.queue.heap[0].at.Reached(now) {
			break
		}
		c := n.queue.checks[n.queue.heap[0].id]
		waited := c.life.Running()
		probe, changed := c.life.Tick(now)
		if waited && !c.life.Running() {
			c.message = "nobody answered in time"
		}
		if probe {
			c.asked = uint64(n.generation)<<32 | uint64(c.id)
			n.asks = append(n.asks, Ask{Check: c.id, Seq: c.life.Seq()})
			// To wait for the grid is not to be late.
			late := now.Sub(n.queue.onGrid(now.Add(-c.life.Late().Last)))
			c.late = max(c.late, late)
			n.probing.begun(late)
		}
		n.queue.set(c)
		if probe && !changed && !c.server.unproven {
			continue
		}
		n.darkened(now, c)
		if changed {
			n.checkChanged(now, c, "there was no result for its grace")
		}
		n.prove(now, c.server)
	}
	if len(n.asks) > 0 {
		n.out = append(n.out, Action{Kind: Probe, Generation: n.generation, Asks: n.asks})
	}
}

// probed takes answers.
func (n *Node) probed(now mono.Instant, e *Probed) {
	if n.stopping {
		return
	}
	for i := range e.Answers {
		a := &e.Answers[i]
		if c := n.asker(e.Generation, a); c != nil {
			n.answered(now, c, a)
		} else {
			n.probing.Strange++
		}
	}
}

// asker returns whom an answer is for, nil for nobody: a reload gives checks
// other numbers, and may keep one whose probe is under way.
func (n *Node) asker(generation uint32, a *Answer) *checker {
	if generation == n.generation {
		if int(a.Check) < len(n.queue.checks) && !n.queue.checks[a.Check].follows() {
			return n.queue.checks[a.Check]
		}
		return nil
	}
	key := uint64(generation)<<32 | uint64(a.Check)
	id, ok := n.carried[key]
	if !ok {
		return nil
	}
	delete(n.carried, key)
	return n.queue.checks[id]
}

func (n *Node) answered(now mono.Instant, c *checker, a *Answer) {
	n.result(now, c, a)
	n.prove(now, c.server)
}

// result lets an answer count for its check.
func (n *Node) result(now mono.Instant, c *checker, a *Answer) {
	o := c.life.Answer(now, a.Seq, a.Verdict)
	if !o.Taken {
		n.probing.Strange++
		return
	}
	n.queue.set(c)
	n.probing.Answered++
	if a.Verdict != health.Unknown || a.Message != "" {
		c.message = a.Message
	}
	c.took = a.Took
	n.darkened(now, c)
	weighed := false
	if c.smooth != nil && a.Verdict == health.OK && a.Weighs {
		c.smooth.Observe(now, float64(a.Weight))
		a.Weight = int32(max(0, c.smooth.Value()))
	}
	switch {
	case a.Verdict == health.OK && (a.Weighs != c.weighs || a.Weighs && a.Weight != c.weight):
		c.weighs, c.weight, weighed = a.Weighs, a.Weight, true
	case a.Verdict == health.Failed && !c.working() && c.weighs:
		c.weighs, weighed = false, true
	}
	switch {
	case o.Changed:
		n.checkChanged(now, c, "")
		return
	case a.Verdict == health.Failed && c.cfg.LogAll && c.working(): // as keepalived: one that is down fails at every run
		n.note(Warn, "", "check", n.told(c, "failed")+", still up")
	}
	if weighed {
		n.reweigh(now, c)
	}
	if o.First {
		n.first(c)
	}
}

// darkened counts checks that have no result, and tells when the first begins
// to have none and when all have some again: a plugin that dies takes thousands
// of checks with it.
func (n *Node) darkened(now mono.Instant, c *checker) {
	dark := c.life.Dark()
	if dark == c.dark {
		return
	}
	c.dark = dark
	if dark {
		if n.probing.Dark++; n.probing.Dark == 1 && now >= n.darkQuiet {
			n.darkQuiet, n.darkTold = now.Add(quietFor), true
			n.note(Warn, "", "check", "checks have no result, the first of them "+n.told(c, "unknown"))
		}
		return
	}
	if n.probing.Dark--; n.probing.Dark == 0 && n.darkTold {
		n.darkTold = false
		n.note(Info, "", "check", "all checks have results again")
	}
}

// told is a check and its last message, for people.
func (n *Node) told(c *checker, verdict string) string {
	text := fmt.Sprintf("%s of %s of virtual server %s: %s", c.name(), c.server.cfg.Name, c.server.service.cfg.Name, verdict)
	if c.message != "" {
		text += " (" + c.message + ")"
	}
	return text
}

func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// ProbeCounts are what there is to tell of all checks together.
type ProbeCounts struct {
	// Checks is how many there are, and Dark how many of them have no result.
	Checks, Dark int
	// Begun and Answered count probes; Strange counts answers that nobody
	// waited for.
	Begun, Answered, Strange uint64
	// Late counts probes by how late they began, from the instant of the grid at
	// which they were due: the first those of less than
	// a millisecond, each further one those of less than twice as much, the
	// last all others.
	Late [LateBuckets]uint64
	// MostLate is the latest of all.
	MostLate time.Duration
}

// LateBuckets is how many there are: the last but one ends at 8 s.
const LateBuckets = 15

func (p *ProbeCounts) begun(late time.Duration) {
	p.Begun++
	late = max(0, late)
	p.MostLate = max(p.MostLate, late)
	p.Late[min(bits.Len64(uint64(late/time.Millisecond)), LateBuckets-1)]++
}
