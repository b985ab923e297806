package rehearse

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestAwakeOnStaticAddress: a static address is the machine's own, whoever is master.
func TestAwakeOnStaticAddress(t *testing.T) {
	t.Parallel()
	r := rhythm{vrrp.V3, 100 * time.Millisecond}
	configs := r.plain(200, 100)
	a := netip.MustParseAddr("198.51.100.5")
	for i := range configs {
		configs[i].Static = []node.Static{{Name: "static", Addresses: []netspec.Address{{Prefix: netip.PrefixFrom(a, 24), Device: "eth0"}}}}
		configs[i].Services = []node.Service{{Name: "web", Tuple: "<web>", Awake: a}}
	}
	s := begin(t, r, configs)
	s.Run(r.down(5))
	for _, n := range s.Nodes {
		if v := n.daemon.node.Services(n.local()).Services[0]; v.Asleep || !n.Holds(a) {
			t.Errorf("on %s: asleep %v, and the address stands %v", n.Name, v.Asleep, n.Holds(a))
		}
	}
}

// TestAwakeWhereTheAddressIs: with ha_suspend the checks of a service run on the machine
// that has its address, be it moved, the machine's own, or nobody's.
func TestAwakeWhereTheAddressIs(t *testing.T) {
	t.Parallel()
	r := rhythm{vrrp.V3, 100 * time.Millisecond}
	configs := r.plain(200, 100)
	own := netip.AddrFrom4([4]byte{192, 0, 2, 1}) // of the first node
	for i := range configs {
		for _, a := range []netip.Addr{virtual, own, netip.MustParseAddr("203.0.113.9")} {
			life := &health.Config{Interval: time.Second, Doubt: time.Second, Warmup: time.Second, Patience: probePatience, Rise: 1, Fall: 1}
			configs[i].Services = append(configs[i].Services, node.Service{Name: a.String(), Tuple: "<web>", Awake: a, Servers: []node.Server{
				{Name: "s", Tuple: "<s>", Weight: 1, Checks: []node.Check{{Kind: "TCP_CHECK", Identity: a.String(), Life: life}}},
			}})
		}
	}
	s := begin(t, r, configs)
	awake := func(n *Node, want ...string) {
		t.Helper()
		s.Run(r.down(1))
		var got []string
		for _, v := range n.daemon.node.Services(n.local()).Services {
			if !v.Asleep {
				got = append(got, v.Name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("on %s the checks of %v run, want those of %v", n.Name, got, want)
		}
	}
	a, b := s.Nodes[0], s.Nodes[1]
	awake(a, virtual.String(), own.String())
	awake(b)
	a.SetLink("eth0", false)
	awake(a, own.String())
	awake(b, virtual.String())
	b.Remove(virtual) // it comes back
	awake(b, virtual.String())
	b.Reload(configs[1])
	awake(b, virtual.String())
	a.SetLink("eth0", true)
	awake(a, virtual.String(), own.String())
	awake(b)
	a.Crash()
	awake(b, virtual.String())
	a.Start()
	awake(a, virtual.String(), own.String())
	awake(b)
}
