package build

import (
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/core/balance"
)

// TestServerTwiceByMethods holds that of two real servers that are written the same the
// first counts, also where their methods make them two in IPVS.
func TestServerTwiceByMethods(t *testing.T) {
	c := read(t, `
virtual_servers:
  - address: 192.0.2.1:443
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    real_servers:
      - {address: 192.0.2.11:80}
      - {address: 192.0.2.11:80, lvs_method: TUN}
      - {address: 192.0.2.12:80, lvs_method: DR}
      - {address: 192.0.2.12:80}
      - {address: 192.0.2.12:81}
`)
	var got []string
	for _, s := range Node(c).Services[0].Servers {
		got = append(got, s.Name)
	}
	if want := []string{"192.0.2.11:80", "192.0.2.12:443", "192.0.2.12:81"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestDefinedAgain holds that the real servers of a virtual server that is defined again
// inherit from their own definition.
func TestDefinedAgain(t *testing.T) {
	c := read(t, `
virtual_servers:
  - address: 192.0.2.1:80
    protocol: TCP
    lb_algo: rr
    lb_kind: DR
    weight: 3
    delay_loop: 7s
    connect_timeout: 8s
    retry: 7
    delay_before_retry: 9s
    warmup: 4s
    rise: 3
    fast_interval: 2s
    unknown_grace: 33s
    on_unknown: fail
    net_namespace: first
    virtualhost: first.example
    real_servers: [{address: 192.0.2.11:80}]
`)
	second := read(t, `
virtual_servers:
  - address: 192.0.2.1:80
    protocol: TCP
    lb_algo: wrr
    lb_kind: NAT
    weight: 7
    alpha: true
    inhibit_on_failure: true
    real_servers: [{address: 192.0.2.12:8080, checks: [HTTP_GET: {urls: [{path: /}]}]}]
`)
	c.VirtualServers = append(c.VirtualServers, second.VirtualServers...)
	n := Node(c)
	if len(n.Services) != 1 || len(n.Services[0].Servers) != 2 {
		t.Fatalf("%+v", n.Services)
	}
	a, b := n.Services[0].Servers[0], n.Services[0].Servers[1]
	if a.Name != "192.0.2.11:80" || a.Weight != 3 || a.Inhibits {
		t.Errorf("the first: %+v", a)
	}
	if b.Name != "192.0.2.12:8080" || b.Weight != 7 || !b.Inhibits || !b.Checks[0].Life.Alpha {
		t.Errorf("the second: %+v", b)
	}
	if got, want := *b.Checks[0].Life, *Node(second).Services[0].Servers[0].Checks[0].Life; got != want {
		t.Errorf("the check of the second: %+v, want %+v", got, want)
	}
	if got, want := Probes(c)[0], Probes(second)[0]; got.Identity() != want.Identity() || got.Limit != want.Limit || got.Interval != want.Interval {
		t.Errorf("the probe of the second: %+v, want %+v", got, want)
	}
	if got := n.Services[0].Layout.Servers[1].Forward; got != balance.Masq {
		t.Errorf("the method of the second is %v", got)
	}
}
