package build

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/balance"
)

func TestLayout(t *testing.T) {
	at := netip.MustParseAddrPort
	end := func(s string) config.Endpoint { return config.Endpoint{AddrPort: at(s)} }
	gue := config.LVSMethod{Kind: config.TUN, Type: "gue", Port: 6080, Checksum: "remcsum"}
	c := &config.Config{VirtualServerGroups: []config.VirtualServerGroup{
		{Name: "six", Entries: []config.GroupEntry{{Address: netip.MustParseAddr("2001:db8::6"), Port: 80}, {Fwmark: 8}}},
		{Name: "other", Entries: []config.GroupEntry{{Fwmark: 9}}},
		{Name: "g", Entries: []config.GroupEntry{
			{Address: netip.MustParseAddr("192.0.2.254"), Last: netip.MustParseAddr("192.0.3.1"), Port: 80},
			{Address: netip.MustParseAddr("2001:db8::1"), Port: 81},
			{Fwmark: 3}, {Fwmark: 4, Family: "inet6"},
		}},
	}}
	key := func(p uint8, a string) balance.Key {
		return balance.Key{IPv6: at(a).Addr().Is6(), Protocol: p, Address: at(a)}
	}
	const everyone = 255 // in the place of Bits: a mask of 0.0.0.0; others have that of one client
	tests := []struct {
		name string
		v    config.VirtualServer
		want balance.Layout
	}{
		{"plain", config.VirtualServer{
			Address: end("192.0.2.1:80"), Protocol: "TCP", LBAlgo: "wrr", LBKind: config.LVSMethod{Kind: config.DR},
			RealServers: []config.RealServer{{Address: end("10.0.0.1:8080"), UThreshold: 9, LThreshold: 3}, {Address: end("10.0.0.2:8080"), LVSMethod: &gue}},
			SorryServer: &config.SorryServer{Address: end("127.0.0.1:0"), LVSMethod: &config.LVSMethod{}},
		}, balance.Layout{
			Keys: []balance.Key{key(balance.TCP, "192.0.2.1:80")}, Options: balance.Options{Scheduler: "wrr"},
			Servers: []balance.Destination{
				{Address: at("10.0.0.1:80"), Forward: balance.Direct, Upper: 9, Lower: 3},
				{Address: at("10.0.0.2:80"), Forward: balance.Tunnel, Tunnel: balance.GUE, TunnelPort: 6080, Checksum: balance.RemoteChecksum},
			},
			Sorry: balance.Destination{Address: at("127.0.0.1:0")},
		}},
		{"a sorry server that keeps the port", config.VirtualServer{
			Address: end("192.0.2.1:80"), Protocol: "TCP", LBAlgo: "rr", SorryServer: &config.SorryServer{Address: end("10.0.0.9:0"), LVSMethod: &config.LVSMethod{Kind: config.DR}},
		}, balance.Layout{
			Keys: []balance.Key{key(balance.TCP, "192.0.2.1:80")}, Options: balance.Options{Scheduler: "rr"},
			Sorry: balance.Destination{Address: at("10.0.0.9:80"), Forward: balance.Direct},
		}},
		{"an engine without persistence", config.VirtualServer{Address: end("192.0.2.1:5060"), Protocol: "UDP", LBAlgo: "rr", PersistenceEngine: "sip"},
			balance.Layout{Keys: []balance.Key{key(balance.UDP, "192.0.2.1:5060")}, Options: balance.Options{Scheduler: "rr"}}},
		{"clients by networks", config.VirtualServer{Address: end("192.0.2.1:80"), Protocol: "TCP", LBAlgo: "rr", PersistenceGranularity: config.Granularity{Mask: netip.MustParseAddr("255.255.255.0")}},
			balance.Layout{Keys: []balance.Key{key(balance.TCP, "192.0.2.1:80")}, Options: balance.Options{
				Scheduler: "rr", Flags: balance.Persistent, Persistence: 360, Mask: [4]byte{255, 255, 255}}}},
		{"all clients as one", config.VirtualServer{Address: end("192.0.2.1:80"), Protocol: "TCP", LBAlgo: "rr", PersistenceGranularity: config.Granularity{Mask: netip.IPv4Unspecified()}},
			balance.Layout{Keys: []balance.Key{key(balance.TCP, "192.0.2.1:80")}, Options: balance.Options{Scheduler: "rr", Flags: balance.Persistent, Persistence: 360, Bits: everyone}}},
		{"all ports", config.VirtualServer{Address: end("[2001:db8::5]:0"), Protocol: "SCTP", LBAlgo: "mh",
			LVSFlags: config.LVSFlags{OPS: true, MHFallback: true, SHPort: true, Flag3: true, Hashed: true}, PersistenceEngine: "sip",
			PersistenceGranularity: config.Granularity{Bits: 64}},
			balance.Layout{Keys: []balance.Key{key(balance.SCTP, "[2001:db8::5]:0")}, Options: balance.Options{
				Scheduler: "mh", Flags: balance.Persistent | balance.Sched1 | balance.Sched2 | balance.Sched3, Persistence: 360, Bits: 64, Engine: "sip"}}},
		{"group", config.VirtualServer{Group: "g", Protocol: "UDP", LBAlgo: "rr", LVSFlags: config.LVSFlags{OPS: true}, PersistenceTimeout: time.Minute,
			PersistenceGranularity: config.Granularity{Mask: netip.MustParseAddr("255.255.255.0")},
			RealServers:            []config.RealServer{{Address: end("10.0.0.1:53")}}},
			balance.Layout{
				Keys: []balance.Key{
					key(balance.UDP, "192.0.2.254:80"), key(balance.UDP, "192.0.2.255:80"), key(balance.UDP, "192.0.3.0:80"), key(balance.UDP, "192.0.3.1:80"),
					key(balance.UDP, "[2001:db8::1]:81"), {Fwmark: 3}, {Fwmark: 4, IPv6: true},
				},
				Options: balance.Options{Scheduler: "rr", Flags: balance.OnePacket | balance.Persistent, Persistence: 60},
				Servers: []balance.Destination{{Address: at("10.0.0.1:53")}},
			}},
		{"one family", config.VirtualServer{Group: "six", Protocol: "TCP", LBAlgo: "rr", LBKind: config.LVSMethod{Kind: config.TUN},
			RealServers: []config.RealServer{{Address: end("10.0.0.1:80")}, {Address: end("10.0.0.1:81")}}},
			balance.Layout{
				Keys: []balance.Key{key(balance.TCP, "[2001:db8::6]:80"), {Fwmark: 8, IPv6: true}}, Options: balance.Options{Scheduler: "rr"},
				Servers: []balance.Destination{{Address: at("10.0.0.1:80"), Forward: balance.Tunnel}, {Address: at("10.0.0.1:81"), Forward: balance.Tunnel}},
				Doubles: true,
			}},
		{"ports that are kept", config.VirtualServer{Group: "six", Protocol: "TCP", LBAlgo: "rr",
			RealServers: []config.RealServer{{Address: end("[2001:db8::1]:80")}, {Address: end("[2001:db8::1]:81")}}},
			balance.Layout{
				Keys: []balance.Key{key(balance.TCP, "[2001:db8::6]:80"), {Fwmark: 8, IPv6: true}}, Options: balance.Options{Scheduler: "rr"},
				Servers: []balance.Destination{{Address: at("[2001:db8::1]:80")}, {Address: at("[2001:db8::1]:81")}},
			}},
		{"ports of which one is kept", config.VirtualServer{Group: "six", Protocol: "TCP", LBAlgo: "rr",
			RealServers: []config.RealServer{{Address: end("[2001:db8::1]:81"), LVSMethod: &config.LVSMethod{Kind: config.DR}}, {Address: end("[2001:db8::1]:80")}}},
			balance.Layout{
				Keys: []balance.Key{key(balance.TCP, "[2001:db8::6]:80"), {Fwmark: 8, IPv6: true}}, Options: balance.Options{Scheduler: "rr"},
				Servers: []balance.Destination{{Address: at("[2001:db8::1]:81"), Forward: balance.Direct}, {Address: at("[2001:db8::1]:80")}},
				Doubles: true,
			}},
		{"two ports by a mark", config.VirtualServer{Fwmark: 7, LBAlgo: "rr", LBKind: config.LVSMethod{Kind: config.DR},
			RealServers: []config.RealServer{{Address: end("10.0.0.1:80")}, {Address: end("10.0.0.1:81")}}},
			balance.Layout{Keys: []balance.Key{{Fwmark: 7}}, Options: balance.Options{Scheduler: "rr"},
				Servers: []balance.Destination{{Address: at("10.0.0.1:80"), Forward: balance.Direct}, {Address: at("10.0.0.1:81"), Forward: balance.Direct}},
				Doubles: true,
			}},
		{"mark", config.VirtualServer{Fwmark: 7, LBAlgo: "rr", RealServers: []config.RealServer{{Address: end("[2001:db8::9]:80")}}},
			balance.Layout{Keys: []balance.Key{{Fwmark: 7, IPv6: true}}, Options: balance.Options{Scheduler: "rr"},
				Servers: []balance.Destination{{Address: at("[2001:db8::9]:80")}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c.VirtualServers = []config.VirtualServer{tt.v}
			got := Layouts(c)[0]
			if tt.want.Options.Mask == [4]byte{} {
				tt.want.Options.Mask = [4]byte{255, 255, 255, 255}
			}
			if tt.want.Options.Bits == everyone {
				tt.want.Options.Bits, tt.want.Options.Mask = 0, [4]byte{}
			}
			// One service has one name, whoever shows it.
			if name := tt.v.Identity(); tt.v.Group == "" && got.Keys[0].String() != name {
				t.Errorf("in the table it is %s, else %s", got.Keys[0], name)
			}
			compare := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
			if diff := cmp.Diff(tt.want, got, compare); diff != "" {
				t.Error(diff)
			}
		})
	}
}
