package rehearse

import (
	"container/heap"

	"github.com/moonkeep/moonkeep/core/mono"
)

// agenda is what will happen, in order of time and, at the same instant, in
// order of entry.
type agenda struct {
	items entries
	seq   uint64
}

type entry struct {
	at  mono.Instant
	seq uint64
	do  func()
}

type entries []entry

func (e entries) Len() int { return len(e) }
func (e entries) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e entries) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *entries) Push(x any)   { *e = append(*e, x.(entry)) }
func (e *entries) Pop() any {
	old := *e
	x := old[len(old)-1]
	*e = old[:len(old)-1]
	return x
}

func (a *agenda) push(at mono.Instant, do func()) {
	a.seq++
	heap.Push(&a.items, entry{at, a.seq, do})
}

// next returns when the first entry is due, Never when there is none.
func (a *agenda) next() mono.Instant {
	if len(a.items) == 0 {
		return mono.Never
	}
	return a.items[0].at
}

// pop removes and returns the first entry that is due, or nil.
func (a *agenda) pop(now mono.Instant) func() {
	if !a.next().Reached(now) {
		return nil
	}
	return heap.Pop(&a.items).(entry).do
}
