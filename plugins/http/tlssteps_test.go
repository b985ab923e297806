package http

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/tlsclient/tlstest"
)

// TestSlowHandshake: the handshake has connect_timeout, and so has the answer.
func TestSlowHandshake(t *testing.T) {
	const pause, timeout = 600 * time.Millisecond, time.Second
	cert := tlstest.New(t).Issue(t, tlstest.Name, time.Hour)
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("http2 %v", http2), func(t *testing.T) {
			t.Parallel()
			s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(pause) }))
			s.EnableHTTP2 = http2
			s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
				time.Sleep(pause)
				return nil, nil
			}}
			s.StartTLS()
			defer s.Close()
			target := checker.Target{Address: netip.MustParseAddrPort(s.Listener.Addr().String()), Timeout: timeout}
			p, err := tryPrepare(t, NewSSL(), target, object{"http2": http2, "urls": []any{object{"path": "/"}}})
			if err != nil {
				t.Fatal(err)
			}
			if c, ok := p.(interface{ Close() }); ok {
				defer c.Close()
			}
			if r := p.Probe(t.Context()); r.Verdict != checker.OK {
				t.Errorf("a handshake and an answer of %s each within connect_timeout %s: %v", pause, timeout, r)
			}
		})
	}
}

// TestRenegotiation: a server that asks for a certificate once it knows the path does
// so, in TLS 1.2, by another handshake.
func TestRenegotiation(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("needs openssl: a server that begins a handshake again")
	}
	ca := tlstest.New(t)
	cert, key := tlstest.Texts(t, ca.Issue(t, tlstest.Name, time.Hour))
	own, ownKey := tlstest.Texts(t, ca.Issue(t, "client", time.Hour))
	dir := t.TempDir()
	for name, text := range map[string]string{"cert": cert, "key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	cmd := exec.Command("openssl", "s_server", "-accept", at, "-cert", filepath.Join(dir, "cert"), "-key", filepath.Join(dir, "key"), "-tls1_2", "-naccept", "1", "-crlf")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	accepts := make(chan struct{})
	go func() {
		var all strings.Builder
		for r := bufio.NewScanner(out); r.Scan(); {
			all.WriteString(r.Text() + "\n")
			switch {
			case strings.HasPrefix(r.Text(), "ACCEPT"):
				close(accepts)
			case strings.HasPrefix(r.Text(), "GET /secret"):
				fmt.Fprintln(in, "R") // a handshake again, with a certificate
			case strings.HasPrefix(r.Text(), "Read BLOCK"):
				fmt.Fprint(in, "HTTP/1.0 200 OK\nContent-Length: 0\n\n")
			}
		}
		said <- all.String()
	}()
	defer func() {
		cmd.Process.Kill()
		cmd.Wait() // killed
		if text := <-said; t.Failed() {
			t.Log(text)
		}
	}()
	select {
	case <-accepts:
	case <-time.After(20 * time.Second):
		t.Fatal("openssl does not listen")
	}
	target := checker.Target{Address: netip.MustParseAddrPort(at), Timeout: 10 * time.Second}
	p, err := tryPrepare(t, NewSSL(), target, object{"certificate": own, "key": ownKey, "urls": []any{object{"path": "/secret"}}})
	if err != nil {
		t.Fatal(err)
	}
	if r := p.Probe(t.Context()); r.Verdict != checker.OK {
		t.Errorf("%v", r)
	}
}
