package lint

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// server returns a virtual server of TCP with these real servers, each with a
// TCP_CHECK that is fast enough. Lines are counted from 1.
func server(address string, real ...string) config.VirtualServer {
	v := config.VirtualServer{
		At: config.NewPosition("a.conf", 1, 0), Address: endpointOf(address), Protocol: "TCP", LBAlgo: "rr",
		LBKind: config.LVSMethod{Kind: config.NAT}, DelayLoop: 10 * time.Second, ConnectTimeout: time.Second, Quorum: 1, Weight: 1,
	}
	for i, r := range real {
		at := config.NewPosition("a.conf", i+2, 0)
		v.RealServers = append(v.RealServers, config.RealServer{At: at, Address: endpointOf(r), Checks: []config.Check{{TCP: &config.TCPCheck{At: at}}}})
	}
	return v
}

func endpointOf(s string) config.Endpoint {
	var e config.Endpoint
	if err := e.UnmarshalText([]byte(s)); err != nil {
		panic(err)
	}
	return e
}

// three is a virtual server with three real servers, changed.
func three(change func(*config.VirtualServer)) *config.Config {
	v := server("192.0.2.1:80", "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")
	if change != nil {
		change(&v)
	}
	return &config.Config{Files: []string{"a.conf"}, VirtualServers: []config.VirtualServer{v}}
}

