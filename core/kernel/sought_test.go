//go:build linux

package kernel_test

import (
	"fmt"
	"maps"
	"net/netip"
	"testing"

	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// TestSoughtAddresses: of these the sink is told whether the host has them by itself,
// when that changes, and not of others.
func TestSoughtAddresses(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	a, b, other := addr("192.0.2.1/24", "eth0"), addr("192.0.2.2/32", "lo"), addr("192.0.2.3/24", "eth0")
	add(t, h, b)
	k, s := open(t, h, kernel.Options{Sought: []netip.Addr{a.Addr(), b.Addr()}})
	// How often something else was told than before: the same is told now and then.
	last := func(events []node.Event) (n int, here map[netip.Addr]bool) {
		for _, e := range events {
			if x, ok := e.(*node.HostHas); ok && !maps.Equal(x.Here, here) {
				n, here = n+1, x.Here
			}
		}
		return n, here
	}
	changes := 0
	is := func(what string, want ...bool) {
		t.Helper()
		var here map[netip.Addr]bool
		s.await(t, soon, what, func(events []node.Event, _ []node.Received) bool {
			var n int
			n, here = last(events)
			changes = n
			return n > 0 && len(here) == 2 && here[a.Addr()] == want[0] && here[b.Addr()] == want[1]
		})
	}
	netnstest.Must(t, k.Watch(nil, nil))
	is("one on any interface", false, true)
	add(t, h, other)
	add(t, h, a)
	is("one that comes", true, true)
	if changes != 2 {
		t.Errorf("told of %d changes, want 2: another address is none", changes)
	}
	netnstest.Must(t, h.Link.Remove(b))
	is("one that goes", true, false)
	claims := func(lasting bool, list ...netspec.Address) {
		t.Helper()
		errs := make([]error, 1)
		k.Claim([]engine.Holding{{Instance: fmt.Sprint("lasting ", lasting), Addresses: list, Lasting: lasting}}, errs)
		netnstest.Must(t, errs[0])
	}
	netnstest.Must(t, h.Link.Remove(a))
	is("none", false, false)
	claims(false, a)
	claims(true, b)
	is("that of what lasts, and not that of an instance", false, true)
	k.SetSought([]netip.Addr{a.Addr(), b.Addr()}, []netspec.Address{a})
	netnstest.Must(t, k.Watch(nil, nil))
	is("that of an owner, which the host keeps", true, true)
	k.SetSought([]netip.Addr{other.Addr()}, nil)
	netnstest.Must(t, k.Watch(nil, nil))
	s.await(t, soon, "another one", func(events []node.Event, _ []node.Received) bool {
		_, here := last(events)
		return len(here) == 1 && here[other.Addr()]
	})
	k.SetSought(nil, nil)
	netnstest.Must(t, k.Watch(nil, nil))
	s.await(t, soon, "none, when none is sought", func(events []node.Event, _ []node.Received) bool {
		_, here := last(events)
		return len(here) == 0
	})
}
