//go:build linux

package kernel_test

import (
	"net/netip"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/node"
)

// TestSoughtAddresses: of these the sink is told whether any interface has them, when
// that changes, and not of others.
func TestSoughtAddresses(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	a, b, other := addr("192.0.2.1/24", "eth0"), addr("192.0.2.2/32", "lo"), addr("192.0.2.3/24", "eth0")
	add(t, h, b)
	k, s := open(t, h, kernel.Options{Sought: []netip.Addr{a.Addr(), b.Addr()}})
	last := func() (n int, here map[netip.Addr]bool) {
		for _, e := range s.events {
			if x, ok := e.(*node.HostHas); ok {
				n, here = n+1, x.Here
			}
		}
		return n, here
	}
	is := func(what string, want ...bool) {
		t.Helper()
		s.await(t, soon, what, func([]node.Event, []node.Received) bool {
			n, here := last()
			return n > 0 && len(here) == 2 && here[a.Addr()] == want[0] && here[b.Addr()] == want[1]
		})
	}
	netnstest.Must(t, k.Watch(nil, nil))
	is("one on any interface", false, true)
	add(t, h, other)
	add(t, h, a)
	is("one that comes", true, true)
	if n, _ := last(); n != 2 {
		t.Errorf("told %d times, want 2: of another address nothing is", n)
	}
	netnstest.Must(t, h.Link.Remove(b))
	is("one that goes", true, false)
	k.SetSought([]netip.Addr{other.Addr()})
	netnstest.Must(t, k.Watch(nil, nil))
	s.await(t, soon, "another one", func([]node.Event, []node.Received) bool {
		_, here := last()
		return len(here) == 1 && here[other.Addr()]
	})
}
