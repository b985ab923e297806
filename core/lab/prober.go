//go:build linux

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// A probe is a datagram with a sequence number, to which the responder
// appends the number of the node that it is in.
const (
	probePort  = 47112
	probeSize  = 8
	answerSize = probeSize + 4
	// probeBuffer is the size of a socket's buffer in octets: a probe must not
	// be lost because this process has to wait.
	probeBuffer = 8 << 20
)

// proberNice is the priority of the client's thread: a probe that is late
// because the daemons are busy would be taken for theirs.
const proberNice = -10

// changesBound is how many changes may wait to be told.
const changesBound = 4096

// targetChange is a Change, or the news that an address is silent, of one
// target.
type targetChange struct {
	target int
	change Change
	// silent means that nobody answered since change.Lost, and is no change
	// yet.
	silent bool
}

// prober is the client: it sends a datagram to every target each interval
// and watches what comes back.
type prober struct {
	interval time.Duration
	now      func() time.Duration
	socks    []int
	wake     int // eventfd that ends run
	changes  chan targetChange
	done     chan struct{}

	mu      sync.Mutex
	watches []*Watch
	told    []bool // silence was told

	sent    atomic.Uint64
	slow    atomic.Int64 // longest time between two probes of a target
	dropped atomic.Uint64
}

// newProber opens the client's sockets, in its namespace. Nothing is sent
// before run.
func newProber(ns *netns.NS, targets []Target, interval time.Duration, now func() time.Duration) (*prober, error) {
	p := &prober{
		interval: interval, now: now, wake: -1,
		changes: make(chan targetChange, changesBound), done: make(chan struct{}),
		told: make([]bool, len(targets)),
	}
	err := ns.Do(func() error {
		for _, t := range targets {
			fd, err := dial(t.Link, netip.AddrPortFrom(t.Addr, probePort))
			if err != nil {
				return fmt.Errorf("open the client's socket for %s on %s: %w", t.Addr, t.Link, err)
			}
			p.socks = append(p.socks, fd)
			p.watches = append(p.watches, NewWatch())
		}
		return nil
	})
	if err == nil {
		p.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	}
	if err != nil {
		p.closeSockets()
		return nil, err
	}
	return p, nil
}

// dial opens a datagram socket that sends on one interface only: two links
// may carry the same network.
func dial(link string, to netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = enlarge(fd)
	if err == nil {
		err = unix.BindToDevice(fd, link)
	}
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// enlarge gives a socket its buffer: beyond rmem_max if we may, which root of a user
// namespace may not, and up to it otherwise.
func enlarge(fd int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, probeBuffer) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, probeBuffer)
}

// run probes until stop, on a thread of its own.
func (p *prober) run() {
	defer close(p.done)
	defer close(p.changes)
	runtime.LockOSThread()
	// The thread is not given back: what is set here would stay with it.
	// Without these probes are only less regular, which Probing tells.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1000, 0, 0, 0)
	_ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), proberNice)

	fds := make([]unix.PollFd, 0, len(p.socks)+1)
	for _, fd := range append([]int{p.wake}, p.socks...) {
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	next, last := p.now(), p.now()
	for {
		now := p.now()
		if now >= next {
			p.slow.Store(max(p.slow.Load(), int64(now-last)))
			last = now
			p.send()
			p.decide(now)
			next += p.interval
			if now > next {
				// Missed probes are not sent late in a bunch: they would say
				// nothing about the time in which they should have been sent.
				next = now + p.interval
			}
		}
		wait := unix.NsecToTimespec(max(0, (next - p.now()).Nanoseconds()))
		n, err := unix.Ppoll(fds, &wait, nil)
		if n <= 0 || err != nil {
			continue // the time is up, or a signal came
		}
		if fds[0].Revents != 0 {
			return
		}
		for i := range p.socks {
			if fds[i+1].Revents != 0 {
				p.receive(i)
			}
		}
	}
}

func (p *prober) send() {
	var b [probeSize]byte
	for i, fd := range p.socks {
		p.mu.Lock()
		seq := p.watches[i].Sent(p.now())
		p.mu.Unlock()
		binary.BigEndian.PutUint64(b[:], seq)
		// An error here is most often that of an earlier probe (no route, no
		// such neighbor), reported in place of sending this one. A probe that
		// cannot be sent is one that is not answered.
		if err := unix.Send(fd, b[:], 0); err != nil {
			_ = unix.Send(fd, b[:], 0)
		}
		p.sent.Add(1)
	}
}

func (p *prober) receive(i int) {
	var b [64]byte
	for {
		n, _, err := unix.Recvfrom(p.socks[i], b[:], 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return // nothing more, or the error of a probe, which is lost
		}
		if n != answerSize {
			continue
		}
		p.mu.Lock()
		p.watches[i].Answered(binary.BigEndian.Uint64(b[:]), p.now(), int(binary.BigEndian.Uint32(b[probeSize:])))
		p.mu.Unlock()
	}
}

// decide passes on what became certain.
func (p *prober) decide(now time.Duration) {
	for i, w := range p.watches {
		p.mu.Lock()
		changes := w.Decide(now)
		since, silent := w.Silent()
		p.mu.Unlock()
		for _, c := range changes {
			p.tell(targetChange{target: i, change: c})
		}
		if silent && !p.told[i] {
			p.tell(targetChange{target: i, change: Change{Lost: since}, silent: true})
		}
		p.told[i] = silent
	}
}

func (p *prober) tell(c targetChange) {
	select {
	case p.changes <- c:
	default:
		p.dropped.Add(1)
	}
}

// owner is who answers for the target now and since when without a gap.
func (p *prober) owner(target int) (node int, since time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.watches[target].Owner(p.now(), max(50*time.Millisecond, 5*p.interval))
}

// stop ends run and closes the sockets.
func (p *prober) stop() error {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	if _, err := unix.Write(p.wake, one[:]); err != nil {
		return fmt.Errorf("stop the prober: %w", err)
	}
	<-p.done
	p.closeSockets()
	return nil
}

func (p *prober) closeSockets() {
	for _, fd := range append(p.socks, p.wake) {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
