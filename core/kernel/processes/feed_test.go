//go:build linux

package processes

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// first is a feed's connector, or a reason to skip.
func first(t *testing.T) func() (*connector, error) {
	t.Helper()
	c, err := listen()
	if err != nil {
		t.Skipf("needs root, in the first network namespace: %v", err)
	}
	return func() (*connector, error) {
		if c == nil {
			t.Error("a second socket was opened")
			return nil, unix.EMFILE
		}
		x := c
		c = nil
		return x, nil
	}
}

// await takes what a follower is told until it was told this.
func await(t *testing.T, x *follower, pid int, alive bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; {
		changed, err := x.next(end)
		if err != nil {
			t.Fatalf("process %d, alive %v, was not told: %v", pid, alive, err)
		}
		if is, told := changed[pid]; told && is == alive {
			return
		}
	}
}

// TestFeed: several followers share one socket, which goes with the last.
func TestFeed(t *testing.T) {
	listen := first(t)
	f := new(Feed)
	defer f.Close()
	one, err := f.follow(nil, listen)
	must(t, err)
	two, err := f.follow(nil, listen)
	must(t, err)
	told := make(chan int, 10_000)
	_, err = f.follow(func(changed map[int]bool, err error) bool {
		for pid, alive := range changed {
			if !alive {
				told <- pid
			}
		}
		return len(changed) == 0 // once is enough
	}, listen)
	must(t, err)
	cmd := exec.Command("sleep", "60")
	must(t, cmd.Start())
	await(t, one, cmd.Process.Pid, true)
	await(t, two, cmd.Process.Pid, true)
	one.close()
	must(t, cmd.Process.Kill())
	await(t, two, cmd.Process.Pid, false)
	_ = cmd.Wait() // it was killed
	if changed, err := one.next(time.Now().Add(time.Second)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("who has left is told %v, %v", changed, err)
	}
	f.mu.Lock()
	if len(f.all) != 1 {
		t.Errorf("%d follow, want 1: one has left and one wanted no more", len(f.all))
	}
	f.mu.Unlock()
	two.close()
	f.mu.Lock()
	if f.source != nil {
		t.Error("the socket is open and nobody follows")
	}
	f.mu.Unlock()
}

// TestFeedFull: who does not look for long is told that something was missed,
// and then what follows.
func TestFeedFull(t *testing.T) {
	x := &follower{waiting: map[int]bool{}, ready: make(chan struct{}, 1)}
	many := map[int]bool{}
	for pid := range maxWaiting {
		many[pid+1] = true
	}
	x.take(many, nil)
	x.take(many, nil) // the same ones
	if n := len(x.waiting); n != maxWaiting {
		t.Errorf("%d wait, want %d", n, maxWaiting)
	}
	x.take(map[int]bool{1 << 20: true}, nil)
	x.take(map[int]bool{7: false}, nil)
	if _, err := x.next(time.Now().Add(time.Second)); !errors.Is(err, ErrMissed) {
		t.Errorf("too many were told without an error: %v", err)
	}
	x.take(map[int]bool{8: true}, nil)
	if changed, err := x.next(time.Now().Add(time.Second)); err != nil || !changed[8] || len(changed) != 2 {
		t.Errorf("afterwards: %v, %v, want 7 and 8", changed, err)
	}
	if changed, err := x.next(time.Now().Add(time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nothing happened: %v, %v", changed, err)
	}
}

// TestFeedClosed: closing tells all, and those that come later.
func TestFeedClosed(t *testing.T) {
	f := new(Feed)
	said := make(chan error, 10)
	tell := func(changed map[int]bool, err error) bool {
		if changed == nil {
			said <- err
		}
		return true
	}
	f.Follow(tell)
	if err := <-said; err != nil {
		t.Skipf("needs root, in the first network namespace: %v", err)
	}
	f.Close()
	f.Follow(tell)
	for range 2 {
		select {
		case err := <-said:
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("told %v, want that it is closed", err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("told nothing")
		}
	}
}
