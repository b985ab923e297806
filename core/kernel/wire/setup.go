//go:build linux

package wire

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// option is a socket option with a number for a value.
type option struct {
	level, option, value int
	what                 string
}

var (
	options4 = []option{
		{unix.IPPROTO_IP, unix.IP_HDRINCL, 1, "give own IP headers"},
		{unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0, "turn multicast loop off"},
		// Otherwise groups that another program joined come here too.
		{unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0, "limit to own groups"},
	}
	// A raw socket of IPv6 gives no header, so that what the machines need of
	// it is asked for. It gets what anybody on the host joined; the machines
	// drop what is for another group.
	options6 = []option{
		{unix.IPPROTO_IPV6, unix.IPV6_HDRINCL, 1, "give own IP headers"},
		{unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0, "turn multicast loop off"},
		{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1, "ask for destinations"},
		{unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1, "ask for hop limits"},
		{unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1, "allow sources of other interfaces"},
	}
)

func (s *Socket) setup() error {
	if s.spec.Interface != "" {
		if err := unix.BindToDevice(s.fd, s.spec.Interface); err != nil {
			return fmt.Errorf("bind to the interface: %w", err)
		}
	}
	if err := s.attach(s.spec); err != nil {
		return err
	}
	// Until it was bound and had a filter, the socket took every packet.
	if err := discard(s.fd); err != nil {
		return err
	}
	// Beyond rmem_max if we may, up to it otherwise.
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer); err != nil {
			return fmt.Errorf("set the receive buffer: %w", err)
		}
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_PRIORITY, priority); err != nil {
		return fmt.Errorf("set the priority: %w", err)
	}
	options := options4
	if s.spec.Six {
		options = options6
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(s.fd, o.level, o.option, o.value); err != nil {
			return fmt.Errorf("%s: %w", o.what, err)
		}
	}
	if s.spec.Interface == "" {
		return nil
	}
	if err := s.sendOn(); err != nil {
		return fmt.Errorf("choose the interface for multicast: %w", err)
	}
	for _, g := range s.spec.Groups {
		if err := s.member(g, true); err != nil {
			return err
		}
	}
	return nil
}

// Tune makes an open socket fit for other groups and virtual routers. On an
// error the socket is as it was, but for groups that were joined already.
func (s *Socket) Tune(groups []netip.Addr, vrids []uint8) error {
	s.tuning.Lock()
	defer s.tuning.Unlock()
	next := s.spec
	next.Groups, next.VRIDs = groups, vrids
	if s.closed {
		return fmt.Errorf("change %s: it is closed", s.spec)
	}
	for _, g := range groups {
		if slices.Contains(s.spec.Groups, g) {
			continue
		}
		if err := s.member(g, true); err != nil {
			return fmt.Errorf("change %s: %w", s.spec, err)
		}
	}
	if err := s.attach(next); err != nil {
		return fmt.Errorf("change %s: %w", s.spec, err)
	}
	for _, g := range s.spec.Groups {
		if slices.Contains(groups, g) {
			continue
		}
		if err := s.member(g, false); err != nil {
			return fmt.Errorf("change %s: %w", s.spec, err)
		}
	}
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spec, s.own = next, newVRIDSet(vrids)
	return nil
}

// Rejoin renews the memberships of the socket, which end without its knowledge
// when the kernel ends the protocol on an interface.
func (s *Socket) Rejoin() error {
	s.tuning.Lock()
	defer s.tuning.Unlock()
	if s.closed {
		return fmt.Errorf("join the groups of %s again: it is closed", s.spec)
	}
	for _, g := range s.spec.Groups {
		if err := errors.Join(s.member(g, false), s.member(g, true)); err != nil {
			return fmt.Errorf("join the groups of %s again: %w", s.spec, err)
		}
	}
	return nil
}

// attach gives the socket its filter, in place of the one that it has.
func (s *Socket) attach(spec Spec) error {
	program := filter(spec)
	f := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &f); err != nil {
		return fmt.Errorf("attach the filter: %w", err)
	}
	return nil
}

func (s *Socket) sendOn() error {
	if s.spec.Six {
		return unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, s.spec.Index)
	}
	return unix.SetsockoptIPMreqn(s.fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(s.spec.Index)})
}

// member joins or leaves a group.
func (s *Socket) member(group netip.Addr, joins bool) error {
	if err := s.wire.member(s, s.spec.Index, group, joins); err != nil || s.spec.Below == 0 {
		return err
	}
	return s.wire.member(s, s.spec.Below, group, joins)
}

func (s *Socket) memberOn(index int, group netip.Addr, joins bool) (err error) {
	switch {
	case group.Is6() != s.spec.Six:
		err = errors.New("it is of the other family")
	case s.spec.Six:
		what := unix.IPV6_LEAVE_GROUP
		if joins {
			what = unix.IPV6_JOIN_GROUP
		}
		err = unix.SetsockoptIPv6Mreq(s.fd, unix.IPPROTO_IPV6, what, &unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(index)})
	default:
		what := unix.IP_DROP_MEMBERSHIP
		if joins {
			what = unix.IP_ADD_MEMBERSHIP
		}
		err = unix.SetsockoptIPMreqn(s.fd, unix.IPPROTO_IP, what, &unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(index)})
	}
	switch {
	case err == nil:
		return nil
	case !joins && errors.Is(err, unix.EADDRNOTAVAIL):
		// The membership ended with the interface's last address or itself.
		return nil
	case errors.Is(err, unix.ENOBUFS):
		return fmt.Errorf("join %s: %w: a socket may join as many groups as the sysctl igmp_max_memberships says", group, err)
	case joins:
		return fmt.Errorf("join %s: %w", group, err)
	}
	return fmt.Errorf("leave %s: %w", group, err)
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
