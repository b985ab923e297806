//go:build linux

package host

import (
	"syscall"
	"testing"
	"time"
)

// TestSilences: on a machine that stalls its checkers once a minute each process may
// be silent for longer than the one before; what hangs once a day is ended as soon as
// the first.
func TestSilences(t *testing.T) {
	t.Parallel()
	g := &group{host: &Host{opts: Options{Silence: 2 * time.Second}}}
	now := time.Now()
	for n, want := range []time.Duration{2, 4, 8, 16, 16} {
		if got := g.silence(now); got != want*time.Second {
			t.Errorf("after %d silences: %s, want %ds", n, got, want)
		}
		g.silences.another(now)
		now = now.Add(time.Minute)
	}
	now = now.Add(forgotten)
	if got := g.silence(now); got != 8*time.Second {
		t.Errorf("after %s: %s", forgotten, got)
	}
	for day := range 3 {
		now = now.Add(24 * time.Hour)
		if got := g.silence(now); got != 2*time.Second {
			t.Errorf("on day %d: %s", day, got)
		}
		g.silences.another(now)
	}
}

// TestOnlySilenceCounts: a process that crashed says nothing about how long the next
// may be silent; one that hung does.
func TestOnlySilenceCounts(t *testing.T) {
	t.Parallel()
	o := quick(t)
	s := newSite(t, o)
	s.open(Plan{Checks: []Check{check(0, "GOOD", "ok")}})
	s.recovers(0)
	for i, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		if err := syscall.Kill(s.status().Pid, sig); err != nil {
			t.Fatal(err)
		}
		s.eventually("the end of the process", func() bool { return s.status().Failures == uint64(i+1) })
		s.recovers(0)
		if got, want := s.set.Silence(0), o.Silence<<i; got != want {
			t.Errorf("after signal %d a process may be silent for %s, want %s", sig, got, want)
		}
	}
	if got := s.set.Silence(7); got != 0 {
		t.Errorf("of no check: %s", got)
	}
}
