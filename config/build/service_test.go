package build

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	native "github.com/moonkeep/moonkeep/config/source"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
)

func read(t *testing.T, text string) *config.Config {
	t.Helper()
	c, found := native.Read("a.yaml", []byte("vrrp_instances: [{name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1/24]}]\n"+text))
	if found.Errors() {
		t.Fatal(found)
	}
	return c
}

const servicesText = `
global: {checker_log_all_failures: true, rs_init_notifies: true, script_user: checks, script_group: other}
SSL: {ca: /ca.pem, certificate: /c.pem, key: /k.pem, password: secret}
track_files: [{name: load, file: /run/load, weight: 3}]
bfd_instances: [{name: peer, neighbor_ip: 192.0.2.9}]
virtual_servers:
  - address: 192.0.2.1:80
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    quorum: 2
    hysteresis: 1
    delay_loop: 4s
    ha_suspend: true
    omega: true
    virtualhost: v.example
    net_namespace: blue
    sorry_server: {address: 192.0.2.99:80, inhibit: true}
    real_servers:
      - address: 192.0.2.11:8080
        weight: 7
        inhibit_on_failure: true
        checks:
          - FILE_CHECK: {track_file: load}
          - TCP_CHECK: {connect_port: 81, bindto: 192.0.2.5, bind_port: 9, bind_if: eth1, fwmark: 6, net_namespace: red, connect_timeout: 1s}
          - BFD_CHECK: {name: peer, alpha: true}
          - HTTP_GET: {rise: 3, urls: [{path: /a, status_code: [200, 301-303]}, {path: /b, virtualhost: b.example, digest: 9b3a0c85a887a256d6939da88aabd8cd, headers: ["X: y"]}]}
      - address: 192.0.2.12
        checks:
          - SSL_GET: {enable_sni: true, urls: [/]}
          - SSL_GET: {certificate: /own.pem, key: /own.key, urls: [/]}
          - SMTP_CHECK: {connect_port: 25, hosts: [{connect_ip: 192.0.2.13, connect_timeout: 2s}, {connect_port: 26}]}
          - DNS_CHECK: {type: A, name: x.example, answer: [192.0.2.1]}
          - UDP_CHECK: {payload: "01ab", require_reply: "0X"}
          - MISC_CHECK: {misc_path: "/bin/x y", misc_dynamic: true, misc_timeout: 3s}
          - LUA_CHECK: {path: /c.lua, args: {a: b}, timeout: 1500ms}
          - GRPC_HEALTH: {service: s, tls: true}
          - AGENT_CHECK: {connect_port: 99, send: hi}
          - plugin: {name: redis-role, options: {role: master, db: 3}}
      - address: 192.0.2.11:8080
  - fwmark: 3
    protocol: TCP
    lb_algo: rr
    lb_kind: DR
    real_servers: [{address: 192.0.2.14, checks: [PING_CHECK]}]
`

// TestServiceTwice: the real servers of a virtual server that is defined again are
// further ones of the first, each once, and their checks have numbers.
// TestShares: services that have a key in common are marked, others are not.
func TestShares(t *testing.T) {
	one := func(a string) config.GroupEntry { return config.GroupEntry{Address: netip.MustParseAddr(a), Port: 80} }
	address := config.Endpoint{AddrPort: netip.MustParseAddrPort("192.0.2.9:80")}
	c := &config.Config{
		VirtualServerGroups: []config.VirtualServerGroup{
			{Name: "g", Entries: []config.GroupEntry{one("192.0.2.1"), one("192.0.2.1"), one("192.0.2.9")}},
			{Name: "h", Entries: []config.GroupEntry{one("192.0.2.3")}},
		},
		VirtualServers: []config.VirtualServer{
			{Group: "h", Protocol: "TCP"}, {Group: "g", Protocol: "TCP"}, {Address: address, Protocol: "UDP"}, {Address: address, Protocol: "TCP"},
		},
	}
	var got []bool
	for _, s := range services(c, nil) {
		got = append(got, s.Shares)
	}
	if want := []bool{false, true, false, true}; !slices.Equal(got, want) {
		t.Errorf("shares %v, want %v", got, want)
	}
}

