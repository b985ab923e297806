//go:build linux

// Package announce tells the neighbours on a network that an address has
// moved here, by gratuitous ARP.
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
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// frameLen is an Ethernet header and an ARP packet. Padding up to the 60
// octets of the wire is added by the network card, as for any other frame.
const frameLen = 14 + 28

// Lookup returns the present state of an interface.
type Lookup func(name string) (link.Interface, error)

// Announcer sends gratuitous ARP through one packet socket. Its methods may be
// called by any goroutine.
type Announcer struct {
	lookup Lookup
	gap    time.Duration
	log    *slog.Logger
	wake   chan struct{} // capacity 1
	done   chan struct{}
	ended  chan struct{}

	// mu guards what follows. It is held for non-blocking system calls only.
	mu     sync.Mutex
	closed bool
	fd     int
	queues map[string]*queue // by device
}

// Open opens the socket in the network namespace of the calling thread.
//
// Gap is the least time between two announcements on one interface. With zero
// Announce sends at once; otherwise it puts what there is to send into the
// interface's queue and a goroutine sends it. Errors of the latter go to the
// log.
func Open(lookup Lookup, gap time.Duration, log *slog.Logger) (*Announcer, error) {
	// Protocol 0: the socket sends, and receives no frame at all.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket for gratuitous ARP: %w", err)
	}
	a := &Announcer{
		lookup: lookup, gap: gap, log: log, fd: fd,
		wake:   make(chan struct{}, 1),
		done:   make(chan struct{}),
		ended:  make(chan struct{}),
		queues: make(map[string]*queue),
	}
	if gap > 0 {
		go a.run()
	} else {
		close(a.ended)
	}
	return a, nil
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
// With a gap it returns before anything is sent, and its error is that of the
// addresses which can never be announced. Instance is the name by which Drop
// finds what is queued.
func (a *Announcer) Announce(instance string, addresses []netspec.Address, rounds int) error {
	if a.gap > 0 {
		return a.enqueue(instance, addresses, rounds)
	}
	var failed []error
	frames := make([]frame, 0, len(addresses))
	known := make(map[string]link.Interface)
	for _, address := range addresses {
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

// frame is one announcement, ready to be sent.
type frame struct {
	address netspec.Address
	to      unix.SockaddrLinklayer
	data    []byte
	failed  bool
}

// newFrame builds the announcement as keepalived sends it: an ARP request for
// the address from the address. The target hardware address, which nobody
// reads in a request, is the broadcast address.
func newFrame(i link.Interface, address netspec.Address) (frame, error) {
	if err := announceable(address.Addr()); err != nil {
		return frame{}, err
	}
	if len(i.MAC) != 6 {
		return frame{}, fmt.Errorf("interface %s has no Ethernet address", i.Name)
	}
	p, err := arp.NewPacket(arp.OperationRequest, i.MAC, address.Addr(), ethernet.Broadcast, address.Addr())
	if err != nil {
		return frame{}, err
	}
	payload, err := p.MarshalBinary()
	if err != nil {
		return frame{}, err
	}
	data, err := (&ethernet.Frame{
		Destination: ethernet.Broadcast,
		Source:      i.MAC,
		EtherType:   ethernet.EtherTypeARP,
		Payload:     payload,
	}).MarshalBinary()
	if err != nil {
		return frame{}, err
	}
	f := frame{address: address, data: data[:frameLen]}
	f.to = unix.SockaddrLinklayer{Ifindex: i.Index, Halen: 6}
	// The kernel wants it in network order.
	f.to.Protocol = binary.NativeEndian.Uint16([]byte{unix.ETH_P_ARP >> 8, unix.ETH_P_ARP & 0xff})
	copy(f.to.Addr[:], ethernet.Broadcast)
	return f, nil
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

func announceable(address netip.Addr) error {
	if !address.Is4() {
		return fmt.Errorf("gratuitous ARP is for IPv4: %w", errors.ErrUnsupported)
	}
	return nil
}

func announceError(address netspec.Address, err error) error {
	return fmt.Errorf("announce %s: %w", address, err)
}
