//go:build linux

package link_test

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// ip is an address; via a route to a destination by a gateway.
func ip(a string) netip.Addr { return netip.MustParseAddr(a) }

func via(destination, gateway, device string) netspec.Route {
	r := netspec.Route{Destination: netip.MustParsePrefix(destination), Hop: netspec.NextHop{Device: device}}
	if gateway != "" {
		r.Hop.Via = ip(gateway)
	}
	return r
}

func route(r netspec.Route, change func(*netspec.Route)) netspec.Route {
	change(&r)
	return r
}

// routed makes a host with two connected networks of each family.
func routed(t *testing.T) *netnstest.Host {
	t.Helper()
	h, peer := netnstest.Pair(t, "eth0", "peer0")
	netnstest.Connect(t, h, "eth1", peer, "peer1")
	for device, prefixes := range map[string][]string{
		"eth0": {"192.0.2.1/24", "2001:db8::1/64"}, "eth1": {"198.51.100.1/24", "2001:db8:1::1/64"},
	} {
		for _, p := range prefixes {
			_, err := h.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix(p), Device: device})
			netnstest.Must(t, err)
		}
	}
	return h
}

func routes(t *testing.T, h *netnstest.Host) link.Routes {
	t.Helper()
	list, err := h.Link.Routes(netspec.Keepalived)
	netnstest.Must(t, err)
	return list
}

// Every route comes back as it was set, and goes. An IPv6 route's expiry runs
// down, so that it is left out.
func TestRoutes(t *testing.T) {
	h := routed(t)
	metrics := func(r *netspec.Route) {
		r.Metrics.Set(netspec.MetricMTU, 1400, true)
		r.Metrics.Set(netspec.MetricAdvMSS, 1300, false)
		r.Metrics.Set(netspec.MetricInitCWnd, 20, false)
		r.Metrics.Set(netspec.MetricInitRWnd, 21, false)
		r.Metrics.Set(netspec.MetricWindow, 5000, false)
		r.Metrics.Set(netspec.MetricRTT, 80, true)
		r.Metrics.Set(netspec.MetricRTTVar, 40, false)
		r.Metrics.Set(netspec.MetricRTOMin, 300, true)
		r.Metrics.Set(netspec.MetricReordering, 5, false)
		r.Metrics.Set(netspec.MetricHopLimit, 9, false)
		r.Metrics.Set(netspec.MetricQuickAck, 1, false)
		r.Metrics.Set(netspec.MetricFastOpenNoCookie, 1, false)
		r.Metrics.Congestion = "cubic"
	}
	list := []netspec.Route{
		via("203.0.113.0/24", "192.0.2.9", "eth0"),
		via("203.0.113.0/24", "192.0.2.9", ""),
		via("0.0.0.0/0", "192.0.2.9", ""),
		via("203.0.113.0/24", "", "eth1"),
		route(via("203.0.113.7/32", "192.0.2.9", "eth0"), func(r *netspec.Route) { r.Table, r.Metric, r.Source = 1000, 50, ip("192.0.2.1") }),
		route(via("203.0.113.7/32", "192.0.2.9", "eth0"), func(r *netspec.Route) { r.Table, r.TOS = 99, 0x10 }),
		route(via("203.0.113.7/32", "10.9.9.9", "eth0"), func(r *netspec.Route) { r.Hop.OnLink = true }),
		route(via("203.0.113.7/32", "", "eth0"), func(r *netspec.Route) { r.Scope, r.HasScope = netspec.ScopeGlobal, true }),
		route(via("203.0.113.7/32", "192.0.2.9", "eth0"), func(r *netspec.Route) { r.Realms = 3<<16 | 4 }),
		route(via("203.0.113.7/32", "192.0.2.9", "eth0"), metrics),
		route(via("203.0.113.7/32", "2001:db8::9", "eth0"), func(r *netspec.Route) {}),
		route(via("203.0.113.0/24", "", ""), func(r *netspec.Route) { r.Type = netspec.BlackholeRoute }),
		route(via("203.0.113.0/24", "", ""), func(r *netspec.Route) { r.Type = netspec.UnreachableRoute }),
		route(via("203.0.113.0/24", "", ""), func(r *netspec.Route) { r.Type = netspec.ProhibitRoute }),
		route(via("203.0.113.0/24", "", ""), func(r *netspec.Route) { r.Type, r.Table = netspec.ThrowRoute, 77 }),
		route(via("203.0.113.5/32", "", "eth0"), func(r *netspec.Route) { r.Type, r.Table = netspec.LocalRoute, 255 }),
		route(via("203.0.113.0/24", "", ""), func(r *netspec.Route) {
			r.NextHops = []netspec.NextHop{{Via: ip("192.0.2.9"), Device: "eth0", Weight: 3}, {Via: ip("198.51.100.9"), Device: "eth1"}}
		}),
		via("2001:db8:9::/48", "2001:db8::9", "eth0"),
		via("::/0", "2001:db8::9", ""),
		via("2001:db8:9::/48", "", "eth0"),
		route(via("2001:db8:9::/48", "fe80::9", "eth0"), func(r *netspec.Route) { r.Metric, r.Table, r.Preference = 7, 1000, 1 }),
		route(via("2001:db8:9::/48", "2001:db8::9", "eth0"), metrics),
		route(via("2001:db8:9::/48", "2001:db8::9", "eth0"), func(r *netspec.Route) { r.Source = ip("2001:db8::1") }),
		route(via("2001:db8:9::/48", "", ""), func(r *netspec.Route) { r.Type = netspec.BlackholeRoute }),
		route(via("2001:db8:9::/48", "", ""), func(r *netspec.Route) {
			r.NextHops = []netspec.NextHop{{Via: ip("2001:db8::9"), Device: "eth0"}, {Via: ip("2001:db8:1::9"), Device: "eth1", Weight: 5}}
		}),
	}
	for _, want := range list {
		t.Run(want.String(), func(t *testing.T) {
			for range 2 {
				netnstest.Must(t, h.Link.AddRoute(want))
				got := routes(t, h)
				if len(got) != 1 || !got.Stands(want) {
					t.Fatalf("in the kernel: %+v\nwant %+v", got, want.Normal())
				}
			}
			for range 2 {
				netnstest.Must(t, h.Link.DeleteRoute(want))
				if got := routes(t, h); len(got) != 0 {
					t.Fatalf("in the kernel after it was removed: %+v", got)
				}
			}
		})
	}
}

