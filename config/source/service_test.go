package source

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// TestVirtualServers reads every kind of check and the short forms.
func TestVirtualServers(t *testing.T) {
	c, findings := Read("d/a.yaml", []byte(instance()+`
track_files: [{name: load, file: load.txt}]
bfd_instances: [{name: peer, neighbor_ip: 192.0.2.7}]
virtual_server_groups:
  - {name: web, entries: [192.0.2.9, {address: 192.0.2.10, port: 80}, {fwmark: 7}]}
virtual_servers:
  - address: "192.0.2.1:80"
    protocol: TCP
    lb_algo: wrr
    lb_kind: TUN type gue port 6080
    delay_loop: 3s
    sorry_server: {address: "192.0.2.250:80", inhibit: true}
    quorum_up: {script: up, user: nobody}
    real_servers:
      - "192.0.2.2:80"
      - address: "192.0.2.3:80"
        weight: 0
        checks:
          - TCP_CHECK
          - PING_CHECK:
          - HTTP_GET: {urls: [/healthz, {path: /x, status_code: [200, 301-302], digest: 9b3a0c85a887a256d6939da88aabd8cd}], connect_timeout: 3s}
          - SSL_GET: {urls: [{path: /, tls_compliant: true}], enable_sni: true}
          - SMTP_CHECK: {helo_name: a, hosts: [{connect_ip: 192.0.2.4}]}
          - DNS_CHECK: {type: A, name: example.com}
          - UDP_CHECK: {payload: "0aff", require_reply: true}
          - MISC_CHECK: {misc_path: [./check, "a b"], misc_dynamic: true}
          - FILE_CHECK: {track_file: load}
          - BFD_CHECK: {name: peer}
  - {group: web, protocol: TCP}
  - {fwmark: 3, sorry_server: 192.0.2.250}
`))
	for _, f := range findings {
		if f.Severity == config.Error || f.Name != "not-acted-on" && f.Name != "port-zero" {
			t.Error(f)
		}
	}
	if len(c.VirtualServers) != 3 || len(c.VirtualServers[0].RealServers) != 2 {
		t.Fatalf("%d virtual servers", len(c.VirtualServers))
	}
	v := c.VirtualServers[0]
	if v.Address.AddrPort != netip.MustParseAddrPort("192.0.2.1:80") || v.LBAlgo != "wrr" || v.LBKind.Port != 6080 || v.DelayLoop != 3*time.Second ||
		v.Quorum != 1 || v.SorryServer == nil || !v.SorryServer.Inhibit || v.QuorumUp.User != "nobody" || v.Identity() != "TCP 192.0.2.1:80" {
		t.Errorf("virtual server %+v", v)
	}
	if !v.Written.Has("sorry_server.inhibit") || v.Written.Has("quorum") {
		t.Errorf("written %v", v.Written)
	}
	if c.VirtualServers[1].Group != "web" || c.VirtualServers[2].SorryServer.Address.Addr() != netip.MustParseAddr("192.0.2.250") {
		t.Errorf("%+v", c.VirtualServers[1:])
	}
	if r := v.RealServers[0]; r.Address.Port() != 80 || r.Weight != nil || r.At.Line() != 20 {
		t.Errorf("real server %+v", r)
	}
	r := v.RealServers[1]
	var kinds []string
	for i := range r.Checks {
		kinds = append(kinds, r.Checks[i].Kind())
	}
	want := []string{"TCP_CHECK", "PING_CHECK", "HTTP_GET", "SSL_GET", "SMTP_CHECK", "DNS_CHECK", "UDP_CHECK", "MISC_CHECK", "FILE_CHECK", "BFD_CHECK"}
	if r.Weight == nil || *r.Weight != 0 || !slices.Equal(kinds, want) {
		t.Fatalf("real server %+v with %v", r, kinds)
	}
	http := r.Checks[2].HTTP
	if http.URLs[0].Path != "/healthz" || !http.URLs[0].StatusCode.Contains(204) || http.URLs[1].StatusCode.Contains(204) || !http.URLs[1].StatusCode.Contains(302) ||
		*http.ConnectTimeout != 3*time.Second || http.HTTPProtocol != "1.0" || len(http.URLs[1].Digest) != 16 {
		t.Errorf("HTTP_GET %+v", http)
	}
	if s := r.Checks[4].SMTP; s.HeloName != "a" || s.Hosts[0].ConnectIP != netip.MustParseAddr("192.0.2.4") {
		t.Errorf("SMTP_CHECK %+v", s)
	}
	if m := r.Checks[7].Misc; m.MiscPath.Argv[0] != "d/check" || m.MiscPath.Argv[1] != "a b" || !m.MiscDynamic {
		t.Errorf("MISC_CHECK %+v", m)
	}
	if c.TrackFiles[0].File != "d/load.txt" {
		t.Errorf("track_file %+v", c.TrackFiles[0])
	}
	g := c.VirtualServerGroups[0].Entries
	if g[0].Address != netip.MustParseAddr("192.0.2.9") || g[1].Port != 80 || g[2].Fwmark != 7 {
		t.Errorf("group %+v", g)
	}
}

