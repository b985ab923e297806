package mail

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newMailer(t *testing.T, c *Config) (*Mailer, *logBuffer) {
	log := new(logBuffer)
	m := New(slog.New(slog.NewTextHandler(log, nil)))
	m.Configure(c)
	t.Cleanup(m.Close)
	return m, log
}

func message1(n int) Message {
	return Message{Subject: fmt.Sprintf("[rt] VRRP Instance VI_1 - Entering MASTER state %d", n), Body: "because\nof that\n", At: time.Now()}
}

// await waits until the counts are so.
func await(t *testing.T, m *Mailer, want Counts) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); m.Counts() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("got %+v, want %+v", m.Counts(), want)
		}
	}
}

// TestAMailArrives holds what the relay is told, in the clear and with TLS.
func TestAMailArrives(t *testing.T) {
	for name, encrypted := range map[string]bool{"plain": false, "STARTTLS": true} {
		t.Run(name, func(t *testing.T) {
			r := newRelay(t)
			if encrypted {
				r.tls = selfSigned(t)
			}
			m, log := newMailer(t, r.config("a@example.net", "b@example.net"))
			m.Send(message1(1))
			m.Send(message1(2))
			got := r.await(4)
			await(t, m, Counts{Sent: 2})
			for i, g := range got {
				to := []string{"a@example.net", "b@example.net"}[i%2]
				if g.helo != "node.example" || !strings.HasPrefix(g.from, "MAIL FROM:<ka@example.net>") || !slices.Equal(g.to, []string{"RCPT TO:<" + to + ">"}) || g.encrypted != encrypted {
					t.Errorf("mail %d: %+v", i, g)
				}
				for _, line := range []string{"From: <ka@example.net>", "To: <" + to + ">", fmt.Sprintf("Subject: [rt] VRRP Instance VI_1 - Entering MASTER state %d", i/2+1), "Auto-Submitted: auto-generated"} {
					if !slices.Contains(strings.Split(g.head, "\r\n"), line) {
						t.Errorf("mail %d lacks the line %q:\n%s", i, line, g.head)
					}
				}
				if g.body != "because\r\nof that\r\n" {
					t.Errorf("mail %d has the body %q", i, g.body)
				}
			}
			if !strings.Contains(log.String(), "mail sent") {
				t.Errorf("got log\n%s", log)
			}
		})
	}
}

// TestTroubleThatPasses holds that what the relay refuses for a while is tried
// again, in order, and reaches each recipient once.
func TestTroubleThatPasses(t *testing.T) {
	for name, c := range map[string]struct{ command, reply string }{
		"no greeting":          {"(CONNECT)", "421 later"},
		"greylisted":           {"RCPT TO:<B@", "451 later"},
		"connection closed":    {"DATA", "close"},
		"not taken":            {"(DATA)", "452 full"},
		"sender not liked now": {"MAIL", "450 later"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRelay(t)
			r.say(c.command, c.reply)
			m, log := newMailer(t, r.config("a@example.net", "b@example.net"))
			m.Send(message1(1))
			m.Send(message1(2))
			for end := time.Now().Add(10 * time.Second); !strings.Contains(log.String(), "will try again"); time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("no second try is announced: %s", log)
				}
			}
			if got := m.Counts(); got != (Counts{Waiting: 2}) {
				t.Errorf("got %+v, want 2 that wait", got)
			}
			r.say(c.command, "ok")
			m.Configure(m.config) // does not wait out the pause
			await(t, m, Counts{Sent: 2})
			var to []string
			for _, g := range r.taken() {
				_, subject, _ := strings.Cut(g.head, "MASTER state ")
				to = append(to, subject[:1]+g.to[0])
			}
			slices.Sort(to)
			if want := []string{"1RCPT TO:<a@example.net>", "1RCPT TO:<b@example.net>", "2RCPT TO:<a@example.net>", "2RCPT TO:<b@example.net>"}; !slices.Equal(to, want) {
				t.Errorf("got %q, want %q", to, want)
			}
		})
	}
}

// TestACorrectedRelay holds that a relay that is configured while the one before is
// tried is used at once, however long the pauses have become.
func TestACorrectedRelay(t *testing.T) {
	silent, good := newRelay(t), newRelay(t)
	silent.say("(CONNECT)", "")
	m, log := newMailer(t, silent.config("a@example.net"))
	m.mu.Lock()
	m.pause = maxPause
	m.mu.Unlock()
	m.Send(message1(1))
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		silent.mu.Lock()
		tried := len(silent.conns) > 0
		silent.mu.Unlock()
		if tried {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no try")
		}
	}
	m.Configure(good.config("a@example.net"))
	silent.mu.Lock()
	silent.conns[0].Close() // the try fails
	silent.mu.Unlock()
	await(t, m, Counts{Sent: 1})
	if !strings.Contains(log.String(), "will try again") {
		t.Errorf("the try did not fail:\n%s", log)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pause != firstPause {
		t.Errorf("the next pause is %v", m.pause)
	}
}