// What is not as wanted does not stand.
func TestRoutesThatDiffer(t *testing.T) {
	h := routed(t)
	base := route(via("203.0.113.0/24", "192.0.2.9", "eth0"), func(r *netspec.Route) {
		r.Metric = 5
		r.Metrics.Set(netspec.MetricMTU, 1400, false)
	})
	netnstest.Must(t, h.Link.AddRoute(base))
	got := routes(t, h)
	for name, change := range map[string]func(*netspec.Route){
		"destination": func(r *netspec.Route) { r.Destination = netip.MustParsePrefix("203.0.113.0/25") },
		"gateway":     func(r *netspec.Route) { r.Hop.Via = ip("192.0.2.8") },
		"device":      func(r *netspec.Route) { r.Hop.Device = "eth1" },
		"onlink":      func(r *netspec.Route) { r.Hop.OnLink = true },
		"metric":      func(r *netspec.Route) { r.Metric = 6 },
		"table":       func(r *netspec.Route) { r.Table = 9 },
		"type":        func(r *netspec.Route) { r.Type = netspec.ProhibitRoute },
		"tos":         func(r *netspec.Route) { r.TOS = 8 },
		"protocol":    func(r *netspec.Route) { r.Protocol = 4 },
		"scope":       func(r *netspec.Route) { r.Scope, r.HasScope = netspec.ScopeSite, true },
		"source":      func(r *netspec.Route) { r.Source = ip("192.0.2.1") },
		"realms":      func(r *netspec.Route) { r.Realms = 1 },
		"mtu":         func(r *netspec.Route) { r.Metrics.Set(netspec.MetricMTU, 1300, false) },
		"lock":        func(r *netspec.Route) { r.Metrics.Set(netspec.MetricMTU, 1400, true) },
		"more":        func(r *netspec.Route) { r.Metrics.Set(netspec.MetricWindow, 1, false) },
		"congestion":  func(r *netspec.Route) { r.Metrics.Congestion = "reno" },
		"next hops":   func(r *netspec.Route) { r.NextHops = []netspec.NextHop{r.Hop} },
	} {
		if want := route(base, change); got.Stands(want) || want.Equal(base) {
			t.Errorf("%s: %s stands or is equal", name, want)
		}
	}
	if any := route(base, func(r *netspec.Route) { r.Hop.Device = "" }); !got.Stands(any) || !base.Equal(base) {
		t.Error("by any device: it does not stand")
	}
}