func TestServiceTwice(t *testing.T) {
	c := read(t, servicesText)
	before := Node(c)
	again := c.VirtualServers[0]
	again.RealServers = append([]config.RealServer{}, c.VirtualServers[0].RealServers[0])
	further := c.VirtualServers[1].RealServers[0] // one PING_CHECK
	further.Address = config.Endpoint{AddrPort: netip.MustParseAddrPort("192.0.2.77:80")}
	again.RealServers = append(again.RealServers, further)
	again.LBAlgo, again.Quorum = "mh", 9
	c.VirtualServers = append(c.VirtualServers, again)
	n := Node(c)
	if len(n.Services) != 2 || len(n.Services[0].Servers) != 3 || n.Services[0].Servers[2].Name != "192.0.2.77:80" || n.Services[0].Quorum != before.Services[0].Quorum ||
		len(n.Services[0].Layout.Servers) != 3 || n.Services[0].Layout.Options.Scheduler != before.Services[0].Layout.Options.Scheduler {
		t.Errorf("services %+v", n.Services)
	}
	found := false
	for _, p := range Probes(c) {
		found = found || p.Server() == "192.0.2.77:80" && p.Kind == "PING_CHECK"
	}
	if !found {
		t.Error("nobody checks the further server")
	}
}

// TestTuples: virtual and real servers are written as by keepalived: those of one group
// by their order, without a protocol where marks say what belongs to them, and by a
// mark without a port where that is kept.
func TestTuples(t *testing.T) {
	c := read(t, `
virtual_server_groups:
  - {name: g, entries: [{address: 192.0.2.1, port: 80}, {fwmark: 4}]}
  - {name: marks, entries: [{fwmark: 5}]}
virtual_servers:
  - {group: marks, protocol: TCP, lb_algo: rr, lb_kind: DR, real_servers: [{address: 192.0.2.11:80}]}
  - {group: g, protocol: TCP, lb_algo: rr, real_servers: [{address: 192.0.2.11:80}]}
  - {group: g, protocol: UDP, lb_algo: rr, real_servers: [{address: 192.0.2.11:80}]}
  - {fwmark: 6, protocol: TCP, lb_algo: rr, lb_kind: TUN, real_servers: [{address: 192.0.2.11:80}, {address: 192.0.2.12:80, lvs_method: NAT}]}
`)
	var got []string
	for _, v := range Node(c).Services {
		for _, s := range v.Servers {
			got = append(got, s.Tuple+" "+v.Tuple)
		}
	}
	want := []string{"[192.0.2.11]:none:80 [marks]:0", "[192.0.2.11]:tcp:80 [g]:0", "[192.0.2.11]:udp:80 [g]:1", "[192.0.2.11]:none:0 FWM 6", "[192.0.2.12]:none:80 FWM 6"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestServices holds what the node gets, and that numbers are the same for both.
func TestServices(t *testing.T) {
	c := read(t, servicesText)
	c.VirtualServers = append(c.VirtualServers, c.VirtualServers[0]) // as keepalived.conf can have it
	n := Node(c)
	if len(n.Services) != 2 {
		t.Fatalf("%d services, want 2: one is there twice", len(n.Services))
	}
	if got := Sought(c); len(got) != 1 || got[0] != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("sought are %v", got)
	}
	v := n.Services[0]
	if v.Name != "TCP 192.0.2.1:80" || v.Tuple != "[192.0.2.1]:tcp:80" || v.Quorum != 2 || v.Hysteresis != 1 || !v.Omega || !v.TellFirst ||
		v.Awake != netip.MustParseAddr("192.0.2.1") || !v.Sorry.Present || !v.Sorry.Inhibits || len(v.Servers) != 2 {
		t.Errorf("service %+v", v)
	}
	a, b := v.Servers[0], v.Servers[1]
	if a.Name != "192.0.2.11:8080" || a.Tuple != "[192.0.2.11]:tcp:8080" || a.Weight != 7 || !a.Inhibits || b.Name != "192.0.2.12:80" || b.Weight != 1 || b.Inhibits {
		t.Errorf("servers %+v and %+v", a, b)
	}
	if f := a.Checks[0]; f.File != "load" || f.Weight != 3 || f.Kind != "FILE_CHECK" {
		t.Errorf("FILE_CHECK %+v", f)
	}
	if x := a.Checks[2]; x.Session != "peer" || !x.Life.Alpha {
		t.Errorf("BFD_CHECK %+v", x)
	}
	if f := n.Services[1]; f.Name != "fwmark 3" || f.Tuple != "FWM 3" || f.Servers[0].Tuple != "[192.0.2.14]:none:0" {
		t.Errorf("fwmark service %+v", f)
	}
	want := health.Config{Interval: 4 * time.Second, Doubt: 3 * time.Second, Warmup: 4 * time.Second, Patience: 22 * time.Second, Rise: 3, Fall: 2, Grace: 12 * time.Second}
	if got := *a.Checks[3].Life; got != want {
		t.Errorf("life of HTTP_GET: %+v, want %+v", got, want)
	}
	number := uint32(0)
	probes := map[uint32]Probe{}
	for _, p := range Probes(c) {
		probes[p.Check] = p
	}
	found := 0
	for _, v := range n.Services {
		for _, s := range v.Servers {
			for _, k := range s.Checks {
				p, ok := probes[number]
				follows := k.File != "" || k.Session != ""
				if ok == follows || ok && (p.Identity() != k.Identity || p.Kind != k.Kind || p.Service != v.Name || p.Server() != s.Name || !k.LogAll || p.Limit+2*time.Second != k.Life.Patience) {
					t.Errorf("check %d of %s: %+v and %+v", number, s.Name, k, p)
				}
				if ok {
					found++
				}
				number++
			}
		}
	}
	if found != len(probes) || found != 15 {
		t.Errorf("%d of %d probes are of a check", found, len(probes))
	}
}

// TestMiscTime holds that a program without misc_timeout has as long as a run, which
// is delay_loop, whatever connect_timeout is.
func TestMiscTime(t *testing.T) {
	c := read(t, `
virtual_servers:
  - address: 192.0.2.1:80
    delay_loop: 3s
    connect_timeout: 5s
    real_servers: [{address: 192.0.2.11, checks: [{MISC_CHECK: {misc_path: /bin/x}}]}]
`)
	var got []time.Duration
	for _, p := range Probes(c) {
		got = append(got, p.ConnectTimeout, p.Limit)
	}
	if want := []time.Duration{3 * time.Second, 3 * time.Second}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestOptions holds what each kind of check is told.
func TestOptions(t *testing.T) {
	want := map[string]string{
		"TCP_CHECK":      `{}`,
		"PING_CHECK":     `{}`,
		"HTTP_GET":       `{"http_protocol":"1.0","urls":[{"path":"/a","status_code":"200 301-303","virtualhost":"v.example"},{"digest":"9b3a0c85a887a256d6939da88aabd8cd","headers":["X: y"],"path":"/b","status_code":"200-299","virtualhost":"b.example"}]}`,
		"SSL_GET":        `{"ca":"/ca.pem","certificate":"/c.pem","enable_sni":true,"http_protocol":"1.0","key":"/k.pem","password":"secret","urls":[{"path":"/","status_code":"200-299","virtualhost":"v.example"}]}`,
		"SSL_GET own":    `{"ca":"/ca.pem","certificate":"/own.pem","http_protocol":"1.0","key":"/own.key","urls":[{"path":"/","status_code":"200-299","virtualhost":"v.example"}]}`,
		"SMTP_CHECK":     `{"helo_name":"smtpchecker.keepalived.org"}`,
		"SMTP_CHECK own": `{"helo_name":"smtpchecker.keepalived.org"}`,
		"DNS_CHECK":      `{"answer":["192.0.2.1"],"name":"x.example","type":"A"}`,
		"UDP_CHECK":      `{"max_reply_length":255,"payload":"01ab","require_reply":"0X"}`,
		"MISC_CHECK":     `{"misc_dynamic":true,"misc_path":["/bin/x","y"],"misc_timeout":"3s"}`,
		"LUA_CHECK":      `{"args":{"a":"b"},"path":"/c.lua","timeout":"1.5s"}`,
		"GRPC_HEALTH":    `{"authority":"v.example","ca":"/ca.pem","certificate":"/c.pem","key":"/k.pem","password":"secret","service":"s","tls":true}`,
		"AGENT_CHECK":    `{"send":"hi"}`,
		"redis-role":     `{"db":"3","role":"master"}`,
	}
	seen := map[string]bool{}
	for _, p := range Probes(read(t, servicesText)) {
		kind := p.Kind
		if seen[kind] {
			kind += " own"
		}
		seen[kind] = true
		if string(p.Options) != want[kind] {
			t.Errorf("%s: %s, want %s", kind, p.Options, want[kind])
		}
		if p.Plugin != (kind == "redis-role") || !json.Valid(p.Options) {
			t.Errorf("%+v", p)
		}
		switch kind {
		case "TCP_CHECK":
			got := fmt.Sprint(p.Address, p.BindTo, p.BindPort, p.BindIf, p.Fwmark, p.NetNamespace, p.ConnectTimeout, p.Limit)
			if got != "192.0.2.11:81192.0.2.5 9eth16red1s1s" && got != fmt.Sprint(netip.MustParseAddrPort("192.0.2.11:81"), netip.MustParseAddr("192.0.2.5"), uint16(9), "eth1", uint32(6), "red", time.Second, time.Second) {
				t.Errorf("TCP_CHECK: %s", got)
			}
		case "HTTP_GET":
			if p.Limit != 20*time.Second || p.NetNamespace != "blue" || p.Address.String() != "192.0.2.11:8080" {
				t.Errorf("HTTP_GET: %+v", p)
			}
		case "MISC_CHECK":
			if p.User != "checks" || p.Group != "other" || p.Limit != 3*time.Second {
				t.Errorf("MISC_CHECK: %+v", p)
			}
		case "LUA_CHECK":
			if p.Lua == nil || p.Limit != 1500*time.Millisecond || p.Virtual.String() != "192.0.2.1:80" {
				t.Errorf("LUA_CHECK: %+v", p)
			}
		}
	}
	for kind := range want {
		if !seen[kind] {
			t.Errorf("there is no %s", kind)
		}
	}
}

// TestProbeIdentity: what is checked makes it, when does not.
func TestProbeIdentity(t *testing.T) {
	identity := func(check string) string {
		c := read(t, `virtual_servers: [{address: "192.0.2.1:80", protocol: TCP, lb_algo: rr, lb_kind: NAT, real_servers: [{address: "192.0.2.11:80", checks: [`+check+`]}]}]`)
		return Probes(c)[0].Identity()
	}
	base := identity("TCP_CHECK: {connect_port: 80}")
	for _, same := range []string{"TCP_CHECK", "TCP_CHECK: {delay_loop: 3s, retry: 5, connect_timeout: 9s, rise: 2, log_all_failures: true}"} {
		if identity(same) != base {
			t.Errorf("%s is another check", same)
		}
	}
	seen := []string{base}
	for _, other := range []string{
		"TCP_CHECK: {connect_port: 81}", "TCP_CHECK: {connect_ip: 192.0.2.12}", "TCP_CHECK: {bindto: 192.0.2.5}", "TCP_CHECK: {bind_port: 7}",
		"TCP_CHECK: {bind_if: eth0}", "TCP_CHECK: {fwmark: 7}", "TCP_CHECK: {net_namespace: x}", "PING_CHECK", "HTTP_GET: {urls: [/]}", "HTTP_GET: {urls: [/x]}",
		"MISC_CHECK: {misc_path: /bin/x}", "MISC_CHECK: {misc_path: /bin/x, user: u}", "plugin: {name: TCP_CHECK}", "plugin: {name: TCP_CHECK, options: {a: b}}",
	} {
		id := identity(other)
		if slices.Contains(seen, id) {
			t.Errorf("%s is no other check", other)
		}
		seen = append(seen, id)
	}
}

// TestSameOptions: what one check says is another's only if both say the same.
func TestSameOptions(t *testing.T) {
	c := read(t, `virtual_servers: [{address: "192.0.2.1:80", protocol: TCP, lb_algo: rr, lb_kind: NAT, real_servers: [
  {address: "192.0.2.11:80", checks: [HTTP_GET: {urls: [/]}]}, {address: "192.0.2.12:80", checks: [HTTP_GET: {urls: [/], connect_timeout: 9s, connect_port: 81}]},
  {address: "192.0.2.13:80", virtualhost: a.example, checks: [HTTP_GET: {urls: [/]}]}, {address: "192.0.2.14:80", checks: [HTTP_GET: {urls: [/x]}]},
  {address: "192.0.2.15:80", checks: [SSL_GET: {urls: [/]}]}, {address: "192.0.2.16:80", checks: [SSL_GET: {urls: [/], verify: true}]}]}]`)
	var got []string
	for _, p := range Probes(c) {
		got = append(got, string(p.Options))
	}
	page := func(path, more string) string {
		return `{"http_protocol":"1.0","urls":[{"path":"` + path + `","status_code":"200-299"` + more + `}]`
	}
	want := []string{page("/", "") + "}", page("/", "") + "}", page("/", `,"virtualhost":"a.example"`) + "}", page("/x", "") + "}", page("/", "") + "}", page("/", "") + `,"verify":true}`}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestFileWeight: a weight of a FILE_CHECK's own has the sign that stands beside it, as
// with keepalived, and not that of the track_file.
func TestFileWeight(t *testing.T) {
	c := read(t, `
track_files: [{name: load, file: /run/load, weight: 3, reverse: true}]
virtual_servers:
  - address: 192.0.2.1:80
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    real_servers:
      - address: 192.0.2.11:80
        checks: [{FILE_CHECK: {track_file: load}}, {FILE_CHECK: {track_file: load, weight: 5}}, {FILE_CHECK: {track_file: load, weight: 5, reverse: true}}, {FILE_CHECK: {track_file: load, reverse: false}}]
`)
	var got []string
	for _, k := range Node(c).Services[0].Servers[0].Checks {
		got = append(got, fmt.Sprint(k.Weight, k.Reverse))
	}
	if want := []string{"3 true", "5 false", "5 true", "3 false"}; !slices.Equal(got, want) {
		t.Errorf("FILE_CHECKs weigh %q, want %q", got, want)
	}
}

// TestProbeWeight: the agent's parts are of the real server's weight, which makes no
// other check.
func TestProbeWeight(t *testing.T) {
	of := func(weight string) Probe {
		c := read(t, `virtual_servers: [{address: "192.0.2.1:80", protocol: TCP, lb_algo: rr, lb_kind: NAT, real_servers: [{address: "192.0.2.11:80", weight: `+weight+`, checks: [{AGENT_CHECK: {connect_port: 99}}, TCP_CHECK]}]}]`)
		return Probes(c)[0]
	}
	ten, twenty := of("10"), of("20")
	if ten.Weight == nil || *ten.Weight != 10 || *twenty.Weight != 20 || ten.Identity() != twenty.Identity() {
		t.Errorf("weights %v and %v, identities %s and %s", ten.Weight, twenty.Weight, ten.Identity(), twenty.Identity())
	}
}

// TestProbeNeeds: where a further host of a check is connected to from needs what
// that of the check itself would.
func TestProbeNeeds(t *testing.T) {
	for check, want := range map[string][2]bool{
		"SMTP_CHECK": {false, false},
		"SMTP_CHECK: {hosts: [{connect_ip: 192.0.2.13, fwmark: 7}, {connect_ip: 192.0.2.12}]}":         {true, false},
		"SMTP_CHECK: {hosts: [{connect_ip: 192.0.2.12, bind_port: 25}]}":                               {false, true},
		"SMTP_CHECK: {hosts: [{connect_ip: 192.0.2.12, bind_port: 2500}]}":                             {false, false},
		"SMTP_CHECK: {hosts: [{connect_ip: 192.0.2.12, bind_port: 25, fwmark: 1}, {bind_port: 1024}]}": {true, true},
		"TCP_CHECK: {fwmark: 7}":    {true, false},
		"TCP_CHECK: {bind_port: 7}": {false, true},
	} {
		c := read(t, `virtual_servers: [{address: "192.0.2.1:80", protocol: TCP, lb_algo: rr, lb_kind: NAT, real_servers: [{address: "192.0.2.11:80", checks: [`+check+`]}]}]`)
		p := Probes(c)[0]
		if got := [2]bool{p.Marks, p.LowPort}; got != want {
			t.Errorf("%s: needs %v, want %v", check, got, want)
		}
	}
}

// TestScriptProbes: a vrrp_script may be a plugin's check.
func TestScriptProbes(t *testing.T) {
	c := read(t, servicesText+`
vrrp_sync_groups: [{name: G, group: [A], track_scripts: [web]}]
vrrp_scripts: [{name: web, plugin: {HTTP_GET: {connect_ip: 192.0.2.7, connect_port: 8, urls: [/]}}, interval: 2s, timeout: 1s}]
`)
	all := Probes(c)
	p := all[len(all)-1]
	if p.Script != "web" || p.Check != 17 || p.Kind != "HTTP_GET" || p.Address.String() != "192.0.2.7:8" || p.Limit != time.Second || p.ConnectTimeout != time.Second {
		t.Errorf("%+v", p)
	}
	n := Node(c)
	with := *c
	with.Scripts = slices.Clone(c.Scripts)
	plugin := *c.Scripts[0].Plugin.HTTP
	plugin.ConnectPort = 9
	with.Scripts[0].Plugin = &config.Check{HTTP: &plugin}
	if n.Scripts[0].Identity == "" || n.Scripts[0].Identity == Node(&with).Scripts[0].Identity {
		t.Errorf("another plugin check has the same identity %q", n.Scripts[0].Identity)
	}
}

// BenchmarkServices is 37,000 real servers.
func BenchmarkServices(b *testing.B) {
	c := &config.Config{}
	for i := range 3700 {
		v := config.VirtualServer{Address: config.Endpoint{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 80)}, Protocol: "TCP", DelayLoop: time.Second, ConnectTimeout: time.Second, Quorum: 1, Weight: 1}
		for k := range 10 {
			v.RealServers = append(v.RealServers, config.RealServer{
				Address: config.Endpoint{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(16 + k), byte(i >> 8), byte(i)}), 80)},
				Checks:  []config.Check{{TCP: &config.TCPCheck{}}},
			})
		}
		c.VirtualServers = append(c.VirtualServers, v)
	}
	var n node.Config
	for b.Loop() {
		n = Node(c)
	}
	_ = n
}

