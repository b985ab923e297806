//go:build linux

package kernel_test

import (
	"net/netip"
	"testing"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/node"
)

func (s *sink) NewBFD() *node.BFDReceived { return &node.BFDReceived{} }

// BFD records the packet among the events.
func (s *sink) BFD(p *node.BFDReceived) { s.Event(p) }

// TestSessions: what one kernel sends for a session the other reports, in
// whatever namespace the caller is, and no more after the session went.
func TestSessions(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	add(t, a, addr("192.0.2.1/24", "eth0"))
	add(t, b, addr("192.0.2.2/24", "eth1"))
	left, _ := open(t, a, kernel.Options{})
	right, heard := open(t, b, kernel.Options{})
	there, back := bfd.Defaults(), bfd.Defaults()
	there.Neighbor, back.Neighbor = netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.1")
	netnstest.Must(t, left.Sessions([]bfd.Config{there}))
	netnstest.Must(t, right.Sessions([]bfd.Config{back}))
	action := &node.Action{Kind: node.SendBFD, Session: "S", Destination: there.Neighbor, Payload: []byte("hello")}
	netnstest.Must(t, left.SendBFD(action))
	heard.await(t, soon, "a BFD packet", func(events []node.Event, _ []node.Received) bool {
		for _, e := range events {
			if p, ok := e.(*node.BFDReceived); ok {
				return string(p.Packet.Payload) == "hello" && p.Packet.Source == back.Neighbor && p.Packet.TTL == 255
			}
		}
		return false
	})
	netnstest.Must(t, left.Sessions(nil))
	if err := left.SendBFD(action); err == nil {
		t.Error("sent for a session that is gone")
	}
}
