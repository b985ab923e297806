//go:build linux

package host

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
)

// TestBehind: a process on a machine that is too busy answers probes that were
// given up long ago, which is no reason to end it.
func TestBehind(t *testing.T) {
	s := newSite(t, quick(t))
	slow := check(0, "HOSTILE", "behind")
	slow.Limit, slow.Patience = 50*time.Millisecond, 100*time.Millisecond
	s.open(Plan{Checks: []Check{slow, check(1, "HOSTILE", "ok")}})
	s.probe(1) // the process runs: its start may take longer than the slow one waits
	for range 4 {
		if a := s.probe(0); a.Verdict != health.Unknown || !strings.Contains(a.Message, "did not answer in time") {
			t.Fatalf("%v %q", a.Verdict, a.Message)
		}
	}
	s.eventually("two late answers", func() bool { return s.status().Late == 2 })
	if a := s.probe(1); a.Verdict != health.OK || s.status().Failures != 0 || s.status().Starts != 1 {
		t.Errorf("%v %q, %+v", a.Verdict, a.Message, s.status())
	}
}

// TestSlow: answers that come too late to be of use are a sign of life all the
// same, each once. The process that gives them answers nothing else.
func TestSlow(t *testing.T) {
	site := func(t *testing.T, do string) *site {
		t.Parallel()
		o := quick(t)
		s := newSite(t, o)
		c := check(0, "HOSTILE", do)
		c.Limit, c.Patience = 50*time.Millisecond, 200*time.Millisecond
		s.open(Plan{Checks: []Check{c, check(1, "HOSTILE", "ok")}})
		if a := s.probe(1); a.Verdict != health.OK {
			t.Fatal(a.Message)
		}
		return s
	}
	t.Run("answers", func(t *testing.T) {
		s := site(t, "slow")
		for begin := time.Now(); time.Since(begin) < 2*s.host.opts.Silence; {
			if a := s.probe(0); a.Verdict != health.Unknown || !strings.Contains(a.Message, "did not answer in time") {
				t.Fatalf("%v %q", a.Verdict, a.Message)
			}
		}
		if st := s.status(); st.Failures != 0 || st.Starts != 1 || st.Late == 0 {
			t.Errorf("%+v", st)
		}
		// Once nothing is asked, it is as silent as any other.
		s.eventually("its end", func() bool { return strings.Contains(s.status().Failure, "no sign of life") })
	})
	t.Run("repeats", func(t *testing.T) {
		s := site(t, "repeat")
		s.probe(0)
		s.eventually("its end", func() bool { return strings.Contains(s.status().Failure, "no sign of life") })
		if st := s.status(); st.Late < 10 {
			t.Errorf("%+v", st)
		}
	})
}

// TestHaltingly: a process that is stopped again and again, and each time for
// less than it may be silent, goes on; its checks are unknown at the worst.
func TestHaltingly(t *testing.T) {
	o := quick(t)
	s := newSite(t, o)
	p := Plan{}
	var all []uint32
	for i := range 20 {
		all = append(all, uint32(i))
		c := check(uint32(i), "GOOD", "ok")
		c.Identity, c.Limit, c.Patience = fmt.Sprint(i), 100*time.Millisecond, 200*time.Millisecond
		p.Checks = append(p.Checks, c)
	}
	s.open(p)
	s.recovers(0)
	pid := s.status().Pid
	signal := func(sig syscall.Signal) {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		signal(syscall.SIGSTOP)
		for begin := time.Now(); time.Since(begin) < 2*o.Silence/3; {
			for _, c := range s.start(all...) {
				if a := s.wait(c); a.Verdict == health.Failed {
					t.Fatalf("a check failed because of its plugin: %s", a.Message)
				}
			}
		}
		signal(syscall.SIGCONT)
		s.recovers(0)
	}
	if st := s.status(); st.Failures != 0 || st.Starts != 1 || st.Pid != pid {
		t.Errorf("%+v", st)
	}
}

// TestStoodStill: a process that was stopped finds answers that came in time too
// late; it does not say that the server failed. One that refused has.
func TestStoodStill(t *testing.T) {
	s := newSite(t, quick(t))
	s.open(Plan{Checks: []Check{check(0, "GOOD", "impatient"), check(1, "GOOD", "refused")}})
	s.recovers(0)
	pid := s.status().Pid
	both := s.start(0, 1)
	s.eventually("the probes", func() bool { return s.status().Under == 2 })
	time.Sleep(5 * pace) // and it is sent
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
		if sig == syscall.SIGSTOP {
			time.Sleep(1200 * time.Millisecond)
		}
	}
	if a := s.wait(both[1]); a.Verdict != health.Failed || a.Message != "connection refused" {
		t.Errorf("%v %q", a.Verdict, a.Message)
	}
	if a := s.wait(both[0]); a.Verdict != health.Unknown || !strings.Contains(a.Message, "stood still for 1.") || !strings.Contains(a.Message, "timed out") {
		t.Errorf("%v %q", a.Verdict, a.Message)
	}
	s.recovers(0)
}

// TestStartWaitsItsTurn: that others begin before it costs a plugin none of the time that
// its own start may take; and what waits for its turn can be called off.
func TestStartWaitsItsTurn(t *testing.T) {
	t.Parallel()
	o := quick(t)
	o.Start = 2 * time.Second
	s := newSite(t, o)
	s.host.spawner.turns <- struct{}{} // another begins
	s.open(Plan{Checks: []Check{check(0, "GOOD", "ok")}})
	s.eventually("its start waits", func() bool { return s.status().Starts == 1 })
	time.Sleep(o.Start + o.Start/4)
	if st := s.status(); st.Failures != 0 || st.Starts != 1 {
		t.Errorf("while it waited: %+v", st)
	}
	<-s.host.spawner.turns
	if a := s.probe(0); a.Verdict != health.OK || s.status().Failures != 0 {
		t.Errorf("%v %q, %+v", a.Verdict, a.Message, s.status())
	}

	s.host.spawner.turns <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := s.host.Describe(ctx, Plugin{Name: "GOOD"})
	if err == nil || !strings.Contains(err.Error(), errUnwanted.Error()) {
		t.Errorf("a start that is called off: %v", err)
	}
	<-s.host.spawner.turns
}