// TestFindingsOfTheRest holds what is said about blocks that have no check of
// their own; the first line behind an instance is 6.
func TestFindingsOfTheRest(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"checks": {`virtual_servers: [{fwmark: 1, real_servers: [{address: 192.0.2.2, checks: [HTTP, {TCP_CHECK: {}, PING_CHECK: {}}, 7, {TCP_CHEK: {}}, {TCP_CHECK: {retry: -1}}, SMTP_CHECK: 5]}]}]`, []string{
			`a.yaml:6:76: error: virtual_server 1: real_server 192.0.2.2: checks: item 1 must be a table with one key, the kind of check: HTTP_GET, SSL_GET, TCP_CHECK, SMTP_CHECK, DNS_CHECK, UDP_CHECK, PING_CHECK, MISC_CHECK, FILE_CHECK, BFD_CHECK, LUA_CHECK, GRPC_HEALTH, AGENT_CHECK, plugin [wrong-type]`,
			`a.yaml:6:82: error: virtual_server 1: real_server 192.0.2.2: checks: item 2 must be a table with one key, the kind of check: HTTP_GET, SSL_GET, TCP_CHECK, SMTP_CHECK, DNS_CHECK, UDP_CHECK, PING_CHECK, MISC_CHECK, FILE_CHECK, BFD_CHECK, LUA_CHECK, GRPC_HEALTH, AGENT_CHECK, plugin [wrong-type]`,
			`a.yaml:6:115: error: virtual_server 1: real_server 192.0.2.2: checks: item 3 must be a table with one key, the kind of check: HTTP_GET, SSL_GET, TCP_CHECK, SMTP_CHECK, DNS_CHECK, UDP_CHECK, PING_CHECK, MISC_CHECK, FILE_CHECK, BFD_CHECK, LUA_CHECK, GRPC_HEALTH, AGENT_CHECK, plugin [wrong-type]`,
			`a.yaml:6:119: error: virtual_server 1: real_server 192.0.2.2 has no key "TCP_CHEK"; is "TCP_CHECK" meant? [unknown-key]`,
			`a.yaml:6:154: error: virtual_server 1: real_server 192.0.2.2: TCP_CHECK: retry must be from 0 to 4294967295, not -1 [out-of-range]`,
			`a.yaml:6:172: error: virtual_server 1: real_server 192.0.2.2: SMTP_CHECK must be a table of keys, not "5" [wrong-type]`,
		}},
		"a plugin's name in place of the kind": {`virtual_servers: [{fwmark: 1, real_servers: [{address: 192.0.2.2, checks: [{name: mine, options: {a: b}}]}]}]`, []string{
			`a.yaml:6:76: error: virtual_server 1: real_server 192.0.2.2: checks: item 1 must be a table with one key, the kind of check: HTTP_GET, SSL_GET, TCP_CHECK, SMTP_CHECK, DNS_CHECK, UDP_CHECK, PING_CHECK, MISC_CHECK, FILE_CHECK, BFD_CHECK, LUA_CHECK, GRPC_HEALTH, AGENT_CHECK, plugin; name and options of a plugin stand below the kind: {plugin: {name: ..., options: ...}} [wrong-type]`,
		}},
		"where a check connects": {`virtual_servers: [{address: "[2001:db8::1]:80", real_servers: [{address: "[fe80::2]:80", checks: [{TCP_CHECK: {}}, {TCP_CHECK: {bind_if: eth0}}, {UDP_CHECK: {connect_ip: "2001:db8::2"}}, {SMTP_CHECK: {hosts: [{}]}}, {SMTP_CHECK: {bind_if: eth0, hosts: [{}]}}]}]}]`, []string{
			`a.yaml:6:111: error: virtual_server UDP [2001:db8::1]:80: TCP_CHECK connects to the link-local address fe80::2, which may be on every network: write bind_if [no-bind-if]`,
			`a.yaml:6:210: error: virtual_server UDP [2001:db8::1]:80: a host of SMTP_CHECK connects to the link-local address fe80::2, which may be on every network: write bind_if [no-bind-if]`,
			`a.yaml:6:254: error: virtual_server UDP [2001:db8::1]:80: a host of SMTP_CHECK connects to the link-local address fe80::2, which may be on every network: write bind_if [no-bind-if]`,
		}},
		"what a check needs": {`virtual_servers: [{fwmark: 1, real_servers: [{address: 192.0.2.2, checks: [HTTP_GET, MISC_CHECK, DNS_CHECK]}, {weight: 1}]}]`, []string{
			`a.yaml:6:76: error: virtual_server 1: real_server 192.0.2.2: HTTP_GET needs urls [missing-key]`,
			`a.yaml:6:86: error: virtual_server 1: real_server 192.0.2.2: MISC_CHECK needs a misc_path [missing-key]`,
			`a.yaml:6:111: error: virtual_server 1: real_server number 2 needs an address [missing-key]`,
		}},
		"smoothing from min": {`virtual_servers: [{fwmark: 1, real_servers: [{address: 192.0.2.2, weight_by: {lua: a.lua}, smoothing: {min: 5}}]}]`, []string{
			`a.yaml:6:103: error: virtual_server 1: real_server 192.0.2.2: smoothing has one of min and max: they go together [bad-smoothing]`,
		}},
		"smoothing upside down": {`virtual_servers: [{fwmark: 1, real_servers: [{address: 192.0.2.2, checks: [{AGENT_CHECK: {connect_port: 1}}], smoothing: {min: 10, max: 5}}]}]`, []string{
			`a.yaml:6:123: error: virtual_server 1: real_server 192.0.2.2: smoothing has a min of 10, which must be less than its max of 5 [bad-smoothing]`,
		}},
		"smoothing of nothing": {`virtual_servers: [{fwmark: 1, real_servers: [{address: 192.0.2.2, checks: [TCP_CHECK, {MISC_CHECK: {misc_path: /bin/true}}], smoothing: {step: 2}}]}]`, []string{
			`a.yaml:6:126: error: virtual_server 1: real_server 192.0.2.2: smoothing smooths nothing: give weight_by, or a check that tells a weight (LUA_CHECK, AGENT_CHECK, a plugin, or MISC_CHECK with misc_dynamic or a Lua file) [bad-smoothing]`,
		}},
		"a server's own slow start": {`virtual_servers: [{fwmark: 1, real_servers: [{address: 192.0.2.2, weight_by: {lua: a.lua}, smoothing: {slow_start: 5s}}]}]`, []string{
			`a.yaml:6:104: error: virtual_server 1: real_server 192.0.2.2: smoothing has no slow_start for a real server: that is slow_start of its virtual server [bad-smoothing]`,
		}},
		"smoothing": {`virtual_servers: [{fwmark: 1, real_servers: [{address: 192.0.2.2, weight_by: {lua: a.lua}, smoothing: {min: 1, max: 5}}]}]`, []string{}},
		"the account of a Lua check": {`virtual_servers: [{fwmark: 1, real_servers: [{address: 192.0.2.2, checks: [{MISC_CHECK: {misc_path: {lua: a.lua}, user: nobody}}]}]}]`, []string{
			`a.yaml:6:115: error: virtual_server 1: real_server 192.0.2.2: MISC_CHECK: user goes with a program; a Lua script runs inside the daemon [exclusive-keys]`,
		}},
		"smoothing of a program": {`virtual_servers: [{fwmark: 1, real_servers: [{address: 192.0.2.2, checks: [{MISC_CHECK: {misc_path: /bin/true, misc_dynamic: true}}], smoothing: {step: 2}}]}]`, []string{}},
		"what a check cannot have": {`virtual_servers: [{fwmark: 1, real_servers: [{address: 192.0.2.2, checks: [{DNS_CHECK: {name: a..b}}, {DNS_CHECK: {name: a.b.}}, {MISC_CHECK: {misc_path: {script: /bin/true, user: a}, user: b}}, {MISC_CHECK: {misc_path: /bin/true, group: b}}]}]}]`, []string{
			`a.yaml:6:95: error: virtual_server 1: real_server 192.0.2.2: DNS_CHECK: name: a name has no empty label [wrong-value]`,
			`a.yaml:6:155: error: virtual_server 1: real_server 192.0.2.2: MISC_CHECK: misc_path names a user, and user does too: take one of them out [exclusive-keys]`,
			`a.yaml:6:232: error: virtual_server 1: real_server 192.0.2.2: MISC_CHECK: group needs user [missing-key]`,
		}},
		"words and notations": {`virtual_servers: [{address: host, lb_algo: rrr, lb_kind: XX, persistence_granularity: 129, real_servers: 5}]`, []string{
			`a.yaml:6:29: error: virtual_server host: address must be an address with a port, such as 192.0.2.1:80 or [2001:db8::1]:80, not "host" [wrong-value]`,
			`a.yaml:6:44: error: virtual_server host: lb_algo must be rr, wrr, lc, wlc, lblc, sh, mh, dh, fo, ovf, lblcr, sed, nq or twos, not "rrr" [wrong-value]`,
			`a.yaml:6:58: error: virtual_server host: lb_kind must be NAT, DR or TUN [wrong-value]`,
			`a.yaml:6:87: error: virtual_server host: persistence_granularity must be an IPv4 mask such as 255.255.255.0, or the length of an IPv6 prefix from 1 to 128 [wrong-value]`,
			`a.yaml:6:106: error: virtual_server host: real_servers must be a list, not "5" [wrong-type]`,
		}},
		"names": {`virtual_servers: [{group: none}, {lb_algo: rr}, {fwmark: 1}, {fwmark: 1}]
track_groups: [{name: tg, group: [A, B]}]
track_files: [{name: f, file: a}, {name: f, file: b}]
static_ipaddresses: [192.0.2.77 track_group gt]
global: {lvs_sync_daemon: {interface: eth0, inst: AA}}`, []string{
			`a.yaml:6:20: error: virtual_server group none UDP: there is no virtual_server_group "none" [unknown-block]`,
			`a.yaml:6:34: error: virtual_server number 2 needs one of address, fwmark and group, not 0 [missing-key]`,
			`a.yaml:6:62: error: virtual_server fwmark 1 is defined twice, first in line 6 [duplicate-name]`,
			`a.yaml:7:27: error: track_group tg: there is no vrrp_instance "B" [unknown-block]`,
			`a.yaml:8:35: error: track_file f is defined twice, first in line 8 [duplicate-name]`,
			`a.yaml:9:22: error: static_ipaddresses: there is no track_group "gt" [unknown-block]`,
			`a.yaml:10:45: error: global: lvs_sync_daemon: there is no vrrp_instance "AA" [unknown-block]`,
		}},
		"groups": {`virtual_server_groups:
  - {name: g, entries: [{address: 10.0.0.9, last: 10.0.0.1}, {address: 10.0.0.1, last: "fd00::1"}, {port: 80}, {address: "fe80::1%eth0"}]}
  - {name: h, entries: [{address: "fd00:9::", last: "fd00:9::ffff:ffff:ffff:ffff"}]}
virtual_servers: [{address: "[fe80::1%eth0]:80"}, {group: h}]`, []string{
			`a.yaml:7:25: error: virtual_server_group g: the end of the range, 10.0.0.1, is not behind its beginning, 10.0.0.9 [group-range]`,
			`a.yaml:7:62: error: virtual_server_group g: the range begins at 10.0.0.1 and ends at fd00::1, of another address family [group-range]`,
			`a.yaml:7:100: error: virtual_server_group g: an entry needs an address or a fwmark [group-range]`,
			`a.yaml:7:112: error: virtual_server_group g: fe80::1%eth0 has a zone, and IPVS knows none [group-range]`,
			`a.yaml:8:25: error: virtual_server_group h: with this line the groups have more than 65536 addresses, each of which is a service in IPVS; write a fwmark, which stands for any number of them, or a shorter range [group-range]`,
			`a.yaml:9:29: error: virtual_server [fe80::1%eth0]:80: address must be an address without a zone, which IPVS does not know, not "[fe80::1%eth0]:80" [wrong-value]`,
		}},
		"routes and rules": {`static_routes: [{to: 10.0.0.0/8, via: 192.0.2.1, table: 100, mtu: 1400, metric: 5, nexthops: [{via: x}]}]
static_rules: [{from: 10.0.0.0/8, fwmark: 7, sport: 1-2, preference: -1}]`, []string{
			`a.yaml:6:57: error: static_routes: item 1: table must be text, not a number: put it in quotes [wrong-type]`,
			`a.yaml:6:101: error: static_routes: item 1: nexthops: item 1: via must be an address such as 192.0.2.1, not "x" [bad-address]`,
			`a.yaml:7:70: error: static_rules: item 1: preference is too large a number, or below zero: -1 [out-of-range]`,
		}},
		"trackers that nobody defines": {`vrrp_sync_groups: [{name: G, group: [A], track_files: [f], track_processes: [{name: p}], track_bfds: [b]}]`, []string{
			`a.yaml:6:56: error: vrrp_sync_group G: track_files: there is no track_file "f"; the file defines no track_files [unknown-tracker]`,
			`a.yaml:6:78: error: vrrp_sync_group G: track_processes: there is no vrrp_track_process "p"; the file defines no vrrp_track_processes [unknown-tracker]`,
			`a.yaml:6:103: error: vrrp_sync_group G: track_bfds: there is no bfd_instance "b"; the file defines no bfd_instances [unknown-tracker]`,
		}},
		"secrets": {`SSL: {password: [hunter2]}
global: {vrrp_version: 4, smtp_connect_timeout: 99h, umask: 8888, notification_email: a@b, vrrp_mcast_group4: x}`, []string{
			`a.yaml:6:17: error: SSL: password must be text that is not empty [wrong-type]`,
			`a.yaml:7:24: error: global: vrrp_version must be from 2 to 3, not 4 [out-of-range]`,
			`a.yaml:7:49: error: global: smtp_connect_timeout must be from 0s to 24h, not 99h [out-of-range]`,
			`a.yaml:7:61: error: global: umask must be a number up to 0777, octal with a leading 0, not "8888" [wrong-value]`,
			`a.yaml:7:87: error: global: notification_email must be a list, not "a@b" [wrong-type]`,
			`a.yaml:7:111: error: global: vrrp_mcast_group4 must be an address such as 192.0.2.1, not "x" [bad-address]`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, findings := Read("a.yaml", []byte(instance()+test.text+"\n"))
			var got []string
			for _, f := range findings {
				if f.Severity == config.Error {
					got = append(got, f.String())
				}
			}
			for i := range max(len(got), len(test.want)) {
				if i >= len(got) || i >= len(test.want) || got[i] != test.want[i] {
					t.Errorf("finding %d: got\n%s\nwant\n%s", i, at(got, i), at(test.want, i))
				}
			}
		})
	}
}

