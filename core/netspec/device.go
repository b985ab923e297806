package netspec

import (
	"fmt"
	"net/netip"
)

// Device is an interface that the node makes for itself on top of another one,
// so that a virtual router has a hardware address of its own (RFC 9568 7.3). It
// is comparable; its identity is Name.
type Device struct {
	// Name is the interface's name.
	Name string
	// Parent is the name of the interface below.
	Parent string
	// MAC is the hardware address of a macvlan. The zero value means an ipvlan,
	// which has its parent's.
	MAC [6]byte
	// Mode is how ipvlans of one parent reach each other.
	Mode IPVLANMode
	// Address is an ipvlan's own address; the zero value means none.
	Address netip.Prefix
	// Group is the interface group, by number or by a name of iproute2. Empty
	// is the default group.
	Group string
	// IPv4 and IPv6 say of which families addresses may stand on it. IPv6 is
	// turned off on one that is for IPv4 only.
	IPv4, IPv6 bool
}

// IPVLANMode is how ipvlans of one parent reach each other.
type IPVLANMode uint8

// The modes, by their numbers in the kernel.
const (
	Bridge IPVLANMode = iota
	Private
	VEPA
)

// IPVLAN reports whether the device is an ipvlan and not a macvlan.
func (d Device) IPVLAN() bool { return d.MAC == [6]byte{} }

// String says what the device is, in messages.
func (d Device) String() string {
	if d.IPVLAN() {
		return fmt.Sprintf("ipvlan %s on %s", d.Name, d.Parent)
	}
	return fmt.Sprintf("virtual MAC interface %s on %s", d.Name, d.Parent)
}

// VirtualMAC is the hardware address of a virtual router (RFC 9568 7.3).
func VirtualMAC(vrid uint8, six bool) [6]byte {
	family := byte(1)
	if six {
		family = 2
	}
	return [6]byte{0, 0, 0x5e, 0, family, vrid}
}
