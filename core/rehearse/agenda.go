package rehearse

import "github.com/moonkeep/moonkeep/core/mono"

// agenda is what will happen, in order of time and, at the same instant, in
// order of entry. It is a binary heap; container/heap would box each entry.
type agenda struct {
	heap []entry
	seq  uint64
}

type entry struct {
	at  mono.Instant
	seq uint64
	do  func()
}

func (e *entry) before(f *entry) bool {
	return e.at < f.at || e.at == f.at && e.seq < f.seq
}

func (a *agenda) push(at mono.Instant, do func()) {
	a.seq++
	a.heap = append(a.heap, entry{at, a.seq, do})
	h := a.heap
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(&h[parent]) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// next returns when the first entry is due, Never when there is none.
func (a *agenda) next() mono.Instant {
	if len(a.heap) == 0 {
		return mono.Never
	}
	return a.heap[0].at
}

// pop removes and returns the first entry that is due, or nil.
func (a *agenda) pop(now mono.Instant) func() {
	if !a.next().Reached(now) {
		return nil
	}
	h := a.heap
	do, last := h[0].do, len(h)-1
	h[0], h[last] = h[last], entry{}
	h = h[:last]
	a.heap = h
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(h); c++ {
			if h[c].before(&h[least]) {
				least = c
			}
		}
		if least == i {
			return do
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
