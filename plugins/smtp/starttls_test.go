package smtp

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/tlsclient/tlstest"
)

// tlsServer is a mail server that takes STARTTLS; after says something in clear
// behind its answer.
func tlsServer(t *testing.T, cert tls.Certificate, after string) checker.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(5 * time.Second))
			r := bufio.NewReader(c)
			io.WriteString(c, "220 mail\r\n")
			for _, answer := range []string{"250-mail\r\n250 STARTTLS\r\n", "220 go on\r\n" + after} {
				if _, err := r.ReadString('\n'); err == nil {
					io.WriteString(c, answer)
				}
			}
			s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
			if s.Handshake() == nil {
				r = bufio.NewReader(s)
				for _, answer := range []string{"250 again\r\n", "221 bye\r\n"} {
					if line, err := r.ReadString('\n'); err == nil && (strings.HasPrefix(line, "EHLO ") || strings.HasPrefix(line, "QUIT")) {
						io.WriteString(s, answer)
					}
				}
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return checker.Target{Address: l.Addr().(*net.TCPAddr).AddrPort(), Timeout: 5 * time.Second}
}

// TestStartTLS is what SMTP_CHECK calls ok and failed with starttls.
func TestStartTLS(t *testing.T) {
	ca := tlstest.New(t)
	right, expired := ca.Issue(t, tlstest.Name, 10*24*time.Hour), ca.Issue(t, tlstest.Name, -time.Hour)
	own := (*tlstest.Authority)(nil).Issue(t, tlstest.Name, time.Hour)
	type object = map[string]any
	for _, test := range []struct {
		name    string
		cert    tls.Certificate
		after   string
		options object
		want    checker.Verdict
		message string
	}{
		{"not verified", own, "", object{"starttls": true}, checker.OK, `"250 again"`},
		{"right", right, "", object{"starttls": true, "verify": true, "ca": ca.PEM, "sni_name": tlstest.Name}, checker.OK, `"250 again"`},
		{"ends soon", right, "", object{"starttls": true, "expiry_warning": "720h"}, checker.OK, "certificate ends on"},
		{"another name", right, "", object{"starttls": true, "verify": true, "ca": ca.PEM}, checker.Failed, "TLS handshake with 127.0.0.1"},
		{"expired", expired, "", object{"starttls": true, "verify": true, "ca": ca.PEM, "sni_name": tlstest.Name}, checker.Failed, "expired"},
		{"signed by itself", own, "", object{"starttls": true, "verify": true, "ca": ca.PEM, "sni_name": tlstest.Name}, checker.Failed, "unknown authority"},
		{"more behind STARTTLS", right, "250 forged\r\n", object{"starttls": true}, checker.Failed, "before TLS begins"},
	} {
		b, err := json.Marshal(test.options)
		if err != nil {
			t.Fatal(err)
		}
		if r := run(t, tlsServer(t, test.cert, test.after), string(b)); r.Verdict != test.want || !strings.Contains(r.Message, test.message) {
			t.Errorf("%s: %v; want %v, %q", test.name, r, test.want, test.message)
		}
	}
	target, _ := server(t, "220 mail\r\n", "250 hello\r\n", "502 what\r\n|")
	if r := run(t, target, `{"starttls":true}`); r.Verdict != checker.Failed || !strings.Contains(r.Message, `to STARTTLS: "502 what", expected 220`) {
		t.Errorf("no STARTTLS: %v", r)
	}
}
