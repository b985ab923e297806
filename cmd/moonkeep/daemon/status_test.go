package daemon

import (
	"testing"
	"time"
)

// TestSteady: when the configuration was read is said the same at each status, until
// somebody sets the clock.
func TestSteady(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	first := steady(time.Time{}, began.Add(time.Minute), time.Minute)
	if !first.Equal(began) {
		t.Errorf("at first %v, want %v", first, began)
	}
	if got := steady(first, began.Add(time.Hour), time.Hour+time.Millisecond); !got.Equal(first) {
		t.Errorf("an hour later %v, want %v", got, first)
	}
	if got, want := steady(first, began.Add(2*time.Hour), time.Hour), began.Add(time.Hour); !got.Equal(want) {
		t.Errorf("by a clock that was set %v, want %v", got, want)
	}
}
