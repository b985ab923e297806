//go:build linux

package kernel_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// A link-local address is told when it is known to be unique, and never a
// virtual one; adverts are sent from it and received.
func TestIPv6(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	vip := netip.MustParseAddr("fe80::100")
	k, s := open(t, h, kernel.Options{Virtual: []netip.Addr{vip}})
	far, farSink := open(t, peer, kernel.Options{})
	add(t, h, netspec.Address{Prefix: netip.PrefixFrom(vip, 64), Device: "eth0"})
	on := func(device string) []netspec.Channel {
		return []netspec.Channel{{Interface: device, Six: true, Group: vrrp.Group(true), VRID: 51}}
	}
	netnstest.Must(t, k.Watch(nil, on("eth0")))
	netnstest.Must(t, far.Watch(nil, on("eth1")))
	if l := lastLink(s.events, "eth0"); l.Primary6.IsValid() {
		t.Errorf("told %s, which is virtual or not yet known to be unique", l.Primary6)
	}
	settled := func(l *node.Link) bool { return l.Primary6.IsValid() }
	mine := s.awaitLink(t, 5*time.Second, "link-local address", "eth0", settled).Primary6
	if !mine.IsLinkLocalUnicast() || mine == vip || mine.Zone() != "" {
		t.Errorf("told %s, want the interface's own link-local address", mine)
	}
	farSink.awaitLink(t, 5*time.Second, "link-local address", "eth1", settled)
	netnstest.Must(t, send(k, &node.Action{Interface: "eth0", Source: mine, Destination: vrrp.Group(true),
		TTL: vrrp.TTL, Protocol: vrrp.Protocol, Payload: []byte{0x31, 51}}))
	farSink.await(t, time.Second, "advert", func(_ []node.Event, packets []node.Received) bool {
		return len(packets) == 1 && packets[0].Packet.Source == mine && packets[0].Packet.TTL == 255
	})
	netnstest.Must(t, h.Link.Remove(netspec.Address{Prefix: netip.PrefixFrom(mine, 64), Device: "eth0"}))
	s.awaitLink(t, soon, "no address of its own", "eth0", func(l *node.Link) bool { return !l.Primary6.IsValid() })
}

// An interface whose MTU is too small for IPv6 for a while is heard on again
// when it has IPv6 again.
func TestIPv6ComesBack(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	k, s := open(t, h, kernel.Options{})
	far, farSink := open(t, peer, kernel.Options{})
	on := func(device string) []netspec.Channel {
		return []netspec.Channel{{Interface: device, Six: true, Group: vrrp.Group(true), VRID: 51}}
	}
	netnstest.Must(t, k.Watch(nil, on("eth0")))
	netnstest.Must(t, far.Watch(nil, on("eth1")))
	settled := func(l *node.Link) bool { return l.Primary6.IsValid() }
	source := farSink.awaitLink(t, 5*time.Second, "link-local address", "eth1", settled).Primary6
	s.awaitLink(t, 5*time.Second, "link-local address", "eth0", settled)
	s.forget()
	netnstest.Must(t, h.Link.SetMTU("eth0", 1200))
	s.awaitLink(t, soon, "IPv6 gone", "eth0", func(l *node.Link) bool { return !l.Primary6.IsValid() })
	netnstest.Must(t, h.Link.SetMTU("eth0", 1500))
	s.awaitLink(t, 5*time.Second, "IPv6 back", "eth0", settled)
	netnstest.Must(t, send(far, &node.Action{Interface: "eth1", Source: source, Destination: vrrp.Group(true),
		TTL: vrrp.TTL, Protocol: vrrp.Protocol, Payload: []byte{0x31, 51}}))
	s.await(t, time.Second, "advert after IPv6 came back", func(_ []node.Event, packets []node.Received) bool { return len(packets) == 1 })
}
