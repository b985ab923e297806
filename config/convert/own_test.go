package convert

import (
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
	"github.com/moonkeep/moonkeep/config/source"
)

// ownChecks has a key of each kind that keepalived does not know.
const ownChecks = `vrrp_instances: [{name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1/24], track_scripts: [web]}]
vrrp_scripts: [{name: web, fall: 2, plugin: {SSL_GET: {connect_ip: 192.0.2.9, connect_port: 443, verify: true, urls: [/x]}}}]
global: {plugin_directory: /opt/plugins, plugin_user: checks, plugin_group: checks}
plugins:
  - {name: redis-role, path: /opt/redis-role, sha256: 0000000000000000000000000000000000000000000000000000000000000001, user: redis, group: redis, memory: 64, allow: [net_raw]}
virtual_servers:
  - address: 192.0.2.1:80
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    rise: 2
    unknown_grace: 9s
    net_namespace: blue
    real_servers:
      - address: 192.0.2.11:80
        on_unknown: fail
        checks:
          - HTTP_GET: {http_protocol: 1.1C, http2: true, fall: 3, fast_interval: 200ms, urls: [{path: /x, method: POST, body: "a b", headers: ["X-A: b", "X-C: d e"], json_path: a.0.b, json_value: ok}]}
          - SSL_GET: {verify: true, ca: /ca, certificate: /c, key: /k, expiry_warning: 720h, urls: [/]}
          - DNS_CHECK: {type: A, name: example.org, answer: [192.0.2.7, 192.0.2.8]}
          - LUA_CHECK: {path: /c.lua, allow: [net, exec], args: {a: b, c: d e}, timeout: 2s}
          - GRPC_HEALTH: {service: x.Y, authority: h, tls: true, connect_port: 81, net_namespace: red}
          - AGENT_CHECK: {connect_port: 82, send: hello}
          - plugin: {name: redis-role, options: {role: master, "db name": "3"}, connect_port: 83, retry: 0}
`

// TestOwnKeywords: what keepalived does not know is carried into
// keepalived.conf all the same, and told.
func TestOwnKeywords(t *testing.T) {
	c, found := source.Read("a.yaml", []byte(ownChecks))
	if found.Errors() {
		t.Fatal(found)
	}
	for _, language := range Languages() {
		text, found, err := To(language, c, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]bool{}
		for _, f := range found {
			if language != Keepalived || f.Name != "own-keyword" || f.Severity != config.Warning {
				t.Errorf("%s: %v", language, f)
			}
			told[strings.Fields(f.Text)[0]] = true
		}
		if language == Keepalived {
			for _, word := range strings.Fields("check plugin plugin_directory rise net_namespace on_unknown http_protocol http2 method verify answer LUA_CHECK GRPC_HEALTH AGENT_CHECK PLUGIN_CHECK") {
				if !told[word] {
					t.Errorf("nothing is told of %s", word)
				}
			}
			for _, word := range strings.Fields("path arg option connect_port") {
				if told[word] {
					t.Errorf("%s is told, though what is around it is", word)
				}
			}
		}
		if d := schema.New().Diff(c, again(t, language, text)); len(d) > 0 {
			t.Errorf("%s: %v\n%s", language, d, text)
		}
	}
}

// TestPreset: what a preset stands for is told in keepalived's words, but for the keys
// beside it, and comes back from every language.
func TestPreset(t *testing.T) {
	c, found := source.Read("a.yaml", []byte(`global: {router_id: a, garp: {preset: many, master_repeat: 3}}
vrrp_instances: [{name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1/24], garp: {preset: thorough, master_delay: 7s}},
  {name: B, interface: eth0, virtual_router_id: 2, virtual_ipaddresses: [192.0.2.2/24], garp: {preset: quiet, master_delay: 7s, master_repeat: 3, master_refresh: 9s, master_refresh_repeat: 2, lower_prio_delay: 8s, lower_prio_repeat: 4}}]
`))
	if found.Errors() {
		t.Fatal(found)
	}
	for _, language := range Languages() {
		text, found, err := To(language, c, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		if language == Keepalived {
			want = []string{
				"vrrp_garp_preset is moonkeep's own: keepalived does not know it, and would run without it; there it is vrrp_garp_master_delay 5, vrrp_garp_master_refresh 0, vrrp_garp_master_refresh_repeat 1, vrrp_garp_interval 0.001",
				"garp_preset is moonkeep's own: keepalived does not know it, and would run without it; there it is garp_master_repeat 5, garp_master_refresh 60, garp_master_refresh_repeat 2, garp_lower_prio_delay 7, garp_lower_prio_repeat 5",
				"garp_preset is moonkeep's own: keepalived does not know it, and would run without it; the keys beside it say all that it stands for",
			}
		}
		var got []string
		for _, f := range found {
			got = append(got, f.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q", language, got)
		}
		if d := schema.New().Diff(c, again(t, language, text)); len(d) > 0 {
			t.Errorf("%s: %v\n%s", language, d, text)
		}
	}
}
