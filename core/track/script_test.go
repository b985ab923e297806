package track

import (
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

const second = mono.Instant(time.Second)

// TestResults feeds results, o for success and x for failure, and reads the
// state after each: U up, D down, ? unknown.
func TestResults(t *testing.T) {
	tests := []struct {
		name       string
		rise, fall int
		initFail   bool
		results    string
		want       string
	}{
		{"up by the first success", 1, 1, false, "o", "U"},
		{"down by the first failure", 1, 1, false, "x", "D"},
		{"the first success decides alone", 3, 3, false, "ooo", "UUU"},
		{"the first failure decides alone", 3, 3, false, "xxx", "DDD"},
		{"fall in a row", 1, 3, false, "oxxx", "UUUD"},
		{"a success ends the row", 1, 3, false, "oxxoxxoxxx", "UUUUUUUUUD"},
		{"rise in a row", 3, 1, false, "xooo", "DDDU"},
		{"a failure ends the row", 3, 1, false, "xooxooxooo", "DDDDDDDDDU"},
		{"there and back", 2, 2, false, "oxxooxx", "UUDDUUD"},
		{"init_fail needs rise", 2, 1, true, "oo", "DU"},
		{"init_fail with rise 1", 1, 1, true, "o", "U"},
		{"init_fail and a failure", 2, 1, true, "xoo", "DDU"},
		{"zero counts as one", 0, 0, false, "oxo", "UDU"},
	}
	letters := map[State]string{Up: "U", Down: "D", Unknown: "?"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := NewScript(0, time.Second, tt.rise, tt.fall, tt.initFail)
			first, since := s.State()
			if want := map[bool]State{false: Unknown, true: Down}[tt.initFail]; first != want || since != 0 {
				t.Fatalf("begins %v since %d, want %v since 0", first, since, want)
			}
			var got strings.Builder
			last := first
			for i, r := range tt.results {
				now := second * mono.Instant(i+1)
				changed := s.Result(now, r == 'o')
				state, at := s.State()
				got.WriteString(letters[state])
				if changed != (state != last) {
					t.Errorf("result %d: changed is %v going from %v to %v", i, changed, last, state)
				}
				if changed {
					since = now
				}
				if at != since {
					t.Errorf("result %d: %v since %d, want %d", i, state, at, since)
				}
				last = state
			}
			if got.String() != tt.want {
				t.Errorf("states %s after %s, want %s", got.String(), tt.results, tt.want)
			}
		})
	}
}

func TestInARow(t *testing.T) {
	s := NewScript(0, time.Second, 2, 3, false)
	for i, step := range []struct {
		ok   bool
		want int
	}{{true, 0}, {false, 1}, {false, 2}, {true, 0}, {false, 1}, {false, 2}, {false, 0}, {false, 0}, {true, 1}, {true, 0}} {
		s.Result(0, step.ok)
		if got := s.InARow(); got != step.want {
			t.Errorf("step %d: %d in a row, want %d", i, got, step.want)
		}
	}
}

// TestLend: a state from elsewhere stands until the first result, which then
// decides alone.
func TestLend(t *testing.T) {
	for _, tt := range []struct {
		lent    State
		results string
		want    []State
	}{
		{Up, "xoo", []State{Down, Down, Up}},
		{Up, "oxx", []State{Up, Up, Down}},
		{Down, "oxx", []State{Up, Up, Down}},
		{Down, "xoo", []State{Down, Down, Up}},
		{Unknown, "xoo", []State{Down, Down, Up}},
	} {
		s := NewScript(second, time.Second, 2, 2, false)
		s.Lend(tt.lent, 7)
		if state, since := s.State(); state != tt.lent || since != 7 {
			t.Errorf("lent %v since 7, is %v since %d", tt.lent, state, since)
		}
		for i, r := range tt.results {
			s.Result(2*second, r == 'o')
			if state, _ := s.State(); state != tt.want[i] {
				t.Errorf("lent %v: %v after result %d of %s, want %v", tt.lent, state, i, tt.results, tt.want[i])
			}
		}
	}
}

// TestSlots: a script runs at once and then every interval from start to
// start; a slot in which it still runs is skipped.
func TestSlots(t *testing.T) {
	s := NewScript(5*second, 2*time.Second, 1, 1, false)
	steps := []struct {
		at       mono.Instant
		run      bool
		deadline mono.Instant
		ends     bool // the run ends before the next step
	}{
		{4 * second, false, 5 * second, false},
		{5 * second, true, 7 * second, true},
		{5 * second, false, 7 * second, false}, // repeated
		{6 * second, false, 7 * second, false}, // early
		{7*second + 1, true, 9 * second, false},
		{9 * second, false, 11 * second, false}, // skipped: it still runs
		{11 * second, false, 13 * second, true},
		{13 * second, true, 15 * second, true},
		{20 * second, true, 22 * second, true}, // late: slots do not pile up
		{22 * second, true, 24 * second, true},
	}
	for i, step := range steps {
		if got := s.Tick(step.at); got != step.run {
			t.Errorf("step %d: run is %v, want %v", i, got, step.run)
		}
		if s.Deadline() != step.deadline {
			t.Errorf("step %d: next at %d, want %d", i, s.Deadline(), step.deadline)
		}
		if step.run && !s.Running() {
			t.Errorf("step %d: it does not run", i)
		}
		if step.ends {
			s.Result(step.at, true)
			if s.Running() {
				t.Errorf("step %d: it runs on after its result", i)
			}
		}
	}
}

// TestReconfigure keeps the state and counts on by the new numbers.
func TestReconfigure(t *testing.T) {
	s := NewScript(0, time.Second, 1, 5, false)
	s.Tick(0)
	s.Result(0, true)
	for range 2 {
		s.Result(second, false)
	}
	s.Reconfigure(0, 10*time.Second, 1, 3)
	if state, since := s.State(); state != Up || since != 0 {
		t.Fatalf("state %v since %d", state, since)
	}
	if !s.Result(2*second, false) {
		t.Error("the third failure in a row does not count with fall 3")
	}
	if !s.Tick(second) || s.Deadline() != 11*second {
		t.Errorf("the next slot is at %d", s.Deadline())
	}
	s.Reconfigure(4*second, 2*time.Second, 1, 3)
	s.Reconfigure(5*second, 2*time.Second, 1, 3) // which puts nothing off
	if s.Deadline() != 6*second {
		t.Errorf("the next slot of a shorter interval is at %d", s.Deadline())
	}
}