func TestServices(t *testing.T) {
	five, zero, thrice := 5, 0, 3
	short, long := time.Second, time.Minute
	check := func(c config.Check) func(*config.VirtualServer) {
		return func(v *config.VirtualServer) {
			for i := range v.RealServers {
				v.RealServers[i].Checks = []config.Check{c}
			}
		}
	}
	for name, test := range map[string]struct {
		change func(*config.VirtualServer)
		want   []string
	}{
		"nothing to say": {nil, nil},
		"sorry server among the real ones": {
			func(v *config.VirtualServer) {
				v.SorryServer = &config.SorryServer{At: v.At, Address: endpointOf("10.0.0.2:80")}
			},
			[]string{"a.conf sorry-server-real: virtual_server 192.0.2.1:80 (TCP): the sorry server 10.0.0.2:80 is a real server too"},
		},
		"sorry server with the port of the service": {
			func(v *config.VirtualServer) {
				v.LBKind.Kind = config.DR
				v.SorryServer = &config.SorryServer{At: v.At, Address: endpointOf("10.0.0.2")}
			},
			[]string{"a.conf sorry-server-real: the sorry server 10.0.0.2 is a real server too"},
		},
		"sorry server of all ports": {
			func(v *config.VirtualServer) {
				v.SorryServer = &config.SorryServer{At: v.At, Address: endpointOf("10.0.0.2")}
			},
			nil,
		},
		"an engine alone": {
			func(v *config.VirtualServer) { v.PersistenceEngine = "sip" },
			[]string{"a.conf engine-unused: persistence_engine sip finds the server that a client stays with"},
		},
		"an engine with persistence": {
			func(v *config.VirtualServer) { v.PersistenceEngine, v.PersistenceTimeout = "sip", time.Minute },
			nil,
		},
		"granularity in a group": {
			func(v *config.VirtualServer) {
				v.Address, v.Group, v.PersistenceTimeout = config.Endpoint{}, "g", time.Minute
				v.PersistenceGranularity.Mask = netip.MustParseAddr("255.255.255.0")
			},
			[]string{"a.conf granularity-unused: virtual_server group g: persistence_granularity does nothing"},
		},
		"granularity in a group, which makes it persistent": {
			func(v *config.VirtualServer) {
				v.Address, v.Group, v.PersistenceGranularity.Bits = config.Endpoint{}, "g", 64
			},
			[]string{"a.conf granularity-unused: virtual_server group g: persistence_granularity only makes the services of a group persistent, for 6m0s, as with keepalived: each client is so by itself; write persistence_timeout in its place"},
		},
		"no port": {
			func(v *config.VirtualServer) {
				v.Address, v.Fwmark = config.Endpoint{}, 3
				for i := range v.RealServers {
					v.RealServers[i].Address = endpointOf(v.RealServers[i].Address.Addr().String())
					v.RealServers[i].Checks = []config.Check{{TCP: &config.TCPCheck{}}}
				}
			},
			[]string{"a.conf check-no-port: virtual_server fwmark 3: a check has no port"},
		},
		"no port, by UDP": {
			func(v *config.VirtualServer) {
				v.Address, v.Fwmark = config.Endpoint{}, 3
				for i := range v.RealServers {
					v.RealServers[i].Address = endpointOf(v.RealServers[i].Address.Addr().String())
				}
				v.RealServers[0].Checks = []config.Check{{DNS: &config.DNSCheck{}}}
				v.RealServers[1].Checks = []config.Check{{UDP: &config.UDPCheck{RequireReply: config.Reply{Required: true}}}}
				v.RealServers[2].Checks = []config.Check{{SMTP: &config.SMTPCheck{Hosts: []config.SMTPHost{{Target: config.Target{ConnectPort: 25}}, {}}}}}
			},
			[]string{"a.conf check-no-port: virtual_server fwmark 3: a check has no port…; so it is with 3 of 3 real servers"},
		},
		"a port of each host": {
			func(v *config.VirtualServer) {
				v.Address, v.Fwmark = config.Endpoint{}, 3
				for i := range v.RealServers {
					v.RealServers[i].Address = endpointOf(v.RealServers[i].Address.Addr().String())
					v.RealServers[i].Checks = []config.Check{{SMTP: &config.SMTPCheck{Hosts: []config.SMTPHost{{Target: config.Target{ConnectPort: 25}}}}}}
				}
			}, nil,
		},
		"sorry server on another port": {
			func(v *config.VirtualServer) {
				v.SorryServer = &config.SorryServer{Address: endpointOf("10.0.0.2:8080")}
			}, nil,
		},
		"quorum of all":   {func(v *config.VirtualServer) { v.Quorum = 3 }, nil},
		"quorum too high": {func(v *config.VirtualServer) { v.Quorum = 4 }, []string{"a.conf quorum-too-high: quorum 4 is more than the weights of all 3 real servers together (3)"}},
		"quorum in weights": {
			func(v *config.VirtualServer) { v.Quorum, v.Weight = 2, 100 },
			[]string{"a.conf quorum-weight: quorum 2 counts weights, not servers: any one of the 3 real servers has 100 or more and is enough; write the quorum as a sum of weights, 200 for two"},
		},
		"hysteresis":              {func(v *config.VirtualServer) { v.Quorum, v.Hysteresis = 2, 1 }, nil},
		"hysteresis not regained": {func(v *config.VirtualServer) { v.Quorum, v.Hysteresis = 3, 1 }, []string{"a.conf quorum-not-regained: quorum 3 + hysteresis 1 = 4, and all weights together are 3"}},
		"hysteresis cut":          {func(v *config.VirtualServer) { v.Hysteresis = 1 }, []string{"a.conf hysteresis-cut: hysteresis 1 is not below the quorum 1…makes it 0"}},
		"no weight": {
			func(v *config.VirtualServer) {
				for i := range v.RealServers {
					v.RealServers[i].Weight = &zero
				}
			},
			[]string{"a.conf no-weight: all 3 real servers have weight 0"},
		},
		"one weight": {
			func(v *config.VirtualServer) {
				v.RealServers[0].Weight, v.RealServers[1].Weight, v.RealServers[2].Weight = &zero, &zero, &five
			}, nil,
		},
		"a real server twice": {
			func(v *config.VirtualServer) { v.RealServers[2].Address = endpointOf("10.0.0.1:80") },
			[]string{"a.conf real-server-twice: real_server 10.0.0.1:80 is there twice, first on line 2: IPVS has each once, and keepalived drops the second;"},
		},
		"a real server twice by two methods": {
			func(v *config.VirtualServer) {
				v.RealServers[0].Address, v.RealServers[2].Address = endpointOf("10.0.0.1:81"), endpointOf("10.0.0.1:81")
				v.RealServers[2].LVSMethod = &config.LVSMethod{Kind: config.DR}
			},
			[]string{"a.conf real-server-twice: real_server 10.0.0.1:81 is there twice, first on line 2, with another lvs_method: keepalived drops the second, and so does this;"},
		},
		"two ports": {func(v *config.VirtualServer) { v.RealServers[2].Address = endpointOf("10.0.0.1:81") }, nil},
		"two ports that DR ignores": {
			func(v *config.VirtualServer) {
				v.LBKind.Kind = config.DR
				v.RealServers[2].Address = endpointOf("10.0.0.1:81")
			},
			[]string{"a.conf real-server-twice: real_server 10.0.0.1:81 is the same server in IPVS as 10.0.0.1:80 on line 2: IPVS has each once, and keepalived tries to set both,"},
		},
		"two ports of a mark": {func(v *config.VirtualServer) {
			v.Address, v.Fwmark, v.RealServers[2].Address = config.Endpoint{}, 7, endpointOf("10.0.0.1:81")
		}, nil},
		"two ports of a mark that DR ignores": {
			func(v *config.VirtualServer) {
				v.Address, v.Fwmark, v.LBKind.Kind = config.Endpoint{}, 7, config.DR
				v.RealServers[2].Address = endpointOf("10.0.0.1:81")
			},
			[]string{"a.conf real-server-twice: real_server 10.0.0.1:81 is the same server in IPVS as 10.0.0.1:80 on line 2:"},
		},
		"a loop": {
			func(v *config.VirtualServer) { v.RealServers[2].Address = endpointOf("192.0.2.1:80") },
			[]string{"a.conf real-server-virtual: real_server 192.0.2.1:80 is the virtual server itself"},
		},
		"another port of this host": {func(v *config.VirtualServer) { v.RealServers[2].Address = endpointOf("192.0.2.1:81") }, nil},
		"a loop by DR": {
			func(v *config.VirtualServer) {
				v.RealServers[2].Address = endpointOf("192.0.2.1:81")
				v.RealServers[2].LVSMethod = &config.LVSMethod{Kind: config.DR}
			},
			[]string{"a.conf real-server-virtual: has the virtual address itself, and DR leaves"},
		},
		"ops with TCP": {func(v *config.VirtualServer) { v.OPS = true }, []string{"a.conf ops-unused: ops is for UDP"}},
		"ops with UDP": {func(v *config.VirtualServer) { v.OPS, v.Protocol, v.RealServers = true, "UDP", v.RealServers[:0] }, nil},
		"ops with persistence": {func(v *config.VirtualServer) {
			v.OPS, v.Protocol, v.PersistenceTimeout, v.RealServers = true, "UDP", 50*time.Second, nil
		}, []string{"a.conf ops-persistent: persistence_timeout 50s"}},
		"ha_suspend of a mark": {func(v *config.VirtualServer) { v.HASuspend, v.Fwmark, v.Address = true, 7, config.Endpoint{} }, []string{"a.conf ha-suspend-unused: virtual_server fwmark 7: ha_suspend"}},
		"no check":             {func(v *config.VirtualServer) { v.RealServers[0].Checks = nil }, []string{"a.conf no-check: add a check, TCP_CHECK at least"}},
		"no checks": {
			func(v *config.VirtualServer) { v.RealServers[0].Checks, v.RealServers[1].Checks = nil, nil },
			[]string{"a.conf no-check: TCP_CHECK at least; so it is with 2 of 3 real servers"},
		},
		"ping only":             {check(config.Check{Ping: &config.PingCheck{}}), []string{"a.conf ping-only: so it is with 3 of 3 real servers"}},
		"ping of a UDP service": {func(v *config.VirtualServer) { v.Protocol = "UDP"; check(config.Check{Ping: &config.PingCheck{}})(v) }, nil},
		"ping and TCP": {func(v *config.VirtualServer) {
			v.RealServers[0].Checks = append(v.RealServers[0].Checks, config.Check{Ping: &config.PingCheck{}})
		}, nil},
		"no misc_timeout":     {check(config.Check{Misc: &config.MiscCheck{}}), []string{"a.conf misc-timeout: MISC_CHECK without misc_timeout: a program that hangs is ended after delay_loop (10s)"}},
		"misc_timeout":        {check(config.Check{Misc: &config.MiscCheck{MiscTimeout: &short}}), nil},
		"a long misc_timeout": {check(config.Check{Misc: &config.MiscCheck{MiscTimeout: &long}}), []string{"a.conf misc-timeout: misc_timeout 1m0s is longer than delay_loop 10s"}},
		"silence":             {check(config.Check{UDP: &config.UDPCheck{}}), []string{"a.conf silent-success: UDP_CHECK without require_reply"}},
		"a reply":             {check(config.Check{UDP: &config.UDPCheck{RequireReply: config.Reply{Required: true}}}), nil},
		"a slow check":        {func(v *config.VirtualServer) { v.ConnectTimeout, v.Retry = 6*time.Second, &five }, []string{"a.conf slow-removal: found out after up to 51s, not after delay_loop 10s (connect_timeout 6s times retry 5 + 1, 5s between them"}},
		"not much slower":     {func(v *config.VirtualServer) { v.ConnectTimeout = 9 * time.Second }, nil},
		"long pauses":         {func(v *config.VirtualServer) { v.Retry, v.DelayBeforeRetry = &five, &long }, nil},
		"two slow checks of one": {
			func(v *config.VirtualServer) {
				v.ConnectTimeout, v.Retry, v.RealServers = 6*time.Second, &five, v.RealServers[:1]
				v.RealServers[0].Checks = append(v.RealServers[0].Checks, v.RealServers[0].Checks[0])
			},
			[]string{"a.conf slow-removal: lower connect_timeout or retry"},
		},
		"a check just in time":  {func(v *config.VirtualServer) { v.ConnectTimeout = 5 * time.Second }, nil},
		"TCP for UDP":           {func(v *config.VirtualServer) { v.Protocol = "UDP" }, []string{"a.conf check-protocol: the service is UDP"}},
		"TCP for a name server": {func(v *config.VirtualServer) { v.Protocol, v.Address = "UDP", endpointOf("192.0.2.1:53") }, nil},
		"fast recovery and rise": {func(v *config.VirtualServer) {
			check(config.Check{HTTP: &config.HTTPCheck{Web: config.Web{FastRecovery: true}}})(v)
			v.Rise = &thrice
		}, []string{"a.conf fast-recovery-rise: fast_recovery asks for one run that is right, and rise for more in a row, which counts; take one of them out; so it is with 3 of 3 real servers"}},
		"fast recovery alone": {check(config.Check{SSL: &config.SSLCheck{Web: config.Web{FastRecovery: true}}}), nil},
		"no name to send":     {check(config.Check{SSL: &config.SSLCheck{Web: config.Web{EnableSNI: true}, URLs: []config.TLSURL{{}}}}), []string{"a.conf no-server-name: enable_sni and no name"}},
		"a name to send":      {check(config.Check{SSL: &config.SSLCheck{Web: config.Web{EnableSNI: true, VirtualHost: "www"}, URLs: []config.TLSURL{{}}}}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := One(three(test.change))
			said(t, got, test.want...)
			if strings.HasPrefix(name, "two slow checks") && strings.Contains(got[0].Text, "real servers") {
				t.Errorf("got %v, want one real server counted once", got[0])
			}
		})
	}
}

