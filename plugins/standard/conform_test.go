package standard

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/checker/checkertest"
)

// says is a server that answers each connection and closes it, after the client
// said something if it is to wait for that.
func says(t *testing.T, listens bool, text string) checker.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if listens {
					c.Read(make([]byte, 1024))
				}
				if text != "" {
					io.WriteString(c, text)
				}
			}()
		}
	}()
	return target(l.Addr().(*net.TCPAddr).Port)
}

// TestConform holds each checker to what every host relies on, with a server
// that is well where a few lines make one, and with one that is not.
func TestConform(t *testing.T) {
	closed := target(freePort(t))
	dead := checker.Target{Address: closed.Address, Timeout: 300 * time.Millisecond}
	web := object{"urls": []any{object{"path": "/", "status_code": []any{200}}}}
	http := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	cases := map[string][]checkertest.Case{
		"HTTP_GET": {
			{Name: "200", Target: says(t, true, http), Options: web, Want: checker.OK},
			{Name: "500", Target: says(t, true, "HTTP/1.1 500 No\r\n\r\n"), Options: web, Want: checker.Failed, Message: "status 500"},
			{Name: "closed", Target: closed, Options: web, Want: checker.Failed, Message: "refused"},
		},
		"SSL_GET": {
			{Name: "no TLS", Target: says(t, true, http), Options: web, Want: checker.Failed, Message: "TLS"},
			{Name: "closed", Target: closed, Options: web, Want: checker.Failed, Message: "refused"},
		},
		"TCP_CHECK": {
			{Name: "open", Target: says(t, false, ""), Options: object{}, Want: checker.OK},
			{Name: "closed", Target: closed, Options: object{}, Want: checker.Failed, Message: "refused"},
		},
		"SMTP_CHECK": {
			{Name: "busy", Target: says(t, false, "421 later\r\n"), Options: object{}, Want: checker.Failed, Message: "421"},
			{Name: "closed", Target: closed, Options: object{}, Want: checker.Failed, Message: "refused"},
		},
		"DNS_CHECK":  {{Name: "closed", Target: dead, Options: object{}, Want: checker.Failed}},
		"UDP_CHECK":  {{Name: "closed", Target: dead, Options: object{"require_reply": true}, Want: checker.Failed}},
		"PING_CHECK": {{Name: "no interface", Target: checker.Target{Address: closed.Address, BindIf: "no-such-if", Timeout: dead.Timeout}, Options: object{}, Want: checker.Unknown}},
		"MISC_CHECK": {
			{Name: "0", Options: object{"misc_path": "/bin/true"}, Want: checker.OK},
			{Name: "1", Options: object{"misc_path": "/bin/false"}, Want: checker.Failed},
			{Name: "none", Options: object{"misc_path": "/no/such/program"}, Want: checker.Unknown},
		},
		"GRPC_HEALTH": {{Name: "closed", Target: closed, Options: object{}, Want: checker.Failed, Message: "refused"}},
		"AGENT_CHECK": {
			{Name: "up", Target: says(t, false, "up\n"), Options: object{}, Want: checker.OK},
			{Name: "down", Target: says(t, false, "down\n"), Options: object{}, Want: checker.Failed},
			// An agent that is not there says nothing about the server.
			{Name: "closed", Target: closed, Options: object{}, Want: checker.Unknown, Message: "refused"},
		},
	}
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			if len(cases[name]) == 0 {
				t.Fatal("there is no case for it")
			}
			checkertest.Conform(t, New(name), cases[name]...)
		})
	}
}
