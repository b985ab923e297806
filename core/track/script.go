package track

import (
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// Script is the life of one check: when it is due and what its results add up
// to. Results count in a row: an up script needs Fall failures without a
// success between them to go down, a down one Rise successes to come up, as
// in keepalived. The first result decides alone.
type Script struct {
	interval   time.Duration
	rise, fall int

	state   State
	since   mono.Instant
	count   int // results in a row that contradict state
	due     mono.Instant
	running bool
	lent    bool // state is not from a result of its own
}

// NewScript returns a script that is due at now. With initFail it starts down
// and needs rise successes; otherwise it starts unknown.
func NewScript(now mono.Instant, interval time.Duration, rise, fall int, initFail bool) *Script {
	s := &Script{due: now, since: now}
	s.Reconfigure(now, interval, rise, fall)
	if initFail {
		s.state = Down
	}
	return s
}

// Lend makes the script begin in a state that another found. The first result
// decides alone all the same.
func (s *Script) Lend(state State, since mono.Instant) {
	s.state, s.since, s.lent = state, since, state != Unknown
}

// Reconfigure changes the schedule and the thresholds and keeps the state. The next
// slot is no later than an interval from now.
func (s *Script) Reconfigure(now mono.Instant, interval time.Duration, rise, fall int) {
	s.interval, s.rise, s.fall = interval, max(1, rise), max(1, fall)
	s.due = min(s.due, now.Add(interval))
}

// State returns what is known of the script and since when.
func (s *Script) State() (State, mono.Instant) { return s.state, s.since }

// InARow returns how many results in a row contradict the state.
func (s *Script) InARow() int { return s.count }

// Running reports whether a run was asked for and has not ended.
func (s *Script) Running() bool { return s.running }

// Deadline returns when Tick is due next.
func (s *Script) Deadline() mono.Instant { return s.due }

// Tick reports whether the script is to be run now. The next slot follows an
// interval after this one was due, not after the run ends; a slot in which
// the last run still goes on is skipped, as in keepalived.
func (s *Script) Tick(now mono.Instant) bool {
	if !s.due.Reached(now) {
		return false
	}
	s.due = s.due.Add(s.interval)
	if s.due <= now {
		s.due = now.Add(s.interval)
	}
	if s.running {
		return false
	}
	s.running = true
	return true
}

// Result takes the result of the run that Tick asked for and reports whether
// the state changed.
func (s *Script) Result(now mono.Instant, ok bool) bool {
	s.running = false
	lent := s.lent
	s.lent = false
	if s.state == Of(ok) {
		s.count = 0
		return false
	}
	s.count++
	need := s.rise
	if !ok {
		need = s.fall
	}
	if s.state != Unknown && !lent && s.count < need {
		return false
	}
	s.state, s.since, s.count = Of(ok), now, 0
	return true
}
