//go:build linux

package ipvs

import (
	"net/netip"
	"testing"

	"github.com/moonkeep/moonkeep/core/balance"
)

// TestStranger: the log says what somebody else did to a service.
func TestStranger(t *testing.T) {
	key := balance.Key{Protocol: balance.TCP, Address: netip.MustParseAddrPort("198.51.100.1:80")}
	laid := func(o balance.Options, list ...balance.Destination) *balance.Service {
		return balance.Service{Options: o, Destinations: list}.Normal(key)
	}
	one := balance.Destination{Address: netip.MustParseAddrPort("192.0.2.1:80"), Weight: 1}
	heavy, other, third, direct := one, one, one, one
	heavy.Weight, direct.Forward = 5, balance.Direct
	other.Address, third.Address = netip.MustParseAddrPort("192.0.2.2:80"), netip.MustParseAddrPort("192.0.2.3:80")
	rr := balance.Options{Scheduler: "rr"}
	was := laid(rr, one, other)
	for want, is := range map[string]*balance.Service{
		"the service was removed":                                   nil,
		"its scheduler was changed from rr to wlc":                  laid(balance.Options{Scheduler: "wlc"}, one, other),
		"its options were changed, and 1 more":                      laid(balance.Options{Scheduler: "rr", Flags: balance.Persistent, Persistence: 9}, one),
		"server 192.0.2.2:80 was removed":                           laid(rr, one),
		"server 192.0.2.3:80 was added, and 1 more":                 laid(rr, one, third),
		"the weight of server 192.0.2.1:80 was changed from 1 to 5": laid(rr, heavy, other),
		"server 192.0.2.1:80 was changed":                           laid(rr, direct, other),
	} {
		s := stranger{key, was, is}
		if got := s.change(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if s := (stranger{key, nil, was}); s.change() != "the service was added" {
		t.Error(s.change())
	}
}
