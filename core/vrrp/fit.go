package vrrp

import "net/netip"

// ipv6Len is the length of an IPv6 header.
const ipv6Len = 40

// SetMTU says how many octets a packet may have on the interface that adverts
// leave by; 0 is unknown, and no limit. An advert is never sent in fragments.
func (r *Router) SetMTU(mtu int) {
	if mtu != r.mtu {
		r.mtu = mtu
		r.build()
	}
}

// Advertised returns the addresses that adverts carry: all, or as many of the
// first as the interface lets fit into a packet, as in keepalived. An advert that
// cannot be sent would leave two masters.
func (r *Router) Advertised() []netip.Addr {
	list := r.cfg.Addresses
	if r.mtu == 0 || len(list) == 0 {
		return list
	}
	six, version := list[0].Unmap().Is6(), r.cfg.Version
	if r.cfg.Interop {
		version = V2 // the longer of the two
	}
	room, size := r.mtu-ipv4Len, 4
	if six {
		room, size = r.mtu-ipv6Len, 16
	}
	room -= messageLen(version, six, 0)
	if r.guard.seals() {
		room -= ahLen
	}
	// With HMAC or without the list is the same, as in keepalived.
	room -= trailerLen
	return list[:min(len(list), max(1, room/size))]
}
