package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// QueueBound is how many alerts wait; when one more comes the oldest that
	// is not being sent is dropped.
	QueueBound = 64
	// firstPause, maxPause and patience are when what failed is tried again,
	// and for how long.
	firstPause = 5 * time.Second
	maxPause   = 5 * time.Minute
	patience   = time.Hour
)

// Message is one alert.
type Message struct {
	Subject string
	// Body is text, in lines that end with \n.
	Body string
	// At is when it happened.
	At time.Time
}

// Counts are of a Mailer since it was made. Sent, Failed and Dropped count
// alerts, of which each goes to all recipients; one that did not reach every
// recipient has failed.
type Counts struct {
	Waiting               int
	Sent, Failed, Dropped uint64
}

// Mailer sends alerts. Its methods may be called by several goroutines. Close
// ends it.
type Mailer struct {
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	// wake ends a pause.
	wake   chan struct{}
	worker sync.WaitGroup

	mu     sync.Mutex // guards what follows; never held over anything slow
	config *Config
	queue  []*alert
	// sending is the one of the queue that is being sent, nil when none is.
	sending *alert
	// away is until when the relay is taken to be out of reach, and pause how long
	// that is the next time.
	away   time.Time
	pause  time.Duration
	counts Counts
	busy   bool // there is a worker
	// last means that nothing is tried again any more.
	last   bool
	closed bool
	idle   []chan struct{} // closed when the worker ends
}

// alert is a message on its way.
type alert struct {
	Message
	done    map[string]bool // recipients that need no further try
	refused []string        // of them those who do not get it, with the reason
	// next is when it is tried again, and pause how long after the next failure.
	next  time.Time
	pause time.Duration
}

// New returns a Mailer that sends nothing until it is configured.
func New(log *slog.Logger) *Mailer {
	m := &Mailer{log: log, wake: make(chan struct{}, 1), pause: firstPause}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// Configure has what waits, and what comes, sent so; nil, that nothing is
// sent, and what waits is dropped. The config must be complete.
func (m *Mailer) Configure(c *Config) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.config, m.pause = c, firstPause
	m.rouse()
}

// rouse ends all pauses; m.mu is held.
func (m *Mailer) rouse() {
	m.away = time.Time{}
	for _, a := range m.queue {
		a.next = time.Time{}
	}
	select {
	case m.wake <- struct{}{}:
	default: // it is on its way
	}
}

// Send queues an alert. It never blocks, and does nothing without a
// configuration and after Close.
func (m *Mailer) Send(msg Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.config == nil {
		return
	}
	if len(m.queue) > QueueBound {
		i := 0
		if m.queue[0] == m.sending {
			i = 1
		}
		m.queue = slices.Delete(m.queue, i, i+1)
		m.counts.Dropped++
		m.log.Warn("mail dropped: too many wait for the relay", "dropped", m.counts.Dropped)
	}
	m.queue = append(m.queue, &alert{Message: msg, done: map[string]bool{}, pause: firstPause})
	if !m.busy {
		m.busy = true
		m.worker.Go(m.work)
	}
}

// Counts returns what became of the alerts.
func (m *Mailer) Counts() Counts {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.counts
	c.Waiting = len(m.queue)
	return c
}

// Drain sends what waits, each alert at most once more, and returns when that
// is done or ctx ends, in which case the error says how many are left.
func (m *Mailer) Drain(ctx context.Context) error {
	m.mu.Lock()
	m.last = true
	m.rouse()
	if !m.busy {
		m.mu.Unlock()
		return nil
	}
	done := make(chan struct{})
	m.idle = append(m.idle, done)
	m.mu.Unlock()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("send mail: %w; not sent: %d", ctx.Err(), m.Counts().Waiting)
	}
}

// Close drops what waits and ends the connection that is open.
func (m *Mailer) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.cancel()
	m.worker.Wait()
}

// work sends until nothing waits.
func (m *Mailer) work() {
	for {
		a, c, at := m.next()
		if a != nil {
			m.settle(a, c, send(m.ctx, c, a))
			continue
		}
		if at.IsZero() {
			return
		}
		t := time.NewTimer(time.Until(at))
		select {
		case <-t.C:
		case <-m.wake:
		case <-m.ctx.Done():
		}
		t.Stop()
	}
}

// next returns the oldest alert whose time has come, or when that will be; neither
// when the worker has ended.
func (m *Mailer) next() (*alert, *Config, time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if left := len(m.queue); left > 0 && (m.closed || m.config == nil) {
		m.counts.Dropped += uint64(left)
		m.queue = nil
		why := "no mail is to be sent any more"
		if m.closed {
			why = "the daemon ends"
		}
		m.log.Warn("mail dropped: "+why, "count", left)
	}
	var first time.Time
	now := time.Now()
	for _, a := range m.queue {
		at := a.next
		if at.Before(m.away) {
			at = m.away
		}
		if !at.After(now) {
			m.sending = a
			return a, m.config, time.Time{}
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if len(m.queue) > 0 {
		return nil, nil, first
	}
	m.busy = false
	for _, c := range m.idle {
		close(c)
	}
	m.idle = nil
	return nil, nil, time.Time{}
}

// settle takes an alert that needs no further try off the queue, and says when there
// is to be another one: of this alert, or of all when the relay is out of reach.
func (m *Mailer) settle(a *alert, c *Config, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sending = nil
	away := err != nil && !errors.As(err, new(*deferral))
	if !away {
		m.pause = firstPause
	}
	switch {
	case err != nil && m.closed:
		return // the next turn drops it
	case err != nil && !m.last && time.Since(a.At) < patience:
		pause := a.pause
		if c != m.config { // another one has come meanwhile, of which this says nothing
			pause = 0
		} else if away {
			pause = m.pause
			m.away, m.pause = time.Now().Add(pause), min(2*pause, maxPause)
		} else {
			a.next, a.pause = time.Now().Add(pause), min(2*pause, maxPause)
		}
		m.log.Warn("mail could not be sent, will try again", "subject", a.Subject, "relay", c.Host, "error", err, "after", pause)
		return
	case err != nil:
		m.log.Error("mail could not be sent and is given up", "subject", a.Subject, "relay", c.Host, "error", err)
		m.counts.Failed++
	case len(a.refused) > 0:
		m.log.Error("mail was refused", "subject", a.Subject, "relay", c.Host, "recipients", strings.Join(a.refused, "; "))
		m.counts.Failed++
	default:
		m.log.Info("mail sent", "subject", a.Subject, "relay", c.Host, "took", time.Since(a.At))
		m.counts.Sent++
	}
	m.queue = slices.DeleteFunc(m.queue, func(x *alert) bool { return x == a })
}
