//go:build linux

package host

import (
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// slot is one check of a group, and the probe of it that is under way. Its
// place in the group's table is its number on the wire.
type slot struct {
	check *Subject //  of the set in force, or that of its last probe; nothing when the slot is free
	key   slotKey  // by which it is found again
	refs  int32    // sets that have it

	// asked says that a probe is under way, which the following are about. What is
	// small stands together: there are tens of thousands.
	asked      bool
	queued     bool // it stands in the queue; also when it was answered meanwhile
	details    bool // of once: they are wanted
	generation uint32
	number     uint32
	seq        uint32
	probe      uint32 // its number on the wire
	heap       int32  // its place in the heap
	sent       *instance
	set        *Set
	once       chan<- checker.Result // in place of set
	until      time.Time

	state    string   // of the last result that had one; see checker.Result
	heir     *slotKey // of the check that takes its place in a newer set, see remember
	refused  string   // why the instance prepared cannot probe it
	gone     uint32   // the probe before; up to it answers may come late
	prepared uint32   // the number of the instance that it was last sent to
}

// follow has the slot probed as a set has it.
func (s *slot) follow(c *Subject) {
	if old, now := &s.check.Target, &c.Target; old.Timeout != now.Timeout || !equal(old.Weight, now.Weight) {
		s.prepared = 0 // the process knows the other one
	}
	s.check = c
}

func equal(a, b *int) bool { return a == b || a != nil && b != nil && *a == *b }

// slotKey is what is checked, and which of those that are the same.
type slotKey struct {
	identity string
	nth      int
}

// deadlines is a heap of the slots whose probes are under way, the earliest
// first. It belongs to the slots' table.
type deadlines struct {
	slots *[]slot
	ids   []uint32
}

func (d *deadlines) less(a, b int) bool {
	s := *d.slots
	return s[d.ids[a]].until.Before(s[d.ids[b]].until)
}

func (d *deadlines) swap(a, b int) {
	s := *d.slots
	d.ids[a], d.ids[b] = d.ids[b], d.ids[a]
	s[d.ids[a]].heap, s[d.ids[b]].heap = int32(a), int32(b)
}

func (d *deadlines) push(id uint32) {
	(*d.slots)[id].heap = int32(len(d.ids))
	d.ids = append(d.ids, id)
	d.up(len(d.ids) - 1)
}

func (d *deadlines) remove(id uint32) {
	at := int((*d.slots)[id].heap)
	last := len(d.ids) - 1
	d.swap(at, last)
	d.ids = d.ids[:last]
	if at < last {
		d.down(at)
		d.up(at)
	}
}

// first is the slot with the earliest deadline.
func (d *deadlines) first() (*slot, uint32, bool) {
	if len(d.ids) == 0 {
		return nil, 0, false
	}
	return &(*d.slots)[d.ids[0]], d.ids[0], true
}

func (d *deadlines) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !d.less(i, parent) {
			return
		}
		d.swap(i, parent)
		i = parent
	}
}

func (d *deadlines) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(d.ids) {
			return
		}
		if child+1 < len(d.ids) && d.less(child+1, child) {
			child++
		}
		if !d.less(child, i) {
			return
		}
		d.swap(i, child)
		i = child
	}
}
