package http

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// server answers each connection by a function, byte by byte.
type server struct {
	address string
	mu      sync.Mutex
	// requests are what was asked, up to the empty line.
	requests []string
}

// serve starts a server on a loopback address. It ends with the test.
func serve(t testing.TB, address string, answer func(c net.Conn)) *server {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{address: l.Addr().String()}
	done := make(chan struct{})
	var conns sync.WaitGroup
	t.Cleanup(func() { l.Close(); close(done); conns.Wait() })
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				stop := make(chan struct{})
				conns.Go(func() {
					select {
					case <-done:
						c.Close()
					case <-stop:
					}
				})
				defer close(stop)
				defer c.Close()
				s.note(c)
				answer(c)
			})
		}
	})
	return s
}

// note reads a request.
func (s *server) note(c net.Conn) {
	r := bufio.NewReader(c)
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			break
		}
	}
	for r.Buffered() > 0 {
		c, _ := r.ReadByte()
		b.WriteByte(c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, b.String())
}

func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.requests...)
}

func (s *server) target(t testing.TB) checker.Target {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	return checker.Target{Address: a.AddrPort(), Timeout: 10 * time.Second}
}

// says is an answer in one piece; nothing more comes.
func says(text string) func(net.Conn) {
	return func(c net.Conn) { c.Write([]byte(text)) }
}

// prepare prepares a check from JSON, or from a value that becomes JSON.
func prepare(t testing.TB, c *Checker, target checker.Target, options any) checker.Probe {
	t.Helper()
	p, err := tryPrepare(t, c, target, options)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tryPrepare(t testing.TB, c *Checker, target checker.Target, options any) (checker.Probe, error) {
	t.Helper()
	raw, ok := options.(string)
	if !ok {
		b, err := json.Marshal(options)
		if err != nil {
			t.Fatal(err)
		}
		raw = string(b)
	}
	o, err := checker.NewOptions([]byte(raw))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return c.Prepare(target, o)
}

func probeOnce(t testing.TB, p checker.Probe) checker.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return turn(ctx, p)
}

// turn runs a probe as a host has it run: as a task, or in a goroutine.
func turn(ctx context.Context, p checker.Probe) checker.Result {
	results := make(chan checker.Result, 1)
	t := checker.Turn{Probe: p, Do: func() { results <- p.Probe(ctx) }}
	c := New()
	if x, ok := p.(*probe); ok {
		c = x.checker
	}
	for _, t := range c.Run([]checker.Turn{t}) {
		t.Do()
	}
	return <-results
}

func detail(r checker.Result, name string) string {
	for _, d := range r.Details {
		if d.Name == name {
			return d.Text
		}
	}
	return ""
}