func TestServicesTogether(t *testing.T) {
	c := three(nil)
	c.VirtualServers = append(c.VirtualServers, c.VirtualServers[0], server("192.0.2.1:443", "10.0.0.1:443"))
	said(t, One(c), "a.conf virtual-server-twice: virtual_server 192.0.2.1:80 (TCP): it is defined twice, first on line 1")
	c.VirtualServers[1].QuorumUp = &config.Program{Argv: []string{"/bin/true"}}
	if got := One(c); len(got) != 1 || !strings.Contains(got[0].Text, "runs the second's quorum_up and quorum_down") {
		t.Errorf("got %v, want that the second's program is not run", got)
	}
	c.VirtualServers[1].QuorumUp = nil
	c.VirtualServers[1].Protocol = "SCTP"
	said(t, One(c))
}

// TestServicesShared: a service of a group is looked for in other groups and
// virtual servers.
func TestServicesShared(t *testing.T) {
	c := read(t, "a.yaml", `
virtual_server_groups:
  - {name: g, entries: [{address: 192.0.2.7, port: 80}, {address: 192.0.2.8, last: 192.0.2.9, port: 80}, {fwmark: 3}]}
  - {name: h, entries: [{fwmark: 3, family: inet6}, {address: 192.0.2.9, port: 81}]}
virtual_servers:
  - {group: g, protocol: TCP, real_servers: [{address: "10.0.0.1:80", checks: [{TCP_CHECK: {}}]}]}
  - {group: h, protocol: TCP, real_servers: [{address: "10.0.0.1:81", checks: [{TCP_CHECK: {}}]}]}
  - {address: "192.0.2.9:80", protocol: UDP, real_servers: [{address: "10.0.0.1:80", checks: [{UDP_CHECK: {}}]}]}
`)
	const name = "service-shared"
	find := func() (list []string) {
		for _, f := range One(c) {
			if f.Name == name {
				list = append(list, f.Text)
			}
		}
		return list
	}
	if got := find(); len(got) > 0 {
		t.Errorf("where nothing is shared: %q", got)
	}
	c.VirtualServers[2].Protocol = "TCP"
	c.VirtualServerGroups[1].Entries[0].Family = ""
	got := find()
	if len(got) != 2 || !strings.Contains(got[0], "virtual_server group h: fwmark 3 is of virtual_server group g on line 6, too: IPVS has it once") ||
		!strings.Contains(got[1], "virtual_server 192.0.2.9:80 (TCP): TCP 192.0.2.9:80 is of virtual_server group g on line 6, too") {
		t.Errorf("got %q", got)
	}
}

