package vrrp

import (
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
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
// Whether the packet is from an address of our own is not seen here, nor
// whether the time and the number in it are new: that needs a Router. A source
// or destination that is not a valid address is RejectMode.
//
// Verify keeps nothing of p, and allocates for HMAC and AH only; the Advert
// borrows from p.Payload.
func (c *Config) Verify(p *Packet) (Advert, Rejection) {
	return c.verify(p, newGuard(c, nil), noTime)
}

// verify is Verify with the guard of a router and the wall clock. It changes
// nothing in the guard but scratch.
func (c *Config) verify(p *Packet, g *guard, wall int64) (Advert, Rejection) {
	var a Advert
	b := p.Message()
	if len(b) < HeaderLen {
		if p.Protocol == ProtocolAH && b == nil {
			return a, RejectAHMalformed
		}
		return a, RejectShort
	}
	src, dst := p.Source.Unmap(), p.Destination.Unmap()
	v6 := src.Is6()
	if rule := c.verifyPath(src, dst, p.TTL); rule != Accepted {
		return a, rule
	}
	a.Version = Version(b[0] >> 4)
	if a.Version != c.Version && !(c.Interop && a.Version == V2) {
		return a, RejectVersion
	}
	if p.Protocol == ProtocolAH && !c.ah() {
		a.Auth = AuthAH
		return a, RejectAuthType
	}
	if b[0]&0x0f != advertisement {
		return a, RejectType
	}
	a.VRID = b[1]
	if !c.isRouter(a.Version, a.VRID, v6) {
		return a, RejectVRID
	}
	a.Priority = b[2]
	count := int(b[3])
	length := messageLen(a.Version, v6, count)
	a.Signed = g != nil && g.ring != nil && len(b) == length+trailerLen
	if len(b) != length && !a.Signed && !isPadded(len(b), length, v6) {
		return a, RejectLength
	}
	// Routers that all have no address elect one that only tells of it; keepalived
	// compares the counts.
	if count == 0 && (len(c.Addresses) > 0 || c.Strict) {
		return a, RejectCount
	}
	if rule := a.verifyTrailer(g, b, length, src, wall); rule != Accepted {
		return a, rule
	}
	summed := length
	if a.Signed && v6 {
		summed += trailerLen // which the kernel's IPv6 checksum covers
	}
	var ok bool
	if a.Checksum, ok = c.verifyChecksum(b[:summed], a.Version, src, dst); !ok {
		return a, RejectChecksum
	}
	a.Count = count
	if a.Version == V3 {
		return a, a.verify3(b[:length], v6 && c.Strict)
	}
	return c.verify2(a, b[:length], p, src, g)
}

// verifyPath judges the IP header: source, destination and how far it came.
func (c *Config) verifyPath(src, dst netip.Addr, ttl int) Rejection {
	if !src.IsValid() {
		return RejectMode
	}
	if c.Unicast.On {
		return c.verifyUnicast(src, dst, ttl)
	}
	if ttl != TTL {
		return RejectTTL
	}
	if dst.WithZone("") != c.group(src.Is6()) {
		return RejectMode
	}
	return Accepted
}

// verifyTrailer judges the HMAC before any field that it protects is believed.
func (a *Advert) verifyTrailer(g *guard, b []byte, length int, src netip.Addr, wall int64) (rule Rejection) {
	switch {
	case a.Signed:
		a.sequence, rule = g.ring.verify(src, b[:length], b[length:], wall)
	case g != nil && g.ring != nil && g.ring.enforce:
		rule = RejectExtMissing
	}
	return rule
}

// verify3 reads and checks what only version 3 has. That the first IPv6 address
// must be link-local (erratum 8300) is held against strict routers only:
// keepalived sends adverts without one, if it is so configured, and a router
// that discarded them would be a second master for good.
func (a *Advert) verify3(b []byte, local bool) Rejection {
	a.addresses = b[HeaderLen:]
	a.Interval = time.Duration(binary.BigEndian.Uint16(b[4:])&intervalMask3) * intervalUnit3
	if a.Interval == 0 {
		return RejectInterval0
	}
	if local && !a.Address(0).IsLinkLocalUnicast() {
		return RejectLinkLocal
	}
	return Accepted
}

// verify2 reads and checks what only version 2 has. The length of b is
// validated, and the password is found from it and not from the IP header. A
// router of version 3 learns another interval; one of version 2 discards it
// (RFC 3768 7.1).
func (c *Config) verify2(a Advert, b []byte, p *Packet, src netip.Addr, g *guard) (Advert, Rejection) {
	authAt := len(b) - authLen
	a.addresses = b[HeaderLen:authAt]
	a.Auth = AuthType(b[4])
	a.Interval = time.Duration(b[5]) * time.Second
	if a.Auth != c.Auth {
		return a, RejectAuthType
	}
	switch a.Auth {
	case AuthNone:
	case AuthPass:
		// The time of the comparison must not tell how much of a guess is right.
		if subtle.ConstantTimeCompare(b[authAt:], c.Password[:]) != 1 {
			return a, RejectAuth
		}
	case AuthAH:
		if !c.ah() {
			return a, RejectAuthType
		}
		if p.Protocol != ProtocolAH {
			return a, RejectAHMissing
		}
		sequence, rule := g.sealer.verify(p, src)
		if rule != Accepted {
			return a, rule
		}
		a.Signed, a.sequence = true, uint64(sequence)
	default:
		return a, RejectAuthType
	}
	switch {
	case a.Interval == c.Interval:
	case c.Version == V2:
		return a, RejectInterval
	case a.Interval == 0:
		return a, RejectInterval0
	}
	return a, Accepted
}

// isRouter reports whether vrid over this family names the router of c. Routers
// of the two families that share a VRID are independent (RFC 9568 5.2.3), so a
// router with addresses has a family too; version 2 is IPv4 only.
func (c *Config) isRouter(v Version, vrid uint8, v6 bool) bool {
	if vrid != c.VRID || v6 && v == V2 {
		return false
	}
	six, known := c.Family()
	return !known || six == v6
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
