package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// heard says something by a connection of a task, and reads one answer.
func heard(ctx context.Context, d *Dialer, target checker.Target, t *Task, text string) error {
	c, err := d.Connect(ctx, target, t)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
		return fmt.Errorf("sent %q, got %q: %w", text, got, err)
	}
	return nil
}

// TestHeed holds that the answers to many that asked together are taken together,
// with no place in the epoll for those that are there by then; and that those to few
// are taken as they come.
func TestHeed(t *testing.T) {
	for _, n := range []int{few - 2, 2 * few} {
		var asked, answered atomic.Int32
		wait := func(what *atomic.Int32, n int) {
			for end := time.Now().Add(10 * time.Second); int(what.Load()) < n && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
		}
		target := serve(t, func(c net.Conn) {
			text := make([]byte, 3)
			if _, err := io.ReadFull(c, text); err != nil {
				return
			}
			if asked.Add(1); n < few { // no answer is there at once, but maybe the last one
				wait(&asked, n)
			}
			c.Write(text)
			answered.Add(1)
			io.Copy(io.Discard, c)
		})
		var d Dialer
		var list []func(*Task) error
		for i := range n {
			list = append(list, func(task *Task) error {
				if i == 2*few-1 {
					wait(&answered, few) // the first ones have asked by now
				}
				return heard(t.Context(), &d, target, task, fmt.Sprintf("%3d", i))
			})
		}
		if n >= few { // and the others before this one begins
			list = append(list, func(*Task) error { wait(&answered, n); return nil })
		}
		for i, err := range tasks(&d, list...) {
			if err != nil {
				t.Errorf("%d of %d: %v", i, n, err)
			}
		}
		if listed := int(d.poll.tag); n >= few && listed > n/4 || n < few && listed < n-1 {
			t.Errorf("%d of %d that asked together had a place in the epoll", listed, n)
		}
	}
}

// TestHeedNot: of many that asked together each gets what comes later, ends when it is
// out of time or called off, and leaves its file to others that begin meanwhile.
func TestHeedNot(t *testing.T) {
	late := serve(t, func(c net.Conn) {
		time.Sleep(100 * time.Millisecond)
		back(c)
	})
	silent := serve(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	silent.Timeout = 150 * time.Millisecond
	endless := silent
	endless.Timeout = time.Hour
	var d Dialer
	soon, cancel := context.WithCancel(t.Context())
	var list []func(*Task) error
	for i := range 3 * few {
		ctx, target := t.Context(), []checker.Target{late, silent, endless}[i%3]
		if i%3 == 2 {
			ctx = soon
		}
		list = append(list, func(task *Task) error { return heard(ctx, &d, target, task, fmt.Sprintf("%3d", i)) })
	}
	list = append(list, func(*Task) error { cancel(); return nil })
	begin := time.Now()
	errs := tasks(&d, list...)
	for i, err := range errs[:3*few] {
		switch i % 3 {
		case 0:
			if err != nil {
				t.Errorf("%d was answered late: %v", i, err)
			}
		default:
			if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.Canceled) {
				t.Errorf("%d, which nobody answered, ended with %v", i, err)
			}
		}
	}
	if took := time.Since(begin); took < 150*time.Millisecond || took > 20*time.Second {
		t.Errorf("all ended after %v", took)
	}
	for _, err := range tasks(&d, list[:1]...) {
		if err != nil {
			t.Errorf("one that began later: %v", err)
		}
	}
}
