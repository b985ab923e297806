package rehearse

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Network is how adverts fare between two nodes. Probabilities are 0..1.
// Announcements reach the client at once and always, unless they are Cut, so
// that what the client believes is the nodes' doing and not chance.
type Network struct {
	Loss  float64
	Delay time.Duration
	// Jitter is added to Delay, uniformly; more than the time between two
	// packets reorders them.
	Jitter time.Duration
	// Duplicate is how likely a packet arrives twice.
	Duplicate float64
}

// Client is the client's index in Cut and Connected.
const Client = -1

// Cluster is the simulation. It begins at instant 0 with every node down.
type Cluster struct {
	Net   Network
	Nodes []*Node
	// Observe is called for everything that happens, in order. It must not
	// change the cluster. Nil means nobody looks.
	Observe func(*Happening)

	now    mono.Instant
	rng    *rand.Rand
	agenda agenda
	cut    map[[2]int]bool      // directed: from, to
	cache  map[netip.Addr]*Node // the client's
}

// New returns a cluster of nodes that run the given configurations, named a,
// b, c and so on. Node i's interfaces have the address 192.0.2.(i+1).
func New(seed uint64, net Network, configs ...node.Config) *Cluster {
	c := &Cluster{
		Net: net, rng: rand.New(rand.NewPCG(seed, 0x6d6f6f6e)),
		cut: map[[2]int]bool{}, cache: map[netip.Addr]*Node{},
	}
	for i, cfg := range configs {
		c.Nodes = append(c.Nodes, newNode(c, i, cfg))
	}
	return c
}

// Now returns the present instant.
func (c *Cluster) Now() mono.Instant { return c.now }

// Run lets d pass.
func (c *Cluster) Run(d time.Duration) {
	end := c.now.Add(d)
	for {
		at := c.next()
		if at > end {
			break
		}
		c.now = max(c.now, at)
		// What arrives at the very instant of a deadline is seen first, as by
		// the engine, which empties its inbox before it looks at the clock.
		if do := c.agenda.pop(c.now); do != nil {
			do()
			continue
		}
		for _, n := range c.Nodes {
			if n.awake() && n.deadline().Reached(c.now) {
				n.tick()
			}
		}
	}
	c.now = end
}

// next returns when the next thing happens.
func (c *Cluster) next() mono.Instant {
	at := c.agenda.next()
	for _, n := range c.Nodes {
		if n.awake() {
			at = mono.Min(at, n.deadline())
		}
	}
	return at
}

// after has f called when d has passed.
func (c *Cluster) after(d time.Duration, f func()) { c.agenda.push(c.now.Add(d), f) }

// upTo draws a duration from [0, d).
func (c *Cluster) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(c.rng.Int64N(int64(d)))
}

// Cut drops every packet from one node to another, or to the Client, silently.
func (c *Cluster) Cut(from, to int) { c.cut[[2]int{from, to}] = true }

// Partition cuts a node off from all other nodes, both ways. The client still
// reaches both sides: the worst case, as each side announces itself to it.
func (c *Cluster) Partition(i int) {
	for j := range c.Nodes {
		if j != i {
			c.Cut(i, j)
			c.Cut(j, i)
		}
	}
}

// Heal undoes every Cut.
func (c *Cluster) Heal() { clear(c.cut) }

// Connected reports whether packets pass from one node to another or to the
// Client.
func (c *Cluster) Connected(from, to int) bool { return !c.cut[[2]int{from, to}] }

// send carries one advert to every other node on the segment, or to the one
// whose address it is sent to.
func (c *Cluster) send(from *Node, a *node.Action) {
	if !from.linkUp(a.Interface) {
		return
	}
	ev := &node.Received{Packet: vrrp.Packet{
		Interface: a.Interface, Source: a.Source, Destination: a.Destination, TTL: int(a.TTL),
		Protocol: a.Protocol, Payload: bytes.Clone(a.Payload),
	}}
	if a.Protocol == vrrp.ProtocolAH {
		ev.Packet.Header = vrrp.AppendIPv4Header(nil, a.Source, a.Destination, a.Protocol, a.TTL, a.ID, len(a.Payload))
	}
	for _, to := range c.Nodes {
		if to == from || !c.Connected(from.Index, to.Index) || !a.Destination.IsMulticast() && !to.has(a.Destination) {
			continue
		}
		c.carry(from, to, ev.Packet.Interface, "packet", ev)
	}
}

// carry takes a packet from one node to another that it is connected with: none,
// one or two copies of it.
func (c *Cluster) carry(from, to *Node, iface, cause string, ev node.Event) {
	copies := 1
	if c.rng.Float64() < c.Net.Duplicate {
		copies = 2
	}
	for range copies {
		if c.rng.Float64() < c.Net.Loss {
			continue
		}
		c.after(c.Net.Delay+c.upTo(c.Net.Jitter), func() {
			if to.linkUp(iface) && c.Connected(from.Index, to.Index) {
				to.deliver(cause, ev)
			}
		})
	}
}

// announce tells the client where an address is.
func (c *Cluster) announce(from *Node, device string, a netip.Addr) {
	if !from.linkUp(device) || !c.Connected(from.Index, Client) {
		return
	}
	c.cache[a] = from
}

// Cached returns the node to which the client sends what is for the address:
// the last that it heard announce it, nil when it heard none. Whether that
// node is alive and holds the address is another question.
func (c *Cluster) Cached(a netip.Addr) *Node { return c.cache[a] }

// Masters returns the indices of the nodes, among those that run, whose
// instance of that name is MASTER. A paused one is among them.
func (c *Cluster) Masters(instance string) []int {
	var all []int
	for _, n := range c.Nodes {
		if n.Role(instance) == vrrp.Master {
			all = append(all, n.Index)
		}
	}
	return all
}

// Holders returns the indices of the nodes whose kernel has the address,
// whether or not a daemon runs there.
func (c *Cluster) Holders(a netip.Addr) []int {
	var all []int
	for _, n := range c.Nodes {
		if n.Holds(a) {
			all = append(all, n.Index)
		}
	}
	return all
}

// String draws the cluster's state on one line.
func (c *Cluster) String() string {
	s := time.Duration(c.now).String()
	for _, n := range c.Nodes {
		switch {
		case n.daemon == nil:
			s += " " + n.Name + "=down"
		case n.daemon.paused:
			s += fmt.Sprintf(" %s=paused%v", n.Name, n.daemon.roles)
		default:
			s += fmt.Sprintf(" %s=%v", n.Name, n.daemon.roles)
		}
	}
	return s
}
