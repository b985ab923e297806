//go:build linux

package kernel_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
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

// TestLinkLocalSourceToCome: a session may be configured before the interface of its
// source is there; its packets begin when it comes, and go on when it comes anew.
func TestLinkLocalSourceToCome(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	left, right := netip.MustParseAddr("fe80::51"), netip.MustParseAddr("fe80::52")
	near, _ := open(t, a, kernel.Options{})
	far, heard := open(t, b, kernel.Options{})
	c, back := bfd.Defaults(), bfd.Defaults()
	c.Source, c.Neighbor, back.Neighbor = left, right.WithZone("eth5"), left.WithZone("eth6")
	action := &node.Action{Kind: node.SendBFD, Session: "S", Source: c.Source, Destination: c.Neighbor, Payload: []byte("x")}
	netnstest.Must(t, near.Sessions([]bfd.Config{c}))
	netnstest.Must(t, far.Sessions([]bfd.Config{back}))
	if err := near.SendBFD(action); err == nil || !strings.Contains(err.Error(), "no interface eth5") {
		t.Errorf("sent without the interface: %v", err)
	}
	for _, what := range []string{"comes", "comes anew"} {
		heard.forget()
		netnstest.Connect(t, a, "eth5", b, "eth6")
		add(t, a, netspec.Address{Prefix: netip.PrefixFrom(left, 64), Device: "eth5"})
		add(t, b, netspec.Address{Prefix: netip.PrefixFrom(right, 64), Device: "eth6"})
		arrived := func() (from netip.Addr) {
			heard.mu.Lock()
			defer heard.mu.Unlock()
			for _, e := range heard.events {
				if p, ok := e.(*node.BFDReceived); ok {
					from = p.Packet.Source
				}
			}
			return from
		}
		for end := time.Now().Add(5 * time.Second); !arrived().IsValid(); time.Sleep(20 * time.Millisecond) {
			if err := near.SendBFD(action); time.Now().After(end) {
				t.Fatalf("nothing arrives when the interface %s: %v", what, err)
			}
		}
		if got := arrived().WithZone(""); got != left {
			t.Errorf("from %v, want %v", got, left)
		}
		netnstest.Must(t, a.Link.Delete("eth5"))
	}
}
