package vrrp

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"net/netip"
)

// The IP authentication header of RFC 2402 as VRRPv2's authentication type 2
// uses it (RFC 2338 5.3.6.3), 24 octets between IP header and message:
//
//	0  next header: 112
//	1  length: 4, in words of 4 octets less 2
//	2  zero (2 octets)
//	4  SPI (4 octets): the source address, as in keepalived
//	8  sequence number (4 octets)
//	12 ICV (12 octets): HMAC-MD5-96
//
// The ICV is over the IP header with TOS, fragment field and checksum taken as
// zero, and TTL too in unicast, the authentication header with the ICV taken as
// zero, and the message.
const (
	ahLen   = 24
	icvAt   = 12
	icvLen  = ahLen - icvAt
	ahWords = ahLen/4 - 2

	ipv4Len = 20
)

// sealer makes and verifies authentication headers.
type sealer struct {
	mac hash.Hash
	// sequence is the highest sent or accepted: keepalived keeps one number
	// for all senders, so that a new master must go on from the old one's.
	sequence uint32
	// id is the identification of the last IP header.
	id uint16
	// clearTTL is true in unicast.
	clearTTL bool
	head     [ipv4Len + ahLen]byte // scratch
	sum      [md5.Size]byte
}

func newSealer(c *Config) *sealer {
	return &sealer{mac: hmac.New(md5.New, c.Password[:]), clearTTL: c.Unicast.On}
}

// AppendIPv4Header appends the header of a packet with so many octets of
// payload as this package computes authentication over it. TOS, fragment field
// and checksum are zero.
func AppendIPv4Header(b []byte, src, dst netip.Addr, protocol, ttl uint8, id uint16, payload int) []byte {
	s, d := src.As4(), dst.As4()
	b = append(b, 4<<4|ipv4Len/4, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(ipv4Len+payload))
	b = binary.BigEndian.AppendUint16(b, id)
	b = append(b, 0, 0, ttl, protocol, 0, 0)
	b = append(b, s[:]...)
	return append(b, d[:]...)
}

// seal writes the authentication header in front of a message and returns the
// identification that the IP header must have, never zero.
func (s *sealer) seal(packet []byte, src, dst netip.Addr, ttl uint8) uint16 {
	s.sequence++
	if s.id++; s.id == 0 {
		s.id = 1 // the kernel would choose another
	}
	clear(packet[:ahLen])
	packet[0], packet[1] = Protocol, ahWords
	from := src.As4()
	copy(packet[4:], from[:])
	binary.BigEndian.PutUint32(packet[8:], s.sequence)
	header := AppendIPv4Header(s.head[:0], src, dst, ProtocolAH, ttl, s.id, len(packet))
	copy(packet[icvAt:], s.icv(header, packet))
	return s.id
}

// icv computes the ICV; header lies in s.head. The result is good until the
// next call.
func (s *sealer) icv(header, packet []byte) []byte {
	if s.clearTTL {
		header[8] = 0
	}
	header[1] = 0
	header[6], header[7], header[10], header[11] = 0, 0, 0, 0
	head := append(header, packet[:icvAt]...)
	head = append(head, make([]byte, icvLen)...)
	s.mac.Reset()
	s.mac.Write(head)
	s.mac.Write(packet[ahLen:])
	return s.mac.Sum(s.sum[:0])[:icvLen]
}

// ahMessage returns what follows the authentication header in packet, or nil if
// that is none of a VRRP router's.
func ahMessage(packet []byte) []byte {
	if len(packet) < ahLen || packet[0] != Protocol || packet[1] != ahWords {
		return nil
	}
	return packet[ahLen:]
}

// verify judges the authentication header of a packet whose message is
// otherwise right: SPI, ICV, and not its sequence number. An IP header with
// options is refused: which of them an ICV covers depends on each, and no
// router of VRRP sends any.
func (s *sealer) verify(p *Packet, src netip.Addr) (uint32, Rejection) {
	spi := src.As4()
	if len(p.Header) != ipv4Len || [4]byte(p.Payload[4:]) != spi {
		return 0, RejectAHMalformed
	}
	header := append(s.head[:0], p.Header...)
	if subtle.ConstantTimeCompare(s.icv(header, p.Payload), p.Payload[icvAt:ahLen]) != 1 {
		return 0, RejectAuth
	}
	return binary.BigEndian.Uint32(p.Payload[8:]), Accepted
}

// replayed compares in the arithmetic of RFC 1982, as the number wraps.
func (s *sealer) replayed(m *mark, sequence uint32) bool {
	return m != nil && int32(sequence-uint32(m.value)) <= 0
}