// TestMarkFamily: a mark needs a family where the group has both.
func TestMarkFamily(t *testing.T) {
	c := read(t, "a.yaml", `
virtual_server_groups:
  - {name: g, entries: [{address: 192.0.2.7, port: 80}, {address: "2001:db8::1", port: 80}, {fwmark: 3, family: inet}, {fwmark: 4}]}
virtual_servers:
  - {group: g, protocol: TCP, ip_family: inet6, lb_kind: TUN, real_servers: [{address: "[2001:db8::9]:80", checks: [{TCP_CHECK: {}}]}]}
`)
	said(t, One(c), "a.yaml mark-family: virtual_server_group g: fwmark 4 has no family")
	c.VirtualServerGroups[0].Entries[1].Address = netip.Addr{} // the other mark is of a family, too
	c.VirtualServerGroups[0].Entries[1].Fwmark, c.VirtualServerGroups[0].Entries[1].Family = 5, "inet6"
	said(t, One(c), "a.yaml mark-family: virtual_server_group g: fwmark 4 has no family")
	c.VirtualServerGroups[0].Entries = c.VirtualServerGroups[0].Entries[1:]
	c.VirtualServerGroups[0].Entries[1].Family = "inet6"
	said(t, One(c))
}

// TestGroupFamily: real servers of another family than addresses of a group
// need a tunnel.
func TestGroupFamily(t *testing.T) {
	c := read(t, "a.yaml", `
virtual_server_groups:
  - {name: g, entries: [{address: 192.0.2.7, port: 80}, {address: "2001:db8::1", port: 80}]}
virtual_servers:
  - {group: g, protocol: TCP, lb_kind: NAT, real_servers: [{address: "10.0.0.9:80", lthreshold: 4, uthreshold: 3, checks: [{TCP_CHECK: {}}]}]}
`)
	said(t, One(c), "a.yaml thresholds: virtual_server group g: real_server 10.0.0.9:80: lthreshold 4 is above uthreshold 3",
		"a.yaml group-family: virtual_server group g: real_server 10.0.0.9:80 is of another address family than 2001:db8::1 of the group")
	c.VirtualServers[0].LBKind.Kind = config.TUN
	c.VirtualServers[0].RealServers[0].LThreshold = 3
	said(t, One(c))
}

