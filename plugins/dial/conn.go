package dial

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// Conn is a connection of a probe. Its deadline is the earlier one of the
// target's timeout and of the probe's context, and holds for everything that
// is done with it; when the context is cancelled, it is over at once. It is a
// net.Conn.
type Conn struct {
	poll   *poller
	remote netip.AddrPort
	stop   func() bool // no longer follows the context

	task *Task // whose it is; nil is a goroutine's

	mu     sync.Mutex // guards what follows, and is held in system calls
	fd     int
	tag    int32 // tells it from others of the same file
	listed bool  // it has a place in the epoll
	young  bool  // nobody has waited for it
	heeded bool  // its task has waited for an answer
	closed bool
	off    bool   // nobody wants it any more: it is out of time for good
	broken error  // nothing is told of it, for this
	events uint32 // all that have happened
	in     side
	out    side
	greed  int       // how often its task has read since it waited
	rings  time.Time // when the poller looks whether it is out of time; zero is never
}

// side is one direction of a connection.
type side struct {
	ready   bool // what was not there may be there now
	waiting bool
	wake    chan struct{} // holds one
	until   time.Time     // the deadline; zero is none
	over    bool          // it has passed
	last    bool          // what was there before it had may still be taken, once
}

// poke has who waits look again.
func (c *Conn) poke(s *side) {
	if !s.waiting {
		return
	}
	if c.task != nil {
		s.waiting = false // once is enough
		c.poll.ready(c.task)
		return
	}
	select {
	case s.wake <- struct{}{}:
	default: // it is awake, and looks
	}
}

// happened takes what the poller saw.
func (c *Conn) happened(events uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events |= events
	if events&someIn != 0 {
		c.in.ready = true
		c.poke(&c.in)
	}
	if events&someOut != 0 {
		c.out.ready = true
		c.poke(&c.out)
	}
}

// wait waits until a side is ready. It is called with the lock, which it gives
// up meanwhile.
func (c *Conn) wait(s *side) error {
	for {
		switch {
		case c.closed:
			return net.ErrClosed
		case c.broken != nil:
			return c.broken
		case c.off:
			return os.ErrDeadlineExceeded
		case s.over && s.ready && s.last:
			s.last = false
			return nil
		case s.over:
			return os.ErrDeadlineExceeded
		}
		// It rings early enough, or is set to: when it does, the deadline is
		// looked at anew.
		if !s.until.IsZero() && (c.rings.IsZero() || s.until.Before(c.rings)) {
			c.rings = s.until
			if c.listed {
				c.poll.alarm(c)
			}
		}
		if s.ready {
			return nil
		}
		s.waiting = true
		var err error
		if c.task == nil {
			if s.wake == nil {
				s.wake = make(chan struct{}, 1)
			}
			c.mu.Unlock()
			<-s.wake
			c.mu.Lock()
		} else {
			err = c.stepAside()
		}
		s.waiting = false // or its task would be resumed that waits for nothing
		if err != nil {
			return err
		}
	}
}

// callOff is the end of the probe that it is for. It runs in a goroutine of its
// own.
func (c *Conn) callOff() {
	c.mu.Lock()
	c.off = true
	c.poke(&c.in)
	c.poke(&c.out)
	c.mu.Unlock()
	if c.task != nil {
		c.poll.kick()
	}
}

// ring has those who wait look whether they are out of time. What came before that
// is not lost when this side is late to look.
func (c *Conn) ring(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rings = time.Time{}
	for _, s := range []*side{&c.in, &c.out} {
		if !s.until.IsZero() && !now.Before(s.until) {
			s.over, s.last = true, s.ready
		}
		c.poke(s)
	}
}

// Read reads what is there; io.EOF says that the other side closed.
func (c *Conn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if err := c.wait(&c.in); err != nil {
			return 0, err
		}
		c.share()
		n, errno := rawRead(int(c.fd), b)
		switch {
		case errno == syscall.EAGAIN:
			c.in.ready = false
			continue
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			return 0, errno
		case n == 0:
			return 0, io.EOF
		}
		// Less than there was room for: that was all. What comes now is told.
		if n < len(b) && c.events&lastIn == 0 {
			c.in.ready = false
		}
		return n, nil
	}
}

// Write writes all of b.
func (c *Conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.ready = true // most often it is: the first try says
	for done := 0; ; {
		if err := c.wait(&c.out); err != nil || done == len(b) {
			return done, err
		}
		n, errno := rawWrite(int(c.fd), b[done:])
		switch errno {
		case 0:
			done += n
		case syscall.EAGAIN:
			c.out.ready = false
		case syscall.EINTR:
		default:
			return done, errno
		}
	}
}

// Close closes the connection. A second call reports net.ErrClosed.
func (c *Conn) Close() error {
	if c.stop != nil {
		c.stop()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	c.poke(&c.in)
	c.poke(&c.out)
	if c.listed {
		c.poll.remove(c)
	}
	return shut(c.fd)
}

// shut closes a file without telling the runtime: a socket that does not linger
// is closed at once.
func shut(fd int) error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// CloseWrite tells the other side that nothing more comes.
func (c *Conn) CloseWrite() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	return syscall.Shutdown(c.fd, syscall.SHUT_WR)
}

// NoDelay sends what is written at once, for what is said in more than one
// write before an answer comes: TLS, and HTTP/2. A single request saves the
// system call.
func (c *Conn) NoDelay() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		// Without it the connection is slower, and works.
		_ = syscall.SetsockoptInt(c.fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	}
}

// LocalAddr is the zero address: nobody asks, and asking costs a system call.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.AddrPort{}) }

// RemoteAddr is the target's address.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline moves the end of everything; the zero time is none.
func (c *Conn) SetDeadline(t time.Time) error { return c.until(t, &c.in, &c.out) }

// SetReadDeadline moves the end of reading.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.until(t, &c.in) }

// SetWriteDeadline moves the end of writing.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.until(t, &c.out) }

func (c *Conn) until(t time.Time, sides ...*side) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	for _, s := range sides {
		s.until, s.over = t, false
		c.poke(s)
	}
	return nil
}
