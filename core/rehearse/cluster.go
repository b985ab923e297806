package rehearse

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Network is how packets fare between two nodes. Probabilities are 0..1.
type Network struct {
	Loss  float64
	Delay time.Duration
	// Jitter is added to Delay, uniformly; more than the time between two
	// packets reorders them.
	Jitter time.Duration
	// Duplicate is how likely a packet arrives twice.
	Duplicate float64
}

// Cluster is the simulation. It begins at instant 0 with every node down.
type Cluster struct {
	Net   Network
	Nodes []*Node
	// Observe is called for everything that happens, in order. Nil means
	// nobody looks.
	Observe func(Happening)

	now   mono.Instant
	rng   *rand.Rand
	queue agenda
	cut   map[[2]int]bool // directed: from, to
}

// Happening is one thing that happened in a Cluster.
type Happening struct {
	At   mono.Instant
	Node *Node
	// Action is what the node asked for, or nil when Event is set.
	Action *node.Action
	// Before is the role of the action's instance before the call that
	// returned the action.
	Before map[string]vrrp.Role
	// Event is what was done to the node: "start", "crash", "kill", "pause",
	// "resume", "stop".
	Event string
}

// New returns a cluster of nodes that run the given configurations, named a,
// b, c and so on. Node i's interfaces have the address 192.0.2.(i+1).
func New(seed uint64, net Network, configs ...node.Config) *Cluster {
	c := &Cluster{Net: net, rng: rand.New(rand.NewPCG(seed, 0x6d6f6f6e)), cut: map[[2]int]bool{}}
	for i, cfg := range configs {
		c.Nodes = append(c.Nodes, newNode(c, i, cfg))
	}
	return c
}

// Now returns the present instant.
func (c *Cluster) Now() mono.Instant { return c.now }

// Rand returns the cluster's source of randomness, for steps drawn by chance.
func (c *Cluster) Rand() *rand.Rand { return c.rng }

// Run lets d pass.
func (c *Cluster) Run(d time.Duration) {
	end := c.now.Add(d)
	for {
		at := c.next()
		if at > end {
			break
		}
		c.now = max(c.now, at)
		if t := c.queue.pop(c.now); t != nil {
			t()
			continue
		}
		for _, n := range c.Nodes {
			if n.awake() && n.node.Deadline().Reached(n.local(c.now)) {
				n.tick()
			}
		}
	}
	c.now = end
}

// next returns when the next thing happens.
func (c *Cluster) next() mono.Instant {
	at := c.queue.next()
	for _, n := range c.Nodes {
		if n.awake() {
			if d := n.node.Deadline(); d != mono.Never {
				at = min(at, max(c.now, n.global(d)))
			}
		}
	}
	return at
}

// after has f called when d has passed.
func (c *Cluster) after(d time.Duration, f func()) { c.queue.push(c.now.Add(d), f) }

// Cut drops every packet from one node to another, silently.
func (c *Cluster) Cut(from, to int) { c.cut[[2]int{from, to}] = true }

// Partition cuts a node off from all others, both ways.
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

// Connected reports whether packets pass from one node to another.
func (c *Cluster) Connected(from, to int) bool { return !c.cut[[2]int{from, to}] }

// send carries one advert to every other node on the segment.
func (c *Cluster) send(from *Node, a *node.Action) {
	if !from.linkUp(a.Interface) {
		return
	}
	for _, to := range c.Nodes {
		if to == from || c.cut[[2]int{from.Index, to.Index}] {
			continue
		}
		copies := 1
		if c.rng.Float64() < c.Net.Duplicate {
			copies = 2
		}
		for range copies {
			if c.rng.Float64() < c.Net.Loss {
				continue
			}
			p := vrrp.Packet{Interface: a.Interface, Source: a.Source, Destination: a.Destination, TTL: 255, Payload: a.Payload}
			c.after(c.latency(), func() {
				if to.linkUp(p.Interface) && !c.cut[[2]int{from.Index, to.Index}] {
					to.deliver(&node.Received{Packet: p})
				}
			})
		}
	}
}

func (c *Cluster) latency() time.Duration {
	d := c.Net.Delay
	if c.Net.Jitter > 0 {
		d += time.Duration(c.rng.Int64N(int64(c.Net.Jitter)))
	}
	return d
}

// Masters returns the indices of the nodes, among those that run, whose
// instance of that name is MASTER.
func (c *Cluster) Masters(instance string) []int {
	var all []int
	for _, n := range c.Nodes {
		if n.node != nil && n.roles()[instance] == vrrp.Master {
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
		if n.held[a] {
			all = append(all, n.Index)
		}
	}
	return all
}

// String draws the cluster's state on one line.
func (c *Cluster) String() string {
	s := fmt.Sprintf("%v", time.Duration(c.now))
	for _, n := range c.Nodes {
		s += fmt.Sprintf(" %s=%v", n.Name, n.roles())
	}
	return s
}