// TestServiceNotHeld holds that a service's address is looked for where
// instances move addresses.
func TestServiceNotHeld(t *testing.T) {
	c := three(nil)
	c.Instances = read(t, "a.yaml", node("virtual_ipaddresses: [192.0.2.2/24]")).Instances
	const want = "a.conf service-not-held: 192.0.2.1 is a virtual address of no vrrp_instance"
	said(t, One(c), want)
	c.StaticAddresses = []config.Address{{Prefix: netip.MustParsePrefix("192.0.2.1/32")}}
	said(t, One(c))
	c.StaticAddresses = nil
	c.VirtualServers[0].Address, c.VirtualServers[0].HASuspend = endpointOf("192.0.2.2:80"), true
	said(t, One(c))
	c.VirtualServers[0].Address, c.VirtualServers[0].HASuspend = config.Endpoint{}, false
	c.VirtualServers[0].Group = "G"
	c.VirtualServerGroups = []config.VirtualServerGroup{{Name: "G", Entries: []config.GroupEntry{
		{Address: netip.MustParseAddr("192.0.2.2")}, {Address: netip.MustParseAddr("192.0.2.3"), Last: netip.MustParseAddr("192.0.2.9")}, {At: config.NewPosition("a.conf", 0, 0), Address: netip.MustParseAddr("192.0.2.1")},
	}}}
	said(t, One(c), "a.conf service-not-held: virtual_server_group G: 192.0.2.1 is")
}

