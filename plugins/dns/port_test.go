package dns

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

var netipLoopback = netip.MustParseAddrPort("127.0.0.1:53")

// closedPort is a port at which nobody listens.
func closedPort(t *testing.T) netip.AddrPort {
	t.Helper()
	u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	return u.LocalAddr().(*net.UDPAddr).AddrPort()
}

// TestOwnFaults: what is wrong on this side says nothing about the server.
func TestOwnFaults(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:53")
	for _, target := range []checker.Target{
		{Address: at, BindIf: "no-such-if"}, {Address: at, BindTo: netip.MustParseAddr("2001:db8::1")}, {Address: at, BindTo: netip.MustParseAddr("192.0.2.77")},
	} {
		target.Timeout = time.Second
		p, err := New().Prepare(target, checker.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r := p.Probe(t.Context()); r.Verdict != checker.Unknown || r.TimedOut {
			t.Errorf("%+v: %v %q", target, r.Verdict, r.Message)
		}
	}
}
