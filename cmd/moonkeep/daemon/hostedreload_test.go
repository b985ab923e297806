package daemon

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
		p, err := e.newProbes(read(timeout), knownChecks{})
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
		if time.Since(begin) > 10*time.Second {
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
