package build

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
)

// TestHosts: each host of an SMTP_CHECK is a check of its own, with what it says of where
// it connects, and of the rest what the check says for all; and so is the real server where
// the check says where or how to connect.
func TestHosts(t *testing.T) {
	c := read(t, `
virtual_servers:
  - address: 192.0.2.1:25
    delay_loop: 10s
    connect_timeout: 4s
    net_namespace: blue
    real_servers:
      - address: 192.0.2.11:25
        weight_by: {lua: /w.lua}
        checks:
          - SMTP_CHECK:
              retry: 2
              helo_name: here
              bind_if: eth0
              fwmark: 3
              hosts:
                - {connect_ip: 192.0.2.12, net_namespace: red, bind_if: eth1, bindto: 192.0.2.5, bind_port: 9, fwmark: 4, connect_timeout: 1s,
                   retry: 5, delay_before_retry: 3s, warmup: 6s, delay_loop: 2s, alpha: true, log_all_failures: true, rise: 2, on_unknown: ok, unknown_grace: 7s}
                - {connect_port: 26}
          - TCP_CHECK
          - SMTP_CHECK: {net_namespace: green, hosts: [{connect_ip: 192.0.2.13}]}
`)
	var got []string
	for _, p := range Probes(c) {
		got = append(got, fmt.Sprint(p.Check, " ", p.Kind, " ", p.Place(), " ", p.Address, " ", p.BindTo, " ", p.BindPort, " ", p.BindIf, " ", p.Fwmark, " ", p.NetNamespace, " ", p.ConnectTimeout, " ", p.Limit, " ", p.LogAll, " ", string(p.Options)))
	}
	want := []string{
		`0 SMTP_CHECK  192.0.2.11:25 invalid IP 0 eth0 3 blue 4s 12s false {"helo_name":"here"}`,
		`1 SMTP_CHECK 192.0.2.12:25 192.0.2.12:25 192.0.2.5 9 eth1 4 red 1s 3s true {"helo_name":"here"}`,
		`2 SMTP_CHECK 192.0.2.11:26 192.0.2.11:26 invalid IP 0  0 blue 4s 12s false {"helo_name":"here"}`,
		`3 TCP_CHECK  192.0.2.11:25 invalid IP 0  0 blue 4s 4s false {}`,
		`4 SMTP_CHECK 192.0.2.13:25 192.0.2.13:25 invalid IP 0  0 green 4s 12s false {"helo_name":"smtpchecker.keepalived.org"}`,
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Fatalf("probes\n%q\nwant\n%q", got, want)
		}
	}
	if len(got) != 6 || MostProbes(c) < 6 {
		t.Errorf("%d probes, at most %d: %q", len(got), MostProbes(c), got)
	}
	checks := Node(c).Services[0].Servers[0].Checks
	lives := []health.Config{
		{Interval: 10 * time.Second, Doubt: time.Second, Warmup: 10 * time.Second, Patience: 14 * time.Second, Rise: 1, Fall: 3, First: health.Counted, Grace: 30 * time.Second},
		{Interval: 2 * time.Second, Doubt: 3 * time.Second, Warmup: 6 * time.Second, Patience: 5 * time.Second, Rise: 2, Fall: 6, Alpha: true, Grace: 7 * time.Second, OnUnknown: health.Pass},
		{Interval: 10 * time.Second, Doubt: time.Second, Warmup: 10 * time.Second, Patience: 14 * time.Second, Rise: 1, Fall: 3, First: health.Counted, Grace: 30 * time.Second},
	}
	places := []string{"", "192.0.2.12:25", "192.0.2.11:26"}
	for i, want := range lives {
		if got := *checks[i].Life; got != want || checks[i].Kind != "SMTP_CHECK" || checks[i].Place != places[i] {
			t.Errorf("place %d: %+v, want %+v; %+v", i, got, want, checks[i])
		}
	}
}

// TestHostsOfScript: those of a vrrp_script, with what it connects to itself, are one check,
// whose process is in the namespace that the check says.
func TestHostsOfScript(t *testing.T) {
	c := read(t, servicesText+`
vrrp_sync_groups: [{name: G, group: [A], track_scripts: [mail]}]
vrrp_scripts: [{name: mail, plugin: {SMTP_CHECK: {connect_ip: 192.0.2.9, connect_port: 25, bind_if: eth0, hosts: [{connect_ip: 192.0.2.12, net_namespace: blue}, {connect_ip: 192.0.2.13}]}}}]
`)
	all := Probes(c)
	p := all[len(all)-1]
	var o struct{ Hosts []map[string]any }
	if err := json.Unmarshal(p.Options, &o); p.Script != "mail" || err != nil || len(o.Hosts) != 3 || p.BindIf != "" || !p.Binds {
		t.Fatalf("%s has the options %s: %v", p.Script, p.Options, err)
	}
	for i, h := range o.Hosts {
		if own := i == 0; len(h) != 3 && !own || own != (h["bind_if"] == "eth0") || h["connect_ip"] == nil || h["connect_port"] != 25.0 || h["connect_timeout"] == nil {
			t.Errorf("host %d: %v", i, h)
		}
	}
}
