//go:build linux

package link

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// PortState is the state of a bridge port, as the bridge's spanning tree would
// set it. A port that is Disabled drops everything in both directions while
// the interfaces on both ends stay up: a silent partition.
type PortState uint8

// The port states that need no spanning tree.
const (
	Disabled   PortState = 0
	Forwarding PortState = 3
)

// AddBridge creates a bridge without spanning tree, administratively down.
func (c *Conn) AddBridge(name string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	if err := c.handle.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		return fmt.Errorf("create bridge %s: %w", name, err)
	}
	return nil
}

// AddVeth creates a pair of connected interfaces, both administratively down:
// name here and peer in the namespace in, or here as well when in is nil.
func (c *Conn) AddVeth(name, peer string, in *netns.NS) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	pair := netlink.NewVeth(attrs)
	pair.PeerName = peer
	if in != nil {
		pair.PeerNamespace = netlink.NsFd(in.FD())
	}
	if err := c.handle.LinkAdd(pair); err != nil {
		return fmt.Errorf("create veth pair %s and %s: %w", name, peer, err)
	}
	return nil
}

// Delete deletes the interface, and with it the other end of a veth pair.
func (c *Conn) Delete(name string) error {
	return c.change(name, "delete", c.handle.LinkDel)
}

// SetUp sets the interface administratively up.
func (c *Conn) SetUp(name string) error {
	return c.change(name, "set up", c.handle.LinkSetUp)
}

// SetDown sets the interface administratively down. The other end of a veth
// pair loses its carrier.
func (c *Conn) SetDown(name string) error {
	return c.change(name, "set down", c.handle.LinkSetDown)
}

// Rename gives the interface another name. Older kernels want it down.
func (c *Conn) Rename(name, to string) error {
	return c.change(name, "rename", func(l netlink.Link) error { return c.handle.LinkSetName(l, to) })
}

// SetMTU sets the interface's MTU in octets.
func (c *Conn) SetMTU(name string, mtu int) error {
	return c.change(name, "set MTU of", func(l netlink.Link) error { return c.handle.LinkSetMTU(l, mtu) })
}

// SetMAC sets the interface's hardware address.
func (c *Conn) SetMAC(name string, mac net.HardwareAddr) error {
	return c.change(name, "set hardware address of", func(l netlink.Link) error { return c.handle.LinkSetHardwareAddr(l, mac) })
}

// SetARP turns address resolution on the interface on or off (NOARP).
func (c *Conn) SetARP(name string, on bool) error {
	set := c.handle.LinkSetARPOff
	if on {
		set = c.handle.LinkSetARPOn
	}
	return c.change(name, "set ARP of", set)
}

// Move moves the interface to another namespace, where it arrives
// administratively down.
func (c *Conn) Move(name string, to *netns.NS) error {
	return c.change(name, "move", func(l netlink.Link) error { return c.handle.LinkSetNsFd(l, to.FD()) })
}

// SetNeighbour makes the interface's table of neighbours say that the address
// is at the hardware address, as if that had been heard.
func (c *Conn) SetNeighbour(name string, a netip.Addr, mac net.HardwareAddr) error {
	return c.change(name, "set a neighbour of", func(l netlink.Link) error {
		return c.handle.NeighSet(&netlink.Neigh{LinkIndex: l.Attrs().Index, State: unix.NUD_REACHABLE, IP: a.AsSlice(), HardwareAddr: mac})
	})
}

// Neighbour reads where the interface's table of neighbours says that the
// address is; nil when it does not know.
func (c *Conn) Neighbour(name string, a netip.Addr) (mac net.HardwareAddr, err error) {
	err = c.change(name, "list neighbours of", func(l netlink.Link) error {
		family := netlink.FAMILY_V4
		if a.Is6() {
			family = netlink.FAMILY_V6
		}
		list, err := c.handle.NeighList(l.Attrs().Index, family)
		for _, n := range list {
			if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap() == a {
				mac = n.HardwareAddr
			}
		}
		return err
	})
	return mac, err
}

// SetMaster makes the interface a port of the bridge; an empty bridge takes it
// out of the one it is in.
func (c *Conn) SetMaster(name, bridge string) error {
	if bridge == "" {
		return c.change(name, "free", c.handle.LinkSetNoMaster)
	}
	master, err := c.byName(bridge)
	if err != nil {
		return fmt.Errorf("add %s to bridge %s: %w", name, bridge, err)
	}
	return c.change(name, "add to bridge "+bridge, func(l netlink.Link) error { return c.handle.LinkSetMaster(l, master) })
}

// SetPortState sets the state of the bridge port. The kernel puts a port that
// loses and regains its carrier back to Forwarding, and refuses Forwarding
// while there is no carrier.
func (c *Conn) SetPortState(name string, state PortState) error {
	return c.change(name, "set bridge port state of", func(l netlink.Link) error {
		// The library has no call for this attribute.
		req := &request{kind: unix.RTM_SETLINK}
		msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
		msg.Index = int32(l.Attrs().Index)
		req.add(msg)
		port := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
		port.AddRtAttr(nl.IFLA_BRPORT_STATE, nl.Uint8Attr(uint8(state)))
		req.add(port)
		return c.execute(req)
	})
}

// change looks the interface up and applies f to it.
func (c *Conn) change(name, what string, f func(netlink.Link) error) error {
	l, err := c.byName(name)
	if err == nil {
		err = f(l)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, name, err)
	}
	return nil
}

func (c *Conn) byName(name string) (netlink.Link, error) {
	l, err := c.handle.LinkByName(name)
	if missing(err) {
		return nil, noInterface(name)
	}
	return l, err
}
