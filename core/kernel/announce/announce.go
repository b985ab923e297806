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
	// Gaps are those of each interface that is in no group.
	Gaps Gaps
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

// Open opens the socket in the network namespace of the calling thread.
//
// Of a kind that has no gap Announce sends at once; otherwise it puts what there
// is to send into the interface's queue and a goroutine sends it. Errors of the
// latter go to the log.
func Open(lookup Lookup, pace Pace, log *slog.Logger) (*Announcer, error) {
	// Protocol 0: the socket sends, and receives no frame at all.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket for announcements: %w", err)
	}
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
// Of a kind with a gap it returns before anything is sent. Instance is the name
// by which Drop finds what is queued.
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
	for range rounds {
		for n := range frames {
			f := &frames[n]
			if f.failed {
				continue
			}
			if err := a.send(f); err != nil {
				f.failed = true
				failed = append(failed, announceError(f.address, err))
			}
		}
	}
	return errors.Join(failed...)
}

func (a *Announcer) paced(address netspec.Address) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, gap := a.lane(address)
	return gap > 0
}

// frame is one announcement, ready to be sent.
type frame struct {
	address netspec.Address
	to      unix.SockaddrLinklayer
	data    []byte
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
