package vrrp

import (
	"net/netip"
	"time"
)

// Advert is a decoded ADVERTISEMENT, the only message of VRRP.
type Advert struct {
	Version  Version
	VRID     uint8
	Priority uint8
	// Interval is the Max Advertise Interval (v3) or Adver Int (v2).
	Interval time.Duration
	// Count is the number of addresses.
	Count int
	// Auth is the authentication type (v2).
	Auth AuthType
	// Checksum is the form that verified (v3 over IPv4).
	Checksum ChecksumForm

	addresses []byte // Count * 4 or 16 octets, borrowed from the packet
	password  []byte // 8 octets, v2, borrowed from the packet
}

// Packet is what a socket received, or what is to be sent: one VRRP message
// and the fields of its IP header that VRRP cares about.
type Packet struct {
	// Interface is the name of the interface it arrived on.
	Interface   string
	Source      netip.Addr
	Destination netip.Addr
	// TTL is the received TTL or hop limit, -1 when it is not known; unknown
	// does not pass the check for 255.
	TTL int
	// Payload is the VRRP message without the IP header.
	Payload []byte
}
