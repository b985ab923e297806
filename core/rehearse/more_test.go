package rehearse

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// more is what a seed draws besides a plain world, from chances of its own, so
// that a plain world of that seed stays what it is.
type more struct {
	rng *rand.Rand
	// steps is whether wall clocks are set while the cluster is hurt, and
	// forward whether they never go back: a counter that went back is refused
	// for as long as it takes to catch up.
	steps, forward bool
	// bfd is whether the nodes have sessions with each other.
	bfd bool
	// keys are the chances by which nodes change the key that signs, of the two
	// that all know; nil without HMAC.
	keys *rand.Rand
	// delay is the longest time that a node waits after its start.
	delay time.Duration
}

// drawMore adds wall clocks that are set, BFD, start delays, IPv6 and groups
// whose members' own weights count.
func (w *world) drawMore(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0x6d6f7265))
	w.more = more{rng: r, bfd: chance(r, 30)}
	router := &w.configs[0].Instances[0].Router
	if router.HMAC.Mode != vrrp.HMACOff {
		w.more.steps, w.more.forward = chance(r, 80), router.HMAC.Monotonic
		w.more.keys = rand.New(rand.NewPCG(seed, 0x6b657973))
		for i := range w.configs {
			for j := range w.configs[i].Instances {
				w.configs[i].Instances[j].Router.HMAC.Keys = keys(1, 2)
			}
		}
	}
	six := router.Version == vrrp.V3 && !router.Interop && chance(r, 20)
	keep, delayed := chance(r, 30), chance(r, 15)
	for i := range w.configs {
		cfg := &w.configs[i]
		if delayed {
			cfg.StartDelay = time.Duration(r.Int64N(int64(2 * w.span())))
			w.more.delay = max(w.more.delay, cfg.StartDelay)
		}
		if w.more.bfd {
			w.drawSessions(cfg)
		}
		for j := range cfg.Groups {
			if keep {
				keepWeights(cfg, &cfg.Groups[j])
			}
		}
		for j := range cfg.Instances {
			if six {
				toIPv6(&cfg.Instances[j])
			}
		}
	}
}

// drawSessions has instances and groups track sessions with the other nodes,
// which meet makes.
func (w *world) drawSessions(cfg *node.Config) {
	r := w.more.rng
	tracks := func() (list []node.TrackSession) {
		for k := range w.configs {
			if &w.configs[k] != cfg && chance(r, 40) {
				list = append(list, node.TrackSession{Name: string(rune('a' + k)), Weight: drawWeight(r), Reverse: chance(r, 10)})
			}
		}
		return list
	}
	for i := range cfg.Instances {
		cfg.Instances[i].Sessions = tracks()
	}
	for i := range cfg.Groups {
		cfg.Groups[i].Sessions = tracks()
	}
}

// sessionTimers draws timers that leave the nodes time for adverts.
func (w *world) sessionTimers() bfd.Config {
	c := bfd.Defaults()
	least := max(w.configs[0].Instances[0].Router.Interval/2, 50*time.Millisecond)
	c.MinTx = pick(w.more.rng, least, 2*least)
	c.MinRx = pick(w.more.rng, least, 2*least)
	c.Mult = uint8(3 + w.more.rng.IntN(3))
	return c
}

// keepWeights has the members' own weights count. All members have the same:
// members that order the nodes differently cannot settle.
func keepWeights(cfg *node.Config, g *node.Group) {
	g.KeepWeights = true
	first := &cfg.Instances[0]
	for i := range cfg.Instances {
		if in := &cfg.Instances[i]; slices.Contains(g.Members, in.Name) {
			in.Scripts, in.Interfaces, in.Sessions = first.Scripts, first.Interfaces, first.Sessions
		}
	}
}

// toIPv6 turns a virtual router of IPv4 into one of IPv6.
func toIPv6(in *node.Instance) {
	in.Router.IPv6 = true
	setAddresses(in, len(in.Addresses), len(in.Excluded) > 0)
	peers := slices.Clone(in.Router.Unicast.Peers)
	for i := range peers {
		peers[i].Addr = netip.AddrFrom16([16]byte{0xfe, 0x80, 15: peers[i].Addr.As4()[3]})
	}
	in.Router.Unicast.Peers = peers
}

