package build

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

func to(text string) netip.Prefix { return netip.MustParsePrefix(text) }

func TestRoute(t *testing.T) {
	metric, one := uint32(5), 1
	var mtu, times netspec.RouteMetrics
	mtu.Set(netspec.MetricMTU, 1400, true)
	times.Set(netspec.MetricRTT, 240, false)
	times.Set(netspec.MetricRTTVar, 80, false)
	times.Set(netspec.MetricRTOMin, 40, false)
	times.Set(netspec.MetricQuickAck, 1, false)
	plain := func(change func(*netspec.Route)) netspec.Route {
		r := netspec.Route{Destination: to("203.0.113.0/24"), Type: netspec.UnicastRoute, Table: netspec.MainTable, Protocol: netspec.Keepalived}
		change(&r)
		return r
	}
	gateway := netip.MustParseAddr("192.0.2.9")
	for name, c := range map[string]struct {
		in   config.Route
		want netspec.Route
	}{
		"by the instance's interface": {config.Route{}, plain(func(r *netspec.Route) { r.Hop.Device = "eth0" })},
		"by a gateway":                {config.Route{Via: gateway}, plain(func(r *netspec.Route) { r.Hop.Via = gateway })},
		"nowhere":                     {config.Route{Type: "blackhole", NoTrack: true}, plain(func(r *netspec.Route) { r.Type, r.NoTrack = netspec.BlackholeRoute, true })},
		"names and numbers": {config.Route{Table: "local", Protocol: "bird", Scope: "link", Metric: &metric, Realms: "3/4", Mode: "append"},
			plain(func(r *netspec.Route) {
				r.Hop.Device, r.Table, r.Protocol, r.Scope, r.HasScope, r.Metric = "eth0", 255, 12, netspec.ScopeLink, true, 5
				r.Realms, r.Mode = 3<<16|4, netspec.AppendRoute
			})},
		"metrics": {config.Route{MTU: config.Metric{Value: 1400, Lock: true}}, plain(func(r *netspec.Route) { r.Hop.Device, r.Metrics = "eth0", mtu })},
		"times": {config.Route{RTT: config.TimeMetric{Value: 30 * time.Millisecond}, RTTVar: config.TimeMetric{Value: 20 * time.Millisecond}, RTOMin: config.TimeMetric{Value: 40 * time.Millisecond}, QuickAck: &one},
			plain(func(r *netspec.Route) { r.Hop.Device, r.Metrics = "eth0", times })},
		"two gateways": {config.Route{Via: gateway, Or: gateway.Next()}, plain(func(r *netspec.Route) {
			r.NextHops = []netspec.NextHop{{Via: gateway, Weight: 1}, {Via: gateway.Next(), Weight: 1}}
		})},
		"next hops": {config.Route{NextHops: []config.NextHop{{Via: gateway, Weight: 2, Device: "eth1"}}}, plain(func(r *netspec.Route) {
			r.NextHops = []netspec.NextHop{{Via: gateway, Weight: 2, Device: "eth1"}}
		})},
		"one that expires is not missed": {config.Route{Expires: time.Minute, Pref: "low"}, plain(func(r *netspec.Route) {
			r.Hop.Device, r.Expires, r.NoTrack, r.Preference = "eth0", time.Minute, true, 3
		})},
	} {
		c.in.Destination = to("203.0.113.0/24")
		if got, err := route(&c.in, "eth0"); err != nil || !got.Equal(c.want) {
			t.Errorf("%s: got %+v and error %v, want %+v", name, got, err, c.want)
		}
	}
	for want, in := range map[string]config.Route{
		"table nowhere": {Table: "nowhere"}, "type nat": {Type: "nat"}, "protocol 256": {Protocol: "256"}, "realms x": {Realms: "1/x"},
	} {
		in.Destination = to("203.0.113.0/24")
		if _, err := route(&in, "eth0"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one about %s", err, want)
		}
	}
}

func TestRules(t *testing.T) {
	seven, far, zero := uint32(7), uint32(20000), 0
	in := []config.Rule{
		{From: to("192.0.2.0/24"), Table: "100"}, {To: to("2001:db8::/32"), Type: "prohibit"}, {Table: "main", Preference: &seven, In: "eth0", SuppressPrefixLength: &zero},
		{Goto: &far, IPProto: "tcp", DestinationPorts: config.Span{Low: 80, High: 90}, UIDs: config.Span{Low: 1, High: 9}, NoTrack: true},
	}
	want := []netspec.Rule{
		{From: to("192.0.2.0/24"), Table: 100, Preference: firstPreference, Protocol: netspec.Keepalived},
		{Six: true, To: to("2001:db8::/32"), Action: netspec.RuleProhibit, Preference: firstPreference, Protocol: netspec.Keepalived},
		{Table: 254, Preference: 7, In: "eth0", SuppressPrefixLength: netspec.Number{Has: true}, Protocol: netspec.Keepalived},
		{Action: netspec.RuleGoto, Goto: 20000, IPProto: 6, DestinationPorts: netspec.Span{Low: 80, High: 90}, UIDs: netspec.Span{Low: 1, High: 9}, HasUIDs: true,
			NoTrack: true, Preference: firstPreference - 1, Protocol: netspec.Keepalived},
	}
	got, err := routing(nil, in, "eth0", newPreferences())
	if err != nil || !slices.Equal(got.Rules, want) {
		t.Errorf("got %+v and error %v, want %+v", got.Rules, err, want)
	}
	// The kernel would refuse it, and the instance hold nothing for that.
	if _, err := routing(nil, []config.Rule{{Goto: &seven, Preference: &seven}}, "eth0", newPreferences()); err == nil || !strings.Contains(err.Error(), "goto 7") {
		t.Errorf("a rule that goes to itself: got error %v", err)
	}
}

