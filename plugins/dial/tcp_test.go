package dial

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// listen returns a listener on a loopback address and the target that reaches
// it.
func listen(t *testing.T, address string) (net.Listener, checker.Target) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, checker.Target{Address: l.Addr().(*net.TCPAddr).AddrPort(), Timeout: 5 * time.Second}
}

func TestTalk(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, target := listen(t, address)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			all, _ := io.ReadAll(c)
			c.Write(bytes.ToUpper(all))
		}()
		c, err := TCP(t.Context(), target)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil || string(got) != "HELLO" {
			t.Errorf("%s: read %q, %v", address, got, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestLocalSide(t *testing.T) {
	l, target := listen(t, "127.0.0.1:0")
	target.BindTo = netip.MustParseAddr("127.0.0.88")
	from := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			from <- err.Error()
			return
		}
		c.Close()
		from <- c.RemoteAddr().(*net.TCPAddr).IP.String()
	}()
	c, err := TCP(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if got := <-from; got != "127.0.0.88" {
		t.Errorf("came from %s", got)
	}
}

func TestWhoseFault(t *testing.T) {
	l, up := listen(t, "127.0.0.1:0")
	closed := up
	l2, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Address = l2.Addr().(*net.TCPAddr).AddrPort()
	l2.Close()
	elsewhere, noIf, zone := up, up, up
	elsewhere.BindTo = netip.MustParseAddr("203.0.113.7")
	noIf.BindIf = "no-such-if"
	nowhere := up
	nowhere.Address = netip.MustParseAddrPort("[fe80::1]:80")
	zone.Address = netip.MustParseAddrPort("[fe80::1%no-such-if]:80")
	tests := []struct {
		name   string
		target checker.Target
		want   checker.Verdict
		reason string
	}{
		{"refused", closed, checker.Failed, "connection refused"},
		{"an address that is not here", elsewhere, checker.Unknown, "bindto 203.0.113.7: cannot assign requested address"},
		{"no interface", noIf, checker.Unknown, "bind_if no-such-if: no such device"},
		{"a link-local address of no network", nowhere, checker.Unknown, "fe80::1 may be on every network: it takes a bind_if"},
		{"no zone", zone, checker.Unknown, "find interface no-such-if for [fe80::1%no-such-if]:80: route ip+net: no such network interface"},
	}
	for _, test := range tests {
		_, err := TCP(t.Context(), test.target)
		if err == nil {
			t.Errorf("%s: connected", test.name)
			continue
		}
		if got, reason := checker.Failure(err, "").Verdict, checker.Reason(err); got != test.want || reason != test.reason {
			t.Errorf("%s: %v, %q; want %v, %q", test.name, got, reason, test.want, test.reason)
		}
	}
	_ = l
}

// TestDeadline holds that silence ends: after the target's timeout, and at once
// when the probe is called off.
func TestDeadline(t *testing.T) {
	l, target := listen(t, "127.0.0.1:0")
	go func() { // takes the connections, and says nothing
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
	target.Timeout = 50 * time.Millisecond
	c, err := TCP(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || checker.Failure(err, "").Verdict != checker.Failed || checker.Reason(err) != "timed out" {
		t.Errorf("silence ended with %v", err)
	}
	target.Timeout = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	c2, err := TCP(ctx, target)
	if err != nil {
		t.Fatal(err)
	}
	defer c2.Close()
	time.AfterFunc(50*time.Millisecond, cancel)
	begin := time.Now()
	if _, err := c2.Read(make([]byte, 1)); err == nil || time.Since(begin) > 20*time.Second {
		t.Errorf("a probe that was called off ended after %v with %v", time.Since(begin), err)
	}
	// A listener that accepts nothing and has no room: the connection itself
	// is what does not come.
	full, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	full.Close()
}

func BenchmarkTCP(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	target := checker.Target{Address: l.Addr().(*net.TCPAddr).AddrPort(), Timeout: time.Second}
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	b.Run("dial.TCP", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, err := TCP(ctx, target)
			if err != nil {
				b.Fatal(err)
			}
			c.Read(make([]byte, 1))
			c.Close()
		}
	})
	b.Run("net.Dialer", func(b *testing.B) {
		b.ReportAllocs()
		d := checker.Dialer(target)
		for b.Loop() {
			c, err := d.DialContext(ctx, "tcp", target.Address.String())
			if err != nil {
				b.Fatal(err)
			}
			c.Read(make([]byte, 1))
			c.Close()
		}
	})
}
