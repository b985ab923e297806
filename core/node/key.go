package node

import (
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// key is what of a packet names a virtual router (RFC 9568 5.2.3): the same
// VRID may serve another family or another interface.
type key struct {
	iface string
	vrid  uint8
	six   bool
}

func keyOf(c Instance) key { return key{c.Interface, c.Router.VRID, c.six()} }

// six reports whether the instance is one of IPv6.
func (c *Instance) six() bool {
	if six, known := c.Router.Family(); known {
		return six
	}
	return c.Source.Is6() || len(c.Addresses) > 0 && c.Addresses[0].Addr().Is6()
}

// addressee returns the instance that a packet is for, nil when its virtual
// router is not configured. A packet that breaks the rules of all instances
// with its key goes to the first, which counts and tells why.
func (n *Node) addressee(p *vrrp.Packet) *instance {
	_, vrid, ok := vrrp.Peek(p.Message())
	if !ok {
		return nil
	}
	list := n.byKey[key{p.Interface, vrid, p.Source.Is6()}]
	if len(list) == 0 {
		return nil
	}
	for _, in := range list[:len(list)-1] {
		if in.cfg.Router.Serves(p.Source, p.Destination) {
			return in
		}
	}
	if last := list[len(list)-1]; len(list) == 1 || last.cfg.Router.Serves(p.Source, p.Destination) {
		return last
	}
	return list[0]
}

// same reports whether d is the instance that c was before a reload: its
// identity is key and destination. Instances of unicast that share a key are
// told apart by their names, and after a renaming by a peer that both have.
func (c *Instance) same(d *Instance, byPeer bool) bool {
	if keyOf(*c) != keyOf(*d) || c.Router.Unicast.On != d.Router.Unicast.On {
		return false
	}
	if !c.Router.Unicast.On {
		return c.Router.Group == d.Router.Group
	}
	if byPeer {
		return slices.ContainsFunc(c.Router.Unicast.Peers, func(p vrrp.Peer) bool { return d.Router.Unicast.Peer(p.Addr) != nil })
	}
	return c.Name == d.Name
}

// Alike reports whether an instance of that name before a reload and one of after it
// are the same one.
func (c *Instance) Alike(d *Instance) bool { return c.Name == d.Name && c.same(d, false) }

// keep returns for each instance of a new configuration what it was before, nil
// for one that is new.
func (n *Node) keep(cfg []Instance) []*instance {
	before := make([]*instance, len(cfg))
	taken := map[*instance]bool{}
	for _, byPeer := range [2]bool{false, true} {
		for i := range cfg {
			if before[i] != nil {
				continue
			}
			for _, in := range n.byKey[keyOf(cfg[i])] {
				if !taken[in] && in.cfg.same(&cfg[i], byPeer) {
					before[i], taken[in] = in, true
					break
				}
			}
		}
	}
	return before
}

// primary returns the source address that an interface offers to the instance.
func (c *Instance) primary(l Link) netip.Addr {
	if c.six() {
		return l.Primary6
	}
	return l.Primary
}
