//go:build linux

// Package wire sends and receives VRRP packets over IPv4: one raw socket for
// each interface.
//
// It knows the IP header and nothing of what is inside: a payload is handed
// on as it came, valid or not. It decides neither when to send nor what, and
// it does not watch the interface: core/kernel, which drives it, opens another
// socket when the interface came back as another one.
//
// A socket an interface, not one for all, because the kernel lets one socket
// join 20 IPv4 groups only (igmp_max_memberships), and because a socket that
// is bound to its interface is not woken by the others' packets.
package wire

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/node"
)

const (
	// protocol is VRRP's IP protocol number (RFC 9568 section 5.1.1.4).
	protocol = 112
	// ttl is the only one that a VRRP packet may have (section 5.1.1.3).
	ttl = 255
	// tos is class selector 6, internetwork control, as routers and
	// keepalived mark what a network must not drop first.
	tos = 0xc0
	// priority is TC_PRIO_CONTROL: the band of the host's own queues that
	// leaves first.
	priority = 6
	// headerLen is an IPv4 header without options.
	headerLen = 20
	// maxPacket is the size of the buffers. The longest valid VRRP packet, 255
	// addresses with authentication trailer and the longest IP header, has
	// 1116 octets. What a longer one has beyond is cut off, and whoever
	// decodes it finds the length wrong.
	maxPacket = 2048
	// receiveBuffer is in octets. It holds the adverts that come while the
	// process is not scheduled.
	receiveBuffer = 1 << 20
)

// Group is where adverts go (RFC 9568 section 5.1.1.2).
var Group = netip.AddrFrom4([4]byte{224, 0, 0, 18})

// Sink takes the packets. NewPacket gives an event to fill, Packet takes it
// over; both are called by one goroutine per socket.
type Sink interface {
	NewPacket() *node.Received
	Packet(*node.Received)
}

// Socket is a VRRP socket on one interface. It receives what is sent to the
// VRRP group and to the host's own addresses, but not what the host itself
// sends to the group.
type Socket struct {
	name  string
	index int
	sink  Sink
	log   *slog.Logger
	file  *os.File
	done  chan struct{}
	ended chan struct{}

	// mu guards what follows. It is held for one non-blocking system call at
	// most, so that Send never waits for long.
	mu     sync.Mutex
	closed bool
	fd     int
	to     unix.SockaddrInet4
	packet []byte // scratch, the IP header in front
}

// Open opens the socket in the network namespace of the calling thread, for
// the interface that has this name and index now, and starts to receive. A
// receive error goes to the log; the socket stays open.
func Open(name string, index int, sink Sink, log *slog.Logger) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return nil, fmt.Errorf("open VRRP socket on %s: %w", name, err)
	}
	if err := setup(fd, name, index); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open VRRP socket on %s: %w", name, err)
	}
	s := &Socket{
		name: name, index: index, sink: sink, log: log,
		file:   os.NewFile(uintptr(fd), "vrrp "+name),
		done:   make(chan struct{}),
		ended:  make(chan struct{}),
		fd:     fd,
		packet: make([]byte, headerLen, maxPacket),
	}
	header(s.packet)
	go s.receive()
	return s, nil
}

// Index is the index of the interface that the socket is bound to.
func (s *Socket) Index() int { return s.index }

// Close closes the socket. After it the sink is not called any more.
func (s *Socket) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	// The descriptor itself lives until the receiver let go of it; Send does
	// not use it any more.
	err := s.file.Close()
	s.mu.Unlock()
	<-s.ended
	return err
}

func setup(fd int, name string, index int) error {
	if err := unix.BindToDevice(fd, name); err != nil {
		return fmt.Errorf("bind to the interface: %w", err)
	}
	// Until it was bound, the socket took the packets of every interface.
	if err := discard(fd); err != nil {
		return err
	}
	// Beyond rmem_max if we may, up to it otherwise.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
			return fmt.Errorf("set the receive buffer: %w", err)
		}
	}
	for _, o := range []struct {
		level, option, value int
		what                 string
	}{
		{unix.SOL_SOCKET, unix.SO_PRIORITY, priority, "set the priority"},
		{unix.IPPROTO_IP, unix.IP_HDRINCL, 1, "give own IP headers"},
		{unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0, "turn multicast loop off"},
		// Otherwise groups that another program joined come here too.
		{unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0, "limit to own groups"},
	} {
		if err := unix.SetsockoptInt(fd, o.level, o.option, o.value); err != nil {
			return fmt.Errorf("%s: %w", o.what, err)
		}
	}
	member := unix.IPMreqn{Multiaddr: Group.As4(), Ifindex: int32(index)}
	if err := unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &member); err != nil {
		return fmt.Errorf("choose the interface for multicast: %w", err)
	}
	if err := unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &member); err != nil {
		return fmt.Errorf("join %s: %w", Group, err)
	}
	return nil
}

// discard empties the receive queue.
func discard(fd int) error {
	var b [1]byte
	for {
		switch _, err := unix.Read(fd, b[:]); {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("empty the receive queue: %w", err)
		}
	}
}
