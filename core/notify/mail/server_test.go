package mail

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// relay is a small SMTP server. Its fields are set before it is used.
type relay struct {
	t *testing.T
	l net.Listener
	// reply overrides what is said to a command that begins so, in upper case.
	// An empty reply is none at all; "close" closes the connection.
	reply map[string]string
	// tls has STARTTLS offered.
	tls *tls.Config

	mu    sync.Mutex
	lines []string // that were received, from all connections
	mails []received
	conns []net.Conn
}

// received is a mail that was taken.
type received struct {
	helo, from string
	to         []string
	head, body string
	encrypted  bool
}

func newRelay(t *testing.T) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, l: l, reply: map[string]string{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns = append(r.conns, c)
			r.mu.Unlock()
			serving.Go(func() { r.serve(c, false, "") })
		}
	})
	t.Cleanup(func() {
		l.Close()
		r.mu.Lock()
		for _, c := range r.conns {
			c.Close()
		}
		r.mu.Unlock()
		serving.Wait()
	})
	return r
}

// say changes what is replied to a command.
func (r *relay) say(command, reply string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if reply == "ok" {
		delete(r.reply, command)
		return
	}
	r.reply[command] = reply
}

// answer returns the reply to a line, and whether there is a special one.
func (r *relay) answer(line string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	for command, reply := range r.reply {
		if strings.HasPrefix(strings.ToUpper(line), command) {
			return reply, true
		}
	}
	return "250 ok", false
}

func (r *relay) serve(c net.Conn, encrypted bool, helo string) {
	defer c.Close()
	in := bufio.NewReader(c)
	put := func(s string) bool {
		_, err := c.Write([]byte(s + "\r\n"))
		return err == nil
	}
	if !encrypted {
		if s, special := r.answer("(connect)"); special {
			if s == "" || !put(s) {
				_, _ = in.ReadString('\n') // until the other gives up
				return
			}
		} else if !put("220 relay") {
			return
		}
	}
	m := received{helo: helo, encrypted: encrypted}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		reply, special := r.answer(line)
		verb, rest, _ := strings.Cut(strings.ToUpper(line), " ")
		switch {
		case special && reply == "":
			continue
		case special && reply == "close":
			return
		case special:
		case verb == "EHLO":
			m.helo = strings.ToLower(rest)
			if r.tls != nil && !encrypted {
				reply = "250-relay\r\n250 STARTTLS"
			}
		case verb == "STARTTLS":
			put("220 go on")
			r.serve(tls.Server(c, r.tls), true, m.helo)
			return
		case verb == "MAIL":
			m.from, m.to = line, nil
		case verb == "RCPT":
			m.to = append(m.to, line)
		case verb == "DATA":
			put("354 go on")
			var text strings.Builder
			for {
				l, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				text.WriteString(l)
			}
			if reply, special = r.answer("(data)"); special && reply == "" {
				continue
			}
			if !strings.HasPrefix(reply, "2") {
				break
			}
			m.head, m.body, _ = strings.Cut(text.String(), "\r\n\r\n")
			r.mu.Lock()
			r.mails = append(r.mails, m)
			r.mu.Unlock()
		case verb == "QUIT":
			put("221 bye")
			return
		}
		if !put(reply) {
			return
		}
	}
}

func (r *relay) taken() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.mails...)
}

// await waits until n mails were taken.
func (r *relay) await(n int) []received {
	r.t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if got := r.taken(); len(got) >= n {
			return got
		}
		if time.Now().After(end) {
			r.t.Fatalf("%d mails, want %d; the relay heard %q", len(r.taken()), n, r.lines)
		}
	}
}

func (r *relay) config(to ...string) *Config {
	r.t.Helper()
	c, err := Config{Host: "127.0.0.1", Port: r.l.Addr().(*net.TCPAddr).Port, Helo: "node.example", From: "ka@example.net", To: to, Timeout: 2 * time.Second}.Complete()
	if err != nil {
		r.t.Fatal(err)
	}
	return &c
}

// selfSigned is a certificate that nobody vouches for.
func selfSigned(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
