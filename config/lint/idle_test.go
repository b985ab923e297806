package lint

import (
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// TestIdle: keys of which nothing comes where they stand.
func TestIdle(t *testing.T) {
	c := read(t, "a.yaml", `
plugins:
  - {name: MISC_CHECK, memory: 64}
  - {name: HTTP_GET, memory: 64}
  - {name: MISC_LIKE, path: /p, memory: 64}
vrrp_scripts:
  - {name: web, plugin: {HTTP_GET: {connect_ip: 192.0.2.7, connect_port: 80, urls: [/], retry: 3, fast_recovery: true, on_unknown: keep, unknown_grace: 30s}}, interval: 2s}
  - {name: mail, plugin: {SMTP_CHECK: {connect_ip: 192.0.2.7, connect_port: 25, connect_timeout: 1s, hosts: [{connect_ip: 192.0.2.8, delay_loop: 3s, unknown_grace: 9s, net_namespace: blue}, {fwmark: 3}]}}}
vrrp_instances: [{name: A, interface: eth0, virtual_router_id: 1, track_scripts: [web, mail]}]
virtual_servers:
  - {address: "192.0.2.1:25", protocol: TCP, lb_algo: rr, lb_kind: NAT, real_servers: [{address: "192.0.2.11:25", checks: [{SMTP_CHECK: {retry: 3, hosts: [{delay_loop: 3s, net_namespace: blue}]}}]}]}
`)
	var got config.Findings
	for _, f := range One(c) {
		if f.Name == "no-effect" {
			got = append(got, f)
		}
	}
	said(t, got,
		"a.yaml no-effect: plugin MISC_CHECK: memory has no effect",
		"a.yaml no-effect: vrrp_script web: retry of its check has no effect",
		"a.yaml no-effect: vrrp_script web: fast_recovery of its check has no effect",
		"a.yaml no-effect: vrrp_script mail: delay_loop of a host of its check has no effect",
		"a.yaml no-effect: vrrp_script mail: unknown_grace of a host of its check has no effect: on_unknown and unknown_grace go for the whole check",
		"a.yaml no-effect: vrrp_script mail: net_namespace of a host of its check has no effect")
}
