package vrrp

import (
	"net/netip"
	"slices"
)

// Unicast makes a router one of unicast: its adverts go to each peer, the same
// octets but for the checksum and what depends on it. Such a router hears no
// multicast, and one of multicast no unicast, as in keepalived.
type Unicast struct {
	On bool
	// Peers are the other routers; they must not contain this one. Without any
	// the router sends nothing.
	Peers []Peer
	// TTL is the TTL or hop limit of what is sent, 1..255; zero means 255.
	TTL uint8
	// AnySource accepts adverts from others than the peers too, as keepalived
	// without check_unicast_src. It does not apply with HMAC, whose replay
	// protection needs to know each sender, nor when a peer has limits.
	AnySource bool
	// FaultWithoutPeer is keepalived's unicast_fault_no_peer. core/node reads
	// it.
	FaultWithoutPeer bool
	// OldChecksum is keepalived's old_unicast_checksum.
	OldChecksum OldChecksum
}

// Peer is another router of a unicast router.
type Peer struct {
	Addr netip.Addr
	// MinTTL and MaxTTL are what the TTL or hop limit of its adverts must be
	// within, 1..255; zero is no limit. Unlike multicast (RFC 9568 7.1) no TTL
	// is asked for otherwise, as adverts may cross routers.
	MinTTL, MaxTTL uint8
}

// OldChecksum says what becomes of ChecksumGroup in version 3 over IPv4.
type OldChecksum uint8

// The policies. OldChecksumDetect accepts it, and sends it to the peers that
// were heard to send it.
const (
	OldChecksumRefuse OldChecksum = iota
	OldChecksumDetect
	OldChecksumSend
)

// Equal reports whether u and v are the same.
func (u Unicast) Equal(v Unicast) bool {
	return slices.Equal(u.Peers, v.Peers) && u.On == v.On && u.TTL == v.TTL && u.AnySource == v.AnySource &&
		u.FaultWithoutPeer == v.FaultWithoutPeer && u.OldChecksum == v.OldChecksum
}

// Peer returns the peer of that address, nil when there is none.
func (u *Unicast) Peer(a netip.Addr) *Peer {
	for i := range u.Peers {
		if u.Peers[i].Addr == a {
			return &u.Peers[i]
		}
	}
	return nil
}

// anySource reports whether an advert of a stranger may count.
func (c *Config) anySource() bool {
	u := &c.Unicast
	return u.AnySource && c.HMAC.Mode == HMACOff &&
		!slices.ContainsFunc(u.Peers, func(p Peer) bool { return p.MinTTL != 0 || p.MaxTTL != 0 })
}

// verifyUnicast judges where a packet came from and how far.
func (c *Config) verifyUnicast(src, dst netip.Addr, ttl int) Rejection {
	if !dst.IsValid() || dst.IsMulticast() || dst.Is6() != src.Is6() {
		return RejectMode
	}
	peer := c.Unicast.Peer(src.WithZone(""))
	if peer == nil {
		if c.anySource() {
			return Accepted
		}
		return RejectSource
	}
	// A TTL that is not known (-1) is below every minimum, and must not pass
	// for being below a maximum.
	if ttl < int(peer.MinTTL) && peer.MinTTL != 0 || peer.MaxTTL != 0 && (ttl < 0 || ttl > int(peer.MaxTTL)) {
		return RejectTTL
	}
	return Accepted
}

// Serves reports whether a router of c takes part in what goes from one address
// to another: by multicast its group, by unicast its peers. It tells routers
// apart that share interface, VRID and family; Verify judges the packet.
func (c *Config) Serves(src, dst netip.Addr) bool {
	src, dst = bare(src), bare(dst)
	if !c.Unicast.On {
		return dst == c.group(src.Is6())
	}
	return !dst.IsMulticast() && (c.Unicast.Peer(src) != nil || c.anySource())
}
