//go:build linux

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The kinds of interface that stand on top of another one, as the kernel and
// ip(8) call them.
const (
	MACVLAN = "macvlan"
	IPVLAN  = "ipvlan"
	VRF     = "vrf"
)

// ErrNoKind is wrapped in the error of making an interface of a kind that the
// kernel does not know.
var ErrNoKind = errors.New("this kernel knows no such interfaces")

// AddMACVLAN creates an interface with a hardware address of its own on the
// parent, administratively down. It is private: other macvlans of the parent
// do not get what it sends.
func (c *Conn) AddMACVLAN(name, parent string, mac net.HardwareAddr) error {
	return c.addUpper(name, parent, MACVLAN, func(a netlink.LinkAttrs) netlink.Link {
		a.HardwareAddr = mac
		return &netlink.Macvlan{LinkAttrs: a, Mode: netlink.MACVLAN_MODE_PRIVATE}
	})
}

// AddIPVLAN creates an interface with the hardware address of the parent,
// administratively down. Mode is the kernel's number: 0 bridge, 1 private, 2
// vepa.
func (c *Conn) AddIPVLAN(name, parent string, mode uint16) error {
	return c.addUpper(name, parent, IPVLAN, func(a netlink.LinkAttrs) netlink.Link {
		return &netlink.IPVlan{LinkAttrs: a, Mode: netlink.IPVLAN_MODE_L2, Flag: netlink.IPVlanFlag(mode)}
	})
}

// AddVRF creates a VRF with a routing table, administratively down. SetMaster
// takes interfaces into it.
func (c *Conn) AddVRF(name string, table uint32) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	return explainKind(VRF, name, c.handle.LinkAdd(&netlink.Vrf{LinkAttrs: attrs, Table: table}))
}

func (c *Conn) addUpper(name, parent, kind string, link func(netlink.LinkAttrs) netlink.Link) error {
	below, err := c.byName(parent)
	if err != nil {
		return fmt.Errorf("create %s %s on %s: %w", kind, name, parent, err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = name, below.Attrs().Index
	return explainKind(kind, name+" on "+parent, c.handle.LinkAdd(link(attrs)))
}

func explainKind(kind, what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("create %s %s: %w: load its module %s", kind, what, ErrNoKind, kind)
	}
	return fmt.Errorf("create %s %s: %w", kind, what, err)
}

// SetAlias leaves a text on the interface that ip(8) shows, at most 255 octets.
func (c *Conn) SetAlias(name, alias string) error {
	return c.change(name, "mark", func(l netlink.Link) error { return c.handle.LinkSetAlias(l, alias) })
}

// SetGroup puts the interface into the group.
func (c *Conn) SetGroup(name string, group int) error {
	return c.change(name, "set group of", func(l netlink.Link) error { return c.handle.LinkSetGroup(l, group) })
}

// parseKind reads what an interface is, and for a macvlan or ipvlan whether it
// is private, and the mode of an ipvlan.
func (i *Interface) parseKind(info []byte) error {
	var data []byte
	a := attrs{rest: info}
	for a.next() {
		switch a.kind &^ unix.NLA_F_NESTED {
		case nl.IFLA_INFO_KIND:
			i.Kind = text(a.value)
		case nl.IFLA_INFO_DATA:
			data = a.value
		}
	}
	if err := a.err(); err != nil || i.Kind != MACVLAN && i.Kind != IPVLAN {
		return err
	}
	a = attrs{rest: data}
	for a.next() {
		switch {
		case i.Kind == MACVLAN && a.kind == nl.IFLA_MACVLAN_MODE && len(a.value) >= 4:
			i.Private = binary.NativeEndian.Uint32(a.value) == nl.MACVLAN_MODE_PRIVATE
		case i.Kind == IPVLAN && a.kind == nl.IFLA_IPVLAN_FLAG && len(a.value) >= 2:
			i.Mode = binary.NativeEndian.Uint16(a.value)
			i.Private = i.Mode == uint16(netlink.IPVLAN_FLAG_PRIVATE)
		}
	}
	return a.err()
}