// TestSuspendedAway: ha_suspend with an address that this configuration never sets is
// said, whether instances move others or there are none.
func TestSuspendedAway(t *testing.T) {
	c := three(func(v *config.VirtualServer) { v.HASuspend = true })
	const want = "a.conf ha-suspend-away: virtual_server 192.0.2.1:80 (TCP): ha_suspend checks its servers only while this host has 192.0.2.1,"
	said(t, One(c), want)
	c.Instances = read(t, "a.yaml", node("virtual_ipaddresses: [192.0.2.2/24]")).Instances
	said(t, One(c), want)
	c.StaticAddresses = []config.Address{{Prefix: netip.MustParsePrefix("192.0.2.1/32")}}
	said(t, One(c))
	c.StaticAddresses, c.Instances = nil, read(t, "a.yaml", node("virtual_ipaddresses: [192.0.2.1/24]")).Instances
	said(t, One(c))
}

func TestPeerServices(t *testing.T) {
	two := 2
	for name, test := range map[string]struct {
		change func(*config.Config)
		want   []string
	}{
		"the same": {func(*config.Config) {}, nil},
		"in another order": {func(c *config.Config) {
			r := c.VirtualServers[0].RealServers
			r[0], r[1] = r[1], r[0]
		}, nil},
		"without any": {func(c *config.Config) { c.VirtualServers = nil }, nil},
		"another service": {
			func(c *config.Config) { c.VirtualServers[0].Address = endpointOf("192.0.2.9:80") },
			[]string{"a.conf peers-services: virtual servers: 192.0.2.9:80 (TCP) is not in a.conf, 192.0.2.1:80 (TCP) of a.conf is not here"},
		},
		"another scheduler": {
			func(c *config.Config) { c.VirtualServers[0].LBAlgo = "wlc" },
			[]string{"a.conf peers-services: lb_algo wlc here and rr in a.conf"},
		},
		"another method": {
			func(c *config.Config) { c.VirtualServers[0].LBKind.Kind = config.DR },
			[]string{"a.conf peers-services: lb_kind DR here and NAT in a.conf"},
		},
		"other real servers": {
			func(c *config.Config) {
				c.VirtualServers[0].RealServers[0].Address = endpointOf("10.0.0.9:80")
				c.VirtualServers[0].RealServers[1].Weight = &two
			},
			[]string{"a.conf peers-services: real servers: 10.0.0.9:80 is not in a.conf, 10.0.0.1:80 of a.conf is not here, 10.0.0.2:80 has weight 2 here and 1 in a.conf"},
		},
		"one less": {
			func(c *config.Config) { c.VirtualServers[0].RealServers = c.VirtualServers[0].RealServers[:2] },
			[]string{"a.conf peers-services: real servers: 10.0.0.3:80 of a.conf is not here"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := three(nil), three(nil)
			b.Files = []string{"b.conf"}
			test.change(b)
			said(t, Cluster([]*config.Config{a, b}), test.want...)
		})
	}
}

