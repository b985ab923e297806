//go:build linux

package host

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/plugins/clock"
)

// TestNumbersAgain: a number that a check has given back, and another has taken
// before the process heard of either, is the other's.
func TestNumbersAgain(t *testing.T) {
	plans := func(kind string) (first, fewer, other Plan) {
		kept := check(0, kind, "ok")
		return Plan{Checks: []Check{kept, check(1, kind, "fail")}}, Plan{Checks: []Check{kept}}, Plan{Checks: []Check{kept, check(1, kind, "processors")}}
	}
	exchange := func(s *site, fewer, other Plan) {
		s.t.Helper()
		s.open(fewer)
		s.eventually("the check is gone", func() bool { return s.status().Checks == 1 })
		s.open(other)
		for range 2 {
			if a := s.probe(1); a.Verdict != health.OK {
				s.t.Fatalf("answered %v %q", a.Verdict, a.Message)
			}
		}
	}
	t.Run("while a process starts", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, quick(t))
		first, fewer, other := plans("LATE") // which greets after a second
		s.open(first)
		s.eventually("the process", func() bool { return s.status().Starts == 1 })
		exchange(s, fewer, other)
	})
	t.Run("between two messages", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, quick(t))
		first, fewer, other := plans("GOOD")
		s.open(first)
		s.recovers(0)
		s.probe(1)
		s.set.places[0].group.order(func() {
			s.set.places[0].group.current.sent = clock.Now().Add(300 * time.Millisecond) // the next message
		})
		exchange(s, fewer, other)
	})
}
