package balance

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// The protocols of a service, by their numbers in the IP header. A service
// that is known by a firewall mark has none.
const (
	TCP  = 6
	UDP  = 17
	SCTP = 132
)

// Key is what the kernel tells services apart by.
type Key struct {
	// IPv6 is the family of a service with a firewall mark; otherwise it is
	// that of the address.
	IPv6 bool
	// Fwmark is not 0 when the service takes packets by their mark; then
	// Protocol and Address are zero.
	Fwmark   uint32
	Protocol uint8
	Address  netip.AddrPort
}

// String is how people call the service, as config.VirtualServer.Identity has it:
// "TCP 192.0.2.1:80", "fwmark 3", "fwmark 3 inet6".
func (k Key) String() string {
	switch {
	case k.Fwmark != 0 && k.IPv6:
		return fmt.Sprintf("fwmark %d inet6", k.Fwmark)
	case k.Fwmark != 0:
		return fmt.Sprintf("fwmark %d", k.Fwmark)
	}
	if k.Address.IsValid() && k.Address.Port() == 0 { // of all ports
		return protocolName(k.Protocol) + " " + k.Address.Addr().String()
	}
	return protocolName(k.Protocol) + " " + k.Address.String()
}

func protocolName(p uint8) string {
	switch p {
	case TCP:
		return "TCP"
	case UDP:
		return "UDP"
	case SCTP:
		return "SCTP"
	}
	return fmt.Sprintf("protocol %d", p)
}

// Compare orders services: those with addresses by protocol, address and port,
// then those with marks.
func (k Key) Compare(o Key) int {
	return cmp.Or(
		cmp.Compare(k.Fwmark, o.Fwmark),
		cmp.Compare(k.Protocol, o.Protocol),
		k.Address.Compare(o.Address),
		compareBool(k.IPv6, o.IPv6),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Flags are those of a service (linux/ip_vs.h, IP_VS_SVC_F_*).
type Flags uint32

// The flags. What Sched1 to Sched3 mean is the scheduler's: sh and mh take the
// first as fallback and the second as port.
const (
	Persistent Flags = 1 << iota
	Hashed
	OnePacket
	Sched1
	Sched2
	Sched3
)

// Options are what a service has beside its key and its destinations.
type Options struct {
	// Scheduler is the kernel's name, for example "wrr".
	Scheduler string
	Flags     Flags
	// Persistence is how many seconds a client stays with a destination. It
	// counts with Persistent only.
	Persistence uint32
	// Bits is the length of the prefix of addresses that count as one client
	// where that is not the whole of the address, 32 or 128. IPv4 masks with
	// holes are in Mask.
	Bits uint8
	// Mask is an IPv4 mask, in network order, of those who count as one client; it
	// counts for IPv4. With 0.0.0.0 all clients are one.
	Mask [4]byte
	// Engine is the persistence engine, for example "sip"; empty is none.
	Engine string
}

// Forward is how packets reach a destination (IP_VS_CONN_F_FWD_MASK).
type Forward uint8

// The methods; the numbers are the kernel's.
const (
	Masq   Forward = 0
	Local  Forward = 1
	Tunnel Forward = 2
	Direct Forward = 3
)

// Encapsulation is the kind of a tunnel (IP_VS_CONN_F_TUNNEL_TYPE_*).
type Encapsulation uint8

// The kinds; the numbers are the kernel's.
const (
	IPIP Encapsulation = iota
	GUE
	GRE
)

// Checksum is what a tunnel does about checksums
// (IP_VS_TUNNEL_ENCAP_FLAG_*).
type Checksum uint16

// The ways; the numbers are the kernel's.
const (
	NoChecksum     Checksum = 0
	WithChecksum   Checksum = 1
	RemoteChecksum Checksum = 2
)

// Destination is one real server of a service. Its address is its identity.
type Destination struct {
	Address netip.AddrPort
	// Weight is 0..2147483647; 0 takes no new connections.
	Weight  int32
	Forward Forward
	// These count for Tunnel.
	Tunnel     Encapsulation
	TunnelPort uint16
	Checksum   Checksum
	// Upper is the number of connections above which it gets no new ones until
	// they are fewer than Lower; 0 is no bound.
	Upper, Lower uint32
}

// Service is one service of IPVS with its destinations. Nobody changes one
// that is in a Table.
type Service struct {
	Options
	// Destinations have addresses of their own and are in order of them.
	Destinations []Destination
}

// Table is what IPVS holds or should hold.
type Table map[Key]*Service

// Keys returns the keys in order.
func (t Table) Keys() []Key {
	return slices.SortedFunc(maps.Keys(t), Key.Compare)
}

// Normal returns the service with its destinations in order and without
// doubles, the last of which counts, and with everything zero that does not
// count. Diff takes services that are normal.
func (s Service) Normal(k Key) *Service {
	s.Destinations = slices.Clone(s.Destinations)
	return s.normal(k)
}

// normal is Normal for a service whose list of destinations is its own.
func (s Service) normal(k Key) *Service {
	s.Options = s.Options.normal(k)
	list := s.Destinations
	// They are in order as a rule, and tens of thousands are faster looked at than sorted.
	if order := func(a, b Destination) int { return a.Address.Compare(b.Address) }; !slices.IsSortedFunc(list, order) {
		slices.SortStableFunc(list, order)
	}
	kept := list[:0]
	for _, d := range list {
		d = d.normal()
		if n := len(kept); n > 0 && kept[n-1].Address == d.Address {
			kept[n-1] = d
			continue
		}
		kept = append(kept, d)
	}
	s.Destinations = kept
	return &s
}

func (o Options) normal(k Key) Options {
	if o.Flags&Persistent == 0 {
		o.Persistence = 0
	}
	if k.IPv6 {
		o.Mask = [4]byte{}
		if o.Bits == 0 {
			o.Bits = 128
		}
	} else {
		o.Bits = 0
	}
	o.Flags &= Persistent | OnePacket | Sched1 | Sched2 | Sched3 // Hashed is the kernel's own
	return o
}

func (d Destination) normal() Destination {
	if d.Forward != Tunnel {
		d.Tunnel, d.TunnelPort, d.Checksum = IPIP, 0, NoChecksum
	}
	d.Weight = max(0, d.Weight)
	return d
}
