package node

import "github.com/moonkeep/moonkeep/core/mono"

// timed is something with a deadline. Its place in the schedule is kept in
// the thing itself, so that a new deadline costs a few swaps.
type timed struct {
	at    mono.Instant
	place int // index in schedule.heap, from 0
	run   func(now mono.Instant)
}

// schedule is a binary heap of deadlines: with a thousand routers the next
// one must not cost a walk over all of them.
type schedule struct{ heap []*timed }

func (s *schedule) add(t *timed) {
	t.place = len(s.heap)
	s.heap = append(s.heap, t)
	s.up(t.place)
}

func (s *schedule) remove(t *timed) {
	last := len(s.heap) - 1
	i := t.place
	s.swap(i, last)
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

func (s *schedule) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if s.heap[parent].at <= s.heap[i].at {
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
			if s.heap[c].at < s.heap[least].at {
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
