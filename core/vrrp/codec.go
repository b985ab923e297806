package vrrp

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// What a socket needs to know to speak VRRP.
const (
	// Protocol is the IP protocol number (RFC 9568 5.1.1.4).
	Protocol = 112
	// ProtocolAH is the protocol number of the IP authentication header, in
	// which VRRPv2 adverts of authentication type 2 travel (RFC 2402, RFC 2338).
	ProtocolAH = 51
	// TTL is the only TTL or hop limit that is sent and accepted: a packet
	// that crossed a router has less (RFC 9568 5.1.1.3).
	TTL = 255
	// HeaderLen is the length of a message without addresses, in octets.
	HeaderLen = 8
	// MaxLen is the length of the longest message: 255 IPv6 addresses. A
	// trailer of 28 octets (HMAC) may follow.
	MaxLen = HeaderLen + 255*16
)

const (
	advertisement = 1 // the only message type
	checksumAt    = 6 // offset of the checksum field
	authLen       = 8 // version 2 ends in so many octets of password

	// intervalUnit3 is the unit of the 12 bit interval of version 3;
	// version 2 counts whole seconds in 8 bits.
	intervalUnit3 = 10 * time.Millisecond
	intervalMask3 = 0x0fff
)

// Group returns the multicast group that adverts are sent to: 224.0.0.18, or
// ff02::12 for IPv6 (RFC 9568 5.1.1.2, 5.1.2.2).
func Group(v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12})
	}
	return netip.AddrFrom4([4]byte{224, 0, 0, 18})
}

// messageLen is the exact length of a message of count addresses.
func messageLen(v Version, v6 bool, count int) int {
	switch {
	case v6:
		return HeaderLen + 16*count
	case v == V2:
		return HeaderLen + 4*count + authLen
	}
	return HeaderLen + 4*count
}

// Append appends one ADVERTISEMENT of c to b and returns the longer slice. It
// allocates only if b has no room for it; MaxLen always suffices.
//
// The priority is the one to send, which tracking or a release (0) makes differ
// from c.Priority. The family is that of src, the address that the packet
// leaves from; dst is where it goes, the group or a peer. Both are part of the
// checksum over IPv6 and of ChecksumPseudo, so a message is good for this src
// and dst only. Append panics if an address of c is of another family than src,
// and encodes what it is given otherwise: c must be valid. Neither HMAC nor an
// authentication header is added: those are a Router's.
func (c *Config) Append(b []byte, priority uint8, src, dst netip.Addr) []byte {
	return c.appendVersion(b, c.Version, priority, src, dst, c.Checksum)
}

// appendVersion is Append in one of the versions and forms of c.
func (c *Config) appendVersion(b []byte, v Version, priority uint8, src, dst netip.Addr, form ChecksumForm) []byte {
	start := len(b)
	src, dst = src.Unmap(), dst.Unmap()
	b = append(b, uint8(v)<<4|advertisement, c.VRID, priority, uint8(len(c.Addresses)))
	if v == V2 {
		b = append(b, uint8(c.Auth), seconds(c.Interval))
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(c.Interval/intervalUnit3)&intervalMask3)
	}
	b = append(b, 0, 0)
	for _, a := range c.Addresses {
		b = appendAddress(b, a.Unmap(), src.Is6())
	}
	if v == V2 {
		// The octets are there without authentication too, as zeros
		// (RFC 3768 5.3.10), whatever password was left in c.
		var data [authLen]byte
		if c.Auth == AuthPass {
			data = c.Password
		}
		b = append(b, data[:]...)
	}
	c.sum(b[start:], v, src, dst, form)
	return b
}

// seconds is an interval in the field of version 2. One of version 3 that has
// no such value is rounded to the next second up.
func seconds(interval time.Duration) uint8 {
	return uint8(min((interval+time.Second-1)/time.Second, 255))
}

// sum writes the checksum, which is computed over zero in its place.
func (c *Config) sum(message []byte, v Version, src, dst netip.Addr, form ChecksumForm) {
	binary.BigEndian.PutUint16(message[checksumAt:], 0)
	sum := sum16(0, message)
	switch {
	case v == V2:
	case src.Is6(), form == ChecksumPseudo:
		sum = pseudoHeader(sum, src, dst, len(message))
	case form == ChecksumGroup:
		sum = pseudoHeader(sum, src, c.group(false), len(message))
	}
	binary.BigEndian.PutUint16(message[checksumAt:], ^fold(sum))
}

// appendAddress appends the 16 or 4 octets of a.
func appendAddress(b []byte, a netip.Addr, v6 bool) []byte {
	if a.Is6() != v6 {
		panic("vrrp: address " + a.String() + " is not of the family of the source address")
	}
	if v6 {
		octets := a.As16()
		return append(b, octets[:]...)
	}
	octets := a.As4()
	return append(b, octets[:]...)
}

// Peek returns what a receiver needs to find the router of a message, without
// judging it: the version is whatever the field says, and so is the VRID. It is
// not ok if the message ends before them; a message that ends later is left to
// Verify, which counts it with its router.
func Peek(payload []byte) (v Version, vrid uint8, ok bool) {
	if len(payload) < 2 {
		return 0, 0, false
	}
	return Version(payload[0] >> 4), payload[1], true
}
