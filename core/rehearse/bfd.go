package rehearse

import (
	"bytes"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/node"
)

// sendBFD carries a BFD packet to the node that has its destination; what is
// for an address outside the cluster is lost. It travels over the interface of
// the node's first instance, for a session names none.
func (c *Cluster) sendBFD(from *Node, a *node.Action) {
	iface := from.uplink()
	if !from.linkUp(iface) {
		return
	}
	ev := &node.BFDReceived{Packet: bfd.Packet{
		Source: from.source, Destination: a.Destination, Multihop: a.Multihop, TTL: int(a.TTL), Payload: bytes.Clone(a.Payload),
	}}
	if a.Source.IsValid() {
		ev.Packet.Source = a.Source
	}
	for _, to := range c.Nodes {
		if to != from && to.has(a.Destination) && c.Connected(from.Index, to.Index) {
			c.carry(from, to, to.uplink(), "bfd", ev)
		}
	}
}

// uplink returns the interface of the first instance, "" when there is none.
func (n *Node) uplink() string {
	if len(n.Config.Instances) == 0 {
		return ""
	}
	return n.Config.Instances[0].Interface
}

// control tells of an encoded BFD packet what matters to a session.
func control(payload []byte) string {
	c, rule := bfd.Decode(payload)
	if rule != bfd.Accepted {
		return " something"
	}
	return " " + c.State.String()
}
