package netspec

import (
	"net/netip"
	"testing"
	"time"
)

func TestAddressString(t *testing.T) {
	plain := Address{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Device: "eth0"}
	all := plain
	all.Peer, all.Broadcast = netip.MustParsePrefix("192.0.2.9/32"), netip.MustParseAddr("192.0.2.255")
	all.Scope, all.Label = ScopeLink, "eth0:1"
	all.Flags, all.Limited, all.Preferred = Home|ManageTemporary|NoPrefixRoute|AutoJoin, true, 30*time.Second
	for want, a := range map[string]Address{
		"192.0.2.1/24 dev eth0": plain,
		"192.0.2.1/24 peer 192.0.2.9/32 brd 192.0.2.255 dev eth0 scope link label eth0:1 home mngtmpaddr noprefixroute autojoin preferred_lft 30": all,
	} {
		if got := a.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A route that leads nowhere says so.
func TestRouteString(t *testing.T) {
	to := netip.MustParsePrefix("192.0.2.0/24")
	for want, r := range map[string]Route{
		"192.0.2.0/24 dev eth0":             {Destination: to, Hop: NextHop{Device: "eth0"}, Type: UnicastRoute},
		"blackhole 192.0.2.0/24 metric 9":   {Destination: to, Type: BlackholeRoute, Metric: 9},
		"unreachable 192.0.2.0/24 table 51": {Destination: to, Type: UnreachableRoute, Table: 51},
	} {
		if got := r.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestRouteNormal(t *testing.T) {
	hop := NextHop{Via: netip.MustParseAddr("192.0.2.9")}
	for name, c := range map[string]struct{ in, want Route }{
		"a gateway": {
			Route{Destination: netip.MustParsePrefix("203.0.113.7/24"), Hop: hop},
			Route{Destination: netip.MustParsePrefix("203.0.113.0/24"), Hop: hop, Type: UnicastRoute, Table: MainTable, Protocol: Keepalived, HasScope: true},
		},
		"a link": {
			Route{Destination: netip.MustParsePrefix("203.0.113.0/24"), Table: 9, Protocol: 4},
			Route{Destination: netip.MustParsePrefix("203.0.113.0/24"), Type: UnicastRoute, Table: 9, Protocol: 4, Scope: ScopeLink, HasScope: true},
		},
		"several ways": {
			Route{Destination: netip.MustParsePrefix("203.0.113.0/24"), NextHops: []NextHop{hop}},
			Route{Destination: netip.MustParsePrefix("203.0.113.0/24"), NextHops: []NextHop{{Via: hop.Via, Weight: 1}}, Type: UnicastRoute,
				Table: MainTable, Protocol: Keepalived, HasScope: true},
		},
		"IPv6": {
			Route{Destination: netip.MustParsePrefix("2001:db8::1/64"), From: netip.MustParsePrefix("2001:db8::2/64"), Scope: ScopeHost, HasScope: true},
			Route{Destination: netip.MustParsePrefix("2001:db8::/64"), From: netip.MustParsePrefix("2001:db8::/64"), Type: UnicastRoute,
				Table: MainTable, Protocol: Keepalived, HasScope: true, Metric: 1024},
		},
		"local": {
			Route{Destination: netip.MustParsePrefix("203.0.113.1/32"), Type: LocalRoute},
			Route{Destination: netip.MustParsePrefix("203.0.113.1/32"), Type: LocalRoute, Table: MainTable, Protocol: Keepalived, Scope: ScopeHost, HasScope: true},
		},
	} {
		if got := c.in.Normal(); !got.Equal(c.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestRuleNormal(t *testing.T) {
	everywhere := netip.MustParsePrefix("0.0.0.0/0")
	for name, c := range map[string]struct{ in, want Rule }{
		"plain":  {Rule{Preference: 5, From: everywhere}, Rule{Preference: 5, Table: MainTable, Protocol: Keepalived, Action: RuleLookup}},
		"goto":   {Rule{Table: 9, Action: RuleGoto, Goto: 7}, Rule{Protocol: Keepalived, Action: RuleGoto, Goto: 7}},
		"l3mdev": {Rule{L3MDev: true}, Rule{L3MDev: true, Protocol: Keepalived, Action: RuleLookup}},
		"mark":   {Rule{Table: 1, Mark: 0xff, Mask: 0x0f}, Rule{Table: 1, Mark: 0x0f, Mask: 0x0f, Protocol: Keepalived, Action: RuleLookup}},
		"from": {Rule{Table: 1, From: netip.MustParsePrefix("192.0.2.7/24")},
			Rule{Table: 1, From: netip.MustParsePrefix("192.0.2.0/24"), Protocol: Keepalived, Action: RuleLookup}},
	} {
		if got := c.in.Normal(); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}
