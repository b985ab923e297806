package dial

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/clock"
)

// Dialer opens connections, and waits for what happens on all of them in one
// place. The zero value is ready for use, by any number of goroutines. While it
// has connections it has a goroutine, which ends some time after the last of
// them; a Dialer itself needs no end.
type Dialer struct {
	once sync.Once
	poll *poller
	err  error // why there is none
}

func (d *Dialer) poller() (*poller, error) {
	d.once.Do(func() { d.poll, d.err = newPoller() })
	return d.poll, d.err
}

// poller is an epoll that tells connections what happened to them. It is a file
// in the runtime's own epoll, so that no thread waits for it.
//
// Why a second one: the runtime's costs each connection five system calls that
// a connection which lives for a millisecond does without, and each of those
// that go through package syscall wakes the runtime's monitor, a thread, when it
// sleeps. Here they are raw: none of them blocks.
type poller struct {
	file *os.File // closed by the runtime, when nobody has it any more
	raw  syscall.RawConn
	fd   int

	// turn is held by who runs tasks. It is taken before all other locks, and
	// guards rest, young, quiet, asked and spare.
	turn  sync.Mutex
	rest  []*Task  // tasks without anything to do
	young []*Conn  // connections that were begun, and nobody asked about
	quiet []*Conn  // those that said something, and whose answer nobody asked for
	asked []pollFD // room for the question
	spare []*Task  // room for woken

	mu      sync.Mutex  // guards what follows; may be taken with that of a Conn
	conns   []*Conn     // by file
	due     []time.Time // of these, when to look whether they are out of time; zero is never
	n       int         // of conns
	tag     int32       // the last connection's
	woken   []*Task     // to be resumed
	used    bool        // since run last looked
	running bool
	looks   time.Time // when run looks at due at the latest
	hears   time.Time // when quiet is asked about; zero is never
}

func newPoller() (*poller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, &checker.LocalError{Err: os.NewSyscallError("epoll_create1", err)}
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return nil, &checker.LocalError{Err: os.NewSyscallError("fcntl", err)}
	}
	p := &poller{file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
	// Without deadlines the runtime would not wait for it.
	err = p.file.SetReadDeadline(time.Time{})
	if err == nil {
		p.raw, err = p.file.SyscallConn()
	}
	if err != nil {
		p.file.Close()
		return nil, &checker.LocalError{Err: fmt.Errorf("wait for connections: %w", err)}
	}
	return p, nil
}

// allEvents are told once each time that they happen.
const allEvents = syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | -syscall.EPOLLET

// The ends of a connection: what comes after them was there before.
const (
	hangUp  = syscall.EPOLLHUP | syscall.EPOLLERR
	lastIn  = syscall.EPOLLRDHUP | hangUp
	someIn  = syscall.EPOLLIN | lastIn
	someOut = syscall.EPOLLOUT | hangUp
)

// add has a connection told what happens to it. It is called with its lock, or
// when nobody else has it.
func (p *poller) add(c *Conn) error {
	p.mu.Lock()
	p.tag++
	c.tag = p.tag
	for c.fd >= len(p.conns) {
		more := max(64, len(p.conns))
		p.conns = append(p.conns, make([]*Conn, more)...)
		p.due = append(p.due, make([]time.Time, more)...)
	}
	p.conns[c.fd] = c
	p.n++
	p.begin()
	p.rings(c.fd, c.rings)
	p.mu.Unlock()
	e := syscall.EpollEvent{Events: allEvents & 0xffffffff, Fd: int32(c.fd), Pad: c.tag}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, uintptr(p.fd), syscall.EPOLL_CTL_ADD, uintptr(c.fd), uintptr(unsafe.Pointer(&e)), 0, 0)
	if errno != 0 {
		p.remove(c)
		return &checker.LocalError{Err: os.NewSyscallError("epoll_ctl", errno)}
	}
	c.listed = true
	return nil
}

// some reports whether connections are in the epoll.
func (p *poller) some() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n > 0
}

// remove forgets a connection; the kernel does when its file is closed. It must
// be called before that, for the number may be another's at once.
func (p *poller) remove(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c.fd], p.due[c.fd] = nil, time.Time{}
	p.n--
}

