package grpchealth

import (
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a health service by HTTP/2, in clear or by TLS.
func server(t *testing.T, byTLS bool, handle http.HandlerFunc) checker.Target {
	t.Helper()
	s := httptest.NewUnstartedServer(handle)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP2(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	if byTLS {
		s.EnableHTTP2 = true
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return checker.Target{Address: netip.MustParseAddrPort(s.Listener.Addr().String()), Timeout: 10 * time.Second}
}

// says answers with a status of a service, or with a code of gRPC.
func says(message []byte, code, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc+proto")
		w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
		w.Write(message)
		w.Header().Set("Grpc-Status", code)
		w.Header().Set("Grpc-Message", text)
	}
}

func framed(m ...byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
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
	defer p.(*probe).Close()
	return p.Probe(checker.WithLog(t.Context(), nil, true))
}

// TestVerdicts is the table of what GRPC_HEALTH calls ok and failed.
func TestVerdicts(t *testing.T) {
	for _, test := range []struct {
		name    string
		handle  http.HandlerFunc
		want    checker.Verdict
		message string
	}{
		{"serving", says(framed(8, 1), "0", ""), checker.OK, "SERVING"},
		{"serving, with a field that nobody knows", says(framed(0x12, 2, 'h', 'i', 8, 1, 0x1d, 1, 2, 3, 4), "0", ""), checker.OK, "SERVING"},
		{"not serving", says(framed(8, 2), "0", ""), checker.Failed, "NOT_SERVING, expected SERVING"},
		{"unknown", says(framed(), "0", ""), checker.Failed, "UNKNOWN, expected SERVING"},
		{"service unknown", says(framed(8, 3), "0", ""), checker.Failed, "SERVICE_UNKNOWN"},
		{"a status that nobody knows", says(framed(8, 9), "0", ""), checker.Failed, "status 9"},
		{"no such service", says(nil, "5", "unknown service"), checker.Failed, `NOT_FOUND: it has no such service ("unknown service")`},
		{"no health service", says(nil, "12", ""), checker.Failed, "UNIMPLEMENTED: it has no health service"},
		{"a code that nobody knows", says(nil, "99", ""), checker.Failed, `code "99"`},
		{"no message", says(nil, "0", ""), checker.Failed, "no message"},
		{"a message that is cut short", says(framed(8, 1)[:6], "0", ""), checker.Failed, "cut short"},
		{"a compressed message", says([]byte{1, 0, 0, 0, 0}, "0", ""), checker.Failed, "compressed"},
		{"a broken message", says(framed(8, 0xff), "0", ""), checker.Failed, "cannot be read"},
		{"no status", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Write(framed(8, 1))
		}, checker.Failed, "ends without a status"},
		{"a status in the head", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/grpc")
			w.Header().Set("Grpc-Status", "14")
		}, checker.Failed, "UNAVAILABLE"},
		{"a web page", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "<html>") }, checker.Failed, `no gRPC but "text/html`},
		{"not found", http.NotFound, checker.Failed, "status 404 of HTTP"},
	} {
		for _, byTLS := range []bool{false, true} {
			target := server(t, byTLS, test.handle)
			options := `{}`
			if byTLS {
				options = `{"tls":true}`
			}
			r := run(t, target, options)
			if r.Verdict != test.want || !strings.Contains(r.Message, test.message) || r.Latency <= 0 {
				t.Errorf("%s (TLS: %v): %v; want %v, %q", test.name, byTLS, r, test.want, test.message)
			}
			if byTLS != strings.Contains(r.Details[len(r.Details)-1].Text, "TLS 1.3") {
				t.Errorf("%s: details %q", test.name, r.Details)
			}
		}
	}
	// Nobody there, and somebody who does not speak HTTP/2.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := checker.Target{Address: netip.MustParseAddrPort(l.Addr().String()), Timeout: 5 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c, err := l.Accept(); err == nil {
			io.WriteString(c, "SSH-2.0-OpenSSH\r\n")
			c.Close()
		}
	}()
	if r := run(t, target, ""); r.Verdict != checker.Failed {
		t.Errorf("no HTTP/2: %v", r)
	}
	l.Close()
	<-done
	if r := run(t, target, ""); r.Verdict != checker.Failed || !strings.HasSuffix(r.Message, "connection refused") {
		t.Errorf("nobody there: %v", r)
	}
	silent := server(t, false, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	silent.Timeout = 200 * time.Millisecond
	if r := run(t, silent, ""); r.Verdict != checker.Failed || !r.TimedOut || !strings.HasSuffix(r.Message, "timed out") {
		t.Errorf("silence: %v", r)
	}
}

// TestRequest holds what is asked.
func TestRequest(t *testing.T) {
	var got *http.Request
	var body []byte
	target := server(t, false, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		says(framed(8, 1), "0", "")(w, r)
	})
	r := run(t, target, `{"service":"shop.Cart","authority":"shop.example.org"}`)
	if r.Verdict != checker.OK {
		t.Fatal(r)
	}
	if got.Method != "POST" || got.URL.Path != "/grpc.health.v1.Health/Check" || got.Host != "shop.example.org" || got.Header.Get("Te") != "trailers" ||
		got.Header.Get("Content-Type") != "application/grpc" || !strings.HasSuffix(got.Header.Get("Grpc-Timeout"), "m") {
		t.Errorf("asked %v", got)
	}
	if want := string(framed(append([]byte{0x0a, 9}, "shop.Cart"...)...)); string(body) != want {
		t.Errorf("asked with %q, want %q", body, want)
	}
}

func TestFaults(t *testing.T) {
	for options, want := range map[string]string{
		`{"verify":true}`:     "with tls only",
		`{"authority":"a b"}`: "no name of a host",
		`{"services":"a"}`:    "no option",
		`{"tls":true,"ca":"/no/such/file","verify":true}`: "no such file",
	} {
		o, err := checker.NewOptions([]byte(options))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New().Prepare(checker.Target{Address: netip.MustParseAddrPort("127.0.0.1:1")}, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", options, err, want)
		}
	}
}

// TestAnswersByText: a server of HTTP/1 that is asked without TLS is told from a broken one.
func TestAnswersByText(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		_, _ = io.Copy(io.Discard, c) // until it goes
	}()
	r := run(t, checker.Target{Address: netip.MustParseAddrPort(l.Addr().String()), Timeout: 10 * time.Second}, "{}")
	l.Close()
	if <-over; r.Verdict != checker.Failed || !strings.Contains(r.Message, "by no HTTP/2, which gRPC needs") {
		t.Errorf("%v %q", r.Verdict, r.Message)
	}
}

func FuzzStatus(f *testing.F) {
	f.Add(framed(8, 1))
	f.Add(framed(0x12, 2, 'h', 'i', 8, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := status(b); err != nil && n != 0 {
			t.Errorf("%x: %d, %v", b, n, err)
		}
	})
}

// TestNoHTTP2 holds that a server by TLS that has no HTTP/2 is told from one that
// answers wrongly.
func TestNoHTTP2(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler()) // by HTTP/1.1
	defer s.Close()
	o, err := checker.NewOptions([]byte(`{"tls":true}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New().Prepare(checker.Target{Address: netip.MustParseAddrPort(s.Listener.Addr().String()), Timeout: 10 * time.Second}, o)
	if err != nil {
		t.Fatal(err)
	}
	if r := p.Probe(t.Context()); r.Verdict != checker.Failed || !strings.Contains(r.Message, "did not agree to HTTP/2 (h2)") {
		t.Errorf("%v %q", r.Verdict, r.Message)
	}
	if x, ok := p.(interface{ Close() }); ok {
		x.Close()
	}
}
