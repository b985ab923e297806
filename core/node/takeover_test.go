package node

import (
	"testing"

	"github.com/moonkeep/moonkeep/core/health"
)

// TestTakenOverAndRemoved: a server that one reload has taken over as it was is told of when
// the next one removes it, and its checks have their numbers.
func TestTakenOverAndRemoved(t *testing.T) {
	a, v := web(backend("x", tcp("0"))), web(backend("a", tcp("1")), backend("b", tcp("2")))
	v.Name, v.Tuple = "v", "<v>"
	s := newSite(t, Config{Services: []Service{a, v}})
	s.says("won start", "won start")
	first := &s.node.services[1].servers[0]
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
	s.says("x down deleted", "lost deleted")
	if &s.node.services[0].servers[0] != first {
		t.Error("the servers are made anew")
	}
	s.asked = nil // by other numbers
	s.run(1, health.Failed)
	s.says("b down")
	s.run(1, health.OK)
	s.says("b up")
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
	v.Servers = []Server{v.Servers[0]}
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
	s.says("b down deleted")
}