// alarm has run look at a connection when it rings. One for all connections, that
// is set anew only for one that is earlier, spares each check a timer.
func (p *poller) alarm(c *Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rings(c.fd, c.rings)
}

// rings is called with the lock.
func (p *poller) rings(fd int, at time.Time) {
	p.due[fd] = at
	if !at.IsZero() && at.Before(p.looks) {
		p.lookAt(at)
	}
}

func (p *poller) lookAt(at time.Time) {
	p.looks = at
	_ = p.file.SetReadDeadline(at) // it could before
}

// use keeps run, which lets resting tasks go when it ends.
func (p *poller) use() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin()
}

// begin has run run. It is called with the lock.
func (p *poller) begin() {
	p.used = true
	if !p.running {
		p.running = true
		p.lookAt(clock.Now().Add(linger))
		go p.run()
	}
}

// linger is for how long run goes on without connections: most often there are
// some again soon, and to begin and to end cost system calls.
const linger = 100 * time.Millisecond

// overdue has connections whose time has come look at it.
func (p *poller) overdue() {
	now := clock.Now()
	var list []*Conn
	p.mu.Lock()
	next := now.Add(linger)
	for fd, at := range p.due {
		switch {
		case at.IsZero():
		case !now.Before(at):
			list, p.due[fd] = append(list, p.conns[fd]), time.Time{}
		case at.Before(next):
			next = at
		}
	}
	if p.hears.After(now) && p.hears.Before(next) {
		next = p.hears
	}
	p.lookAt(next)
	p.mu.Unlock()
	for _, c := range list {
		c.ring(now)
	}
}

// ends ends run when nobody needs it.
func (p *poller) ends() bool {
	p.turn.Lock()
	defer p.turn.Unlock()
	p.mu.Lock()
	idle := false
	if len(p.quiet) == 0 { // else it was woken to ask about these, soon after they were used
		idle = p.n == 0 && !p.used
		p.used = false
	}
	if idle {
		p.running = false
		_ = p.file.SetReadDeadline(time.Time{}) // no timer is left
	}
	p.mu.Unlock()
	if idle {
		p.dismiss()
	}
	return idle
}

// run tells connections what happens until there are none.
func (p *poller) run() {
	var h happenings
	for {
		// First whoever can run: probes that begin together are then asked
		// about together.
		runtime.Gosched()
		h.n = 0
		err := p.raw.Read(func(uintptr) bool { return h.ask(p.fd) })
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if p.ends() {
				return
			}
			p.look() // what came in time goes first
		} else {
			p.tell(&h)
		}
		if err != nil {
			p.overdue()
		}
		p.kick()
	}
}

// look tells connections what has happened until now, however much that is: what
// is not told before overdue looks at the time would have come too late.
func (p *poller) look() {
	var h happenings
	// Each is told once, so that there is an end; what happens meanwhile can wait.
	for range maxFiles / len(h.events) {
		if h.n = 0; !h.ask(p.fd) {
			return
		}
		p.tell(&h)
		if h.n < len(h.events) {
			return
		}
	}
}

// maxFiles is more connections than any process has.
const maxFiles = 1 << 20

// happenings are what the epoll has to tell at once.
type happenings struct {
	events [128]syscall.EpollEvent
	n      int
}

// ask asks the epoll, and reports whether there is something.
func (h *happenings) ask(fd int) bool {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&h.events[0])), uintptr(len(h.events)), 0, 0, 0)
	if errno == 0 {
		h.n = int(n)
	}
	return h.n > 0
}

// tell tells connections what happened to them.
func (p *poller) tell(h *happenings) {
	var told [len(h.events)]*Conn
	p.mu.Lock()
	for i, e := range h.events[:h.n] {
		// An event may have been taken before its connection was closed, and
		// its file may be another's by now.
		if c := p.conns[e.Fd]; c != nil && c.tag == e.Pad {
			told[i] = c
		}
	}
	p.mu.Unlock()
	for i, c := range told[:h.n] {
		if c != nil {
			c.happened(h.events[i].Events)
		}
	}
}
