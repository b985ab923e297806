package program

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// output keeps the head of what a program writes.
type output struct {
	over chan error // the reader's end: io.EOF, or why it stopped before

	mu        sync.Mutex // guards what follows
	buf       []byte     // never reallocated
	truncated bool
}

func newOutput(limit int) *output {
	if limit == 0 {
		limit = DefaultOutputCap
	}
	return &output{over: make(chan error, 1), buf: make([]byte, 0, limit)}
}

// keep takes as much of p as there is room for.
func (o *output) keep(p []byte) (full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(len(p), cap(o.buf)-len(o.buf))
	o.buf = append(o.buf, p[:n]...)
	o.truncated = o.truncated || n < len(p)
	return o.truncated
}

// snapshot returns a copy of what was kept.
func (o *output) snapshot() (kept []byte, truncated bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]byte(nil), o.buf...), o.truncated
}

// pipe returns a pipe whose reading end the poller serves and whose writing
// end blocks, as programs expect of their output.
func pipe() (reader *os.File, writer int, err error) {
	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC); err != nil {
		return nil, -1, err
	}
	if err := syscall.SetNonblock(p[0], true); err != nil {
		syscall.Close(p[0])
		syscall.Close(p[1])
		return nil, -1, err
	}
	return os.NewFile(uintptr(p[0]), "output"), p[1], nil
}

// follow reads f in a goroutine of its own until its end or its deadline, and
// reports on o.over.
func (o *output) follow(f *os.File) {
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := f.Read(buf)
			o.keep(buf[:n])
			if err != nil {
				o.over <- err
				return
			}
		}
	}()
}

// finishOutput takes what an ended program wrote, all of which is in the pipe
// by now, and waits for nobody else who holds the pipe.
func (r *run) finishOutput(f *os.File) {
	// The deadline makes the reader return; when it has met the end already,
	// or f cannot have a deadline, it returns by that.
	if err := f.SetReadDeadline(time.Unix(1, 0)); err != nil {
		f.Close()
		<-r.out.over
		return
	}
	if err := <-r.out.over; !errors.Is(err, os.ErrDeadlineExceeded) {
		f.Close()
		return
	}
	if r.out.drain(f) == io.EOF || r.wasTold() {
		f.Close()
		return
	}
	r.starter.linger(f)
}

// drain takes what is in the pipe now. It returns io.EOF when nobody holds
// the other end.
func (o *output) drain(f *os.File) error {
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	buf := make([]byte, 4096)
	var end error
	err = conn.Read(func(fd uintptr) bool {
		for {
			n, err := syscall.Read(int(fd), buf)
			switch {
			case err == syscall.EINTR:
				continue
			case err != nil: // EAGAIN: nothing more now
				return true
			case n == 0:
				end = io.EOF
				return true
			case o.keep(buf[:n]): // the rest would be discarded
				return true
			}
		}
	})
	if err != nil {
		return err
	}
	return end
}

// discard reads f until its end, or until it is closed.
func discard(f *os.File) {
	buf := make([]byte, 4096)
	for {
		if _, err := f.Read(buf); err != nil {
			return
		}
	}
}

func (r *run) wasTold() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.told
}
