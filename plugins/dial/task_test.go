package dial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// serve has a function for each connection of a listener, until the test ends.
func serve(t *testing.T, f func(net.Conn)) checker.Target {
	t.Helper()
	l, target := listen(t, "127.0.0.1:0")
	ended := make(chan struct{})
	var served sync.WaitGroup
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				f(c)
			})
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
		served.Wait()
	})
	return target
}

// back sends back what comes.
func back(c net.Conn) {
	// Without splice, whose pipes stay open for a while.
	io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
}

// tasks runs functions as tasks, and waits for what each of them returns.
func tasks(d *Dialer, list ...func(*Task) error) []error {
	errs := make([]error, len(list))
	var all sync.WaitGroup
	all.Add(len(list))
	var run []func(*Task)
	for i, f := range list {
		run = append(run, func(t *Task) {
			defer all.Done()
			errs[i] = f(t)
		})
	}
	d.Run(run)
	all.Wait()
	return errs
}

// talk sends a text by a connection of a task, and reads it back.
func talk(ctx context.Context, d *Dialer, target checker.Target, t *Task, text string) error {
	c, err := d.Connect(ctx, target, t)
	if err != nil {
		return err
	}
	defer c.Close()
	for range 2 { // it waits each time
		if _, err := io.WriteString(c, text); err != nil {
			return err
		}
		got := make([]byte, len(text))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != text {
			return fmt.Errorf("sent %q, got %q, %v", text, got, err)
		}
	}
	return nil
}