// TestRuleInterfaces: the interfaces that rules of an instance name are tracked like
// those of its routes, except its own and with no_track; those of all are watched.
func TestRuleInterfaces(t *testing.T) {
	c := &config.Config{
		Instances: []config.Instance{plain()},
		StaticRules: []config.Rule{
			{Table: "9", In: "eth8", Out: "eth9"},
		},
	}
	in := &c.Instances[0]
	in.UseVMAC = &config.VMAC{Name: "own"}
	in.Rules = []config.Rule{
		{Table: "9", In: "eth4", Out: "eth5"}, {Table: "9", In: "eth4"}, {Table: "9", In: "eth6", NoTrack: true},
		{Table: "9", In: in.Interface, Out: "own"},
	}
	var got []string
	for _, x := range Node(c).Instances[0].Interfaces {
		got = append(got, x.Name)
	}
	if want := []string{"eth4", "eth5"}; !slices.Equal(got, want) {
		t.Errorf("tracked are %v, want %v", got, want)
	}
	for _, name := range []string{"eth4", "eth5", "eth6", "eth8", "eth9"} {
		if !slices.Contains(Interfaces(c), name) {
			t.Errorf("%s is not watched", name)
		}
	}
}

// TestStatics: what belongs to a track_group is held apart; routes of instances
// have their interfaces tracked.
func TestStatics(t *testing.T) {
	c := &config.Config{
		Global:      config.Global{DefaultInterface: "eth7"},
		Instances:   []config.Instance{plain()},
		TrackGroups: []config.TrackGroup{{Name: "G", Members: []string{plain().Name}}, {Name: "H"}},
		StaticAddresses: []config.Address{
			{Prefix: to("198.51.100.1/24")}, {Prefix: to("198.51.100.2/24"), Device: "eth2", TrackGroup: "G"},
		},
		StaticRoutes: []config.Route{{Destination: to("203.0.113.0/24"), Device: "eth3", TrackGroup: "G"}},
		StaticRules:  []config.Rule{{Table: "9"}},
	}
	c.Instances[0].Routes = []config.Route{{Destination: to("203.0.113.0/25"), Device: "eth4"}, {Destination: to("203.0.113.128/25"), Device: "eth5", NoTrack: true}}
	c.Instances[0].Rules = []config.Rule{{Table: "9"}}
	n := Node(c)
	want := []node.Static{
		{Name: "static", Addresses: []netspec.Address{{Prefix: to("198.51.100.1/24"), Device: "eth7"}},
			Routing: netspec.Routing{Rules: []netspec.Rule{{Table: 9, Preference: firstPreference, Protocol: netspec.Keepalived}}}},
		{Name: "static of track_group G", Members: []string{plain().Name}, Addresses: []netspec.Address{{Prefix: to("198.51.100.2/24"), Device: "eth2"}},
			Routing: netspec.Routing{Routes: []netspec.Route{{Destination: to("203.0.113.0/24"), Type: netspec.UnicastRoute, Table: 254, Protocol: netspec.Keepalived, Hop: netspec.NextHop{Device: "eth3"}}}}},
	}
	same := func(a, b node.Static) bool {
		return a.Name == b.Name && slices.Equal(a.Members, b.Members) && slices.Equal(a.Addresses, b.Addresses) && a.Routing.Equal(b.Routing)
	}
	if !slices.EqualFunc(n.Static, want, same) {
		t.Errorf("got %+v, want %+v", n.Static, want)
	}
	in := n.Instances[0]
	tracked := func(name string) bool {
		return slices.ContainsFunc(in.Interfaces, func(x node.TrackInterface) bool { return x.Name == name && x.Weight == 0 })
	}
	if len(in.Routing.Routes) != 2 || !tracked("eth4") || tracked("eth5") {
		t.Errorf("got routes %v with interfaces %v tracked, want eth4 tracked and eth5 not", in.Routing.Routes, in.Interfaces)
	}
	if len(in.Routing.Rules) != 1 || in.Routing.Rules[0].Preference != firstPreference-1 {
		t.Errorf("got rules %v, want the next preference", in.Routing.Rules)
	}
	for _, name := range []string{"eth2", "eth3", "eth4", "eth5", "eth7"} {
		if !slices.Contains(Interfaces(c), name) {
			t.Errorf("%s is not watched", name)
		}
	}
	if got, beneath := Guarded(c); len(got) != len(plain().Addresses) || len(beneath) > 0 {
		t.Errorf("guarded are %v, want the virtual addresses", got)
	}
	c.StaticAddresses[0].Prefix = plain().Addresses[0].Prefix
	if got, _ := Guarded(c); slices.ContainsFunc(got, func(a netspec.Address) bool { return a.Prefix == plain().Addresses[0].Prefix }) {
		t.Errorf("guarded are %v, with one that is static", got)
	}
	c.StaticRules[0].Table = "nowhere"
	if got := Unbuilt(c); len(got) != 1 || !strings.Contains(got[0], "table nowhere") {
		t.Errorf("got %q, want a refusal of table nowhere", got)
	}
}
