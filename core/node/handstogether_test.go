package node

import (
	"net/netip"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
)

// TestHandsTogether: what people do to several servers at once happens at one instant:
// the one that is brought back as the last other is taken out costs no quorum, and the
// table is asked for once. So it does when the time of all is over at once.
func TestHandsTogether(t *testing.T) {
	v := Service{Name: "web", Tuple: "<web>", Quorum: 1, Layout: balance.Layout{Keys: []balance.Key{{Fwmark: 1}}}}
	for i, name := range []string{"a", "b", "c"} {
		v.Servers = append(v.Servers, backend(name))
		v.Layout.Servers = append(v.Layout.Servers, balance.Destination{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 80)})
	}
	s := newSite(t, Config{Services: []Service{v}})
	s.take(s.node.Tick(s.now))
	s.says("won start")
	hand := func(server string, w Wish, limit time.Duration) Hand {
		return Hand{Service: "web", Server: server, Wish: w, Limit: limit, Weight: -1}
	}
	handle := func(want int, list ...Hand) {
		t.Helper()
		s.tables = nil
		s.take(s.node.Step(s.now, &Handle{list}))
		s.says()
		if len(s.tables) != 1 || len(s.tables[0][balance.Key{Fwmark: 1}].Destinations) != want {
			t.Errorf("after %v the table was asked for %v, want once and %d servers", list, s.tables, want)
		}
	}
	handle(1, hand("a", WishDown, 0), hand("b", WishDown, 0))
	handle(1, hand("c", WishDown, 0), hand("a", WishAuto, 0))
	handle(3, hand("b", WishAuto, 0), hand("c", WishAuto, 0))
	handle(3, hand("b", WishDrain, time.Minute), hand("c", WishDrain, time.Minute), hand("gone", WishDown, 0))
	s.tables = nil
	s.now = s.now.Add(time.Minute)
	s.take(s.node.Tick(s.now))
	if len(s.tables) != 1 || len(s.tables[0][balance.Key{Fwmark: 1}].Destinations) != 1 {
		t.Errorf("when their time is over the table was asked for %v, want once and one server", s.tables)
	}
}
