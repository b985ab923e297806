package dns

import (
	"encoding/binary"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers each query by what a function makes of it, over UDP and TCP.
func server(t *testing.T, answers func(network string, q *dns.Msg) [][]byte) checker.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(l.Addr().(*net.TCPAddr).AddrPort()))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{}, 2)
	go func() {
		defer func() { done <- struct{}{} }()
		buf := make([]byte, 4096)
		for {
			n, from, err := u.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			var q dns.Msg
			if err := q.Unpack(buf[:n]); err != nil {
				t.Error(err)
				continue
			}
			for _, b := range answers("udp", &q) {
				u.WriteToUDPAddrPort(b, from)
			}
		}
	}()
	go func() {
		defer func() { done <- struct{}{} }()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			d := &dns.Conn{Conn: c}
			if q, err := d.ReadMsg(); err == nil {
				for _, b := range answers("tcp", q) {
					d.Write(b)
				}
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { u.Close(); l.Close(); <-done; <-done })
	return checker.Target{Address: u.LocalAddr().(*net.UDPAddr).AddrPort(), Timeout: 300 * time.Millisecond}
}

// reply is an answer with records as in a zone file.
func reply(q *dns.Msg, rcode int, records ...string) []byte {
	m := new(dns.Msg)
	m.SetRcode(q, rcode)
	for _, r := range records {
		rr, err := dns.NewRR(r)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

func run(t *testing.T, target checker.Target, options string) checker.Result {
	t.Helper()
	o, err := checker.NewOptions([]byte(options))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New().Prepare(target, o)
	if err != nil {
		t.Fatal(err)
	}
	return p.Probe(t.Context())
}

// TestVerdicts is the table of what DNS_CHECK calls ok and failed.
func TestVerdicts(t *testing.T) {
	one := func(f func(q *dns.Msg) []byte) func(string, *dns.Msg) [][]byte {
		return func(_ string, q *dns.Msg) [][]byte { return [][]byte{f(q)} }
	}
	records := func(list ...string) func(string, *dns.Msg) [][]byte {
		return one(func(q *dns.Msg) []byte { return reply(q, dns.RcodeSuccess, list...) })
	}
	const a = `{"type":"A","name":"www.example.org","answer":["192.0.2.1","192.0.2.2"]}`
	for _, test := range []struct {
		name, options string
		answers       func(string, *dns.Msg) [][]byte
		want          checker.Verdict
		message       string
	}{
		{"no error", ``, records(), checker.OK, ". SOA: NOERROR"},
		{"no error and a record of another type", `{"type":"AAAA","name":"x.org"}`, records("x.org. 60 IN A 192.0.2.1"), checker.OK, "x.org. AAAA: NOERROR"},
		{"no such name", ``, one(func(q *dns.Msg) []byte { return reply(q, dns.RcodeNameError) }), checker.Failed, ". SOA: NXDOMAIN"},
		{"the server fails", ``, one(func(q *dns.Msg) []byte { return reply(q, dns.RcodeServerFailure) }), checker.Failed, "SERVFAIL"},
		{"refused", ``, one(func(q *dns.Msg) []byte { return reply(q, dns.RcodeRefused) }), checker.Failed, "REFUSED"},
		{"silence", ``, func(string, *dns.Msg) [][]byte { return nil }, checker.Failed, "timed out"},
		{"others before it", ``, func(_ string, q *dns.Msg) [][]byte {
			good := reply(q, dns.RcodeSuccess)
			other := append([]byte(nil), good...)
			binary.BigEndian.PutUint16(other, q.Id+1)
			query, _ := q.Pack()
			return [][]byte{nil, []byte("short"), other, query, good}
		}, checker.OK, "NOERROR"},
		{"others only", ``, func(_ string, q *dns.Msg) [][]byte {
			query, _ := q.Pack()
			return [][]byte{query, query[:11]}
		}, checker.Failed, "timed out (2 others were no answer to this query)"},
		{"a head without the rest", ``, one(func(q *dns.Msg) []byte { return reply(q, 0)[:12] }), checker.OK, "NOERROR"},

		{"the record", a, records("www.example.org. 60 IN A 192.0.2.2"), checker.OK, "192.0.2.2"},
		{"the record behind another name", a, records("www.example.org. 60 IN CNAME h.example.org.", "h.example.org. 60 IN A 192.0.2.1"), checker.OK, "192.0.2.1"},
		{"another record", a, records("www.example.org. 60 IN A 192.0.2.3"), checker.Failed, "the answer is 192.0.2.3, expected 192.0.2.1 or 192.0.2.2"},
		{"no record", a, records(), checker.Failed, "the answer has no such record"},
		{"an error instead of a record", a, one(func(q *dns.Msg) []byte { return reply(q, dns.RcodeNameError) }), checker.Failed, "NXDOMAIN"},
		{"no DNS behind the head", a, one(func(q *dns.Msg) []byte { return append(reply(q, 0, "x.org. 1 IN A 192.0.2.1")[:20], 0xff) }), checker.Failed, "the answer is no DNS"},
		{"a name", `{"type":"MX","name":"x.org","answer":["10 Mail.x.org"]}`, records("x.org. 60 IN MX 10 mail.X.org."), checker.OK, "10 mail.x.org"},
		{"a text", `{"type":"TXT","name":"x.org","answer":["v=spf1 -all"]}`, records(`x.org. 60 IN TXT "v=spf1" " -all"`), checker.OK, "v=spf1 -all"},
		{"cut short, then by TCP", a, func(network string, q *dns.Msg) [][]byte {
			if network == "tcp" {
				return [][]byte{reply(q, 0, "www.example.org. 60 IN A 192.0.2.1")}
			}
			b := reply(q, 0)
			b[2] |= 2
			return [][]byte{b}
		}, checker.OK, "192.0.2.1"},
		{"cut short, and nothing asked of it", ``, one(func(q *dns.Msg) []byte {
			b := reply(q, 0)
			b[2] |= 2
			return b
		}), checker.OK, "NOERROR"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if r := run(t, server(t, test.answers), test.options); r.Verdict != test.want || !strings.Contains(r.Message, test.message) || r.Latency <= 0 {
				t.Errorf("%v; want %v, %q", r, test.want, test.message)
			}
		})
	}
	closed := server(t, nil)
	closed.Address = closedPort(t)
	if r := run(t, closed, ""); r.Verdict != checker.Failed || !strings.HasSuffix(r.Message, "connection refused") {
		t.Error(r)
	}
}

func TestQuery(t *testing.T) {
	asked := make(chan *dns.Msg, 2)
	target := server(t, func(_ string, q *dns.Msg) [][]byte {
		asked <- q
		return [][]byte{reply(q, 0)}
	})
	o, err := checker.NewOptions([]byte(`{"type":"dnskey","name":"example.org"}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New().Prepare(target, o)
	if err != nil {
		t.Fatal(err)
	}
	var ids []uint16
	for range 2 {
		if r := p.Probe(checker.WithLog(t.Context(), nil, true)); r.Verdict != checker.OK || len(r.Details) != 2 {
			t.Fatal(r)
		}
		q := <-asked
		ids = append(ids, q.Id)
		if len(q.Question) != 1 || q.Question[0].Name != "example.org." || q.Question[0].Qtype != dns.TypeDNSKEY || !q.RecursionDesired {
			t.Errorf("asked %v", q)
		}
	}
	if ids[0] == ids[1] {
		t.Errorf("two queries with the id %d", ids[0])
	}
}

func TestFaults(t *testing.T) {
	target := server(t, nil)
	for options, want := range map[string]string{
		`{"type":"AB"}`:   "no type",
		`{"name":""}`:     "cannot be asked for",
		`{"name":"a..b"}`: "cannot be asked for",
		`{"name":"` + strings.Repeat("a", 64) + `.org"}`: "cannot be asked for",
		`{"nam":"a"}`: "no option",
	} {
		o, err := checker.NewOptions([]byte(options))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New().Prepare(target, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", options, err, want)
		}
	}
}

// FuzzAnswer holds that no datagram of a server's is worse than a verdict.
func FuzzAnswer(f *testing.F) {
	q := new(dns.Msg)
	q.SetQuestion("www.example.org.", dns.TypeA)
	f.Add(reply(q, 0, "www.example.org. 60 IN A 192.0.2.2"))
	f.Add(reply(q, 3))
	f.Add(reply(q, 0, `www.example.org. 60 IN TXT "a"`)[:30])
	o, err := checker.NewOptions([]byte(`{"type":"A","name":"www.example.org","answer":["192.0.2.2"]}`))
	if err != nil {
		f.Fatal(err)
	}
	target := checker.Target{Address: netipLoopback}
	prepared, err := New().Prepare(target, o)
	if err != nil {
		f.Fatal(err)
	}
	p := prepared.(*probe)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < headLen {
			return
		}
		r := p.judge(checker.WithLog(t.Context(), nil, true), b)
		if r.Verdict == checker.Unknown || r.Message == "" {
			t.Errorf("%x: %v", b, r)
		}
	})
}
