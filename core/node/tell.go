package node

import (
	"fmt"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// lowerGap is the least time between two tellings of other masters: a flood of
// forged adverts must not become a flood of notifications.
const lowerGap = 100 * time.Millisecond

// tell has the outside told of an instance that keeps its role, and returns
// what it is told.
func (n *Node) tell(in *instance, of Occasion, why string) *Change {
	v := in.router.View()
	n.seq++
	c := &Change{Occasion: of, Name: in.cfg.Name, From: v.Role, To: v.Role, Why: why, Priority: v.Effective, Peer: v.HeardFrom, PeerPriority: v.HeardPriority, Seq: n.seq}
	n.out = append(n.out, Action{Kind: Told, Instance: in.cfg.Name, Change: c})
	return c
}

// tellPriority tells of the effective priority when it is another than was
// told last. Only that of an instance that takes part counts, as in keepalived.
func (n *Node) tellPriority(in *instance) {
	v := in.router.View()
	before := in.known
	in.known = v.Effective
	if before == v.Effective || !in.cfg.TellPriority || v.Role != vrrp.Master && v.Role != vrrp.Backup {
		return
	}
	n.tell(in, PriorityChanged, fmt.Sprintf("the effective priority changed from %d to %d", before, v.Effective))
}

// tellLower tells that an instance, which was MASTER and had met so many other
// masters before the present advert, met one more and stays. The last advert of
// the master that it has just replaced is none, nor the last word of any that yields, which
// does not count as met.
func (n *Node) tellLower(now mono.Instant, in *instance, before uint64) {
	v := in.router.View()
	if v.Role != vrrp.Master || v.Counts.Conflicts == before || in.router.Replacing(now) || now < in.lowerQuiet {
		return
	}
	in.lowerQuiet = now.Add(lowerGap)
	c := n.tell(in, LowerHeard, fmt.Sprintf("%v is master too, with priority %d against our %d", v.HeardFrom, v.HeardPriority, v.Effective))
	c.Dual, c.DualTimes = now.Sub(v.Dual.Since), v.Dual.Times
}

// tellStanding tells how everything that takes part stands, the groups after
// the instances.
func (n *Node) tellStanding() {
	const why = "the configuration was read again"
	for _, in := range n.instances {
		if in.router.Role() != vrrp.Init {
			n.tell(in, Standing, why)
		}
	}
	for _, g := range n.groups {
		if g.role == vrrp.Init {
			continue
		}
		n.seq++
		n.out = append(n.out, Action{Kind: Told, Change: &Change{
			Occasion: Standing, Group: true, Name: g.cfg.Name, From: g.role, To: g.role, Why: why, Seq: n.seq,
		}})
	}
}

// tellUnadvertised tells when other addresses than before do not fit into adverts.
func (n *Node) tellUnadvertised(in *instance, mtu int) {
	all, carried := len(in.cfg.Router.Addresses), len(in.router.Advertised())
	before := in.unadvertised
	if in.unadvertised = all - carried; in.unadvertised != before && in.unadvertised > 0 {
		n.note(Warn, in.cfg.Name, "addresses", fmt.Sprintf("%d of %d addresses fit into an advert on %s, whose MTU is %d: the last %d are held but not advertised",
			carried, all, in.cfg.Interface, mtu, in.unadvertised))
	}
}

func (n *Node) note(level Level, instance, topic, text string) {
	n.out = append(n.out, Action{Kind: Noted, Instance: instance, Note: &Note{Level: level, Topic: topic, Text: text}})
}

// payload returns the octets of an advert, copied when the router will write
// into them before this call ends. Where the scratch has to grow, what was handed
// out stays where it was.
func (n *Node) payload(in *instance, b []byte) []byte {
	if !in.router.Rewrites() {
		return b
	}
	start := len(n.scratch)
	n.scratch = append(n.scratch, b...)
	return n.scratch[start:len(n.scratch):len(n.scratch)]
}
