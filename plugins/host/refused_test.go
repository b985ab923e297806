//go:build linux

package host

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
)

// TestNotInForce: a set that is closed without a probe, as that of a reload which
// is refused, changes nothing of the checks that it shares with the one in force.
func TestNotInForce(t *testing.T) {
	t.Parallel()
	s := newSite(t, quick(t))
	waits := check(0, "GOOD", "wait") // until its time is over
	waits.Limit, waits.Patience = 200*time.Millisecond, patience
	s.open(Plan{Checks: []Check{waits}})
	s.probe(0) // the process runs from now on
	other := waits
	other.Limit, other.Patience = time.Hour, 2*time.Hour
	other.Target.Timeout = time.Hour
	refused, err := s.host.Open(Plan{Checks: []Check{other, check(1, "GOOD", "ok")}})
	if err != nil {
		t.Fatal(err)
	}
	if st := s.status(); st.Checks != 2 {
		t.Errorf("status %+v", st)
	}
	refused.Close()
	s.eventually("its own check is gone", func() bool { return s.status().Checks == 1 })
	if a := s.probe(0); a.Verdict != health.Failed || a.Message != "time is up" {
		t.Errorf("answered %v %q", a.Verdict, a.Message)
	}
	// In force it counts.
	other.Limit = 300 * time.Millisecond
	s.open(Plan{Checks: []Check{other}})
	if a := s.probe(0); a.Verdict != health.Failed || a.Took < 250*time.Millisecond {
		t.Errorf("answered %v %q after %v", a.Verdict, a.Message, a.Took)
	}
}