// hurtMore has a node sign with another key, sets a wall clock, or changes the timers
// of a node's sessions.
func (w *world) hurtMore(c *Cluster, told *timeline) {
	m := &w.more
	if m.keys != nil && chance(m.keys, 20) {
		n := c.Nodes[m.keys.IntN(len(c.Nodes))]
		cfg := n.Config
		cfg.Instances = slices.Clone(cfg.Instances)
		for i := range cfg.Instances {
			h, id := &cfg.Instances[i].Router.HMAC, pick[uint8](m.keys, 1, 2)
			if slices.ContainsFunc(h.Keys, func(k vrrp.Key) bool { return k.ID == id }) {
				h.Active = id
			}
		}
		n.Reload(cfg)
	}
	if m.rng == nil || !chance(m.rng, 50) {
		return
	}
	n := c.Nodes[m.rng.IntN(len(c.Nodes))]
	if chance(m.rng, 40) {
		w.move(n)
	}
	if m.steps {
		by := pick(m.rng, 50*time.Millisecond, 2*time.Second, 30*time.Second, time.Hour)
		if !m.forward {
			by = pick(m.rng, by, -by, -n.Clock)
		}
		told.add(fmt.Sprintf("%-14v clock of %s by %v", time.Duration(c.Now()), n.Name, by))
		n.SetClock(n.Clock + by)
	}
	if m.bfd && chance(m.rng, 30) {
		cfg := n.Config
		cfg.Sessions = slices.Clone(cfg.Sessions)
		timers := w.sessionTimers()
		for i := range cfg.Sessions {
			b := &cfg.Sessions[i].BFD
			b.MinTx, b.MinRx, b.Mult = timers.MinTx, timers.MinRx, timers.Mult
		}
		n.Reload(cfg)
	}
}

// move asks a node for a planned move.
func (w *world) move(n *Node) {
	m := &w.more
	list := n.Config.Instances
	names := []string{list[m.rng.IntN(len(list))].Name}
	force, all := chance(m.rng, 30), chance(m.rng, 50)
	switch m.rng.IntN(5) {
	case 0, 1:
		n.Failover(node.Failover{Instances: names, Force: force, Rest: pick(m.rng, 0, time.Second, time.Minute)})
	case 2:
		n.Return(node.Return{Instances: names})
	case 3:
		n.Maintain(node.Maintain{Instances: names, All: all, On: true, Force: force})
	case 4:
		n.Maintain(node.Maintain{Instances: names, All: all})
	}
}

// calmMore ends what planned moves left behind, and sets the wall clocks right.
func (w *world) calmMore(c *Cluster) {
	for _, n := range c.Nodes {
		n.Maintain(node.Maintain{All: true})
		var all []string
		for _, in := range n.Config.Instances {
			all = append(all, in.Name)
		}
		n.Return(node.Return{Instances: all})
	}
	if !w.more.steps || w.more.forward {
		return
	}
	for i, n := range c.Nodes {
		n.SetClock(w.clocks[i])
	}
}

// patienceMore is what the drawn more adds to the time until a cluster has
// settled: the window of signatures, in which a time that was signed while a
// clock was ahead still counts, the start delay, and what a session needs to
// come up and to grow old.
func (w *world) patienceMore() (d time.Duration) {
	if w.more.steps {
		for _, cfg := range w.configs {
			for i := range cfg.Instances {
				d = max(d, 2*vrrp.DefaultWindow(cfg.Instances[i].Router.Interval))
			}
		}
	}
	if w.more.bfd {
		d += 10*time.Second + 20*w.span()
	}
	return d + w.more.delay
}

// leavesAlone reports whether an instance leaves a master of lower priority alone.
func leavesAlone(h *Happening, name string) bool {
	for _, in := range h.Status().Instances {
		if in.Name == name {
			return in.Maintenance || in.Resting
		}
	}
	return false
}
