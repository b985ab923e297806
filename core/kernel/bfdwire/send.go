//go:build linux

package bfdwire

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/bfd"
)

// sender is the socket that one session sends from.
type sender struct {
	path bfd.Path

	// mu guards what follows. It is held for some non-blocking system calls
	// at most.
	mu     sync.Mutex
	closed bool
	fd     int
	port   int // the source port; 0 before it is bound
	ttl    int
	to4    unix.SockaddrInet4
	to6    unix.SockaddrInet6
	// unbound is why place could not bind it.
	unbound error
}

// fit makes a session's socket fit, or opens one where there is none. It may
// return a socket and an error: one that could not be changed is still good for
// what it was.
func fit(s *sender, c *bfd.Config) (*sender, error) {
	var err error
	switch {
	case s == nil:
		s, err = open(c)
	case s.ttl != c.TTL:
		s.mu.Lock()
		defer s.mu.Unlock()
		err = s.setTTL(c.TTL)
	}
	if err != nil {
		err = fmt.Errorf("open BFD socket %v: %w", c.Path, err)
	}
	return s, err
}

func open(c *bfd.Config) (*sender, error) {
	family := unix.AF_INET
	if c.Neighbor.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	s := &sender{path: c.Path, fd: fd}
	port := bfd.Port
	if c.Multihop {
		port = bfd.MultihopPort
	}
	s.to4.Port, s.to6.Port = port, port
	if c.Neighbor.Is6() {
		s.to6.Addr = c.Neighbor.As16()
	} else {
		s.to4.Addr = c.Neighbor.As4()
	}
	err = s.setup(c)
	if err == nil && !s.early() {
		err = s.bind()
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return s, nil
}

func (s *sender) setup(c *bfd.Config) error {
	options := []option{
		{unix.SOL_SOCKET, unix.SO_PRIORITY, priority, "set the priority"},
		{unix.IPPROTO_IP, unix.IP_TOS, tos, "set the type of service"},
		// The source may be an address that comes later, or goes for a while.
		{unix.IPPROTO_IP, unix.IP_FREEBIND, 1, "let it bind to an address to come"},
	}
	if c.Neighbor.Is6() {
		options = []option{
			{unix.SOL_SOCKET, unix.SO_PRIORITY, priority, "set the priority"},
			{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1, "limit it to IPv6"},
			{unix.IPPROTO_IPV6, unix.IPV6_TCLASS, tos, "set the traffic class"},
			{unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1, "let it bind to an address to come"},
		}
	}
	if err := set(s.fd, options); err != nil {
		return err
	}
	return s.setTTL(c.TTL)
}

func (s *sender) setTTL(ttl int) error {
	o := option{unix.IPPROTO_IP, unix.IP_TTL, ttl, "set the TTL"}
	if s.path.Neighbor.Is6() {
		o = option{unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, ttl, "set the hop limit"}
	}
	if err := set(s.fd, []option{o}); err != nil {
		return err
	}
	s.ttl = ttl
	return nil
}

// bind takes a source port that is free (RFC 5881 4). Where it begins to look
// is chance, so that a port does not tell which session it is.
func (s *sender) bind() error {
	const ports = 65536 - bfd.FirstSourcePort
	begin := rand.IntN(ports)
	for i := range ports {
		port := bfd.FirstSourcePort + (begin+i)%ports
		err := unix.Bind(s.fd, s.local(port))
		if !errors.Is(err, unix.EADDRINUSE) {
			if err != nil {
				return fmt.Errorf("bind to %v: %w", s.path.Source, err)
			}
			s.port = port
			return nil
		}
	}
	return fmt.Errorf("no source port from %d on is free", bfd.FirstSourcePort)
}

func (s *sender) local(port int) unix.Sockaddr {
	source := s.path.Source
	if !s.path.Neighbor.Is6() {
		a := unix.SockaddrInet4{Port: port}
		if source.IsValid() {
			a.Addr = source.As4()
		}
		return &a
	}
	a := unix.SockaddrInet6{Port: port}
	if source.IsValid() {
		a.Addr = source.As16()
		if s.scoped() {
			a.ZoneId = s.to6.ZoneId
		}
	}
	return &a
}

// scoped reports whether the source is an address of one interface.
func (s *sender) scoped() bool { return s.path.Source.Is6() && s.path.Source.IsLinkLocalUnicast() }

// early reports whether the source cannot be bound to before place says where it is: the
// kernel binds to no interface that it does not have.
func (s *sender) early() bool { return s.scoped() && s.path.Neighbor.Zone() != "" }

// place has the socket send by the interface that the neighbor's zone names now, and
// binds it there if it is not yet bound.
func (s *sender) place(interfaces func(name string) (index int)) {
	name := s.path.Neighbor.Zone()
	if name == "" {
		return
	}
	index := interfaces(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to6.ZoneId, s.unbound = uint32(index), nil
	if index == 0 || s.port != 0 || s.closed {
		return
	}
	if err := s.bind(); err != nil {
		s.to6.ZoneId, s.unbound = 0, err // which send tells, until the next time
	}
}

// unplaced says why the neighbor cannot be sent to now, nil if it can. mu is held.
func (s *sender) unplaced() error {
	name := s.path.Neighbor.Zone()
	if name == "" || s.to6.ZoneId != 0 {
		return nil
	}
	if s.unbound != nil {
		return s.unbound
	}
	return fmt.Errorf("there is no interface %s", name)
}

func (s *sender) send(payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("send to %s: %w", s.path.Neighbor, os.ErrClosed)
	}
	// The socket is not connected, so that the error can only be about this
	// packet, never an ICMP message about an earlier one.
	var err error
	if s.path.Neighbor.Is6() {
		if err = s.unplaced(); err == nil {
			err = unix.Sendto(s.fd, payload, unix.MSG_DONTWAIT, &s.to6)
		}
	} else {
		err = unix.Sendto(s.fd, payload, unix.MSG_DONTWAIT, &s.to4)
	}
	if err != nil {
		return fmt.Errorf("send to %s: %w", s.path.Neighbor, err)
	}
	return nil
}

func (s *sender) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return unix.Close(s.fd)
}

// option is an integer socket option, and what is attempted by setting it.
type option struct {
	level, name, value int
	what               string
}

func set(fd int, options []option) error {
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return fmt.Errorf("%s: %w", o.what, err)
		}
	}
	return nil
}
