//go:build linux

// Package wire sends and receives VRRP packets over IPv4 and IPv6, to
// multicast groups and to single peers, in VRRP itself (protocol 112) or in an
// authentication header (51).
//
// It knows the IP header and nothing of what is inside, except for the octets
// by which a socket filter tells whose packet it is: a payload is handed on as
// it came, valid or not, with the TTL and the destination that it came with,
// so that the machines can judge. It decides neither when to send nor what, and
// it does not watch interfaces: core/kernel, which drives it, opens another
// socket when an interface came back as another one.
//
// There is a socket for each interface, family and protocol, not one for all,
// because the kernel lets one socket join 20 IPv4 groups only
// (igmp_max_memberships), and because a socket that is bound to its interface
// is not woken by the others' packets. One goroutine receives for all of them:
// a thousand sockets need neither a thousand stacks nor a thousand buffers.
package wire

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

const (
	// tos is class selector 6, internetwork control, as routers and
	// keepalived mark what a network must not drop first. It is the traffic
	// class of IPv6, too.
	tos = 0xc0
	// priority is TC_PRIO_CONTROL: the band of the host's own queues that
	// leaves first.
	priority = 6
	// header4Len is an IPv4 header without options.
	header4Len = 20
	// maxPacket is the size of the buffers. The longest valid packet, 255 IPv6
	// addresses with an authentication trailer, has 4116 octets. What a longer
	// one has beyond is cut off, and whoever decodes it finds the length
	// wrong.
	maxPacket = 4608
	// receiveBuffer is in octets. It holds the adverts that come while the
	// process is not scheduled.
	receiveBuffer = 1 << 20
)

// Sink takes the packets. NewPacket gives an event to fill, Packets takes
// events over, but not the list; both are called by one goroutine and must not
// wait for long.
type Sink interface {
	NewPacket() *node.Received
	Packets(...*node.Received)
}

// Wire is a set of sockets and the goroutine that receives for them.
type Wire struct {
	sink  Sink
	log   *slog.Logger
	gate  *os.File // the runtime waits for it; see openGate
	pfd   int      // an epoll instance over all sockets
	done  chan struct{}
	ended chan struct{}
	// member is memberOn, but in tests.
	member func(s *Socket, index int, group netip.Addr, joins bool) error

	// mu is held while a socket's packets are handed to the sink, so that a
	// socket which is closed hands on nothing any more.
	mu      sync.Mutex
	sockets map[int32]*Socket
	last    int32
	closed  bool
}

// Spec says what a socket is for.
type Spec struct {
	// Interface is the name of the interface to bind to, Index its index. An
	// empty name is no interface: unicast packets that come in anywhere are
	// received, and sent as the routes say.
	Interface string
	Index     int
	// Below is the index of an interface on which the groups are joined too, so
	// that switches learn of them from there; 0 for none. Nothing that comes in
	// there is received.
	Below int
	// Six is true for IPv6.
	Six bool
	// AH is true for the authentication header of IPv4, protocol 51.
	AH bool
	// Groups are the multicast groups to join on the interface.
	Groups []netip.Addr
	// VRIDs are the virtual routers that packets are wanted of. Of the others'
	// packets only one in Sample is received, so that a host on a network full
	// of other routers is not woken by each of them. Empty means all.
	VRIDs []uint8
}

// Socket is a VRRP socket. It receives what is sent to its groups and to the
// host's own addresses, but not what the host itself sends to a group.
type Socket struct {
	wire *Wire
	id   int32
	own  vridSet // guarded by wire.mu

	// tuning is held while the socket is changed or closed. Whoever holds it may
	// wait for as long as somebody configures interfaces (the kernel's rtnl lock),
	// which joining, leaving and closing do.
	tuning sync.Mutex
	// mu guards what follows, but the receiver may read under wire.mu, too, and who
	// holds tuning in any case. It is held for some non-blocking system calls at
	// most, so that Send never waits for long.
	mu     sync.Mutex
	spec   Spec // changed under all locks
	closed bool // changed under tuning and mu
	fd     int
}

// Open starts the receiver. Receive errors go to the log; the socket stays
// open.
func Open(sink Sink, log *slog.Logger) (*Wire, error) {
	pfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open VRRP receiver: %w", err)
	}
	gate, err := openGate(pfd)
	if err != nil {
		unix.Close(pfd)
		return nil, fmt.Errorf("open VRRP receiver: %w", err)
	}
	w := &Wire{
		sink: sink, log: log, pfd: pfd, gate: gate,
		done:    make(chan struct{}),
		ended:   make(chan struct{}),
		sockets: make(map[int32]*Socket),
		member:  (*Socket).memberOn,
	}
	go w.receive()
	return w, nil
}

// Listen opens a socket in the network namespace of the calling thread and
// starts to receive.
func (w *Wire) Listen(spec Spec) (*Socket, error) {
	s := &Socket{wire: w, spec: spec, own: newVRIDSet(spec.VRIDs)}
	family := unix.AF_INET
	if spec.Six {
		family = unix.AF_INET6
	}
	var err error
	s.fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, spec.protocol())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", spec, err)
	}
	if err := s.setup(); err != nil {
		unix.Close(s.fd)
		return nil, fmt.Errorf("open %s: %w", spec, err)
	}
	if err := w.add(s); err != nil {
		unix.Close(s.fd)
		return nil, fmt.Errorf("open %s: %w", spec, err)
	}
	return s, nil
}

func (w *Wire) add(s *Socket) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return os.ErrClosed
	}
	// A number, not the descriptor: that may be another socket's by the time
	// the receiver comes to it.
	w.last++
	s.id = w.last
	err := unix.EpollCtl(w.pfd, unix.EPOLL_CTL_ADD, s.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: s.id})
	if err != nil {
		return fmt.Errorf("wait for packets: %w", err)
	}
	w.sockets[s.id] = s
	return nil
}

// Close closes all sockets and ends the receiver. After it the sink is not
// called any more.
func (w *Wire) Close() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil
	}
	w.closed = true
	open := w.sockets
	w.mu.Unlock()
	close(w.done)
	err := w.gate.Close()
	<-w.ended
	for _, s := range open {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, unix.Close(w.pfd))
}

// Spec is what the socket is for now.
func (s *Socket) Spec() Spec {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spec
}

// Close closes the socket. After it the sink gets no packet of it any more.
func (s *Socket) Close() error {
	s.wire.mu.Lock()
	delete(s.wire.sockets, s.id)
	s.wire.mu.Unlock()
	s.tuning.Lock()
	defer s.tuning.Unlock()
	if s.closed {
		return nil
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	// That ends its membership in the epoll instance, too.
	return unix.Close(s.fd)
}

// Equal reports whether both are for the same.
func (p Spec) Equal(q Spec) bool {
	return p.Interface == q.Interface && p.Index == q.Index && p.Below == q.Below && p.Six == q.Six && p.AH == q.AH &&
		slices.Equal(p.Groups, q.Groups) && slices.Equal(p.VRIDs, q.VRIDs)
}

func (p Spec) protocol() int {
	if p.AH {
		return vrrp.ProtocolAH
	}
	return vrrp.Protocol
}

// String names the socket in messages.
func (p Spec) String() string {
	text := "VRRP socket for IPv4"
	if p.Six {
		text = "VRRP socket for IPv6"
	}
	if p.AH {
		text += " AH"
	}
	if p.Interface != "" {
		text += " on " + p.Interface
	}
	return text
}
