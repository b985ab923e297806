package netspec

import (
	"net/netip"
	"testing"
	"time"
)

func TestAddressString(t *testing.T) {
	plain := Address{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Device: "eth0"}
	all := plain
	all.Peer, all.Broadcast = netip.MustParsePrefix("192.0.2.9/32"), netip.MustParseAddr("192.0.2.255")
	all.Scope, all.Label = ScopeLink, "eth0:1"
	all.Flags, all.Limited, all.Preferred = Home|ManageTemporary|NoPrefixRoute|AutoJoin, true, 30*time.Second
	for want, a := range map[string]Address{
		"192.0.2.1/24 dev eth0": plain,
		"192.0.2.1/24 peer 192.0.2.9/32 brd 192.0.2.255 dev eth0 scope link label eth0:1 home mngtmpaddr noprefixroute autojoin preferred_lft 30": all,
	} {
		if got := a.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