func TestRouteModes(t *testing.T) {
	h := routed(t)
	first := via("203.0.113.0/24", "192.0.2.9", "eth0")
	second := via("203.0.113.0/24", "192.0.2.8", "eth0")
	exclusive := route(second, func(r *netspec.Route) { r.Mode = netspec.ExclusiveRoute })
	netnstest.Must(t, h.Link.AddRoute(first))
	if err := h.Link.AddRoute(exclusive); !errors.Is(err, unix.EEXIST) || !strings.Contains(err.Error(), "add route 203.0.113.0/24 via 192.0.2.8 dev eth0") {
		t.Errorf("a second exclusive route: %v", err)
	}
	gateways := func() (list []string) {
		for _, r := range routes(t, h) {
			list = append(list, r.Hop.Via.String())
		}
		return list
	}
	netnstest.Must(t, h.Link.AddRoute(second))
	if got, want := gateways(), []string{"192.0.2.8", "192.0.2.9"}; !slices.Equal(got, want) {
		t.Errorf("prepended: %v, want %v", got, want)
	}
	netnstest.Must(t, h.Link.DeleteRoute(second))
	netnstest.Must(t, h.Link.AddRoute(route(second, func(r *netspec.Route) { r.Mode = netspec.AppendRoute })))
	if got, want := gateways(), []string{"192.0.2.9", "192.0.2.8"}; !slices.Equal(got, want) {
		t.Errorf("appended: %v, want %v", got, want)
	}
	netnstest.Must(t, h.Link.DeleteRoute(second))
	netnstest.Must(t, h.Link.AddRoute(route(second, func(r *netspec.Route) { r.Mode = netspec.ReplaceRoute })))
	if got, want := gateways(), []string{"192.0.2.8"}; !slices.Equal(got, want) {
		t.Errorf("replaced: %v, want %v", got, want)
	}
}

func TestRouteErrors(t *testing.T) {
	h := routed(t)
	err := h.Link.AddRoute(via("203.0.113.0/24", "", "eth9"))
	if want := "add route 203.0.113.0/24 dev eth9: no such interface eth9"; err == nil || err.Error() != want || !errors.Is(err, link.ErrNoInterface) {
		t.Errorf("got %v, want %s", err, want)
	}
	err = h.Link.AddRoute(via("203.0.113.0/24", "10.0.0.1", "eth0"))
	if err == nil || !strings.Contains(err.Error(), "Nexthop has invalid gateway") {
		t.Errorf("a gateway that is not reachable: got %v, want the kernel's words", err)
	}
	netnstest.Must(t, h.Link.DeleteRoute(via("203.0.113.0/24", "", "eth9")))
}

// Routes of others are not listed, and an expiry is read.
func TestRoutesOfProtocols(t *testing.T) {
	h := routed(t)
	netnstest.Must(t, h.Link.AddRoute(route(via("203.0.113.0/24", "192.0.2.9", ""), func(r *netspec.Route) { r.Protocol = 4 })))
	netnstest.Must(t, h.Link.AddRoute(route(via("2001:db8:9::/48", "2001:db8::9", ""), func(r *netspec.Route) { r.Expires = 100 * time.Second })))
	if got := routes(t, h); len(got) != 1 || got[0].Expires < 90*time.Second || got[0].Expires > 100*time.Second {
		t.Errorf("listed %+v, want the one that expires", got)
	}
	list, err := h.Link.Routes(4, netspec.Keepalived)
	netnstest.Must(t, err)
	if len(list) != 2 {
		t.Errorf("listed %+v, want both", list)
	}
}

