package lint

import (
	"net/netip"

	"github.com/moonkeep/moonkeep/config"
)

// ownPeer looks for the node itself among its peers.
func (l *instanceLint) ownPeer() {
	own := l.in.UnicastSource
	if !own.IsValid() {
		own = l.in.Source
	}
	for i := range l.in.UnicastPeers {
		if p := &l.in.UnicastPeers[i]; own.IsValid() && p.Address == own {
			l.warn(at(p.At, l.in.At), "unicast-self", "%s is this node's own source address: a node is not its own peer; take it out of the unicast peers", p.Address)
		}
	}
}

// sources looks for virtual addresses where only a node's own address will do.
// The owner's virtual addresses are its own.
func (l *instanceLint) sources(held map[netip.Addr]bool) {
	if l.in.Priority == owner {
		return
	}
	for _, src := range [...]struct {
		key  string
		addr netip.Addr
	}{{"mcast_src_ip", l.in.Source}, {"unicast_src_ip", l.in.UnicastSource}} {
		if src.addr.IsValid() && held[src.addr] {
			l.warn(place(l.in, src.key), "virtual-source", "%s %s is a virtual address, which this node has only while it is master: as a backup it has nothing to send from and cannot take over; write an address of its own", src.key, src.addr)
		}
	}
	for i := range l.in.UnicastPeers {
		if p := &l.in.UnicastPeers[i]; held[p.Address] {
			l.warn(at(p.At, l.in.At), "virtual-peer", "the unicast peer %s is a virtual address: the master that holds it would send to itself, and no backup hears it; write the other node's own address", p.Address)
		}
	}
}

// at is a place, or another one where the first is none.
func at(p, otherwise config.Position) config.Position {
	if p.Line() == 0 {
		return otherwise
	}
	return p
}

// unicastPeers holds that each node sends its adverts to every other one. A
// node is known by its unicast_src_ip; one that leaves the choice to the
// kernel is not judged.
func unicastPeers(seats []*seat, found *config.Findings) {
	nodes := make(map[netip.Addr]*seat)
	named := true
	for _, s := range seats {
		if !unicast(s.in) {
			return // of which peers-unicast warns, or multicast
		}
		src := s.in.UnicastSource
		if !src.IsValid() {
			named = false
			continue
		}
		if other := nodes[src]; other != nil && other.of != s.of {
			s.warn(found, place(s.in, "unicast_src_ip"), "peers-source", "unicast_src_ip %s is that of %s too: each takes the other's adverts for its own", src, other.node)
			return
		}
		nodes[src] = s
	}
	for _, s := range seats {
		has := make(map[netip.Addr]bool)
		for i := range s.in.UnicastPeers {
			p := &s.in.UnicastPeers[i]
			has[p.Address] = true
			if other := nodes[p.Address]; named && other == nil {
				s.warn(found, at(p.At, s.in.At), "unknown-peer", "%s is the unicast_src_ip of none of these nodes: nobody hears what is sent there, unless the file of that node was not given; correct the peer, or that node's unicast_src_ip", p.Address)
			}
		}
		for _, o := range seats {
			if src := o.in.UnicastSource; o.of != s.of && src.IsValid() && !has[src] {
				s.warn(found, place(s.in, "unicast_peers"), "missing-peer", "%s of %s (unicast_src_ip) is no unicast peer here: when this node is master, %s hears nothing and becomes master too; add it", src, o.node, o.node)
			}
		}
	}
}
