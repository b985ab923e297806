package node

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

func TestChannels(t *testing.T) {
	in := func(vrid uint8, change func(*Instance)) Instance {
		in := instance3("V", vrid, 100)
		change(&in)
		return in
	}
	own := netip.MustParseAddr("ff05::99")
	cfg := Config{Instances: []Instance{
		in(1, func(*Instance) {}),
		in(2, func(in *Instance) { in.Router.Auth = vrrp.AuthAH }),
		in(3, func(in *Instance) {
			in.Router.Unicast = vrrp.Unicast{On: true, Peers: []vrrp.Peer{{Addr: lower}}}
		}),
		in(4, func(in *Instance) { in.Router.Addresses = []netip.Addr{netip.MustParseAddr("fe80::1")} }),
		in(5, func(in *Instance) { in.Router.Addresses, in.Router.Group = nil, own }),
		in(6, func(in *Instance) {
			in.Interface, in.Router.Addresses = "", nil
			in.Router.Unicast = vrrp.Unicast{On: true, Peers: []vrrp.Peer{{Addr: netip.MustParseAddr("2001:db8::2")}}}
		}),
	}}
	want := []netspec.Channel{
		{Interface: "eth0", Group: vrrp.Group(false), VRID: 1},
		{Interface: "eth0", AH: true, Group: vrrp.Group(false), VRID: 2},
		{Interface: "eth0", VRID: 3},
		{Interface: "eth0", Six: true, Group: vrrp.Group(true), VRID: 4},
		{Interface: "eth0", Six: true, Group: own, VRID: 5},
		{Six: true, VRID: 6},
	}
	if got := cfg.Channels(); !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
