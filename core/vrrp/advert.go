package vrrp

import (
	"net/netip"
	"time"
)

// Advert is a decoded ADVERTISEMENT, the only message of VRRP. It borrows the
// address list from Packet.Payload: it is good until that buffer is reused.
type Advert struct {
	Version Version
	VRID    uint8
	// Priority is 0 when the sender releases mastership, 255 when it owns
	// the addresses.
	Priority uint8
	// Interval is the Max Advertise Interval (v3) or Adver Int (v2).
	Interval time.Duration
	// Count is the number of addresses, 1..255.
	Count int
	// Auth is the authentication type; AuthNone in version 3.
	Auth AuthType
	// Signed is true when the advert came with an HMAC or in an authentication
	// header, which then was right.
	Signed bool
	// Checksum is the form that verified (v3 over IPv4); ChecksumMessage in
	// version 2 and ChecksumPseudo over IPv6, which know one form each.
	Checksum ChecksumForm

	addresses []byte // Count * 4 or 16 octets, borrowed from the packet
	sequence  uint64 // of Signed
}

// Address returns the i-th advertised address, counted from 0 in the order of
// the message. It panics if i is not below Count.
func (a *Advert) Address(i int) netip.Addr {
	if len(a.addresses) == a.Count*4 {
		return netip.AddrFrom4([4]byte(a.addresses[i*4:]))
	}
	return netip.AddrFrom16([16]byte(a.addresses[i*16:]))
}

// SameAddresses reports whether the advert carries exactly addrs, in any
// order, each as often as addrs has it. Order means nothing to a receiver:
// routers configured by hand list the same addresses differently. The addrs have
// no zones and no IPv4 address in IPv6 form, as decoded ones have none. It does not
// allocate; the usual case of equal order takes one comparison an address.
func (a *Advert) SameAddresses(addrs []netip.Addr) bool {
	if len(addrs) != a.Count {
		return false
	}
	var taken [256]bool // by index in addrs; Count is at most 255
	first := 0          // all of addrs below it is taken
	for i := range a.Count {
		want, found := a.Address(i), false
		for j := first; j < len(addrs); j++ {
			if !taken[j] && addrs[j] == want {
				taken[j], found = true, true
				break
			}
		}
		if !found {
			return false
		}
		for first < len(addrs) && taken[first] {
			first++
		}
	}
	return true
}

// Packet is what a socket received: one VRRP message and the fields of its IP
// header that VRRP cares about.
type Packet struct {
	// Interface is the name of the interface that the socket is bound to, empty
	// for a unicast socket that is bound to none.
	Interface   string
	Source      netip.Addr
	Destination netip.Addr
	// TTL is the received TTL or hop limit, -1 when it is not known; unknown
	// does not pass the check for 255.
	TTL int
	// Protocol is the protocol of the IPv4 header: Protocol, or ProtocolAH.
	// Zero stands for Protocol.
	Protocol uint8
	// Header is the IPv4 header as it came, options included, which an
	// authentication header covers. It is not needed with another Protocol.
	Header []byte
	// Payload is what follows the IP header: the VRRP message, behind an
	// authentication header if Protocol says so.
	Payload []byte
}

// Message returns the VRRP message in Payload, which is all of it unless an
// authentication header comes first. It is nil if that is not one of VRRP's.
func (p *Packet) Message() []byte {
	if p.Protocol == ProtocolAH {
		return ahMessage(p.Payload)
	}
	return p.Payload
}