// TestOneDeferredRecipient holds that a recipient for whom the relay takes nothing for
// a while keeps no alert from the others, and that these get each once.
func TestOneDeferredRecipient(t *testing.T) {
	r := newRelay(t)
	r.say("RCPT TO:<A@", "451 later")
	m, log := newMailer(t, r.config("a@example.net", "b@example.net"))
	for n := 1; n <= 3; n++ {
		m.Send(message1(n))
	}
	told := func(want ...string) {
		t.Helper()
		r.await(len(want))
		var to []string
		for _, g := range r.taken() {
			_, subject, _ := strings.Cut(g.head, "MASTER state ")
			to = append(to, subject[:1]+g.to[0])
		}
		if !slices.Equal(to, want) {
			t.Errorf("got %q, want %q; the log:\n%s", to, want, log)
		}
	}
	b := []string{"1RCPT TO:<b@example.net>", "2RCPT TO:<b@example.net>", "3RCPT TO:<b@example.net>"}
	told(b...)
	for end := time.Now().Add(10 * time.Second); strings.Count(log.String(), "will try again") < 3 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if got := m.Counts(); got != (Counts{Waiting: 3}) {
		t.Errorf("got %+v, want 3 that wait", got)
	}
	r.say("RCPT TO:<A@", "ok")
	m.Configure(m.config) // does not wait out the pauses
	await(t, m, Counts{Sent: 3})
	told(append(b, "1RCPT TO:<a@example.net>", "2RCPT TO:<a@example.net>", "3RCPT TO:<a@example.net>")...)
}

// TestRefusedForGood holds that a recipient whom the relay does not know costs
// the others nothing, and is not tried again.
func TestRefusedForGood(t *testing.T) {
	r := newRelay(t)
	r.say("RCPT TO:<A@", "550 no such user")
	m, log := newMailer(t, r.config("a@example.net", "b@example.net"))
	m.Send(message1(1))
	await(t, m, Counts{Failed: 1})
	if got := r.taken(); len(got) != 1 || got[0].to[0] != "RCPT TO:<b@example.net>" {
		t.Errorf("got %+v, want one mail to b", got)
	}
	if s := log.String(); strings.Count(s, "mail was refused") != 1 || !strings.Contains(s, "a@example.net: ") || !strings.Contains(s, "no such user") {
		t.Errorf("got log\n%s", s)
	}
}

// TestADeadRelay holds that one which never says a word, or is not there, keeps
// nobody waiting, that the queue is bounded and that a stop is in time.
func TestADeadRelay(t *testing.T) {
	silent := newRelay(t)
	silent.say("(CONNECT)", "")
	stuck := newRelay(t)
	stuck.say("(DATA)", "")
	nobody := stuck.config("a@example.net")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	for name, c := range map[string]*Config{"silent": silent.config("a@example.net"), "stuck": stuck.config("a@example.net"), "not there": nobody} {
		t.Run(name, func(t *testing.T) {
			m, log := newMailer(t, c)
			const many = 3 * QueueBound
			begin := time.Now()
			for n := range many {
				m.Send(message1(n))
			}
			if took := time.Since(begin); took > 100*time.Millisecond {
				t.Errorf("Send took %s for %d alerts", took, many)
			}
			if got := m.Counts(); got.Waiting != QueueBound+1 || got.Dropped != many-QueueBound-1 {
				t.Errorf("got %+v, want %d that wait and the others dropped", got, QueueBound+1)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			begin = time.Now()
			err := m.Drain(ctx)
			if took := time.Since(begin); took > time.Second {
				t.Errorf("Drain took %s", took)
			}
			if (err == nil) != (name == "not there") {
				t.Errorf("Drain returned %v", err)
			}
			begin = time.Now()
			m.Close()
			if took := time.Since(begin); took > time.Second {
				t.Errorf("Close took %s", took)
			}
			if got := m.Counts(); got.Waiting != 0 || got.Sent != 0 || got.Dropped+got.Failed != many {
				t.Errorf("got %+v in the end, want %d in all; the log:\n%s", got, many, log)
			}
			m.Send(message1(0)) // is not taken any more
			if got := m.Counts(); got.Waiting != 0 {
				t.Errorf("got %+v after Close", got)
			}
		})
	}
}

// TestGivenUp holds that what is too old is tried once and not again.
func TestGivenUp(t *testing.T) {
	r := newRelay(t)
	r.say("(CONNECT)", "421 later")
	m, log := newMailer(t, r.config("a@example.net"))
	msg := message1(1)
	msg.At = time.Now().Add(-patience)
	m.Send(msg)
	await(t, m, Counts{Failed: 1})
	if !strings.Contains(log.String(), "given up") {
		t.Errorf("got log\n%s", log)
	}
}

// TestWithoutConfiguration holds that nothing is sent, and that what waits goes
// when the configuration does.
func TestWithoutConfiguration(t *testing.T) {
	m, _ := newMailer(t, nil)
	m.Send(message1(1))
	if got := m.Counts(); got != (Counts{}) {
		t.Errorf("got %+v", got)
	}
	r := newRelay(t)
	r.say("(CONNECT)", "421 later")
	m.Configure(r.config("a@example.net"))
	m.Send(message1(1))
	m.Send(message1(2))
	m.Configure(nil)
	await(t, m, Counts{Dropped: 2})
}

func TestConfigurations(t *testing.T) {
	good := Config{Host: "relay", Port: 25, To: []string{"root", "Ops <ops@example.net>"}, Timeout: time.Second}
	c, err := good.Complete()
	if err != nil || c.Helo == "" || !strings.Contains(c.From, "@") || !strings.HasPrefix(c.To[0], "root@") || c.To[1] != good.To[1] {
		t.Errorf("got %+v, %v", c, err)
	}
	for name, change := range map[string]func(*Config){
		"relay": func(c *Config) { c.Host = "" }, "recipient": func(c *Config) { c.To = nil },
		`"a b@c" is no mail address`: func(c *Config) { c.To = []string{"a b@c"} },
		`sender: "x@" is no mail`:    func(c *Config) { c.From = "x@" },
	} {
		bad := good
		change(&bad)
		if _, err := bad.Complete(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
