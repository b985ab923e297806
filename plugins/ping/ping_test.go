package ping

import (
	"context"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestVerdicts pings this host, by each kind of socket and family. Nobody
// answers at an address of TEST-NET that stands on no interface: the loopback
// interface takes what is sent there, and drops it.
func TestVerdicts(t *testing.T) {
	for _, rawOnly := range []bool{false, true} {
		if os.Geteuid() != 0 {
			t.Skip("needs root: a raw socket, or a ping socket whatever the sysctl says")
		}
		c := &Checker{rawOnly: rawOnly}
		for _, test := range []struct {
			name, address, from, dev string
			want                     checker.Verdict
			message                  string
		}{
			{"IPv4", "127.0.0.1", "", "", checker.OK, "replied"},
			{"IPv4 from an address", "127.0.0.1", "127.0.0.5", "lo", checker.OK, "replied"},
			{"IPv6", "::1", "", "", checker.OK, "replied"},
			{"IPv6 from an address", "::1", "::1", "", checker.OK, "replied"},
			{"nobody", "192.0.2.77", "127.0.0.1", "lo", checker.Failed, "timed out"},
			{"an interface that is not there", "127.0.0.1", "", "no-such-if", checker.Unknown, "no such device"},
			{"another family", "127.0.0.1", "::1", "", checker.Unknown, "another family"},
		} {
			target := checker.Target{Address: netip.AddrPortFrom(netip.MustParseAddr(test.address), 80), BindIf: test.dev, BindPort: 4000, Timeout: 10 * time.Second}
			if test.from != "" {
				target.BindTo = netip.MustParseAddr(test.from)
			}
			if test.want == checker.Failed {
				target.Timeout = 100 * time.Millisecond
			}
			p, err := c.Prepare(target, checker.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second has another number
				if r := p.Probe(t.Context()); r.Verdict != test.want || !strings.Contains(r.Message, test.message) || r.Latency <= 0 {
					t.Errorf("%s (raw: %v): %v; want %v, %q", test.name, rawOnly, r, test.want, test.message)
				}
			}
		}
		target := checker.Target{Address: netip.MustParseAddrPort("192.0.2.77:0"), BindTo: netip.MustParseAddr("127.0.0.1"), BindIf: "lo", Timeout: time.Minute}
		p, err := c.Prepare(target, checker.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(30*time.Millisecond, cancel)
		if r := p.Probe(ctx); r.Verdict != checker.Unknown {
			t.Errorf("called off: %v", r)
		}
	}
}

// TestAnswers holds what counts as the reply.
func TestAnswers(t *testing.T) {
	token := []byte("0123456789abcdef")
	request := echo(false, 7, 9, token)
	if checksum(request) != 0 || len(request) != 64 {
		t.Errorf("the sum of the request is %#x", checksum(request))
	}
	if answers(request, false, false, 7, 9, token) {
		t.Error("a request is taken for a reply")
	}
	reply := append([]byte(nil), request...)
	reply[0] = echoReply4
	ip := append([]byte{0x45, 19: 0}, reply...)
	six := echo(true, 7, 9, token)
	six[0] = echoReply6
	for _, test := range []struct {
		name     string
		b        []byte
		six, raw bool
		id, seq  uint16
		token    string
		want     bool
	}{
		{"reply", reply, false, false, 1, 9, string(token), true},
		{"raw", ip, false, true, 7, 9, string(token), true},
		{"IPv6, raw", six, true, true, 7, 9, string(token), true},
		{"another id", ip, false, true, 8, 9, string(token), false},
		{"another number", reply, false, false, 7, 8, string(token), false},
		{"other data", reply, false, false, 7, 9, "0123456789abcdeF", false},
		{"cut short", reply[:23], false, false, 7, 9, string(token), false},
		{"nothing", nil, false, true, 7, 9, string(token), false},
		{"a header that is longer than the packet", []byte{0x4f, 19: 0}, false, true, 7, 9, string(token), false},
	} {
		if got := answers(test.b, test.six, test.raw, test.id, test.seq, []byte(test.token)); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte{0x45, 30: 1}, true, true)
	f.Fuzz(func(t *testing.T, b []byte, six, raw bool) {
		if answers(b, six, raw, 1, 2, []byte("0123456789abcdef")) && len(b) < headLen+16 {
			t.Errorf("%x is taken for a reply", b)
		}
	})
}
