package node

import "github.com/moonkeep/moonkeep/core/mono"

// timed is something with a deadline. Its place in the schedule is kept in
// the thing itself, so that a new deadline costs a few swaps.
type timed struct {
	at    mono.Instant
	place int // index in schedule.heap, from 0
	// order is that of add. What is due at one instant is done in this order,
	// so that adverts which leave together do so in the same order each time
	// and stay an interval apart.
	order uint64
	run   func(now mono.Instant)
}

// schedule is a binary heap of deadlines: with a thousand routers the next
// one must not cost a walk over all of them.
type schedule struct {
	heap  []*timed
	added uint64
}

func (s *schedule) add(t *timed) {
	s.added++
	t.place, t.order = len(s.heap), s.added
	s.heap = append(s.heap, t)
	s.up(t.place)
}

func (s *schedule) remove(t *timed) {
	last := len(s.heap) - 1
	i := t.place
	s.swap(i, last)
	s.heap[last] = nil // or the array holds it, and with it what it runs on
	s.heap = s.heap[:last]
	if i < last {
		s.down(i)
		s.up(i)
	}
}

// set moves t to its new deadline.
func (s *schedule) set(t *timed, at mono.Instant) {
	if t.at == at {
		return
	}
	t.at = at
	s.down(t.place)
	s.up(t.place)
}

// next returns the earliest deadline, Never when there is none.
func (s *schedule) next() mono.Instant {
	if len(s.heap) == 0 {
		return mono.Never
	}
	return s.heap[0].at
}

func (s *schedule) swap(i, j int) {
	s.heap[i], s.heap[j] = s.heap[j], s.heap[i]
	s.heap[i].place, s.heap[j].place = i, j
}

// before reports whether the first of two places comes before the second.
func (s *schedule) before(i, j int) bool {
	a, b := s.heap[i], s.heap[j]
	return a.at < b.at || a.at == b.at && a.order < b.order
}

func (s *schedule) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !s.before(i, parent) {
			return
		}
		s.swap(i, parent)
		i = parent
	}
}

func (s *schedule) down(i int) {
	for {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(s.heap); c++ {
			if s.before(c, least) {
				least = c
			}
		}
		if least == i {
			return
		}
		s.swap(i, least)
		i = least
	}
}
