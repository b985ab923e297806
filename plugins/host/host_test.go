//go:build linux

package host

import (
	"context"
	"strings"
	"testing"

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
	if info, err := s.host.Describe(context.Background(), Plugin{Name: "GOOD"}); err != nil || info.Doc != "does what it is told" || len(info.Options) != 1 {
		t.Errorf("described as %+v, %v", info, err)
	}
}
