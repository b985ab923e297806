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

	mu     sync.Mutex // guards what follows, and is held in system calls
	fd     int
	tag    int32 // tells it from others of the same file
	closed bool
	off    bool   // nobody wants it any more: it is out of time for good
	events uint32 // all that have happened
	in     side
	out    side
	timer  *time.Timer
	rings  time.Time // when timer does; zero when it does not
}

// side is one direction of a connection.
type side struct {
	ready   bool // what was not there may be there now
	waiting bool
	wake    chan struct{} // holds one
	until   time.Time     // the deadline; zero is none
	over    bool          // it has passed
}

func (s *side) poke() {
	if !s.waiting {
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
		c.in.poke()
	}
	if events&someOut != 0 {
		c.out.ready = true
		c.out.poke()
	}
}

// wait waits until a side is ready. It is called with the lock, which it gives
// up meanwhile.
func (c *Conn) wait(s *side) error {
	for {
		if c.closed {
			return net.ErrClosed
		}
		if err := c.inTime(s); err != nil {
			return err
		}
		if s.ready {
			return nil
		}
		if s.wake == nil {
			s.wake = make(chan struct{}, 1)
		}
		s.waiting = true
		c.mu.Unlock()
		<-s.wake
		c.mu.Lock()
		s.waiting = false
	}
}

// inTime holds a side to its deadline, and has the timer ring then.
func (c *Conn) inTime(s *side) error {
	switch {
	case s.over, c.off:
		return os.ErrDeadlineExceeded
	case s.until.IsZero():
		return nil
	case !c.rings.IsZero() && !c.rings.After(s.until):
		return nil // it rings early enough, and is set anew then
	}
	left := time.Until(s.until)
	if left <= 0 {
		return os.ErrDeadlineExceeded
	}
	c.alarm(s.until, left)
	return nil
}

// callOff is the end of the probe that it is for.
func (c *Conn) callOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = true
	c.in.poke()
	c.out.poke()
}

// alarm sets the timer. Only when it rings is the clock looked at, which may
// cost as much as a read.
func (c *Conn) alarm(at time.Time, left time.Duration) {
	c.rings = at
	if c.timer == nil {
		c.timer = time.AfterFunc(left, c.ring)
	} else {
		c.timer.Reset(left)
	}
}

// ring has those who wait look at the clock.
func (c *Conn) ring() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rings = time.Time{}
	now := time.Now()
	for _, s := range []*side{&c.in, &c.out} {
		s.over = !s.until.IsZero() && !now.Before(s.until)
		s.poke()
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
	if c.timer != nil {
		c.timer.Stop()
	}
	c.in.poke()
	c.out.poke()
	c.poll.remove(c)
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
		s.poke()
	}
	return nil
}
