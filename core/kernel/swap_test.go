//go:build linux

package kernel

import (
	"net/netip"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

type packets chan node.Received

func (p packets) NewPacket() *node.Received { return &node.Received{} }
func (p packets) Packets(list ...*node.Received) {
	for _, r := range list {
		p <- *r
	}
}
func (p packets) Event(node.Event) {}

func (p packets) Removed([]netspec.Address, netspec.Routing) {}
func (p packets) NewBFD() *node.BFDReceived                  { return &node.BFDReceived{} }
func (p packets) BFD(*node.BFDReceived)                      {}

// One interface takes another's name, and no look falls in between: the name
// was never gone, and yet its socket is of no use.
func TestAnotherInterfaceOfTheSameNameGetsASocketOfItsOwn(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "old")
	netnstest.Connect(t, h, "spare", peer, "new")
	got := make(packets, 10)
	var k, far *Kernel
	h.Run(t, func() (err error) {
		k, err = Open(got, Options{})
		return err
	})
	defer k.Close()
	peer.Run(t, func() (err error) {
		far, err = Open(make(packets, 10), Options{})
		return err
	})
	defer far.Close()
	netnstest.Must(t, k.Watch(nil, []netspec.Channel{{Interface: "eth0", Group: vrrp.Group(false), VRID: "hello"[1]}}))
	netnstest.Must(t, far.Watch(nil, []netspec.Channel{{Interface: "new", Group: vrrp.Group(false), VRID: "hello"[1]}}))

	k.looking.Lock()
	netnstest.Must(t, h.Link.Delete("eth0"))
	netnstest.Must(t, h.Link.SetDown("spare"))
	netnstest.Must(t, h.Link.Rename("spare", "eth0"))
	netnstest.Must(t, h.Link.SetUp("eth0"))
	k.looking.Unlock()
	h.AwaitUp(t, "eth0")
	peer.AwaitUp(t, "new")
	// Until a look has replaced the socket.
	deadline := time.After(time.Second)
	for {
		netnstest.Must(t, send(far, &node.Action{Interface: "new", Source: netip.MustParseAddr("192.0.2.2"),
			Destination: vrrp.Group(false), TTL: vrrp.TTL, Protocol: vrrp.Protocol, Payload: []byte("hello")}))
		select {
		case <-got:
			return
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatal("the new interface is not listened on")
		}
	}
}
