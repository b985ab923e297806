package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
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
	target := serve(t, back)
	for _, n := range []int{few - 2, 2 * few} {
		var d Dialer
		var list []func(*Task) error
		for i := range n {
			list = append(list, func(task *Task) error { return heard(t.Context(), &d, target, task, fmt.Sprintf("%3d", i)) })
		}
		// Many have asked when the last one begins, and are answered while it is busy.
		list = append(list, func(*Task) error { time.Sleep(200 * time.Millisecond); return nil })
		for i, err := range tasks(&d, list...) {
			if err != nil {
				t.Errorf("%d of %d: %v", i, n, err)
			}
		}
		if listed := int(d.poll.tag); n >= few && listed > n/4 || n < few && listed < n {
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
