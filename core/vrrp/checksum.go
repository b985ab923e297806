package vrrp

import (
	"encoding/binary"
	"net/netip"
)

// The Internet checksum (RFC 1071): the one's complement of the one's
// complement sum of 16 bit words. The sum of a valid message including its
// checksum folds to 0xffff.

// sum16 adds the words of b to sum. The length of b is even: every field of a
// message is. 32 bits hold the carries of 65537 words, and MaxLen has 2044.
func sum16(sum uint32, b []byte) uint32 {
	for len(b) >= 8 {
		w := binary.BigEndian.Uint64(b)
		sum += uint32(w>>48) + uint32(w>>32&0xffff) + uint32(w>>16&0xffff) + uint32(w&0xffff)
		b = b[8:]
	}
	for len(b) >= 2 {
		sum += uint32(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	return sum
}

// pseudoHeader adds the pseudo header of a message of length octets to sum.
// RFC 8200 8.1 (IPv6) and RFC 5798 5.2.8 (IPv4) order the fields differently,
// but they hold the same words: source, destination, protocol and length.
func pseudoHeader(sum uint32, src, dst netip.Addr, length int) uint32 {
	sum += Protocol + uint32(length)
	if src.Is6() {
		s, d := src.As16(), dst.As16()
		return sum16(sum16(sum, s[:]), d[:])
	}
	s, d := src.As4(), dst.As4()
	return sum16(sum16(sum, s[:]), d[:])
}

// fold adds the carries back into 16 bits.
func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// verifyChecksum reports whether the checksum of message is right, and in which
// form. Version 2 and IPv6 have one form each. Version 3 over IPv4 has two in
// the field: RFC 9568 sums the message only, RFC 5798 and keepalived's default
// add a pseudo header. Both are accepted, as the sum guards against accidents
// and not against attackers, and ours is named where both fit; Strict accepts
// ours only. In unicast there is a third, ChecksumGroup, if it is asked for.
func (c *Config) verifyChecksum(message []byte, v Version, src, dst netip.Addr) (ChecksumForm, bool) {
	const right = 0xffff
	plain := sum16(0, message)
	isMessage := fold(plain) == right
	if v == V2 {
		return ChecksumMessage, isMessage
	}
	isPseudo := fold(pseudoHeader(plain, src, dst, len(message))) == right
	if src.Is6() {
		return ChecksumPseudo, isPseudo
	}
	switch {
	case c.Checksum == ChecksumMessage && isMessage, c.Checksum == ChecksumPseudo && isPseudo:
		return c.Checksum, true
	case c.Strict:
		return c.Checksum, false
	case isPseudo:
		return ChecksumPseudo, true
	case isMessage:
		return ChecksumMessage, true
	}
	old := c.Unicast.OldChecksum != OldChecksumRefuse
	return ChecksumGroup, old && fold(pseudoHeader(plain, src, c.group(false), len(message))) == right
}
