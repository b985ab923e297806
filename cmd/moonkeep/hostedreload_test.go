package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/node"
)

// TestRefusedReloadLeavesNoPlugins: what a reload prepared that is refused for
// something else goes with it, the processes of its checks too.
func TestRefusedReloadLeavesNoPlugins(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	const instance = `vrrp_instances:
  - name: VI_1
    interface: eth0
    virtual_router_id: 51
    priority: 100
    advert_int: 100ms
    version: 3
    virtual_ipaddresses: [192.0.2.100/24]
`
	file := a.write(t, "moonkeep.yaml", instance, 0o644)
	p := a.start(t, "run", file)
	p.awaitRole(t, "MASTER")
	a.write(t, "none.lua", "return { check = function() return true end }\n", 0o644)
	checked := `vrrp_scripts:
  - {name: web, interval: 1s, timeout: 1s, plugin: {HTTP_GET: {connect_ip: 192.0.2.1, connect_port: 80, urls: [{path: /}]}}}
` + instance + "    track_scripts: [web]\n"
	a.write(t, "moonkeep.yaml", checked+"    notify: {lua: none.lua}\n", 0o644)
	for range 2 {
		mentions(t, "the reload", p.asks(t, 1, "reload"), "it returns no function on_change")
	}
	none := func() bool {
		s, err := p.status()
		return err == nil && len(s.Plugins) == 0
	}
	eventually(t, "no plugin is left of the reloads that were refused", none, p.log.String)
	a.write(t, "moonkeep.yaml", checked, 0o644)
	p.asks(t, 0, "reload")
	s, err := p.status()
	netnstest.Must(t, err)
	if len(s.Plugins) != 1 {
		t.Errorf("with the check there are %d plugins: %+v", len(s.Plugins), s.Plugins)
	}
	a.write(t, "moonkeep.yaml", instance, 0o644)
	p.asks(t, 0, "reload")
	eventually(t, "no plugin is left without the check", none, p.log.String)
	p.stop(t)
}

// TestConnectTimeoutReloaded: a connect_timeout that a reload changes counts for
// the checkers that run.
func TestConnectTimeoutReloaded(t *testing.T) {
	t.Parallel()
	e := hostedEdges(t)
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(300 * time.Millisecond) }))
	defer web.Close()
	read := func(timeout string) *config.Config {
		return hostedConfig(t, fmt.Sprintf(`
virtual_servers:
  - address: "192.0.2.1:80"
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    connect_timeout: %s
    real_servers:
      - address: %q
        checks:
          - HTTP_GET: {urls: [{path: /}]}
vrrp_instances:
  - {name: VI_1, interface: eth0, virtual_router_id: 51, virtual_ipaddresses: [192.0.2.1/32]}
`, timeout, web.Listener.Addr()))
	}
	answers := make(chan node.Answer, 1)
	var before *probes
	reload := func(timeout string) {
		p, err := e.newProbes(read(timeout))
		netnstest.Must(t, err)
		p.Begin(func(_ uint32, list []node.Answer) { answers <- list[0] })
		if before != nil {
			netnstest.Must(t, before.Close())
		}
		before = p
	}
	probe := func() node.Answer {
		t.Helper()
		before.Start(1, []node.Ask{{Check: 0, Seq: 1}})
		select {
		case a := <-answers:
			return a
		case <-time.After(30 * time.Second):
			t.Fatal("the probe was not answered")
		}
		return node.Answer{}
	}
	reload("100ms")
	begin := time.Now()
	for probe().Verdict != health.Failed { // until the process runs
		if time.Since(begin) > patience {
			t.Fatal("the process does not run")
		}
	}
	reload("10s")
	if a := probe(); a.Verdict != health.OK {
		t.Errorf("within 10s: %v %q", a.Verdict, a.Message)
	}
	for range 2 {
		reload("100ms")
		if a := probe(); a.Verdict == health.OK {
			t.Errorf("within 100ms: %v %q", a.Verdict, a.Message)
		}
		reload("10s")
		if a := probe(); a.Verdict != health.OK {
			t.Errorf("within 10s again: %v %q", a.Verdict, a.Message)
		}
	}
	netnstest.Must(t, before.Close())
}
