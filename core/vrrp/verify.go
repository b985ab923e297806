package vrrp

import (
	"crypto/subtle"
	"encoding/binary"
	"time"
)

// Verify decides whether a received packet is an advert for the router of c. It
// returns Accepted, or the first rule that the packet breaks. The checks are
// those of RFC 9568 7.1 with errata 8299 to 8301, and of RFC 3768 7.1 in version
// 2. The RFCs set no order; this one trusts no field before the field that it
// depends on.
//
// The Advert of a rejected packet holds the fields that were read before the
// rule decided, the one it judged included: RejectVersion has the Version,
// RejectAuthType the Auth, RejectInterval the Interval. They are for a message
// to the user and must not reach the state machine.
//
// Whether the packet is from an address of our own is not seen here: that needs
// the router's state.
// A source or destination that is not a valid address is RejectMode.
//
// Verify keeps nothing of p and does not allocate; the Advert borrows from
// p.Payload.
func (c *Config) Verify(p *Packet) (Advert, Rejection) {
	var a Advert
	b := p.Payload
	if len(b) < HeaderLen {
		return a, RejectShort
	}
	if p.TTL != TTL {
		return a, RejectTTL
	}
	src, dst := p.Source.Unmap(), p.Destination.Unmap()
	v6 := src.Is6()
	if !src.IsValid() || dst.WithZone("") != Group(v6) {
		return a, RejectMode
	}
	a.Version = Version(b[0] >> 4)
	if a.Version != c.Version {
		return a, RejectVersion
	}
	if b[0]&0x0f != advertisement {
		return a, RejectType
	}
	a.VRID = b[1]
	if !c.isRouter(a.VRID, v6) {
		return a, RejectVRID
	}
	a.Priority = b[2]
	count := int(b[3])
	length := messageLen(a.Version, v6, count)
	if len(b) != length && !isPadded(len(b), length, v6) {
		return a, RejectLength
	}
	b = b[:length]
	if count == 0 {
		return a, RejectCount
	}
	var ok bool
	if a.Checksum, ok = verifyChecksum(b, a.Version, src, dst, c.Checksum); !ok {
		return a, RejectChecksum
	}
	a.Count = count
	var rule Rejection
	if a.Version == V2 {
		rule = c.verify2(&a, b)
	} else {
		rule = a.verify3(b, v6)
	}
	return a, rule
}

// verify3 reads and checks what only version 3 has.
func (a *Advert) verify3(b []byte, v6 bool) Rejection {
	a.addresses = b[HeaderLen:]
	a.Interval = time.Duration(binary.BigEndian.Uint16(b[4:])&intervalMask3) * intervalUnit3
	if a.Interval == 0 {
		return RejectInterval0
	}
	if v6 && !a.Address(0).IsLinkLocalUnicast() {
		return RejectLinkLocal
	}
	return Accepted
}

// verify2 reads and checks what only version 2 has. The length of b is
// validated, and the password is found from it and not from the IP header. A
// router of version 3 learns another interval; one of version 2 discards it
// (RFC 3768 7.1).
func (c *Config) verify2(a *Advert, b []byte) Rejection {
	authAt := len(b) - authLen
	a.addresses = b[HeaderLen:authAt]
	a.Auth = AuthType(b[4])
	a.Interval = time.Duration(b[5]) * time.Second
	if a.Auth != c.Auth || a.Auth != AuthNone && a.Auth != AuthPass {
		return RejectAuthType
	}
	// The time of the comparison must not tell how much of a guess is right.
	if a.Auth == AuthPass && subtle.ConstantTimeCompare(b[authAt:], c.Password[:]) != 1 {
		return RejectAuth
	}
	if a.Interval != c.Interval {
		return RejectInterval
	}
	return Accepted
}

// isRouter reports whether vrid over this family names the router of c. Routers
// of the two families that share a VRID are independent (RFC 9568 5.2.3), so a
// router with addresses has a family too; version 2 is IPv4 only.
func (c *Config) isRouter(vrid uint8, v6 bool) bool {
	if vrid != c.VRID || v6 && c.Version == V2 {
		return false
	}
	return len(c.Addresses) == 0 || c.Addresses[0].Unmap().Is6() == v6
}

// isPadded reports whether got octets are a message of length octets that
// arrived with the padding of a short Ethernet frame. The smallest frame holds
// 46 octets after its header, fewer by steps of 4 where the sender counted VLAN
// tags into the frame. IP header and message are multiples of 4, which 46 is
// not: a message with whole addresses too many is never taken for a padded one.
// IPv6 has no such messages.
func isPadded(got, length int, v6 bool) bool {
	const ipv4Header, smallest = 20, 46
	excess := got - length
	return !v6 && excess > 0 && excess%4 == smallest%4 && ipv4Header+got <= smallest
}
