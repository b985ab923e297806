//go:build linux

// Package announce tells the neighbours on a network that an address has
// moved here: by gratuitous ARP, or by an unsolicited neighbour advertisement
// (RFC 4861 7.2.6) for IPv6.
//
// It sends what it is told to and when it is told to: how often and how long
// after a change is the node's business, and whether the address stands is its
// caller's. It receives nothing and does not look for conflicts. core/kernel
// drives it.
//
// This is the only folder that imports mdlayher/arp and mdlayher/ethernet, as
// codecs: their client refuses an interface without an IPv4 address, and takes
// a socket for each.
package announce

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// Lookup returns the present state of an interface.
type Lookup func(name string) (link.Interface, error)

// Gaps are the least times between two announcements on one interface, for each
// kind. Zero is none.
type Gaps struct{ ARP, NA time.Duration }

func (g Gaps) of(a netip.Addr) time.Duration {
	if a.Is6() {
		return g.NA
	}
	return g.ARP
}

// Group are interfaces that share one limit in place of one each.
type Group struct {
	Gaps       Gaps
	Interfaces []string
}

// Pace is how fast announcements may follow each other.
type Pace struct {
	// Gaps are those of each interface that is in no group and not in Interfaces,
	// which has others.
	Gaps       Gaps
	Interfaces map[string]Gaps
	// Groups are the groups; of several that name an interface the first counts.
	Groups []Group
}

// Announcer sends announcements through one packet socket. Its methods may be
// called by any goroutine.
type Announcer struct {
	lookup Lookup
	log    *slog.Logger
	wake   chan struct{} // capacity 1
	done   chan struct{}
	ended  chan struct{}

	// mu guards what follows. It is held for non-blocking system calls only.
	mu     sync.Mutex
	closed bool
	fd     int
	queues map[lane]*queue
	pace   Pace
	// group is the number of an interface's group, counted from 1.
	group map[string]int
}

// sendBuffer holds some thousand announcements.
const sendBuffer = 1 << 20

// Open opens the socket in the network namespace of the calling thread.
//
// Of a kind that has no gap Announce sends at once what the interface takes; it puts
// the rest into the interface's queue and a goroutine sends it. Errors of the latter go
// to the log.
func Open(lookup Lookup, pace Pace, log *slog.Logger) (*Announcer, error) {
	// Protocol 0: the socket sends, and receives no frame at all.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket for announcements: %w", err)
	}
	// A link that is slow holds what it did not send yet. More than the buffer takes
	// waits in a queue (busy); without CAP_NET_ADMIN the buffer stays as it is.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer)
	a := &Announcer{
		lookup: lookup, log: log, fd: fd,
		wake:   make(chan struct{}, 1),
		done:   make(chan struct{}),
		ended:  make(chan struct{}),
		queues: make(map[lane]*queue),
	}
	a.SetPace(pace)
	go a.run()
	return a, nil
}

// SetPace replaces the limits. What is queued keeps its turn, and goes as fast as
// its queue may now.
func (a *Announcer) SetPace(p Pace) {
	group := make(map[string]int)
	for i, g := range p.Groups {
		for _, name := range g.Interfaces {
			if group[name] == 0 {
				group[name] = i + 1
			}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pace, a.group = p, group
}

// lane returns the queue that an announcement goes through, and its gap. mu is
// held.
func (a *Announcer) lane(address netspec.Address) (lane, time.Duration) {
	l, gaps := lane{device: address.Device, six: address.Addr().Is6()}, a.pace.Gaps
	if own, has := a.pace.Interfaces[address.Device]; has {
		gaps = own
	}
	if g := a.group[address.Device]; g > 0 {
		l.device, l.group, gaps = "", g, a.pace.Groups[g-1].Gaps
	}
	return l, gaps.of(address.Addr())
}

// Close drops what is queued and closes the socket.
func (a *Announcer) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	a.queues = nil
	close(a.done)
	err := unix.Close(a.fd)
	a.mu.Unlock()
	<-a.ended
	return err
}

// Announce sends rounds of announcements, each over all addresses in their
// order. Interfaces without ARP are passed over. The error joins one for each
// address that could not be announced, at whatever round that was; such an
// address is not tried again in this call.
//
// Of a kind with a gap it returns before anything is sent; and without one before all
// is sent where the interface cannot take that much at once. Instance is the name by
// which Drop finds what is queued.
func (a *Announcer) Announce(instance string, addresses []netspec.Address, rounds int) error {
	var failed []error
	var paced []netspec.Address
	frames := make([]frame, 0, len(addresses))
	known := make(map[string]link.Interface)
	for _, address := range addresses {
		if a.paced(address) {
			paced = append(paced, address)
			continue
		}
		i, looked := known[address.Device]
		if !looked {
			var err error
			if i, err = a.lookup(address.Device); err != nil {
				failed = append(failed, announceError(address, err))
				continue
			}
			known[address.Device] = i
		}
		if i.NoARP {
			continue
		}
		f, err := newFrame(i, address)
		if err != nil {
			failed = append(failed, announceError(address, err))
			continue
		}
		frames = append(frames, f)
	}
	if len(paced) > 0 {
		failed = append(failed, a.enqueue(instance, paced, rounds)...)
	}
	full := make(map[string]bool) // interfaces that take no more now
	for range rounds {
		for n := range frames {
			f := &frames[n]
			if f.failed || full[f.address.Device] {
				continue
			}
			err := a.send(f)
			switch {
			case err == nil:
				f.sent++
			case busy(err):
				full[f.address.Device] = true
			default:
				f.failed = true
				failed = append(failed, announceError(f.address, err))
			}
		}
	}
	if len(full) == 0 {
		return errors.Join(failed...)
	}
	// By what is left of the rounds, so that they stay rounds.
	for left := rounds; left > 0; left-- {
		var rest []netspec.Address
		for n := range frames {
			if f := &frames[n]; !f.failed && rounds-f.sent == left {
				rest = append(rest, f.address)
			}
		}
		if len(rest) > 0 {
			failed = append(failed, a.enqueue(instance, rest, left)...)
		}
	}
	return errors.Join(failed...)
}

// busy reports whether a frame could not be sent because others wait still: in the
// socket's buffer, or in the queue of the interface.
func busy(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) }

// paced reports whether the address is announced through the queue of its lane, as
// it is while others wait there.
func (a *Announcer) paced(address netspec.Address) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, gap := a.lane(address)
	q := a.queues[at]
	return gap > 0 || q != nil && len(q.entries) > 0
}

// frame is one announcement, ready to be sent.
type frame struct {
	address netspec.Address
	to      unix.SockaddrLinklayer
	data    []byte
	sent    int // rounds
	failed  bool
}

func (a *Announcer) send(f *frame) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sendLocked(f)
}

// sendLocked sends while mu is held.
func (a *Announcer) sendLocked(f *frame) error {
	if a.closed {
		return net.ErrClosed
	}
	return unix.Sendto(a.fd, f.data, unix.MSG_DONTWAIT, &f.to)
}

func announceError(address netspec.Address, err error) error {
	return fmt.Errorf("announce %s: %w", address, err)
}
