package udp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers each datagram with another one; nil answers nothing.
func server(t *testing.T, address string, answer func([]byte) []byte) (checker.Target, chan []byte) {
	t.Helper()
	a, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.ListenUDP("udp", a)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan []byte, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 65536)
		for {
			n, from, err := u.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			got <- bytes.Clone(buf[:n])
			if b := answer(buf[:n]); b != nil {
				u.WriteToUDPAddrPort(b, from)
			}
		}
	}()
	t.Cleanup(func() { u.Close(); <-done })
	return checker.Target{Address: u.LocalAddr().(*net.UDPAddr).AddrPort(), Timeout: 150 * time.Millisecond}, got
}

func prepare(t *testing.T, target checker.Target, options string) checker.Probe {
	t.Helper()
	o, err := checker.NewOptions([]byte(options))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New().Prepare(target, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestVerdicts is the table of what UDP_CHECK calls ok and failed.
func TestVerdicts(t *testing.T) {
	says := func(s string) func([]byte) []byte { return func([]byte) []byte { return []byte(s) } }
	silence := func([]byte) []byte { return nil }
	for _, test := range []struct {
		name, options string
		answer        func([]byte) []byte
		want          checker.Verdict
		message       string
	}{
		{"silence", ``, silence, checker.OK, "no reply, and no error"},
		{"a reply that nobody asked for", ``, says("hello"), checker.OK, "a reply of 5 bytes"},
		{"silence where a reply is required", `{"require_reply":true}`, silence, checker.Failed, "timed out"},
		{"a reply", `{"require_reply":true}`, says("hello"), checker.OK, "a reply of 5 bytes"},
		{"an empty reply", `{"require_reply":true}`, says(""), checker.OK, "a reply of 0 bytes"},
		{"a reply of any length without a pattern", `{"require_reply":true,"min_reply_length":9,"max_reply_length":10}`, says("hello"), checker.OK, "5 bytes"},
		{"the pattern", `{"require_reply":"6865 6C"}`, says("hello"), checker.OK, "as expected"},
		{"a pattern of another reply", `{"require_reply":"6866"}`, says("hello"), checker.Failed, "byte 1 of the reply is 65, expected 66"},
		{"any digit", `{"require_reply":"6X X5 6c"}`, says("hello"), checker.OK, "as expected"},
		{"any digit but this", `{"require_reply":"6X X6"}`, says("hello"), checker.Failed, "byte 1 of the reply is 65, expected X6"},
		{"a reply that is shorter than the pattern", `{"require_reply":"68656c6c6f21"}`, says("he"), checker.OK, "as expected"},
		{"a short reply", `{"require_reply":"68","min_reply_length":6}`, says("hello"), checker.Failed, "a reply of 5 bytes, expected 6 to 255"},
		{"a long reply", `{"require_reply":"68"}`, says(strings.Repeat("h", 256)), checker.Failed, "a reply of 256 bytes, expected 0 to 255"},
		{"no reply can be right", `{"require_reply":"68","min_reply_length":300}`, says("hello"), checker.Failed, "a reply of 5 bytes, expected 300 to 255"},
		{"a reply that is long enough", `{"require_reply":"68","max_reply_length":65535}`, says(strings.Repeat("h", 60000)), checker.OK, "60000 bytes"},
		{"digits that stand alone", `{"require_reply":"1 2"}`, says("\x01\x02"), checker.OK, "as expected"},
		{"digits that look like a number", `{"require_reply":12}`, says("\x12"), checker.OK, "as expected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
				target, _ := server(t, address, test.answer)
				if r := prepare(t, target, test.options).Probe(t.Context()); r.Verdict != test.want || !strings.Contains(r.Message, test.message) || r.Latency <= 0 {
					t.Errorf("%s: %v; want %v, %q", address, r, test.want, test.message)
				}
			}
		})
	}
	for _, options := range []string{``, `{"require_reply":true}`} {
		u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		closed := checker.Target{Address: u.LocalAddr().(*net.UDPAddr).AddrPort(), Timeout: 10 * time.Second}
		u.Close()
		if r := prepare(t, closed, options).Probe(t.Context()); r.Verdict != checker.Failed || !strings.HasSuffix(r.Message, "connection refused") {
			t.Errorf("a closed port: %v", r)
		}
	}
	target, _ := server(t, "127.0.0.1:0", silence)
	target.Timeout = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if r := prepare(t, target, "").Probe(ctx); r.Verdict != checker.Unknown {
		t.Errorf("called off: %v", r)
	}
}

// TestPayload holds what is sent.
func TestPayload(t *testing.T) {
	target, got := server(t, "127.0.0.1:0", func(b []byte) []byte { return []byte{1} })
	probe := func(options string) []byte {
		t.Helper()
		if r := prepare(t, target, options).Probe(t.Context()); r.Verdict != checker.OK {
			t.Fatal(r)
		}
		return <-got
	}
	if b := probe(`{"payload":"Ab12f 3 456 546443123"}`); !bytes.Equal(b, []byte{0xab, 0x12, 0x0f, 0x03, 0x45, 0x06, 0x54, 0x64, 0x43, 0x12, 0x03}) {
		t.Errorf("sent %x", b)
	}
	if b := probe(``); len(b) != 32 || !bytes.HasPrefix(b, []byte("moonkeep check")) {
		t.Errorf("sent %x", b)
	}
}

func TestFaults(t *testing.T) {
	target, _ := server(t, "127.0.0.1:0", func([]byte) []byte { return nil })
	for options, want := range map[string]string{
		`{"payload":"xy"}`:                                  "payload must be hexadecimal digits",
		`{"payload":"1X"}`:                                  "payload must be hexadecimal digits",
		`{"payload":""}`:                                    "payload must be hexadecimal digits",
		`{"require_reply":"hello"}`:                         "require_reply must be hexadecimal digits",
		`{"require_reply":[1]}`:                             "require_reply must be hexadecimal digits",
		`{"max_reply_length":65536}`:                        "from 0 to 65535",
		`{"payload":"` + strings.Repeat("00", 65500) + `"}`: "more than a datagram takes",
		`{"payloads":"00"}`:                                 "no option",
	} {
		o, err := checker.NewOptions([]byte(options))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New().Prepare(target, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v; want %q", options, err, want)
		}
	}
}

// TestLateLook: a process that stood still looks after the deadline, and finds what
// the network said before it.
func TestLateLook(t *testing.T) {
	target, _ := server(t, "127.0.0.1:0", func(b []byte) []byte { return b })
	closed := closedPort(t)
	late := errors.New("late")
	for _, test := range []struct {
		at   netip.AddrPort
		want error
		n    int
	}{{target.Address, nil, 5}, {closed, syscall.ECONNREFUSED, 0}} {
		c, err := net.Dial("udp", test.at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if n, err := waiting(c, make([]byte, 10), late); n != 0 || err != late {
			t.Errorf("before anything was sent: %d, %v", n, err)
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		n, err := 0, late
		for end := time.Now().Add(10 * time.Second); err == late && time.Now().Before(end); time.Sleep(time.Millisecond) {
			if n, err = hear(c, make([]byte, 10)); errors.Is(err, os.ErrDeadlineExceeded) {
				err = late
			}
		}
		if n != test.n || !errors.Is(err, test.want) {
			t.Errorf("%s: %d, %v; want %d, %v", test.at, n, err, test.n, test.want)
		}
	}
}

// closedPort is where nobody listens.
func closedPort(t *testing.T) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}
