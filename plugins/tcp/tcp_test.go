package tcp

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// turn runs a probe as a host has it run.
func turn(ctx context.Context, p checker.Probe) checker.Result {
	results := make(chan checker.Result, 1)
	c := New()
	if x, ok := p.(*probe); ok {
		x.dialer = &c.dialer
	}
	for range c.Run([]checker.Turn{{Probe: p, Do: func() { results <- p.Probe(ctx) }}}) {
		panic("it leaves a probe to others")
	}
	return <-results
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestVerdicts is the table of what TCP_CHECK calls ok and failed.
func TestVerdicts(t *testing.T) {
	listen := func(address string) (*net.TCPListener, netip.AddrPort) {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l.(*net.TCPListener), l.Addr().(*net.TCPAddr).AddrPort()
	}
	_, four := listen("127.0.0.1:0")
	_, six := listen("[::1]:0")
	gone, closed := listen("127.0.0.1:0")
	gone.Close()
	tests := []struct {
		name    string
		target  checker.Target
		want    checker.Verdict
		message string
	}{
		// Nobody accepts: that the kernel takes the connection is enough.
		{"open", checker.Target{Address: four}, checker.OK, "connected"},
		{"open, IPv6", checker.Target{Address: six}, checker.OK, "connected"},
		{"open, from an address", checker.Target{Address: four, BindTo: netip.MustParseAddr("127.0.0.9")}, checker.OK, "connected"},
		{"closed", checker.Target{Address: closed}, checker.Failed, "connect to " + closed.String() + ": connection refused"},
		{"an address that is not ours", checker.Target{Address: four, BindTo: netip.MustParseAddr("203.0.113.1")}, checker.Unknown, "bindto 203.0.113.1"},
	}
	for _, test := range tests {
		test.target.Timeout = 10 * time.Second
		p, err := New().Prepare(test.target, checker.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := turn(t.Context(), p)
		if r.Verdict != test.want || !strings.Contains(r.Message, test.message) || r.Latency <= 0 && r.Verdict != checker.Unknown {
			t.Errorf("%s: %v; want %v, %q", test.name, r, test.want, test.message)
		}
	}
	// A connection that nobody answers: the queue of a listener that accepts
	// nothing is full.
	l, full := listen("127.0.0.1:0")
	raw, err := l.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	shrink(t, raw)
	for range 8 {
		if c, err := net.DialTimeout("tcp", full.String(), 100*time.Millisecond); err == nil {
			defer c.Close()
		}
	}
	p, err := New().Prepare(checker.Target{Address: full, Timeout: 100 * time.Millisecond}, checker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r := turn(t.Context(), p); r.Verdict != checker.Failed || !strings.HasSuffix(r.Message, ": timed out") {
		t.Errorf("a full queue: %v", r)
	}
	// What is called off says nothing.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p, err = New().Prepare(checker.Target{Address: full, Timeout: time.Minute}, checker.Options{}); err != nil {
		t.Fatal(err)
	}
	if r := turn(ctx, p); r.Verdict != checker.Unknown {
		t.Errorf("called off: %v", r)
	}
}

func TestFaults(t *testing.T) {
	nowhere, err := New().Prepare(checker.Target{Address: netip.MustParseAddrPort("127.0.0.1:0")}, checker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r := turn(t.Context(), nowhere); r.Verdict != checker.Failed || !strings.Contains(r.Message, "needs a port") {
		t.Error(r)
	}
	o, err := checker.NewOptions([]byte(`{"retry":3}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New().Prepare(checker.Target{Address: netip.MustParseAddrPort("127.0.0.1:80")}, o); err == nil || !strings.Contains(err.Error(), `no option "retry"`) {
		t.Error(err)
	}
}
