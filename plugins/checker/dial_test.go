//go:build linux

package checker

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestDialerLeavesFromWhereItIsTold(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	to := l.Addr().(*net.TCPAddr).AddrPort()
	target := Target{Address: to, BindTo: netip.MustParseAddr("127.0.0.77"), BindIf: "lo", Timeout: 5 * time.Second}
	if os.Geteuid() == 0 {
		target.Fwmark = 0x80000007
	}
	for _, network := range []string{"tcp", "udp"} {
		c, err := Dialer(target).Dial(network, to.String())
		if err != nil {
			t.Fatal(network, err)
		}
		if got := c.LocalAddr().String(); !strings.HasPrefix(got, "127.0.0.77:") {
			t.Errorf("%s left from %s", network, got)
		}
		c.Close()
	}
	// A port that is given is used, and may be again at once.
	free, err := net.Listen("tcp", "127.0.0.77:0")
	if err != nil {
		t.Fatal(err)
	}
	target.BindPort = free.Addr().(*net.TCPAddr).AddrPort().Port()
	free.Close()
	c, err := Dialer(target).Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.LocalAddr().(*net.TCPAddr).AddrPort(); got.Port() != target.BindPort {
		t.Errorf("left from %s, want port %d", got, target.BindPort)
	}
}

func TestDialerNamesTheKeywordThatIsRefused(t *testing.T) {
	for _, test := range []struct {
		target Target
		want   string
	}{
		{Target{BindTo: netip.MustParseAddr("203.0.113.9")}, "bindto 203.0.113.9: cannot assign requested address"},
		{Target{BindTo: netip.MustParseAddr("2001:db8::1")}, "bindto 2001:db8::1 is of another family"},
		{Target{BindIf: "no-such-if"}, "bind_if no-such-if: no such device"},
	} {
		test.target.Address = netip.MustParseAddrPort("127.0.0.1:9")
		test.target.Timeout = time.Second
		if _, err := Dialer(test.target).Dial("tcp", "127.0.0.1:9"); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}

// TestNoNetwork: an address that every network may have is no fault of the server.
func TestNoNetwork(t *testing.T) {
	target := Target{Address: netip.MustParseAddrPort("[fe80::1]:53"), Timeout: time.Second}
	for _, network := range []string{"udp", "tcp"} {
		_, err := Dialer(target).DialContext(t.Context(), network, target.Address.String())
		if err == nil {
			t.Fatalf("%s: connected", network)
		}
		if r := Failure(err, "ask"); r.Verdict != Unknown || !strings.Contains(r.Message, "it takes a bind_if") {
			t.Errorf("%s: %v %q", network, r.Verdict, r.Message)
		}
	}
}

// TestConnectEndsWithTheContext: whoever waits for a silent server is told at once that
// the probe is over, and why.
func TestConnectEndsWithTheContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	target := Target{Address: netip.MustParseAddrPort(l.Addr().String()), Timeout: time.Minute}
	for _, test := range []struct {
		after time.Duration // 0 is called off, and not late
		want  Result
	}{
		{0, Result{Message: "read: called off"}},
		{200 * time.Millisecond, Result{Verdict: Failed, TimedOut: true, Message: "read: timed out"}},
	} {
		var c net.Conn
		var cancel context.CancelFunc
		for after := cmp.Or(test.after, time.Minute); ; after *= 2 {
			var ctx context.Context
			ctx, cancel = context.WithTimeout(t.Context(), after)
			defer cancel()
			// On a busy machine the time may be over before it is connected.
			if c, err = Connect(ctx, target); err == nil || ctx.Err() == nil || after > time.Minute {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if test.after == 0 {
			cancel()
		}
		_, err = c.Read(make([]byte, 1))
		if got := Failure(err, "read"); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%+v, want %+v", got, test.want)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	c, err := Connect(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("of a connection that was closed came %v", err)
	}
}
