package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// MaxName is how many bytes the name of an interface may have (Linux).
const MaxName = 15

// HardwareAddress reads a hardware address of six octets, or of five behind
// which the virtual router's number is put: one of a single host, and not one of
// those that the RFC gives to virtual routers. The error says what is wrong, for
// a sentence that begins with the address.
func HardwareAddress(text string, vrid int) (mac [6]byte, err error) {
	octets := strings.Split(text, ":")
	if len(octets) != 5 && len(octets) != 6 {
		return mac, errNoMAC
	}
	mac[5] = byte(vrid)
	for i, o := range octets {
		n, err := strconv.ParseUint(o, 16, 8)
		if err != nil || len(o) > 2 {
			return mac, errNoMAC
		}
		mac[i] = byte(n)
	}
	switch prefix := [5]byte(mac[:5]); {
	case mac[0]&1 != 0:
		return mac, errGroupMAC
	case len(octets) == 6 && (prefix == [5]byte{0, 0, 0x5e, 0, 1} || prefix == [5]byte{0, 0, 0x5e, 0, 2}):
		return mac, errVirtualMAC
	case mac == [6]byte{}:
		return mac, errNoMAC
	}
	return mac, nil
}

// What may be wrong with a hardware address.
var (
	errNoMAC      = fmt.Errorf("is no hardware address: write six octets, or five for the virtual_router_id to follow, with colons between them")
	errGroupMAC   = fmt.Errorf("is the hardware address of a group; one of a single host is needed")
	errVirtualMAC = fmt.Errorf("is one of the RFC's hardware addresses for virtual routers: leave it out, and the right one is taken")
)

// Own is an interface of an instance's own for which no name is written: that of the
// instance, or one for addresses on Parent with what is written of its hardware address.
type Own struct {
	Instance, Parent, MAC string
	Addresses             bool
}

// Group is the multicast group of an instance of one family.
func (i *Instance) Group(g *Global, six bool) netip.Addr {
	switch {
	case i.Destination.IsValid():
		return i.Destination
	case six:
		return g.MulticastGroup6
	}
	return g.MulticastGroup4
}

// Lacks returns the key without which an instance cannot send, and what to write
// there; both are empty when it has all. Unicast adverts find their way by
// themselves, from an address that is given.
func (i *Instance) Lacks() (key, hint string) {
	switch {
	case i.Interface != "" || i.VRF != "" || i.UseIPVLAN != nil:
	case len(i.UnicastPeers) == 0:
		return "interface", "name the network interface that it runs on"
	case !i.UnicastSource.IsValid() && !i.Source.IsValid():
		return "unicast_src_ip", "without an interface it needs the address to send from"
	}
	return "", ""
}

// Layered says what is wrong with how the instance uses an interface of its
// own, or one of another network namespace, and at which key; both are empty when
// nothing is. What is global was inherited.
func (i *Instance) Layered(g *Global) (key, text string) {
	const tooLong = "an interface's name has at most %d bytes, and %s has more: shorten %s"
	var name string
	long := func(prefix string) bool {
		name = fmt.Sprintf("%s.%d", prefix, i.VRID)
		return len(name) > MaxName
	}
	switch v := i.UseIPVLAN; {
	case i.UseVMAC != nil && i.UseVMAC.Name == "" && long(g.VMACPrefix):
		return "use_vmac", fmt.Sprintf(tooLong, MaxName, name, "vmac_prefix, or give it another name here")
	case v != nil && v.Name == "" && long(g.VMACPrefix):
		return "use_ipvlan", fmt.Sprintf(tooLong, MaxName, name, "vmac_prefix, or give it another name here")
	case i.namesUppers() && long(g.VMACAddrPrefix):
		return "use_vmac_addr", fmt.Sprintf(tooLong, MaxName, name, "vmac_addr_prefix")
	case i.UseVMAC != nil && v != nil:
		return "use_ipvlan", "use_vmac and use_ipvlan exclude each other: take one of them out"
	case v != nil && i.Interface == "":
		return "use_ipvlan", "an ipvlan is made on an interface: name it with the keyword interface"
	case v != nil && !i.Six() && !v.Address.IsValid():
		return "use_ipvlan", "with IPv4 an ipvlan needs an address of its own to send from: write it behind use_ipvlan, for example 192.0.2.11/24"
	case v != nil && v.Address.IsValid() && v.Address.Addr().Is6() != i.Six():
		return "use_ipvlan", "the ipvlan's address is of another family than the instance"
	case i.NetNamespace != "" && i.Interface == "":
		return "net_namespace", "name the interface in the network namespace with the keyword interface"
	case i.Interface == "" && i.VRF != "" && !i.Unicast():
		return "vrf", "adverts to a group leave by one interface: name it with the keyword interface, which may be in the VRF, or name unicast peers"
	}
	return "", ""
}

// namesUppers reports whether a name is to be made up for an interface that carries
// addresses alone.
func (i *Instance) namesUppers() bool {
	own := i.UseVMAC != nil || i.UseIPVLAN != nil
	return slices.ContainsFunc(slices.Concat(i.Addresses, i.Excluded), func(a Address) bool {
		here := a.Device == "" || a.Device == i.Interface
		if a.UseVMAC == nil {
			return i.UseVMACAddr && !here
		}
		return a.UseVMAC.Name == "" && !(here && own && a.UseVMAC.MAC == "")
	})
}

// XmitBase reports whether adverts travel on the interface below that of the
// instance's own, as its use_vmac or use_ipvlan says, or unicast demands.
func (i *Instance) XmitBase() bool {
	return i.Unicast() || i.VMACXmitBase && !i.Strict
}
