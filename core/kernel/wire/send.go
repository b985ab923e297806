//go:build linux

package wire

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Send sends the payload from source to destination now or not at all. It
// never blocks, allocates only for an error, and keeps nothing. Source need
// not be an address of this host.
func (s *Socket) Send(source, destination netip.Addr, payload []byte) error {
	if !source.Is4() || !destination.Is4() {
		return fmt.Errorf("send on %s from %s to %s: not two IPv4 addresses", s.name, source, destination)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("send on %s: socket is closed", s.name)
	}
	s.packet = append(s.packet[:headerLen], payload...)
	from, to := source.As4(), destination.As4()
	copy(s.packet[12:], from[:])
	copy(s.packet[16:], to[:])
	s.to.Addr = to
	// The socket is not connected, so that the error can only be about this
	// packet, never an ICMP message about an earlier one.
	err := unix.Sendto(s.fd, s.packet, unix.MSG_DONTWAIT, &s.to)
	if err != nil {
		return fmt.Errorf("send on %s from %s to %s: %w", s.name, source, destination, err)
	}
	return nil
}

// header fills in what is the same in every packet. The kernel adds total
// length, identification and checksum (raw(7)). The packet may be fragmented:
// a list of addresses that is longer than the MTU must still arrive.
func header(b []byte) {
	b[0] = 4<<4 | headerLen/4
	b[1] = tos
	b[8] = ttl
	b[9] = protocol
}
