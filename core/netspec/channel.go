package netspec

import "net/netip"

// Channel is where the adverts of one virtual router travel. It is comparable.
type Channel struct {
	// Interface is the interface's name. Empty is none: adverts go to peers,
	// wherever the routes lead.
	Interface string
	// Six is true for IPv6.
	Six bool
	// AH is true when adverts travel in an IP authentication header (IPv4).
	AH bool
	// Group is the multicast group; the zero value means unicast.
	Group netip.Addr
	// Source is the address whose presence on Interface is to be told of; the
	// zero value is none.
	Source netip.Addr
	// VRID is the virtual router's number, 1..255.
	VRID uint8
}
