//go:build linux

package link

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

const (
	// Tick is how often a Monitor says "look again" though it heard of no
	// change. It bounds how long a change can go unnoticed if every other
	// means failed, and costs two dumps. Where these take long, as with a
	// thousand addresses, it is less often, down to maxTick.
	Tick    = 2 * time.Second
	maxTick = 5 * time.Second
	// minGap is the least time between two looks, so that a burst of messages
	// costs a few looks and not one each. The first look is not delayed.
	minGap = 5 * time.Millisecond
	// maxGap bounds the time that a look which took long delays the next.
	maxGap = 200 * time.Millisecond
	// retryGap is the time until a look that failed is tried again, and until
	// a lost subscription is opened again.
	retryGap = 100 * time.Millisecond
	// monitorBuffer is the receive buffer in octets: some 10,000 messages.
	monitorBuffer = 8 << 20
)

// Monitor calls a function whenever interfaces or addresses of a namespace
// changed, and routes and rules if they are followed. It does not say what changed.
// Any number of changes in a row may be one call; after the last change there is
// always a call that began later.
//
// The kernel itself may be late: of the carrier of hardware it tells at most
// once a second for the whole machine, so that the second of two cables pulled
// within a second is told of up to a second later.
//
// It owns two goroutines: one empties the socket and never waits for
// anything, one makes the calls. Between them is one bit, so that no burst can
// take memory, and a message that the kernel had to drop is as good as one
// that was read.
type Monitor struct {
	ns     *netns.NS
	look   func(tick bool) error
	log    *slog.Logger
	buffer int

	dirty chan struct{} // capacity 1: the bit
	done  chan struct{}
	wg    sync.WaitGroup

	mu        sync.Mutex
	socket    *os.File // nil while the subscription is lost
	protocols []uint8  // whose routes are followed
	closed    bool
}

// Watch subscribes to changes in the namespace, which must stay open until
// Close. Calls to look never overlap; tick says that nothing changed as far as
// is known. A look that fails is logged and repeated. The log is told nothing
// else but that a subscription was lost.
func Watch(ns *netns.NS, log *slog.Logger, look func(tick bool) error) (*Monitor, error) {
	return watch(ns, log, look, monitorBuffer)
}

func watch(ns *netns.NS, log *slog.Logger, look func(tick bool) error, buffer int) (*Monitor, error) {
	m := &Monitor{
		ns: ns, look: look, log: log, buffer: buffer,
		dirty: make(chan struct{}, 1),
		done:  make(chan struct{}),
	}
	if err := m.subscribe(); err != nil {
		return nil, err
	}
	m.wg.Add(2)
	go m.read()
	go m.run()
	return m, nil
}

// Poke asks for a look, as a change would.
func (m *Monitor) Poke() {
	select {
	case m.dirty <- struct{}{}:
	default:
	}
}

// Close ends the monitor. After it no call of look is running or will follow,
// so that it must not be called from look.
func (m *Monitor) Close() error {
	m.mu.Lock()
	already := m.closed
	m.closed = true
	var err error
	if !already {
		close(m.done)
		if m.socket != nil {
			err = m.socket.Close()
		}
	}
	m.mu.Unlock()
	m.wg.Wait()
	return err
}

// run makes the calls.
func (m *Monitor) run() {
	defer m.wg.Done()
	tick := time.NewTicker(Tick)
	defer tick.Stop()
	var next time.Time // no look before that
	for {
		slow := false
		select {
		case <-m.done:
			return
		case <-m.dirty:
		case <-tick.C:
			slow = true
		}
		// Only who has news to look for waits: a timer after each look would wake
		// the process for nothing.
		if rest := time.Until(next); rest > 0 {
			if !m.sleep(rest) {
				return
			}
			select {
			case <-m.dirty: // this look sees it
			default:
			}
		}
		start := time.Now()
		err := m.look(slow)
		// A look may take at most a fifth of the time of one processor.
		took := time.Since(start)
		gap := min(max(minGap, 4*took), maxGap)
		if slow {
			// And one for nothing a thousandth, where that can be had.
			tick.Reset(min(max(Tick, 1000*took), maxTick))
		}
		if err != nil {
			m.log.Warn("cannot read interfaces and addresses, will try again", "err", err)
			gap = retryGap
			m.Poke()
		}
		next = time.Now().Add(gap)
	}
}

// read empties the socket and sets the bit.
func (m *Monitor) read() {
	defer m.wg.Done()
	for {
		err := m.drain()
		if m.isClosed() {
			return
		}
		m.log.Warn("lost the subscription to interfaces and addresses, opening another", "err", err)
		m.mu.Lock()
		m.socket.Close()
		m.socket = nil
		m.mu.Unlock()
		for {
			if !m.sleep(retryGap) {
				return
			}
			if err = m.subscribe(); err == nil {
				break
			}
			m.log.Warn("cannot subscribe to interfaces and addresses, will try again", "err", err)
		}
		if m.isClosed() {
			return
		}
		// What happened in between was told to nobody.
		m.Poke()
	}
}

// drain reads until the socket fails. It looks at no message: a buffer of one
// header takes each off the queue, and the kernel throws the rest away.
func (m *Monitor) drain() error {
	m.mu.Lock()
	socket := m.socket
	m.mu.Unlock()
	if socket == nil {
		return os.ErrClosed
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	header := make([]byte, unix.SizeofNlMsghdr)
	var failure error
	next := func(fd uintptr) bool {
		_, failure = unix.Read(int(fd), header)
		return failure != unix.EAGAIN
	}
	for {
		if err := raw.Read(next); err != nil {
			return err
		}
		switch {
		case failure == nil, errors.Is(failure, unix.EINTR):
		case errors.Is(failure, unix.ENOBUFS):
			// The kernel dropped messages. The socket goes on; which messages
			// does not matter.
		default:
			return failure
		}
		m.Poke()
	}
}

// subscribe opens the socket in the namespace of the monitor.
func (m *Monitor) subscribe() error {
	return m.ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
		if err != nil {
			return fmt.Errorf("open a netlink socket: %w", err)
		}
		// Beyond rmem_max if we may, up to it otherwise. A smaller buffer
		// only means that the kernel says ENOBUFS earlier.
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, m.buffer) != nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, m.buffer)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if err == nil {
			err = follow(fd, m.protocols)
		}
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrNetlink{
				Family: unix.AF_NETLINK,
				Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR |
					unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE |
					1<<(unix.RTNLGRP_IPV4_RULE-1) | 1<<(unix.RTNLGRP_IPV6_RULE-1),
			})
		}
		if err != nil {
			unix.Close(fd)
			return fmt.Errorf("subscribe to interfaces and addresses: %w", err)
		}
		socket := os.NewFile(uintptr(fd), "netlink monitor")
		if m.closed {
			return socket.Close()
		}
		m.socket = socket
		return nil
	})
}

func (m *Monitor) isClosed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

// sleep waits and reports whether the monitor is still open.
func (m *Monitor) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-m.done:
		return false
	case <-t.C:
		return true
	}
}
