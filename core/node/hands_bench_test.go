package node

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
)

// throng is a service of so many servers.
func throng(servers int) Service {
	once := &health.Config{Interval: second, Doubt: second, Patience: 5 * second, Rise: 1, Fall: 1, Grace: 3 * second}
	v := Service{Name: "v", Tuple: "<v>", Quorum: 1, Layout: balance.Layout{Keys: []balance.Key{{Fwmark: 1}}}}
	for i := range servers {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 32, byte(i >> 8), byte(i)}), 80)
		v.Servers = append(v.Servers, backend(a.String(), Check{Kind: "TCP_CHECK", Identity: "1", Life: once}))
		v.Layout.Servers = append(v.Layout.Servers, balance.Destination{Address: a})
	}
	return v
}

// BenchmarkHandsOfOneService is for how long people who take so many of 37,000 servers of
// one service out, and bring them back, keep the loop from adverts.
func BenchmarkHandsOfOneService(b *testing.B) {
	v := throng(37_000)
	for _, hands := range []int{1, 500} {
		b.Run(fmt.Sprint(hands), func(b *testing.B) {
			n := New(0, Config{Services: []Service{v}})
			wish := WishAuto
			for b.Loop() {
				wish = WishDown - wish
				var list []Hand
				for i := range hands {
					list = append(list, Hand{Service: "v", Server: v.Servers[(37_000-1-i*70+37_000)%37_000].Name, Wish: wish, Weight: -1})
				}
				n.Step(mono.Instant(second), &Handle{list})
			}
		})
	}
}
