package http

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/tlsclient/tlstest"
)

// serveTLS answers by TLS; cut ends the connection without saying so. names are
// what clients asked for in the handshake.
func serveTLS(t *testing.T, config *tls.Config, answer string, cut bool) (s *server, names chan string) {
	t.Helper()
	names = make(chan string, 100)
	config = config.Clone()
	config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- h.ServerName
		return nil, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = &server{address: l.Addr().String()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			raw.SetDeadline(time.Now().Add(5 * time.Second))
			c := tls.Server(raw, config)
			if c.Handshake() == nil {
				s.note(c)
				io.WriteString(c, answer)
				if cut {
					raw.(*net.TCPConn).CloseWrite()
				} else {
					c.CloseWrite()
				}
				io.Copy(io.Discard, raw)
			}
			raw.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return s, names
}

// TestCertificates is the table of what SSL_GET calls ok and failed for the
// sake of TLS.
func TestCertificates(t *testing.T) {
	ca, other := tlstest.New(t), tlstest.New(t)
	const year, hour = 365 * 24 * time.Hour, time.Hour
	right := ca.Issue(t, tlstest.Name, year)
	with := func(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
	clients := with(right)
	clients.ClientAuth, clients.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	old := with(right)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	cert, key := tlstest.Texts(t, ca.Issue(t, "client", year))
	foreignCert, foreignKey := tlstest.Texts(t, other.Issue(t, "client", year))
	named := func(o object) object { // for the name of the certificate
		o["virtualhost"], o["ca"], o["verify"] = tlstest.Name, ca.PEM, true
		return o
	}
	tests := []struct {
		name    string
		config  *tls.Config
		options object
		want    checker.Verdict
		message string
	}{
		{"right", with(right), named(object{}), checker.OK, "status 200"},
		{"right, for an address", with(ca.Issue(t, tlstest.Address, year)), object{"ca": ca.PEM, "verify": true}, checker.OK, "status 200"},
		{"right, sni_name instead of virtualhost", with(right), object{"ca": ca.PEM, "verify": true, "sni_name": tlstest.Name}, checker.OK, "status 200"},
		{"of another name", with(ca.Issue(t, "other.example.org", year)), named(object{}), checker.Failed, "valid for other.example.org, not " + tlstest.Name},
		{"of another name, not verified", with(ca.Issue(t, "other.example.org", year)), object{"virtualhost": tlstest.Name}, checker.OK, "status 200"},
		{"a name, asked by address", with(right), object{"ca": ca.PEM, "verify": true}, checker.Failed, "127.0.0.1"},
		{"expired", with(ca.Issue(t, tlstest.Name, -hour)), named(object{}), checker.Failed, "certificate has expired"},
		{"expired, not verified", with(ca.Issue(t, tlstest.Name, -hour)), object{}, checker.OK, "status 200"},
		{"signed by itself", with((*tlstest.Authority)(nil).Issue(t, tlstest.Name, year)), named(object{}), checker.Failed, "unknown authority"},
		{"signed by itself, not verified", with((*tlstest.Authority)(nil).Issue(t, tlstest.Name, year)), object{}, checker.OK, "status 200"},
		{"signed by another", with(other.Issue(t, tlstest.Name, year)), named(object{}), checker.Failed, "unknown authority"},
		{"not trusted by the system", with(right), object{"virtualhost": tlstest.Name, "verify": true}, checker.Failed, "unknown authority"},
		{"ends soon", with(ca.Issue(t, tlstest.Name, hour)), named(object{"expiry_warning": "24h"}), checker.OK, "status 200; the server's certificate ends on "},
		{"ended, and only told", with(ca.Issue(t, tlstest.Name, -hour)), object{"expiry_warning": "24h"}, checker.OK, "the server's certificate ended on "},
		{"does not end soon", with(right), named(object{"expiry_warning": "24h"}), checker.OK, "status 200"},
		{"an old version, not verified", old, object{}, checker.OK, "status 200"},
		{"an old version", old, named(object{}), checker.Failed, "TLS handshake: "},
		{"a client's certificate", clients, named(object{"certificate": cert, "key": key}), checker.OK, "status 200"},
		{"no client's certificate", clients, named(object{}), checker.Failed, "certificate required"},
		{"another client's certificate", clients, named(object{"certificate": foreignCert, "key": foreignKey}), checker.Failed, "remote error: tls: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, _ := serveTLS(t, test.config, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", false)
			test.options["urls"] = []any{object{"path": "/x"}}
			p := prepare(t, NewSSL(), s.target(t), test.options)
			r := probeOnce(t, p)

			if r.Verdict != test.want || !strings.Contains(r.Message, test.message) {
				t.Errorf("%s: %v, %q; want %v, %q", test.name, r.Verdict, r.Message, test.want, test.message)
			}
			if strings.HasSuffix(test.message, "200") && r.Message != test.message {
				t.Errorf("%s: %q says more than %q", test.name, r.Message, test.message)
			}
		})
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	go func() {
		if c, err := plain.Accept(); err == nil {
			io.WriteString(c, "HTTP/1.0 400 Bad Request\r\n\r\n")
			c.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	target := (&server{address: plain.Addr().String()}).target(t)
	if r := probeOnce(t, prepare(t, NewSSL(), target, path(object{}))); r.Verdict != checker.Failed || r.Message != "TLS handshake: tls: first record does not look like a TLS handshake" {
		t.Errorf("no TLS: %v", r)
	}
}

// TestSNI holds what is told in the handshake.
func TestSNI(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{tlstest.New(t).Issue(t, tlstest.Name, time.Hour)}}
	s, names := serveTLS(t, config, "HTTP/1.0 200 OK\r\n\r\n", false)
	for _, test := range []struct {
		options object
		want    string
	}{
		{object{"virtualhost": "a.example.org"}, ""},
		{object{"virtualhost": "a.example.org", "sni_name": "b.example.org"}, ""},
		{object{"virtualhost": "a.example.org", "enable_sni": true}, "a.example.org"},
		{object{"virtualhost": "a.example.org:8443", "enable_sni": true}, "a.example.org"},
		{object{"virtualhost": "a.example.org", "enable_sni": true, "sni_name": "b.example.org"}, "b.example.org"},
		{object{"enable_sni": true}, ""}, // an address is no name
	} {
		test.options["urls"] = []any{object{"path": "/x"}}
		if r := probeOnce(t, prepare(t, NewSSL(), s.target(t), test.options)); r.Verdict != checker.OK {
			t.Fatal(r)
		}
		if got := <-names; got != test.want {
			t.Errorf("%v: told %q, want %q", test.options, got, test.want)
		}
	}
}

// TestCompliant holds what tls_compliant makes of connections that are cut.
func TestCompliant(t *testing.T) {
	config := &tls.Config{Certificates: []tls.Certificate{tlstest.New(t).Issue(t, tlstest.Name, time.Hour)}}
	const open, counted, chunks = "HTTP/1.0 200 OK\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	for _, answer := range []string{open, counted, chunks} {
		for _, test := range []struct {
			cut     bool
			options object
			want    checker.Verdict
		}{
			{false, path(object{}), checker.OK},
			{true, path(object{}), checker.OK},
			{false, object{"tls_compliant": true, "urls": []any{object{"path": "/"}}}, checker.OK},
			{true, object{"tls_compliant": true, "urls": []any{object{"path": "/"}}}, checker.Failed},
			{true, object{"tls_compliant": true, "urls": []any{object{"path": "/", "tls_compliant": false}}}, checker.OK},
			{true, path(object{"tls_compliant": true}), checker.Failed},
		} {
			s, _ := serveTLS(t, config, answer, test.cut)
			r := probeOnce(t, prepare(t, NewSSL(), s.target(t), test.options))
			if r.Verdict != test.want || test.want == checker.Failed && !strings.Contains(r.Message, "without closing TLS") {
				t.Errorf("%q, cut %v, %v: %v; want %v", answer, test.cut, test.options, r, test.want)
			}
		}
	}
	// Cut within a body whose length is known, it is no TLS that matters.
	s, _ := serveTLS(t, config, counted[:len(counted)-2], true)
	if r := probeOnce(t, prepare(t, NewSSL(), s.target(t), path(object{}))); r.Verdict != checker.Failed || r.Message != "the body ends after 3 of 5 bytes" {
		t.Error(r)
	}
}

// TestHTTP2 asks by HTTP/2, in clear and by TLS, and by TLS of a server that has
// none.
func TestHTTP2(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "www.example.org" || r.Header.Get("X-A") != "1" || r.URL.Path != "/x" {
			w.WriteHeader(400)
		}
		w.Header().Set("X-Proto", r.Proto)
		io.WriteString(w, "hello "+r.Proto)
	})
	start := func(byTLS, two bool) checker.Target {
		s := httptest.NewUnstartedServer(handler)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.Config.Protocols = new(http.Protocols)
		s.Config.Protocols.SetHTTP1(!two)
		s.Config.Protocols.SetHTTP2(two)
		s.Config.Protocols.SetUnencryptedHTTP2(two)
		s.EnableHTTP2 = two
		if byTLS {
			s.StartTLS()
		} else {
			s.Start()
		}
		t.Cleanup(s.Close)
		return (&server{address: s.Listener.Addr().String()}).target(t)
	}
	for _, test := range []struct {
		byTLS, two bool
		proto      string
		want       checker.Verdict
	}{
		{false, true, "HTTP/2.0", checker.OK},
		{true, true, "HTTP/2.0", checker.OK},
		{true, false, "HTTP/1.1", checker.OK},
		{false, false, "", checker.Failed},
	} {
		c := New()
		if test.byTLS {
			c = NewSSL()
		}
		target := start(test.byTLS, test.two)
		options := object{"http2": true, "virtualhost": "www.example.org", "urls": []any{object{"path": "/x", "regex": "^hello " + test.proto, "headers": []any{"X-A: 1"}}}}
		p := prepare(t, c, target, options)
		r := p.Probe(checker.WithLog(t.Context(), nil, true))
		if r.Verdict != test.want {
			t.Errorf("TLS %v, HTTP/2 %v: %v", test.byTLS, test.two, r)
		}
		if r.Verdict == checker.OK && !strings.Contains(detail(r, "head"), "X-Proto: "+test.proto) {
			t.Errorf("TLS %v, HTTP/2 %v: %q", test.byTLS, test.two, r.Details)
		}
		options["urls"] = []any{object{"path": "/x", "status_code": "404", "headers": []any{"X-A: 1"}}}
		q := prepare(t, c, target, options)
		if r := probeOnce(t, q); r.Verdict != checker.Failed {
			t.Error(r)
		}
		p.(interface{ Close() }).Close()
		q.(interface{ Close() }).Close()
	}
	if _, err := tryPrepare(t, NewSSL(), start(true, true), object{"http2": true, "tls_compliant": true, "urls": []any{object{"path": "/"}}}); err == nil {
		t.Error("http2 and tls_compliant are taken together")
	}
}
