package control

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
)

// TestServices holds the shape for programs, of a node that ran.
func TestServices(t *testing.T) {
	life := &health.Config{Interval: 10 * time.Second, Doubt: time.Second, Patience: 7 * time.Second, Fall: 2, Grace: time.Minute}
	check := func(id string) node.Check { return node.Check{Kind: "TCP_CHECK", Identity: id, Life: life} }
	n := node.New(0, node.Config{
		Files: []node.File{{Name: "f"}},
		Services: []node.Service{
			{Name: "TCP 192.0.2.1:80", Quorum: 2, Servers: []node.Server{
				{Name: "192.0.2.11:80", Weight: 3, Checks: []node.Check{check("1")}},
				{Name: "192.0.2.12:80", Weight: 1, Checks: []node.Check{{Kind: "TCP_CHECK", Place: "192.0.2.12:81", Identity: "2", Life: life}, {Kind: "FILE_CHECK", Life: life, File: "f"}}},
			}},
			{Name: "empty"},
		},
	})
	gen := uint32(0)
	answer := func(now mono.Instant, answers ...node.Answer) {
		for _, a := range n.Tick(now) {
			gen = a.Generation
		}
		n.Step(now, &node.Probed{Generation: gen, Answers: answers})
	}
	second := mono.Instant(time.Second)
	answer(0, node.Answer{Check: 0, Seq: 1, Verdict: health.OK, Weighs: true, Weight: 5, Message: "fine", Took: time.Millisecond}, node.Answer{Check: 1, Seq: 1, Verdict: health.Failed, Message: "refused"})
	answer(10*second, node.Answer{Check: 0, Seq: 2, Verdict: health.Failed, Message: "slow"})
	var s Status
	st := n.Services(10*second + second/2)
	s.DescribeServices(st, n.Servers(nil, 0, 10))
	if len(s.Services) != 2 || s.Services[1].Servers == nil || len(s.Services[0].Servers) != 2 {
		t.Fatalf("%+v", s.Services)
	}
	v := s.Services[0]
	if !v.HasQuorum || v.QuorumAge != 10.5 || v.Weight != 5 || v.Quorum != 2 {
		t.Errorf("service %+v", v)
	}
	a, b := v.Servers[0], v.Servers[1]
	c := a.Checks[0]
	if a.State != "up" || a.Weight != 5 || a.Configured != 3 || *c.Weight != 5 || c.State != "up" || c.Assumed || c.Verdict != "failed" || *c.VerdictAge != 0.5 ||
		c.InARow != 1 || *c.DueIn != 0.5 || len(c.History) != 2 || c.History[0].Verdict != "ok" || c.History[1].FirstAge != 0.5 || c.Last() != "failed: slow" || a.Doubt() != "TCP_CHECK: 1 contrary results in a row" {
		t.Errorf("server %+v", a)
	}
	if b.State != "down" || b.SinceAge != 10.5 || b.Checks[0].State != "down" || !b.Checks[0].Running || b.Checks[0].DueIn != nil || b.Doubt() != "TCP_CHECK 192.0.2.12:81 is down" || b.Checks[0].Place != "192.0.2.12:81" ||
		b.Checks[1].Follows != "file f" || b.Checks[1].Last() != "nothing known of file f yet" {
		t.Errorf("server %+v", b)
	}
	if p := s.Probes; p == nil || p.Checks != 3 || p.Begun != 4 || p.Answered != 3 || len(p.Late) != node.LateBuckets || *p.Late[6].Within != 0.064 || p.Late[14].Within != nil {
		t.Errorf("probes %+v", p)
	}
	text, err := json.Marshal(s)
	if err != nil || !strings.Contains(string(text), `"has_quorum":true`) || !strings.Contains(string(text), `"checks":[]`) == (len(v.Servers) == 0) {
		t.Errorf("%v: %s", err, text)
	}
}

func TestLateBeyond(t *testing.T) {
	st := node.ServicesStatus{Probes: node.ProbeCounts{Checks: 1, Begun: 100}}
	st.Probes.Late[0], st.Probes.Late[6], st.Probes.Late[7], st.Probes.Late[14] = 90, 6, 3, 1
	var s Status
	s.DescribeServices(&st, nil)
	for limit, want := range map[time.Duration]float64{64 * time.Millisecond: 0.04, 32 * time.Millisecond: 0.1, time.Hour: 0.01} {
		if got := s.Probes.LateBeyond(limit); got != want {
			t.Errorf("beyond %v: %v, want %v", limit, got, want)
		}
	}
	if (&Probes{}).LateBeyond(time.Second) != 0 {
		t.Error("late without a probe")
	}
}
