//go:build linux

package host

import (
	"context"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/plugins/checker"
)

func TestProbesComeBack(t *testing.T) {
	s := newSite(t, quick(t))
	s.open(Plan{Checks: []Check{check(0, "GOOD", "ok"), check(3, "GOOD", "fail"), check(4, "GOOD", "what")}})
	if a := s.probe(0); a.Verdict != health.OK || a.Message != "192.0.2.1:80" || !a.Weighs || a.Weight != 7 {
		t.Errorf("answered %+v", a)
	}
	if a := s.probe(3); a.Verdict != health.Failed || a.Message != "no" || a.Weighs {
		t.Errorf("answered %+v", a)
	}
	if a := s.probe(4); a.Verdict != health.Unknown || !strings.Contains(a.Message, `do "what" is not known`) {
		t.Errorf("answered %+v", a)
	}
	if a := s.probe(2); a.Verdict != health.Unknown || a.Message != "no plugin has this check" {
		t.Errorf("answered %+v", a)
	}
	if st := s.status(); st.State != Running || st.Starts != 1 || st.Checks != 3 || st.Begun != 3 || st.Answered != 2 || st.Unknown != 1 {
		t.Errorf("status %+v", st)
	}
	if r, err := s.host.Probe(context.Background(), check(9, "GOOD", "ok")); err != nil || r.Verdict != checker.OK || len(r.Details) != 1 {
		t.Errorf("probed once: %+v, %v", r, err)
	}
	if r := s.set.Verdict(context.Background(), 0); r.Verdict != checker.OK || len(r.Details) != 0 {
		t.Errorf("probed for its verdict: %+v", r)
	}
	if info, err := s.host.Describe(context.Background(), Plugin{Name: "GOOD"}); err != nil || info.Doc != "does what it is told" || len(info.Options) != 1 {
		t.Errorf("described as %+v, %v", info, err)
	}
}

// TestHold: no process begins before Release, or before the time for it is over;
// what was asked meanwhile is answered then.
func TestHold(t *testing.T) {
	t.Parallel()
	o := quick(t)
	o.Hold = time.Hour
	s := newSite(t, o)
	s.open(Plan{Checks: []Check{check(0, "GOOD", "ok")}})
	asked := s.start(0)[0]
	time.Sleep(200 * time.Millisecond)
	if st := s.status(); st.Starts != 0 || st.Reason == "" {
		t.Errorf("while it is held: %+v", st)
	}
	s.open(Plan{Checks: []Check{check(0, "GOOD", "ok"), check(1, "GOOD", "ok")}}) // a reload
	s.host.Release()
	if a := s.wait(asked); a.Verdict != health.OK {
		t.Errorf("answered %+v", a)
	}

	o = quick(t)
	o.Hold = 100 * time.Millisecond
	s = newSite(t, o)
	s.open(Plan{Checks: []Check{check(0, "GOOD", "ok")}})
	if a := s.probe(0); a.Verdict != health.OK || time.Since(s.host.held) < 0 {
		t.Errorf("without Release: answered %+v, %v after the hold", a, time.Since(s.host.held))
	}
}

// TestRunner holds that a checker which runs its probes itself answers as others
// do, and has one processor.
func TestRunner(t *testing.T) {
	s := newSite(t, quick(t))
	s.open(Plan{Checks: []Check{check(0, "LIGHT", "processors"), check(1, "LIGHT", "fail")}})
	for range 3 {
		if a := s.probe(0); a.Verdict != health.OK || a.Message != "1" {
			t.Errorf("answered %+v", a)
		}
		if a := s.probe(1); a.Verdict != health.Failed {
			t.Errorf("answered %+v", a)
		}
	}
}

// TestProcessors holds that the probes of a checker which computes do not wait for
// each other on one processor: neither of one that is no Runner, although others of
// its type are, nor after the first of them that a Runner left to a goroutine.
func TestProcessors(t *testing.T) {
	s := newSite(t, quick(t))
	s.open(Plan{Checks: []Check{check(0, "NEVER", "processors")}})
	if a := s.probe(0); a.Message != "4" {
		t.Errorf("of one that is not light: answered %+v, want the 4 that it had", a)
	}
	if runtime.NumCPU() == 1 {
		t.Skip("needs /sys/devices/system/cpu/cpu1: there is one processor")
	}
	s = newSite(t, quick(t))
	one, all := check(0, "HEAVY", "processors"), check(1, "HEAVY", "processors")
	all.Target.Address = netip.AddrPortFrom(all.Target.Address.Addr(), 81)
	s.open(Plan{Checks: []Check{one, all}})
	for i, number := range []uint32{0, 0, 1, 0} {
		a := s.probe(number)
		n, err := strconv.Atoi(a.Message)
		if err != nil || i < 2 && n != 1 || i >= 2 && n < 2 {
			t.Errorf("probe %d: answered %+v", i, a)
		}
	}
}