// TestDoubtFromStart: that of programs.
func TestDoubtFromStart(t *testing.T) {
	for _, s := range Node(read(t, servicesText)).Services[0].Servers {
		for _, k := range s.Checks {
			if k.Life.FromStart != (k.Kind == "MISC_CHECK") {
				t.Errorf("%s: %v", k.Kind, k.Life.FromStart)
			}
		}
	}
}

// TestAlphaOfFile: what is in a file is known from the start, whatever alpha says.
func TestAlphaOfFile(t *testing.T) {
	on := true
	c := config.Config{
		TrackFiles: []config.TrackFile{{Name: "f", File: "/f", Weight: 1}},
		VirtualServers: []config.VirtualServer{{Fwmark: 7, RealServers: []config.RealServer{{
			Alpha:   &on,
			Address: config.Endpoint{AddrPort: netip.MustParseAddrPort("10.0.0.1:80")},
			Checks:  []config.Check{{File: &config.FileCheck{TrackFile: "f"}}, {BFD: &config.BFDCheck{Name: "b"}}},
		}}}},
	}
	for _, k := range Node(&c).Services[0].Servers[0].Checks {
		if k.Life.Alpha != (k.Kind == "BFD_CHECK") {
			t.Errorf("%s: alpha %v", k.Kind, k.Life.Alpha)
		}
	}
}

// TestTellsChecks: changes of single checks are told when they are mailed.
func TestTellsChecks(t *testing.T) {
	const relay, to = "smtp_server: 127.0.0.1, ", "notification_email: [a@example.net], "
	for global, want := range map[string]bool{relay + to: true, relay + to + "no_checker_emails: true, ": false, relay: false, to: false} {
		c := read(t, strings.Replace(servicesText, "global: {", "global: {"+global, 1))
		if got := Node(c).Services[0].TellChecks; got != want {
			t.Errorf("%q: %v, want %v", global, got, want)
		}
	}
}
