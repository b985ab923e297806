//go:build linux

package kernel

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/wire"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

func TestSockets(t *testing.T) {
	four, six, own := vrrp.Group(false), vrrp.Group(true), netip.MustParseAddr("224.0.0.77")
	got := sockets([]netspec.Channel{
		{Interface: "eth0", Group: own, VRID: 9},
		{Interface: "eth0", Group: four, VRID: 7},
		{Interface: "eth0", Group: four, VRID: 1},
		{Interface: "eth0", VRID: 3},
		{Interface: "eth0", Group: own, VRID: 9},
		{Interface: "eth0", Six: true, Group: six, VRID: 7},
		{Interface: "eth0", AH: true, Group: four, VRID: 2},
		{Interface: "eth1", Group: four, VRID: 7},
		{Six: true, VRID: 8},
	})
	want := map[outlet]wire.Spec{
		{"eth0", false, false}: {Interface: "eth0", Groups: []netip.Addr{four, own}, VRIDs: []uint8{1, 3, 7, 9}},
		{"eth0", true, false}:  {Interface: "eth0", Six: true, Groups: []netip.Addr{six}, VRIDs: []uint8{7}},
		{"eth0", false, true}:  {Interface: "eth0", AH: true, Groups: []netip.Addr{four}, VRIDs: []uint8{2}},
		{"eth1", false, false}: {Interface: "eth1", Groups: []netip.Addr{four}, VRIDs: []uint8{7}},
		{"", true, false}:      {Six: true, VRIDs: []uint8{8}},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(outlet{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
}

// TestWatchBlamesWhatIsNew holds that a socket which broke since it was wanted does not
// keep a configuration away that goes without it, or that changes something else, and
// that one which a configuration brings and which cannot be opened does.
func TestWatchBlamesWhatIsNew(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	var k *Kernel
	h.Run(t, func() (err error) {
		k, err = Open(make(packets, 10), Options{})
		return err
	})
	defer k.Close()
	// More groups than a socket may join.
	broken := func(device string) (list []netspec.Channel) {
		for n := range 30 {
			list = append(list, netspec.Channel{Interface: device, Group: netip.AddrFrom4([4]byte{239, 0, 0, byte(n)}), VRID: 1})
		}
		return list
	}
	good := []netspec.Channel{{Interface: "eth0", Group: vrrp.Group(false), VRID: 1}}
	more := []netspec.Channel{{Interface: "eth0", Group: vrrp.Group(false), VRID: 2}}
	if err := k.Watch(nil, broken("eth0")); err == nil {
		t.Fatal("a first configuration with too many groups is taken")
	}
	old := slices.Concat(good, broken("eth5"))
	netnstest.Must(t, k.Watch(nil, old)) // it comes later
	netnstest.Connect(t, h, "eth5", peer, "eth6")
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		k.looking.Lock()
		failing := len(k.failing)
		k.looking.Unlock()
		if failing > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the socket for too many groups is open")
		}
	}
	// As a reload does: first all that is wanted before or after it.
	for _, next := range [][]netspec.Channel{slices.Concat(more, broken("eth5")), more} {
		for _, list := range [][]netspec.Channel{slices.Concat(old, next), next} {
			if err := k.Watch(nil, list); err != nil {
				t.Errorf("%d channels after %d: %v", len(list), len(old), err)
			}
		}
		old = next
	}
	netnstest.Must(t, k.Watch(nil, good))
	for _, next := range [][]netspec.Channel{broken("eth0"), broken("eth5")} {
		for range 2 { // it is no better the second time
			if err := k.Watch(nil, slices.Concat(good, next)); err == nil {
				t.Errorf("too many groups on %s are taken", next[0].Interface)
			}
			netnstest.Must(t, k.Watch(nil, good))
		}
	}
}

// A change of what is wanted on an interface keeps its socket; an untouched
// router loses no packet.
func TestSocketsAreKept(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
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
	group := netip.MustParseAddr("224.0.0.77")
	first := netspec.Channel{Interface: "eth0", Group: vrrp.Group(false), VRID: 1}
	second := netspec.Channel{Interface: "eth0", Group: group, VRID: 2}
	at := outlet{device: "eth0"}
	netnstest.Must(t, k.Watch(nil, []netspec.Channel{first}))
	netnstest.Must(t, far.Watch(nil, []netspec.Channel{{Interface: "eth1", VRID: 1}}))
	before := (*k.sockets.Load())[at]
	netnstest.Must(t, k.Watch(nil, []netspec.Channel{first, second}))
	if now := (*k.sockets.Load())[at]; now != before || before == nil {
		t.Errorf("the socket %p became %p", before, now)
	}
	for vrid, to := range map[byte]netip.Addr{1: vrrp.Group(false), 2: group} {
		netnstest.Must(t, send(far, &node.Action{Interface: "eth1", Source: netip.MustParseAddr("192.0.2.2"), Destination: to,
			TTL: vrrp.TTL, Protocol: vrrp.Protocol, Payload: []byte{0x31, vrid}}))
		if p := <-got; p.Packet.Destination != to || p.Packet.Payload[1] != vrid || p.Sample != 1 {
			t.Errorf("received %+v, want router %d's to %s", p, vrid, to)
		}
	}
	netnstest.Must(t, k.Watch(nil, []netspec.Channel{second}))
	if now := (*k.sockets.Load())[at].Spec(); len(now.Groups) != 1 || now.Groups[0] != group {
		t.Errorf("the socket is for %+v, want the second group only", now)
	}
}
