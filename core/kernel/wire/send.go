//go:build linux

package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/node"
)

// Send sends the advert as it says, now or not at all. It never blocks,
// allocates only for an error, and keeps nothing. Its source need not be an
// address of this host.
func (s *Socket) Send(a *node.Action) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.fits(a.Source) || !s.fits(a.Destination) {
		return fmt.Errorf("send from %s to %s: not two addresses of the family of the %s", a.Source, a.Destination, s.spec)
	}
	if s.closed {
		return fmt.Errorf("send to %s: the %s is closed", a.Destination, s.spec)
	}
	// The socket is not connected, so that the error can only be about this
	// packet, never an ICMP message about an earlier one.
	err := unix.Sendto(s.fd, s.fill(a), unix.MSG_DONTWAIT, s.address(a.Destination))
	if err != nil {
		on := ""
		if s.spec.Interface != "" {
			on = " on " + s.spec.Interface
		}
		return fmt.Errorf("send%s from %s to %s: %w", on, a.Source, a.Destination, err)
	}
	return nil
}

// fits reports whether the address is of the socket's family.
func (s *Socket) fits(a netip.Addr) bool { return a.IsValid() && a.Is6() == s.spec.Six }

// header fills in what is the same in every packet. The kernel adds total
// length and checksum of an IPv4 header (raw(7)).
func (s *Socket) header() {
	if s.spec.Six {
		binary.BigEndian.PutUint32(s.packet, 6<<28|tos<<20)
		return
	}
	s.packet[0] = 4<<4 | header4Len/4
	s.packet[1] = tos
}

// fill makes the packet in the scratch buffer.
func (s *Socket) fill(a *node.Action) []byte {
	if s.spec.Six {
		p := append(s.packet[:header6Len], a.Payload...)
		binary.BigEndian.PutUint16(p[4:], uint16(len(a.Payload)))
		p[6], p[7] = a.Protocol, a.TTL
		from, to := a.Source.As16(), a.Destination.As16()
		copy(p[8:], from[:])
		copy(p[24:], to[:])
		s.packet = p
		return p
	}
	p := append(s.packet[:header4Len], a.Payload...)
	// With zero the kernel chooses the identification.
	binary.BigEndian.PutUint16(p[4:], a.ID)
	p[8], p[9] = a.TTL, a.Protocol
	from, to := a.Source.As4(), a.Destination.As4()
	copy(p[12:], from[:])
	copy(p[16:], to[:])
	s.packet = p
	return p
}

// address is the destination as the kernel wants it.
func (s *Socket) address(to netip.Addr) unix.Sockaddr {
	if s.spec.Six {
		s.to6.Addr = to.As16()
		s.to6.ZoneId = uint32(s.spec.Index)
		return &s.to6
	}
	s.to4.Addr = to.As4()
	return &s.to4
}
