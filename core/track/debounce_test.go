package track

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// TestDebounce plays what is seen at which second, with 3s to come up and 2s
// to go down, and looks at what counts.
func TestDebounce(t *testing.T) {
	type step struct {
		at   int // seconds
		see  State
		want State // Unknown: only time passes
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"the first counts at once", []step{{0, Up, Up}}},
		{"the first counts at once, down", []step{{0, Down, Down}}},
		{"a loss that lasts", []step{{0, Up, Up}, {5, Down, Up}, {6, Unknown, Up}, {7, Unknown, Down}}},
		{"a loss that does not last", []step{{0, Up, Up}, {5, Down, Up}, {6, Up, Up}, {9, Unknown, Up}}},
		{"each loss begins anew", []step{{0, Up, Up}, {5, Down, Up}, {6, Up, Up}, {6, Down, Up}, {7, Unknown, Up}, {8, Unknown, Down}}},
		{"repeats do not begin anew", []step{{0, Up, Up}, {5, Down, Up}, {6, Down, Up}, {7, Unknown, Down}}},
		{"a return that lasts", []step{{0, Down, Down}, {1, Up, Down}, {3, Unknown, Down}, {4, Unknown, Up}}},
		{"a return that does not last", []step{{0, Down, Down}, {1, Up, Down}, {3, Down, Down}, {9, Unknown, Down}}},
	}
	for _, tt := range tests {
		d := new(Debounce)
		d.Delay(3*time.Second, 2*time.Second)
		for i, s := range tt.steps {
			now := mono.Instant(s.at) * second
			before, _ := d.State()
			changed := d.Tick(now)
			if s.see != Unknown {
				changed = d.See(now, s.see) || changed
			}
			got, since := d.State()
			if got != s.want || changed != (got != before) || changed && since != now {
				t.Errorf("%s, step %d: got %v since %d, changed %v; want %v", tt.name, i, got, since, changed, s.want)
			}
			if next, pending := d.Pending(); pending != (d.Deadline() != mono.Never) || pending && next == got {
				t.Errorf("%s, step %d: pending %v %v, deadline %d", tt.name, i, next, pending, d.Deadline())
			}
		}
	}
}

func TestDebounceForce(t *testing.T) {
	d := new(Debounce)
	d.Delay(time.Second, time.Second)
	d.See(0, Up)
	d.See(second, Down)
	if !d.Force(second, Down) || d.Deadline() != mono.Never {
		t.Error("a forced change does not count at once, or is still to come")
	}
	if d.Force(2*second, Down) {
		t.Error("the same state is a change")
	}
	d.See(2*second, Up)
	d.Force(2*second, Down)
	if d.Tick(9 * second) {
		t.Error("what was forced is taken back")
	}
	d = new(Debounce)
	d.See(0, Up)
	if !d.See(1, Down) || !d.See(2, Up) {
		t.Error("without delays a change does not count at once")
	}
}
