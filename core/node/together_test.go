package node

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
)

// TestAnswersTogether: of batches of answers that came together only what they come to
// counts. The last server that dies as another comes back costs no quorum, and the table
// is asked for once.
func TestAnswersTogether(t *testing.T) {
	once := &health.Config{Interval: second, Doubt: second, Patience: 5 * second, Rise: 1, Fall: 1, Grace: 30 * second}
	check := Check{Kind: "TCP_CHECK", Identity: "1", Life: once}
	s := newSite(t, Config{Services: []Service{{Name: "web", Tuple: "<web>", Quorum: 1, Servers: []Server{backend("a", check), backend("b", check)}, Layout: balance.Layout{
		Keys:    []balance.Key{{Fwmark: 1}},
		Servers: []balance.Destination{{Address: netip.MustParseAddrPort("192.0.2.1:80")}, {Address: netip.MustParseAddrPort("192.0.2.2:80")}},
	}}}})
	s.run(0, health.OK)
	s.run(1, health.Failed)
	s.says("won start", "b down")
	for len(s.asked) < 2 {
		s.now = max(s.now, s.node.Deadline())
		s.take(s.node.Tick(s.now))
	}
	s.tables = nil
	var together ProbedMany
	for _, a := range s.asked {
		v := health.OK
		if a.Check == 0 {
			v = health.Failed
		}
		together.List = append(together.List, &Probed{Generation: s.gen, Answers: []Answer{{Check: a.Check, Seq: a.Seq, Verdict: v}}})
	}
	if together.List[0].Answers[0].Check != 0 {
		together.List[0], together.List[1] = together.List[1], together.List[0]
	}
	s.take(s.node.Step(s.now, &together))
	s.says("a down", "b up")
	if len(s.tables) != 1 {
		t.Errorf("the table was asked for %d times", len(s.tables))
	}
}

// BenchmarkDeathsOfOneService is what it costs that 5,000 of 37,000 servers of one
// service die, by how many answers come together.
func BenchmarkDeathsOfOneService(b *testing.B) {
	const servers, deaths = 37_000, 5000
	once := &health.Config{Interval: second, Doubt: second, Patience: 5 * second, Rise: 1, Fall: 1, Grace: 3 * second}
	v := Service{Name: "v", Tuple: "<v>", Quorum: 1, Layout: balance.Layout{Keys: []balance.Key{{Fwmark: 1}}}}
	for i := range servers {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 32, byte(i >> 8), byte(i)}), 80)
		v.Servers = append(v.Servers, backend(a.String(), Check{Kind: "TCP_CHECK", Identity: "1", Life: once}))
		v.Layout.Servers = append(v.Layout.Servers, balance.Destination{Address: a})
	}
	for _, together := range []int{16, 256} {
		b.Run(fmt.Sprint(together), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				n, now := New(0, Config{Services: []Service{v}}), mono.Instant(0)
				var answers []Answer
				for len(answers) < deaths {
					now = now.Add(second / 100)
					for _, a := range n.Tick(now) {
						for _, ask := range a.Asks {
							answers = append(answers, Answer{Check: ask.Check, Seq: ask.Seq, Verdict: health.Failed})
						}
					}
				}
				answers = answers[:deaths]
				b.StartTimer()
				for len(answers) > 0 {
					some := min(together, len(answers))
					n.Step(now, &Probed{Generation: n.Generation(), Answers: answers[:some]})
					answers = answers[some:]
				}
			}
		})
	}
}
