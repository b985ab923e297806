package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/checker/checkertest"
)

const (
	master  = "*3\r\n$6\r\nmaster\r\n:3129659\r\n*0\r\n"
	replica = "*5\r\n$5\r\nslave\r\n$9\r\n192.0.2.1\r\n:6379\r\n$9\r\nconnected\r\n:3167038\r\n"
)

// server is a Redis that knows AUTH and ROLE.
func server(t *testing.T, password, role string) checker.Target {
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
			go talk(c, password, role)
		}
	}()
	return checker.Target{Address: netip.MustParseAddrPort(l.Addr().String()), Timeout: 2 * time.Second}
}

func talk(c net.Conn, password, role string) {
	defer c.Close()
	r := bufio.NewReader(c)
	open := password == ""
	for {
		command, err := read(r, 0)
		if err != nil {
			return
		}
		words := strings.Trim(fmt.Sprint(command), "[]")
		switch {
		case strings.HasPrefix(words, "AUTH ") && strings.HasSuffix(words, " "+password):
			open = true
			io.WriteString(c, "+OK\r\n")
		case strings.HasPrefix(words, "AUTH "):
			io.WriteString(c, "-WRONGPASS invalid username-password pair\r\n")
		case words == "ROLE" && open:
			io.WriteString(c, role)
		default:
			io.WriteString(c, "-NOAUTH Authentication required.\r\n")
		}
	}
}

// options are those of a check, as a configuration has them.
type options = map[string]any

// TestVerdicts is the table of what is well and what is not. Each row goes
// through the protocol between the daemon and a checker.
func TestVerdicts(t *testing.T) {
	for _, test := range []struct {
		name           string
		password, role string
		options        options
		want           checker.Verdict
		message        string
	}{
		{"a master", "", master, nil, checker.OK, "it is the master"},
		{"a master, asked to be a replica", "", master, options{"role": "replica"}, checker.Failed, "it is master, expected replica"},
		{"a replica", "", replica, options{"role": "replica"}, checker.OK, "it is a replica of 192.0.2.1"},
		{"a replica, asked to be a master", "", replica, nil, checker.Failed, "it is slave, expected master"},
		{"a replica that lost its master", "", strings.Replace(replica, "$9\r\nconnected", "$7\r\nconnect", 1), options{"role": "replica"}, checker.Failed, "its link to the master is connect"},
		{"a sentinel", "", "*2\r\n$8\r\nsentinel\r\n*0\r\n", nil, checker.Failed, "it is sentinel"},
		{"a password", "secret", master, options{"password": "secret"}, checker.OK, "master"},
		{"a user with a password", "secret", master, options{"username": "moonkeep", "password": "secret"}, checker.OK, "master"},
		{"a wrong password", "secret", master, options{"password": "guess"}, checker.Failed, `log in: the server says "WRONGPASS`},
		{"no password", "secret", master, nil, checker.Failed, `the server says "NOAUTH`},
		{"no Redis", "", "HTTP/1.1 400 Bad Request\r\n\r\n", nil, checker.Failed, "the answer is no RESP"},
		{"an answer that is too large", "", "$999999999\r\n", nil, checker.Failed, `the answer has the length "999999999"`},
		{"silence", "", "", nil, checker.Failed, "timed out"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			target := server(t, test.password, test.role)
			if test.name == "silence" {
				target.Timeout = 200 * time.Millisecond
			}
			r := checkertest.Probe(t, redisRole{}, target, test.options)
			if test.name == "silence" && r.Verdict == checker.Unknown {
				return // the host's time was up first, which says nothing
			}
			if r.Verdict != test.want || !strings.Contains(r.Message, test.message) {
				t.Errorf("%v: %q; want %v, %q", r.Verdict, r.Message, test.want, test.message)
			}
		})
	}
}

// TestOwnFaults: what is wrong on this side says nothing about the server.
func TestOwnFaults(t *testing.T) {
	target := server(t, "", master)
	away := target
	away.BindTo = netip.MustParseAddr("192.0.2.77") // nobody's here
	if r := checkertest.Probe(t, redisRole{}, away, nil); r.Verdict != checker.Unknown || !strings.Contains(r.Message, "bindto 192.0.2.77") {
		t.Errorf("an address of somebody else: %v %q", r.Verdict, r.Message)
	}
	silent := server(t, "", "")
	o, err := checker.NewOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := redisRole{}.Prepare(silent, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if r := p.Probe(ctx); r.Verdict != checker.Unknown {
		t.Errorf("called off: %v %q", r.Verdict, r.Message)
	}
}

// TestConform holds what the daemon relies on, whatever the checker is about.
func TestConform(t *testing.T) {
	checkertest.Conform(t, redisRole{},
		checkertest.Case{Name: "a master", Target: server(t, "", master), Want: checker.OK, Message: "it is the master"},
		checkertest.Case{Name: "a replica", Target: server(t, "", replica), Options: options{"role": "replica"}, Want: checker.OK},
		checkertest.Case{Name: "no Redis", Target: server(t, "", "HTTP/1.1 400 Bad Request\r\n\r\n"), Want: checker.Failed},
	)
}

// TestOptions holds what a configuration is told that has a mistake.
func TestOptions(t *testing.T) {
	h := checkertest.Start(t, redisRole{})
	defer h.Close()
	target := checker.Target{Address: netip.MustParseAddrPort("127.0.0.1:6379"), Timeout: time.Second}
	for _, test := range []struct {
		options options
		want    string
	}{
		{options{"role": "leader"}, "it can be master or replica"},
		{options{"rol": "master"}, `there is no option "rol"`},
		{options{"username": "me"}, "username needs password"},
	} {
		if _, err := h.Prepare(target, test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v; want %q", test.options, err, test.want)
		}
	}
	if _, err := h.Prepare(checker.Target{Timeout: time.Second}, nil); err == nil || !strings.Contains(err.Error(), "an address and a port") {
		t.Errorf("without a server: %v", err)
	}
}

// FuzzRead holds that no server makes the checker more than wrong.
func FuzzRead(f *testing.F) {
	for _, s := range []string{master, replica, "-ERR\r\n", "$-1\r\n", "*-1\r\n", "*1024\r\n"} {
		f.Add([]byte(s))
	}
	p := &probe{settings: settings{Role: "replica"}}
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, err := read(bufio.NewReader(strings.NewReader(string(b))), 0); err == nil {
			p.judge(v)
		}
	})
}
