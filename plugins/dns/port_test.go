package dns

import (
	"net"
	"net/netip"
	"testing"
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
