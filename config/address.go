package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// Address is a virtual or static address with its options, one line of
// keepalived's virtual_ipaddress.
type Address struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Prefix is the address with its prefix length, a host's when left out.
	Prefix netip.Prefix `key:"address" word:"-" required:"true" tier:"1"`
	// Device is the interface that holds it.
	Device string `key:"dev" inherits:"the instance's interface; for a static address global default_interface" tier:"1"`
	// Label is the interface label of an IPv4 address, for example "eth0:1";
	// at most 15 bytes.
	Label string `key:"label" tier:"1"`
	// Scope is the address scope: a name or 0..255.
	Scope netspec.Scope `key:"scope" default:"global" tier:"2"`
	// Broadcast is the broadcast address of an IPv4 address, none when left
	// out. "+" sets the host bits of the prefix, "-" clears them.
	Broadcast netip.Addr `key:"brd" word:"brd,broadcast" form:"special" tier:"2"`
	// Peer is the other end of a point-to-point link; the prefix length then
	// belongs to it.
	Peer netip.Prefix `key:"peer" tier:"3"`
	// NoTrack does not track the interface of the address, when it is not the
	// instance's, and leaves the address alone when somebody removes it.
	NoTrack bool `key:"no_track" form:"bare" tier:"2"`
	// Home marks an IPv6 home address.
	Home bool `key:"home" form:"bare" tier:"3"`
	// NoDAD leaves out duplicate address detection (IPv6).
	NoDAD bool `key:"nodad" word:"-nodad" form:"bare" idle:"no virtual address goes through duplicate address detection" tier:"3"`
	// ManageTemporary makes the kernel keep temporary addresses beside it
	// (IPv6).
	ManageTemporary bool `key:"mngtmpaddr" form:"bare" tier:"3"`
	// NoPrefixRoute keeps the kernel from adding the route of the prefix.
	NoPrefixRoute bool `key:"noprefixroute" form:"bare" tier:"3"`
	// AutoJoin joins the multicast group of the address.
	AutoJoin bool `key:"autojoin" form:"bare" tier:"3"`
	// PreferredLft is how long connections begin from the address, in whole
	// seconds or "forever". keepalived takes 0 for an IPv6 address of length
	// 128 and forever for others.
	PreferredLft *Lifetime `key:"preferred_lft" tier:"3"`
	// TrackGroup is the track_group whose instances are in FAULT while a static
	// address cannot be held.
	TrackGroup string `key:"track_group" tier:"3"`
	// UseVMAC puts the address on a virtual MAC interface of its own.
	UseVMAC *AddressVMAC `key:"use_vmac" form:"special" tier:"3"`
}

// AddressVMAC is the virtual MAC interface of one address.
type AddressVMAC struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Name is the interface's name; made of vmac_addr_prefix when left out.
	Name string `key:"name"`
	// MAC is the hardware address, that of the virtual router when left out.
	MAC string `key:"mac"`
}

// Addr returns the bare address.
func (a Address) Addr() netip.Addr { return a.Prefix.Addr() }

// Spec returns what stands on the interface.
func (a Address) Spec() netspec.Address {
	s := netspec.Address{
		Prefix: a.Prefix, Device: a.Device, Label: a.Label, Scope: a.Scope, Broadcast: a.Broadcast, Peer: a.Peer, NoTrack: a.NoTrack,
	}
	for _, f := range [...]struct {
		set  bool
		flag netspec.AddressFlags
	}{{a.Home, netspec.Home}, {a.ManageTemporary, netspec.ManageTemporary}, {a.NoPrefixRoute, netspec.NoPrefixRoute}, {a.AutoJoin, netspec.AutoJoin}} {
		if f.set {
			s.Flags |= f.flag
		}
	}
	if a.PreferredLft != nil && *a.PreferredLft != Forever {
		s.Limited, s.Preferred = true, time.Duration(*a.PreferredLft)*time.Second
	}
	return s
}

// String renders the address in the way of a virtual_ipaddress line.
func (a Address) String() string { return a.Spec().String() }

// Lifetime is a time in whole seconds as the kernel counts it.
type Lifetime uint32

// Forever is the lifetime that does not end.
const Forever Lifetime = 1<<32 - 1

// MarshalText renders "forever" or a number of seconds with its unit.
func (l Lifetime) MarshalText() ([]byte, error) {
	if l == Forever {
		return []byte("forever"), nil
	}
	return fmt.Appendf(nil, "%ds", uint32(l)), nil
}

// UnmarshalText reads "forever", a duration of whole seconds, or a bare
// number of seconds.
func (l *Lifetime) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "forever" {
		*l = Forever
		return nil
	}
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		*l = Lifetime(n)
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d%time.Second != 0 || d/time.Second >= time.Duration(Forever) {
		return fmt.Errorf("must be whole seconds, such as 30s, or forever, not %q", s)
	}
	*l = Lifetime(d / time.Second)
	return nil
}
