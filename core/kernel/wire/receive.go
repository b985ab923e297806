//go:build linux

package wire

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/node"
)

// errorPause is how long the receiver waits after an error, so that one which
// persists cannot use up a processor.
const errorPause = 10 * time.Millisecond

// receive hands packets to the sink until Close.
func (s *Socket) receive() {
	defer close(s.ended)
	raw, err := s.file.SyscallConn()
	if err != nil {
		s.log.Error("cannot receive VRRP packets", "interface", s.name, "err", err)
		return
	}
	buffer := make([]byte, maxPacket)
	var n int
	var failure error
	// One closure for all packets, so that none is allocated for each.
	read := func(fd uintptr) bool {
		n, failure = unix.Read(int(fd), buffer)
		return failure != unix.EAGAIN
	}
	for {
		if raw.Read(read) != nil {
			// Closed. A raw socket has no deadline that could pass.
			return
		}
		if failure != nil {
			if failure == unix.EINTR {
				continue
			}
			// Lack of memory, if anything: an interface that goes away is no
			// error here.
			s.log.Warn("cannot receive VRRP packet", "interface", s.name, "err", failure)
			if !s.pause() {
				return
			}
			continue
		}
		p := s.sink.NewPacket()
		if !parse(buffer[:n], p) {
			// The kernel checked the header before it gave the packet to us,
			// so this is none; an empty event is what the node drops.
			p.Packet.TTL = -1
			p.Packet.Payload = p.Packet.Payload[:0]
		}
		p.Packet.Interface = s.name
		s.sink.Packet(p)
	}
}

func (s *Socket) pause() bool {
	t := time.NewTimer(errorPause)
	defer t.Stop()
	select {
	case <-s.done:
		return false
	case <-t.C:
		return true
	}
}

// parse fills in what the IPv4 datagram b says and copies its payload into the
// event's own buffer. The total length of the header counts: a short packet on
// Ethernet is padded, and the padding is no part of it. What of a long packet
// is not in b is missing from the payload too.
func parse(b []byte, p *node.Received) bool {
	if len(b) < headerLen || b[0]>>4 != 4 {
		return false
	}
	length := int(b[0]&0x0f) * 4
	total := min(int(binary.BigEndian.Uint16(b[2:])), len(b))
	if length < headerLen || length > total {
		return false
	}
	p.Packet.Source = netip.AddrFrom4([4]byte(b[12:16]))
	p.Packet.Destination = netip.AddrFrom4([4]byte(b[16:20]))
	p.Packet.TTL = int(b[8])
	p.Packet.Payload = append(p.Packet.Payload[:0], b[length:total]...)
	return true
}
