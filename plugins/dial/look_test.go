package dial

import (
	"errors"
	"net"
	"syscall"
	"testing"
)

// TestLookAtAll: what happened in time is told before anybody looks whether it is
// out of time, on however many connections.
func TestLookAtAll(t *testing.T) {
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	p.running = true // nobody else looks
	const n = 3*len(happenings{}.events) + 1
	var all []*Conn
	for range n {
		pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		c := &Conn{poll: p, fd: pair[0]}
		if err := p.add(c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		t.Cleanup(func() { c.Close(); syscall.Close(pair[1]) })
		if _, err := syscall.Write(pair[1], []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	p.look()
	late := 0
	for _, c := range all {
		if !c.in.ready {
			late++
		}
	}
	if late > 0 {
		t.Errorf("%d of %d were not told", late, n)
	}
}

// TestNobodyButItself: a socket that the kernel connects with itself, as it does
// where nobody listens and both ports happen to be the same, is no server.
func TestNobodyButItself(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		l, closed := listen(t, net.JoinHostPort(host, "0"))
		l.Close()
		closed.BindTo, closed.BindPort = closed.Address.Addr(), closed.Address.Port()
		if c, err := TCP(t.Context(), closed); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v, %v", closed.Address, c, err)
		}
	}
}
