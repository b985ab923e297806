package udp

import (
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// TestStranger: with a bind_port, the word of the network about another server that was
// asked from there says nothing about this one.
func TestStranger(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1", "::1"} {
		server, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		free, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		port := netip.MustParseAddrPort(free.LocalAddr().String()).Port()
		free.Close()
		p := prepare(t, checker.Target{Address: netip.MustParseAddrPort(server.LocalAddr().String()), BindPort: port, Timeout: 100 * time.Millisecond}, ``)
		bind := p.(*probe).dialer.Control
		p.(*probe).dialer.Control = func(network, address string, c syscall.RawConn) error {
			if err := bind(network, address, c); err != nil {
				return err
			}
			var failed error
			err := c.Control(func(fd uintptr) { // where nobody listens: the port of no service
				if host == "::1" {
					failed = syscall.Sendto(int(fd), []byte("x"), 0, &syscall.SockaddrInet6{Port: 1, Addr: netip.IPv6Loopback().As16()})
					return
				}
				failed = syscall.Sendto(int(fd), []byte("x"), 0, &syscall.SockaddrInet4{Port: 1, Addr: [4]byte{127, 0, 0, 1}})
			})
			if failed != nil {
				t.Errorf("%s: %v", host, failed)
			}
			return err
		}
		if r := p.Probe(t.Context()); r.Verdict != checker.OK {
			t.Errorf("%s: %v %q", host, r.Verdict, r.Message)
		}
	}
}
