// Package netspec holds the values that name things of the network: addresses,
// routes, rules and devices, each with the attributes that the kernel keeps for it,
// and the channels that adverts are sent over.
//
// It does nothing with them. The machines carry these values in their
// actions, core/kernel/link turns them into netlink messages, config makes
// them from text.
package netspec

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Scope is an rtnetlink address scope.
type Scope uint8

// The scopes of rtnetlink(7), by the names that ip(8) and keepalived use.
const (
	ScopeGlobal  Scope = 0
	ScopeSite    Scope = 200
	ScopeLink    Scope = 253
	ScopeHost    Scope = 254
	ScopeNowhere Scope = 255
)

// String returns the name of ip(8), or the number.
func (s Scope) String() string {
	switch s {
	case ScopeGlobal:
		return "global"
	case ScopeSite:
		return "site"
	case ScopeLink:
		return "link"
	case ScopeHost:
		return "host"
	case ScopeNowhere:
		return "nowhere"
	}
	return fmt.Sprint(uint8(s))
}

// MarshalText renders the name, or the number.
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name of ip(8), or 0..255.
func (s *Scope) UnmarshalText(text []byte) error {
	for _, named := range []Scope{ScopeGlobal, ScopeSite, ScopeLink, ScopeHost, ScopeNowhere} {
		if named.String() == string(text) {
			*s = named
			return nil
		}
	}
	n, err := strconv.ParseUint(string(text), 0, 8)
	if err != nil {
		return fmt.Errorf("must be global, site, link, host, nowhere or 0..255, not %q", text)
	}
	*s = Scope(n)
	return nil
}

// Address is one address as it should stand on an interface. It is comparable;
// its identity in the kernel is (Device, Prefix).
type Address struct {
	// Prefix is the address with its prefix length; host bits are kept.
	Prefix netip.Prefix
	// Device is the interface's name. Configuration fills it in, so that it
	// is never empty where an address is acted upon.
	Device string
	// Label is the interface label (IPv4 only), for example "eth0:1". Empty
	// means the kernel's default, the device's name.
	Label string
	// Scope is the address scope; the zero value is global.
	Scope Scope
	// Broadcast is the broadcast address; the zero value means none.
	Broadcast netip.Addr
	// Peer is the other end's prefix on a point-to-point link; the zero
	// value means none.
	Peer netip.Prefix
	// NoTrack says that the address's own interface, when it is not the
	// instance's, is not tracked, and that the address is left alone when
	// somebody removes it (keepalived's no_track).
	NoTrack bool
	// Limited says that the address is preferred as a source for Preferred
	// only, in whole seconds; zero is never. Without it that is for ever.
	Limited   bool
	Preferred time.Duration
	// Flags are further properties.
	Flags AddressFlags
	// DAD has the kernel look for duplicates first (IPv6). That takes a second,
	// and of a virtual address finds the old master rather than a mistake.
	DAD bool
}

// AddressFlags is a set of properties of an address.
type AddressFlags uint8

// The properties, by the words of ip(8): home, mngtmpaddr, noprefixroute and
// autojoin. The first two are for IPv6.
const (
	Home AddressFlags = 1 << iota
	ManageTemporary
	NoPrefixRoute
	AutoJoin
)

// words are the names of the properties in their order.
var words = [...]string{"home", "mngtmpaddr", "noprefixroute", "autojoin"}

// Addr returns the bare address.
func (a Address) Addr() netip.Addr { return a.Prefix.Addr() }

// Same reports whether a and b are the same address on the same device, the
// kernel's notion of identity, whatever their attributes.
func (a Address) Same(b Address) bool { return a.Device == b.Device && a.Prefix == b.Prefix }

// String renders the address in the way of a virtual_ipaddress line.
func (a Address) String() string {
	var b strings.Builder
	b.WriteString(a.Prefix.String())
	if a.Peer.IsValid() {
		b.WriteString(" peer " + a.Peer.String())
	}
	if a.Broadcast.IsValid() {
		b.WriteString(" brd " + a.Broadcast.String())
	}
	if a.Device != "" {
		b.WriteString(" dev " + a.Device)
	}
	if a.Scope != ScopeGlobal {
		b.WriteString(" scope " + a.Scope.String())
	}
	if a.Label != "" {
		b.WriteString(" label " + a.Label)
	}
	for i, word := range words {
		if a.Flags&(1<<i) != 0 {
			b.WriteString(" " + word)
		}
	}
	if a.Limited {
		fmt.Fprintf(&b, " preferred_lft %d", a.Preferred/time.Second)
	}
	return b.String()
}