// TestPersistenceTold: a service that is persistent without persistence_timeout is
// told of.
func TestPersistenceTold(t *testing.T) {
	for keys, want := range map[string]string{
		`address: 192.0.2.1`:      "port-zero",
		`group: all`:              "port-zero",
		`group: web`:              "",
		`address: "192.0.2.1:80"`: "",
		`address: "192.0.2.1:80", persistence_granularity: 255.255.255.0`: "as-keepalived",
		`fwmark: 1, persistence_granularity: 255.255.255.0`:               "as-keepalived",
		`fwmark: 1`: "",
		`address: 192.0.2.1, persistence_timeout: 5s`:                                              "",
		`fwmark: 1, persistence_granularity: 255.255.255.0, persistence_timeout: 360s`:             "",
		`address: "192.0.2.1:80", persistence_timeout: 5s, persistence_granularity: 24`:            "family-mismatch",
		`address: "[fd00::1]:80", persistence_timeout: 5s, persistence_granularity: 255.255.255.0`: "family-mismatch",
		`fwmark: 1, ip_family: inet, persistence_timeout: 5s, persistence_granularity: 24`:         "family-mismatch",
		`address: "[fd00::1]:80", persistence_timeout: 5s, persistence_granularity: 64`:            "",
		`address: "192.0.2.1:80", persistence_timeout: 5s, persistence_granularity: 0`:             "as-keepalived",
		`fwmark: 1, persistence_timeout: 5s, persistence_granularity: 0.0.0.0`:                     "as-keepalived",
	} {
		_, found := Read("a.yaml", []byte(`virtual_server_groups: [{name: web, entries: [{address: 192.0.2.1, port: 80}]}, {name: all, entries: ["192.0.2.2"]}]
virtual_servers: [{`+keys+`, protocol: TCP, lb_algo: rr, lb_kind: NAT, real_servers: ["192.0.2.11:80"]}]
`))
		var got []string
		for _, f := range found {
			got = append(got, f.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: found %v, want %q", keys, found, want)
		}
		if found.Errors() != (want == "family-mismatch") {
			t.Errorf("%s: found %v", keys, found)
		}
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return "nothing"
}

// TestInheritance holds that what instances say nothing about comes from
// global, before it is checked.
func TestInheritance(t *testing.T) {
	c, findings := Read("a.yaml", []byte("global: {vrrp_version: 3, vrrp_skip_check_adv_addr: true, garp: {master_repeat: 2}}\n"+instance("advert_int: 20ms")))
	if len(findings) > 0 || c.Instances[0].Version != 3 || !c.Instances[0].SkipCheckAdvAddr || c.Instances[0].Garp.MasterRepeat != 2 || c.Instances[0].Garp.LowerPrioRepeat != 2 {
		t.Errorf("%+v, findings %v", c.Instances, findings)
	}
	_, findings = Read("a.yaml", []byte("global: {vrrp_version: 3}\n"+instance("authentication: {auth_type: PASS, auth_pass: x}")))
	if len(findings) != 1 || findings[0].Name != "authentication-dropped" {
		t.Errorf("version 3 from global, and a password: %v", findings)
	}
}
