package engine

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
)

// teller writes the log and the journal, so that neither a hung terminal nor
// a slow disk is on anybody's path.
type teller struct {
	log   *slog.Logger
	mu    sync.Mutex
	wake  sync.Cond
	queue []func()
	// journal is the newest journal to write; an older one is not worth it.
	journal func() error
	// unwritten is the newest one when it could not be written; again is when
	// that is tried again.
	unwritten func() error
	again     *time.Timer
	lost      int
	closed    bool
}

// journalPause is how long a journal waits that could not be written.
const journalPause = 2 * time.Second

func newTeller(log *slog.Logger) *teller {
	t := &teller{log: log}
	t.wake.L = &t.mu
	return t
}

func (t *teller) push(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) >= queueLen {
		t.queue = append(t.queue[:0], t.queue[1:]...)
		t.lost++
	}
	t.queue = append(t.queue, f)
	t.wake.Signal()
}

// write has the journal written, once, with the newest content.
func (t *teller) write(f func() error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.journal, t.unwritten = f, nil
	t.wake.Signal()
}

// retry has a journal written that could not be, if it is still the newest.
func (t *teller) retry() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.unwritten != nil && !t.closed {
		t.journal, t.unwritten = t.unwritten, nil
		t.wake.Signal()
	}
}

// change tells of a change of role.
func (t *teller) change(c *node.Change) {
	what, kind := "instance", "VRRP_Instance"
	if c.Group {
		what, kind = "group", "VRRP_Group"
	}
	to := c.To.String()
	switch {
	case c.Deleted:
		to = "DELETED"
	case c.Stop:
		to = "STOP"
	}
	attrs := []slog.Attr{slog.String(what, c.Name), slog.String("from", c.From.String()), slog.String("to", to), slog.String("why", c.Why)}
	if !c.Group {
		attrs = append(attrs, slog.Int("priority", int(c.Priority)))
	}
	message := kind + "(" + c.Name + ") Entering " + to + " STATE"
	t.push(func() { t.log.LogAttrs(context.Background(), slog.LevelInfo, message, attrs...) })
}

// note tells of what a node noted.
func (t *teller) note(instance string, n *node.Note) {
	level := slog.LevelInfo
	if n.Level == node.Warn {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{slog.String("topic", n.Topic)}
	text := n.Text
	if instance != "" {
		attrs = append(attrs, slog.String("instance", instance))
		text = "(" + instance + ") " + text
	}
	t.push(func() { t.log.LogAttrs(context.Background(), level, text, attrs...) })
}

// trouble tells of an error that nobody else can be told; the instance may be
// empty.
func (t *teller) trouble(instance, what string, err error) {
	text := oneLine(err)
	if instance == "" {
		t.push(func() { t.log.Error(what, "err", text) })
		return
	}
	t.push(func() { t.log.Error("("+instance+") "+what, "instance", instance, "err", text) })
}

// work writes until close.
func (t *teller) work() {
	t.mu.Lock()
	defer t.mu.Unlock()
	ill := false // the last journal could not be written
	for {
		for len(t.queue) == 0 && t.journal == nil {
			if t.closed {
				return
			}
			t.wake.Wait()
		}
		queue, journal, lost := t.queue, t.journal, t.lost
		t.queue, t.journal, t.lost = nil, nil, 0
		t.mu.Unlock()
		if journal != nil {
			err := journal()
			switch {
			case err != nil && !ill:
				t.log.Error("the journal of owned addresses could not be written, will try again: after a crash they may be left behind", "err", err)
			case err == nil && ill:
				t.log.Info("the journal of owned addresses is written again")
			}
			ill = err != nil
		}
		for _, f := range queue {
			f()
		}
		if lost > 0 {
			t.log.Warn("log lines were dropped because writing them takes too long", "count", lost)
		}
		t.mu.Lock()
		if ill && journal != nil && t.journal == nil && !t.closed {
			t.unwritten = journal
			t.again = time.AfterFunc(journalPause, t.retry)
		}
	}
}

// close lets work return once everything was written.
func (t *teller) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.again != nil {
		t.again.Stop()
	}
	t.wake.Signal()
}