// large is a site with services virtual servers and about 16 real servers for
// each.
func large(services, real int) *config.Config {
	c := &config.Config{Files: []string{"a.conf"}, VirtualServers: make([]config.VirtualServer, 0, services)}
	per := real / services
	line := 0
	for i := range services {
		v := server(fmt.Sprintf("192.0.%d.%d:80", i/250, i%250+1))
		for k := range per {
			line++
			at := config.NewPosition("a.conf", line, 0)
			v.RealServers = append(v.RealServers, config.RealServer{
				At: at, Address: endpointOf(fmt.Sprintf("10.%d.%d.%d:80", i/250, i%250, k+1)), Checks: []config.Check{{TCP: &config.TCPCheck{At: at}}},
			})
		}
		c.VirtualServers = append(c.VirtualServers, v)
	}
	return c
}

// BenchmarkLarge is the largest site that is known: 2,300 virtual servers and
// 37,000 real servers, alone and compared with its peer.
func BenchmarkLarge(b *testing.B) {
	one, other := large(2300, 37000), large(2300, 37000)
	b.Run("One", func(b *testing.B) {
		for b.Loop() {
			if found := One(one); len(found) > 0 {
				b.Fatal(found)
			}
		}
	})
	b.Run("Cluster", func(b *testing.B) {
		for b.Loop() {
			if found := Cluster([]*config.Config{one, other}); len(found) > 0 {
				b.Fatal(found)
			}
		}
	})
}

// BenchmarkInstances is three nodes with a thousand virtual routers in sync
// groups of four.
func BenchmarkInstances(b *testing.B) {
	var cs []*config.Config
	for node := range 3 {
		c := &config.Config{Files: []string{fmt.Sprint("node", node)}, Scripts: []config.Script{{Name: "web", Interval: time.Second, Timeout: time.Second, Fall: 2, Rise: 1}}}
		for i := range 1000 {
			c.Instances = append(c.Instances, config.Instance{
				Name: fmt.Sprint("V", i), Version: 2, Interface: fmt.Sprint("eth", i/250), VRID: i%250 + 1, Priority: 100 - 30*node,
				AdvertInt: time.Second, DownTimerAdverts: 3, Garp: config.Garp{MasterDelay: 5 * time.Second, MasterRepeat: 5},
				Addresses: []config.Address{{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i / 250), byte(i % 250), 1}), 24)}},
			})
			if i%4 == 0 {
				c.Groups = append(c.Groups, config.SyncGroup{Name: fmt.Sprint("G", i), TrackScripts: []config.Track{{Name: "web", Weight: -70}}})
			}
			g := &c.Groups[len(c.Groups)-1]
			g.Members = append(g.Members, c.Instances[i].Name)
		}
		cs = append(cs, c)
	}
	b.Run("One", func(b *testing.B) {
		for b.Loop() {
			if found := One(cs[0]); len(found) > 0 {
				b.Fatal(found)
			}
		}
	})
	b.Run("Cluster", func(b *testing.B) {
		for b.Loop() {
			if found := Cluster(cs); len(found) > 0 {
				b.Fatal(found)
			}
		}
	})
}