func TestRules(t *testing.T) {
	h := routed(t)
	six := netspec.Rule{Six: true, Preference: 100, Table: 1000}
	four := netspec.Rule{Preference: 100, Table: 99}
	with := func(r netspec.Rule, change func(*netspec.Rule)) netspec.Rule {
		change(&r)
		return r
	}
	list := []netspec.Rule{
		four, six,
		with(four, func(r *netspec.Rule) { r.Table = 0 }),
		with(four, func(r *netspec.Rule) {
			r.From, r.To, r.Not = netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("203.0.113.7/32"), true
		}),
		with(six, func(r *netspec.Rule) { r.From = netip.MustParsePrefix("2001:db8::/32") }),
		with(four, func(r *netspec.Rule) { r.Mark, r.Mask = 0x10, 0xff }),
		with(four, func(r *netspec.Rule) { r.TOS, r.In = 0x10, "eth0" }),
		with(six, func(r *netspec.Rule) { r.Out, r.In = "eth1", "lo" }),
		with(four, func(r *netspec.Rule) { r.Realms = 3<<16 | 4 }),
		with(four, func(r *netspec.Rule) { r.SuppressPrefixLength = netspec.Number{Has: true} }),
		with(six, func(r *netspec.Rule) {
			r.SuppressPrefixLength, r.SuppressGroup = netspec.Number{Has: true, Value: 48}, netspec.Number{Has: true, Value: 5}
		}),
		with(four, func(r *netspec.Rule) { r.TunnelID = 77 }),
		with(four, func(r *netspec.Rule) { r.HasUIDs, r.UIDs = true, netspec.Span{Low: 0, High: 1000} }),
		with(six, func(r *netspec.Rule) {
			r.IPProto, r.SourcePorts, r.DestinationPorts = unix.IPPROTO_TCP, netspec.Span{Low: 1000, High: 2000}, netspec.Span{Low: 80, High: 80}
		}),
		with(four, func(r *netspec.Rule) { r.Action = netspec.RuleBlackhole }),
		with(six, func(r *netspec.Rule) { r.Action = netspec.RuleUnreachable }),
		with(four, func(r *netspec.Rule) { r.Action = netspec.RuleProhibit }),
		with(four, func(r *netspec.Rule) { r.Action = netspec.RuleNop }),
		with(four, func(r *netspec.Rule) { r.Action, r.Goto = netspec.RuleGoto, 32766 }),
		with(four, func(r *netspec.Rule) { r.Protocol = 4 }),
	}
	for _, want := range list {
		t.Run(want.String(), func(t *testing.T) {
			for range 2 {
				netnstest.Must(t, h.Link.AddRule(want))
				got, err := h.Link.Rules()
				netnstest.Must(t, err)
				ours := slices.DeleteFunc(slices.Clone(got), func(r netspec.Rule) bool { return r.Preference != 100 })
				if len(ours) != 1 || !got.Stands(want) {
					t.Fatalf("in the kernel: %+v\nwant %+v", ours, want.Normal())
				}
				if other := with(want, func(r *netspec.Rule) { r.Preference++ }); got.Stands(other) {
					t.Fatal("another preference stands, too")
				}
			}
			for range 2 {
				netnstest.Must(t, h.Link.DeleteRule(want))
				got, err := h.Link.Rules()
				netnstest.Must(t, err)
				if got.Stands(want) {
					t.Fatal("it stands after it was removed")
				}
			}
		})
	}
	err := h.Link.AddRule(with(four, func(r *netspec.Rule) { r.Action, r.Goto = netspec.RuleGoto, 5 }))
	if err == nil || !strings.HasPrefix(err.Error(), "add rule preference 100 goto 5: ") {
		t.Errorf("a goto backwards: %v", err)
	}
}

// A rule for the tables of VRFs needs a kernel that has those.
func TestRuleL3MDev(t *testing.T) {
	if _, err := os.Stat("/proc/sys/net/ipv4/tcp_l3mdev_accept"); err != nil {
		t.Skip("needs /proc/sys/net/ipv4/tcp_l3mdev_accept, a kernel with VRFs")
	}
	h := netnstest.New(t)
	want := netspec.Rule{Preference: 100, L3MDev: true}
	netnstest.Must(t, h.Link.AddRule(want))
	got, err := h.Link.Rules()
	netnstest.Must(t, err)
	if !got.Stands(want) {
		t.Errorf("in the kernel: %+v, want %+v", got, want.Normal())
	}
	netnstest.Must(t, h.Link.DeleteRule(want))
}
