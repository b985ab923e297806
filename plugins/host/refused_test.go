//go:build linux

package host

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	other := check(0, "GOOD", "wait")
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
	other = check(0, "GOOD", "wait")
	other.Limit, other.Patience = 300*time.Millisecond, 2*time.Hour
	s.open(Plan{Checks: []Check{other}})
	if a := s.probe(0); a.Verdict != health.Failed || a.Took < 250*time.Millisecond {
		t.Errorf("answered %v %q after %v", a.Verdict, a.Message, a.Took)
	}
}

// TestRefusalOfWhatIsThere: the check that is named as refused is one that is there.
func TestRefusalOfWhatIsThere(t *testing.T) {
	t.Parallel()
	s := newSite(t, quick(t))
	all := []Check{check(0, "GOOD", "unheard"), check(1, "GOOD", "unheard of")}
	all[0].Label, all[1].Label = "first", "second"
	s.open(Plan{Checks: all})
	names := func(n int, label string) {
		t.Helper()
		s.eventually("it refuses the "+label, func() bool {
			st := s.status()
			return st.Refused == n && (n == 0 || strings.HasPrefix(st.Refusal, label+": ")) && len(s.host.Refused()) == n
		})
	}
	s.start(0, 1)
	s.eventually("it refuses both", func() bool { return s.status().Refused == 2 })
	s.open(Plan{Checks: all[:1]})
	names(1, "first")
	s.open(Plan{Checks: all})
	s.start(0, 1)
	s.eventually("it refuses both", func() bool { return s.status().Refused == 2 })
	s.open(Plan{Checks: all[1:]})
	names(1, "second")
}

// TestRefusalsInTime: of a plugin that does not begin in time it is said so, and not how
// it was ended for that.
func TestRefusalsInTime(t *testing.T) {
	t.Parallel()
	s := newSite(t, quick(t))
	file := filepath.Join("/usr/lib", "moonkeep-test-sleeps-"+strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(file, []byte("#!/bin/sh\nsleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, _, err := s.host.Refusals(ctx, Plugin{Name: "SLEEPS", Path: file, Processes: 4}, nil)
	if err == nil || !strings.HasSuffix(err.Error(), "did not say who it is: its time was up") {
		t.Errorf("error %v", err)
	}
}