// TestTasks has more tasks at once than are kept, again and again, from more than
// one goroutine: each gets its own answers, one after the other on connections of
// its own.
func TestTasks(t *testing.T) {
	target := serve(t, back)
	var d Dialer
	var all sync.WaitGroup
	for who := range 2 {
		all.Go(func() {
			for round := range 3 {
				var list []func(*Task) error
				for i := range resting + 20 {
					list = append(list, func(task *Task) error {
						for k := range 2 {
							if err := talk(t.Context(), &d, target, task, fmt.Sprintf("%d %d %d %d", who, round, i, k)); err != nil {
								return err
							}
						}
						return nil
					})
				}
				for _, err := range tasks(&d, list...) {
					if err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if n := len(d.poll.rest); n > resting {
		t.Errorf("%d tasks rest", n)
	}
}

// TestTaskEnds holds that a task which waits ends when it is out of time, and at
// once when it is called off, also before its connection stands; and that who
// runs it does not wait for it.
func TestTaskEnds(t *testing.T) {
	target := serve(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	var d Dialer
	read := func(ctx context.Context, timeout time.Duration) func(*Task) error {
		return func(task *Task) error {
			target := target
			target.Timeout = timeout
			c, err := d.Connect(ctx, target, task)
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Read(make([]byte, 1))
			return err
		}
	}
	off, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	before, cancel := context.WithCancel(t.Context())
	cancel()
	begin := time.Now()
	errs := tasks(&d, read(t.Context(), 100*time.Millisecond), read(off, time.Hour), read(t.Context(), 150*time.Millisecond), read(before, time.Hour))
	for i, err := range errs {
		if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.Canceled) {
			t.Errorf("%d ended with %v", i, err)
		}
	}
	if took := time.Since(begin); took < 150*time.Millisecond || took > 20*time.Second {
		t.Errorf("all ended after %v", took)
	}
	// Renewed, it has the time again.
	err := tasks(&d, func(task *Task) error {
		target := target
		target.Timeout = 100 * time.Millisecond
		c, err := d.Connect(t.Context(), target, task)
		if err != nil {
			return err
		}
		defer c.Close()
		begin := time.Now()
		var b [1]byte
		if _, err := c.Read(b[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("reads %v", err)
		}
		c.Renew(t.Context(), target)
		if _, err := c.Read(b[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("reads %v after it was renewed", err)
		}
		if took := time.Since(begin); took < 180*time.Millisecond {
			return fmt.Errorf("both ended after %v", took)
		}
		return nil
	})
	if err[0] != nil {
		t.Error(err[0])
	}
}

// TestTaskShares holds that a task which always finds something to read holds up
// nobody.
func TestTaskShares(t *testing.T) {
	flood := serve(t, func(c net.Conn) {
		for b := bytes.Repeat([]byte("x"), 64<<10); ; {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	})
	target := serve(t, back)
	flood.Timeout = time.Minute
	var d Dialer
	var read atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	drowns := make(chan error)
	d.Run([]func(*Task){func(task *Task) {
		c, err := d.Connect(ctx, flood, task)
		b := make([]byte, 512)
		for err == nil {
			var n int
			n, err = c.Read(b)
			read.Add(int64(n))
		}
		if c != nil {
			c.Close()
		}
		drowns <- err
	}})
	for i := range 10 {
		for before := read.Load(); read.Load() < before+1<<20; {
			select {
			case err := <-drowns:
				t.Fatalf("the flood ended: %v", err)
			case <-time.After(time.Millisecond):
			}
		}
		if err := tasks(&d, func(task *Task) error { return talk(t.Context(), &d, target, task, fmt.Sprint(i)) }); err[0] != nil {
			t.Fatal(err[0])
		}
	}
	cancel()
	if err := <-drowns; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the flood ended with %v", err)
	}
}

// TestTaskInTime holds that an answer which came in time is not lost when this
// side is late to look: neither by a timer that is looked at first, nor while
// thousands of others begin.
func TestTaskInTime(t *testing.T) {
	after := func(d time.Duration) checker.Target {
		return serve(t, func(c net.Conn) {
			time.Sleep(d)
			c.Write([]byte("x"))
			io.Copy(io.Discard, c)
		})
	}
	soon, then := after(50*time.Millisecond), after(150*time.Millisecond)
	soon.Timeout, then.Timeout = time.Minute, 400*time.Millisecond
	var d Dialer
	read := func(target checker.Target) func(*Task) error {
		return func(task *Task) error {
			c, err := d.Connect(t.Context(), target, task)
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Read(make([]byte, 1))
			return err
		}
	}
	// While the last one is busy, the first one's answer comes, for which a turn
	// is waited for; then the second one's, and the end of its time.
	errs := tasks(&d, read(soon), read(then), func(*Task) error {
		d.poll.sweep()
		time.Sleep(800 * time.Millisecond)
		return nil
	})
	for i, err := range errs {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestTaskVerdicts holds that a task is told why no connection stands.
func TestTaskVerdicts(t *testing.T) {
	l, closed := listen(t, "127.0.0.1:0")
	l.Close()
	noIf := closed
	noIf.BindIf = "no-such-if"
	var d Dialer
	errs := tasks(&d,
		func(task *Task) error { _, err := d.Connect(t.Context(), closed, task); return err },
		func(task *Task) error { _, err := d.Connect(t.Context(), noIf, task); return err })
	if checker.Failure(errs[0], "").Verdict != checker.Failed || checker.Reason(errs[0]) != "connection refused" {
		t.Errorf("%v", errs[0])
	}
	if checker.Failure(errs[1], "").Verdict != checker.Unknown {
		t.Errorf("%v", errs[1])
	}
}

// TestNowhereToWait: of a connection that has no place to wait in its task does not
// wait, and what happens then resumes nobody.
func TestNowhereToWait(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file") // of which an epoll tells nothing
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var d Dialer
	p, err := d.poller()
	if err != nil {
		t.Fatal(err)
	}
	p.turn.Lock() // as whoever runs a task has it
	defer p.turn.Unlock()
	c := &Conn{poll: p, fd: int(file.Fd()), task: &Task{poll: p}}
	var local *checker.LocalError
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &local) {
		t.Fatalf("it waited: %v", err)
	}
	c.ring(time.Now())
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.woken) > 0 {
		t.Error("its task is resumed, and had not waited")
	}
}
