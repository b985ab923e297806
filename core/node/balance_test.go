package node

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
)

func vip(last byte) balance.Key {
	return balance.Key{Protocol: balance.TCP, Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, last}), 80)}
}

// laid gives a service keys, and its servers addresses by their place.
func laid(v Service, keys ...balance.Key) Service {
	v.Layout = balance.Layout{Keys: keys, Options: balance.Options{Scheduler: "rr"}}
	for i := range v.Servers {
		v.Layout.Servers = append(v.Layout.Servers, balance.Destination{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 80)})
	}
	v.Layout.Sorry = balance.Destination{Address: netip.MustParseAddrPort("10.0.0.99:80")}
	return v
}

// asks compares the changes that were asked for since the last call: for each
// key the last octets of its servers, with their weights.
func (s *site) asks(want ...string) {
	s.t.Helper()
	var got []string
	for _, t := range s.tables {
		var words []string
		for _, k := range slices.SortedFunc(maps.Keys(t), balance.Key.Compare) {
			text := fmt.Sprint(k.Address.Addr().As4()[3], ":")
			if t[k] == nil {
				text += " gone"
			} else {
				for _, d := range t[k].Destinations {
					text += fmt.Sprintf(" %d*%d", d.Address.Addr().As4()[3], d.Weight)
				}
			}
			words = append(words, text)
		}
		got = append(got, strings.Join(words, ", "))
	}
	s.tables = nil
	if !slices.Equal(got, want) {
		s.t.Errorf("asked for %q, want %q", got, want)
	}
}

// TestBalance: the table follows checks, weights and the quorum, and nothing is
// asked for that was.
func TestBalance(t *testing.T) {
	c := backend("c")
	c.Inhibits = true
	c.Checks = []Check{tcp("3")}
	v := laid(web(backend("a", tcp("1")), backend("b", tcp("2")), c), vip(1), vip(2))
	v.Sorry = balance.Sorry{Present: true}
	v.Quorum = 2
	s := newSite(t, Config{Services: []Service{v}})
	s.asks("1: 1*1 2*1 3*1, 2: 1*1 2*1 3*1")
	for i := range 3 {
		s.run(i, health.OK)
	}
	s.asks()
	s.run(0, health.OK, weighs(7))
	s.asks("1: 1*7 2*1 3*1, 2: 1*7 2*1 3*1")
	s.run(2, health.Failed)
	s.run(2, health.Failed)
	s.asks("1: 1*7 2*1 3*0, 2: 1*7 2*1 3*0")
	s.run(0, health.Failed)
	s.run(0, health.Failed)
	s.asks("1: 3*0 99*1, 2: 3*0 99*1") // the quorum is lost with it
	s.run(1, health.Failed)
	s.run(1, health.Failed)
	s.asks()
	s.run(0, health.OK, weighs(2))
	s.asks("1: 1*2 3*0, 2: 1*2 3*0")
}

// TestBalanceOverReload: services that stay as they are are not asked for, what
// is gone is removed, and what another service takes up is not.
func TestBalanceOverReload(t *testing.T) {
	one := func() Service { return laid(web(backend("a", tcp("1"))), vip(1)) }
	two := func(keys ...balance.Key) Service {
		v := laid(web(backend("a", tcp("1"))), keys...)
		v.Name = "two"
		return v
	}
	s := newSite(t, Config{Services: []Service{one(), two(vip(2), vip(3))}})
	s.asks("1: 1*1, 2: 1*1, 3: 1*1")
	s.run(0, health.Failed)
	s.asks("1:")
	reload := func(list ...Service) { s.take(s.node.Reconfigure(s.now, Config{Services: list})) }
	reload(one(), two(vip(2), vip(3)))
	s.asks()
	reload(two(vip(2), vip(3)), one())
	s.asks()
	reload(one(), two(vip(3)))
	s.asks("2: gone, 3: 1*1")
	reload(one(), two(vip(1)))
	s.asks("1: 1*1, 3: gone")
	changed := one()
	changed.Layout.Options.Scheduler = "wlc"
	reload(changed)
	s.asks("1:")
	reload()
	s.asks("1: gone")
	// A server that is new is asked for, with the one that is down left out.
	reload(one())
	s.run(0, health.Failed)
	s.tables = nil
	reload(laid(web(backend("a", tcp("1")), backend("b")), vip(1)))
	s.asks("1: 2*1")
}

// TestSharedKeysCost: what one service that shares keys changes costs the same
// however many others share theirs.
func TestSharedKeysCost(t *testing.T) {
	cost := func(pairs int) float64 {
		var cfg Config
		for i := range pairs {
			k := balance.Key{Fwmark: uint32(1 + i)}
			for _, name := range []string{"a", "b"} {
				v := laid(web(backend("s", tcp("1"))), k)
				v.Name, v.Shares = fmt.Sprint(name, i), true
				cfg.Services = append(cfg.Services, v)
			}
		}
		n := New(0, cfg)
		weight := 0
		return testing.AllocsPerRun(20, func() {
			weight++
			n.Step(0, &Handle{[]Hand{{Service: "a0", Server: "s", Weight: weight}}})
		})
	}
	if few, many := cost(1), cost(1000); many > 2*few {
		t.Errorf("%v allocations for a change among 2 services, %v among 2000", few, many)
	}
}
