package rehearse

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// static is how the names of all that is held statically begin.
const static = "static"

// settings is what a seed draws besides reloads, from chances of its own: settings
// that no plain world has, and reloads that change what others keep.
type settings struct {
	rng *rand.Rand
	// intervals, adverts, auth and ways are whether intervals, the count of adverts
	// that a master may miss, HMAC, and peers and unicast change while the cluster is
	// hurt. In the end all are as they were drawn.
	intervals, adverts, auth, ways bool
	// removals is how often what is held statically may still be removed: too many
	// are a fight, after which a node rests.
	removals int
}

func (w *world) drawSettings(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0x6368616e))
	first := &w.configs[0].Instances[0].Router
	w.settings = settings{
		rng: r, removals: 3,
		intervals: chance(r, 40) && !first.Interop && !w.reloads.versions,
		adverts:   chance(r, 40),
		auth:      chance(r, 60) && first.HMAC.Mode != vrrp.HMACOff,
		ways:      chance(r, 50) && !first.Strict,
	}
	mode := vrrp.HMACEnforce
	if first.HMAC.Mode != vrrp.HMACOff && chance(r, 50) {
		mode = pick(r, vrrp.HMACPermissive, vrrp.HMACReceiveOnly)
	}
	statics, delays, stall := chance(r, 25), chance(r, 25), chance(r, 50)
	for i := range w.configs {
		cfg := &w.configs[i]
		for k := range cfg.Instances {
			c := &cfg.Instances[k].Router
			if c.HMAC.Mode != vrrp.HMACOff {
				c.HMAC.Mode = mode
			}
			if stall {
				c.StallPriority = min(drawPriority(r), 254)
			}
		}
		if statics {
			cfg.Static = drawStatics(r, cfg, i)
		}
		if delays {
			cfg.Delays = w.drawDelays()
		}
	}
}

// drawStatics draws addresses that a node of that index holds whatever its roles,
// some of which instances depend on.
func drawStatics(r *rand.Rand, cfg *node.Config, index int) []node.Static {
	var all []node.Static
	for i := range 1 + r.IntN(2) {
		s := node.Static{Name: fmt.Sprint(static, i)}
		for a := range 1 + r.IntN(2) {
			addr := netip.AddrFrom4([4]byte{10, 200 + byte(i), byte(index), byte(a + 1)})
			s.Addresses = append(s.Addresses, netspec.Address{Prefix: netip.PrefixFrom(addr, 24), Device: "eth0"})
		}
		for k := range cfg.Instances {
			if chance(r, 30) {
				s.Members = append(s.Members, cfg.Instances[k].Name)
			}
		}
		all = append(all, s)
	}
	return all
}

// drawDelays draws for how long the interfaces of a node must be up or down.
func (w *world) drawDelays() []node.InterfaceDelay {
	r := w.settings.rng
	var all []node.InterfaceDelay
	for _, name := range []string{"eth0", "eth1"} {
		if chance(r, 60) {
			all = append(all, node.InterfaceDelay{
				Interface: name, Up: time.Duration(r.Int64N(int64(w.span()))), Down: time.Duration(r.Int64N(int64(w.span()))),
			})
		}
	}
	return all
}

// hurtSettings has a node read what changes one thing of its virtual routers.
func (w *world) hurtSettings(c *Cluster) {
	r := w.settings.rng
	if r == nil || !chance(r, 50) {
		return
	}
	n := c.Nodes[r.IntN(len(c.Nodes))]
	if w.settings.removals > 0 && len(n.Config.Static) > 0 && chance(r, 30) {
		w.settings.removals--
		n.Remove(n.Config.Static[0].Addresses[0].Addr())
	}
	cfg := n.Config
	cfg.Instances, cfg.Groups = slices.Clone(cfg.Instances), slices.Clone(cfg.Groups)
	// What is changed of one virtual router, or of all.
	chosen := cfg.Instances
	if chance(r, 50) {
		i := r.IntN(len(chosen))
		chosen = chosen[i : i+1]
	}
	switch r.IntN(9) {
	case 0, 1:
		w.comeOrGo(&cfg, n.Index)
	case 2:
		if !w.settings.intervals {
			return
		}
		for i := range chosen {
			drawn := instanceIn(&w.configs[n.Index], chosen[i].Router.VRID).Router.Interval
			next := pick(r, drawn, 2*drawn)
			if drawn%(20*time.Millisecond) == 0 && w.version == vrrp.V3 && chance(r, 30) {
				next = drawn / 2
			}
			chosen[i].Router.Interval = next
		}
	case 3:
		if !w.settings.adverts {
			return
		}
		adverts := pick(r, 2, 3, 5)
		for i := range chosen {
			chosen[i].Router.DownAdverts = adverts
		}
	case 4:
		waits, delay := chance(r, 30), time.Duration(r.Int64N(int64(w.span())))
		for i := range chosen {
			c := &chosen[i].Router
			if c.NoPreempt, c.PreemptDelay = waits, 0; !waits && chance(r, 40) {
				c.PreemptDelay = delay
			}
		}
	case 5:
		if !w.settings.auth {
			return
		}
		mode := pick(r, vrrp.HMACOff, vrrp.HMACEnforce, vrrp.HMACPermissive, vrrp.HMACReceiveOnly)
		ring, active := keys(1, 2), pick[uint8](r, 1, 2)
		if chance(r, 40) {
			ring = keys(active)
		}
		for i := range chosen {
			h := chosen[i].Router.HMAC
			h.Mode, h.Keys, h.Active = mode, ring, active
			if mode == vrrp.HMACOff {
				h = vrrp.HMAC{}
			} else {
				h.Monotonic = instanceIn(&w.configs[n.Index], chosen[i].Router.VRID).Router.HMAC.Monotonic
			}
			chosen[i].Router.HMAC = h
		}
	case 6:
		if !w.settings.ways {
			return
		}
		others := w.others(n.Index)
		for i := range chosen {
			w.sendElsewhere(&chosen[i].Router, others)
		}
	case 7:
		if len(cfg.Groups) > 0 && len(cfg.Instances) > 2 {
			w.remember(&cfg)
		}
	case 8:
		if len(w.configs[n.Index].Delays) == 0 {
			return
		}
		cfg.Delays = w.drawDelays()
	}
	n.Reload(cfg)
}

// comeOrGo takes a virtual router out of a node, or puts one back.
func (w *world) comeOrGo(cfg *node.Config, index int) {
	r := w.settings.rng
	drawn := &w.configs[index]
	if len(cfg.Instances) < len(drawn.Instances) && (len(cfg.Instances) == 1 || chance(r, 60)) {
		w.complete(cfg, index)
		return
	}
	if len(cfg.Instances) == 1 {
		return
	}
	i := r.IntN(len(cfg.Instances))
	name := cfg.Instances[i].Name
	cfg.Instances = slices.Delete(cfg.Instances, i, i+1)
	for i := range cfg.Groups {
		g := &cfg.Groups[i]
		g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(m string) bool { return m == name })
	}
	if len(cfg.Groups) > 0 && len(cfg.Groups[0].Members) < 2 {
		cfg.Groups = nil
		for i := range cfg.Instances {
			cfg.Instances[i].Router.Hold = false
		}
	}
}

// complete puts the virtual routers back that a node lacks, each alone.
func (w *world) complete(cfg *node.Config, index int) {
	var all []node.Instance
	for _, in := range w.configs[index].Instances {
		if has := instanceIn(cfg, in.Router.VRID); has != nil {
			all = append(all, *has)
			continue
		}
		// Another may have its name by now.
		taken := func(name string) bool {
			is := func(in node.Instance) bool { return in.Name == name }
			return slices.ContainsFunc(cfg.Instances, is) || slices.ContainsFunc(all, is)
		}
		for k := 1; taken(in.Name); k++ {
			in.Name = fmt.Sprint("V", k)
		}
		in.Router.Hold = false
		all = append(all, in)
	}
	cfg.Instances = all
}

// others are the addresses of the other nodes.
func (w *world) others(index int) (all []vrrp.Peer) {
	for k := range w.configs {
		addr := netip.AddrFrom4([4]byte{192, 0, 2, byte(k + 1)})
		if w.configs[0].Instances[0].Router.IPv6 {
			addr = netip.AddrFrom16([16]byte{0xfe, 0x80, 15: byte(k + 1)})
		}
		if k != index {
			all = append(all, vrrp.Peer{Addr: addr})
		}
	}
	return all
}

// sendElsewhere changes the peers of a virtual router, or goes from unicast to
// multicast and back.
func (w *world) sendElsewhere(c *vrrp.Config, others []vrrp.Peer) {
	r := w.settings.rng
	switch {
	case chance(r, 30):
		if c.Unicast.On {
			c.Unicast = vrrp.Unicast{}
		} else {
			c.Unicast = vrrp.Unicast{On: true, Peers: others}
		}
	case c.Unicast.On && len(others) > 1:
		i := r.IntN(len(others))
		c.Unicast.Peers = slices.Delete(slices.Clone(others), i, i+1)
	}
}

// remember draws the members of the sync group anew.
func (w *world) remember(cfg *node.Config) {
	r := w.settings.rng
	out := -1
	if chance(r, 70) {
		out = r.IntN(len(cfg.Instances))
	}
	g := &cfg.Groups[0]
	g.Members = nil
	for i := range cfg.Instances {
		in := &cfg.Instances[i]
		if in.Router.Hold = i != out; in.Router.Hold {
			g.Members = append(g.Members, in.Name)
		}
	}
}

// calmSettings has every node be again as it was drawn.
func (w *world) calmSettings(c *Cluster) {
	if w.settings.rng == nil {
		return
	}
	for _, n := range c.Nodes {
		cfg := n.Config
		w.complete(&cfg, n.Index)
		for i := range cfg.Instances {
			c, drawn := &cfg.Instances[i].Router, &w.configs[n.Index].Instances[i].Router
			c.Interval, c.DownAdverts = drawn.Interval, drawn.DownAdverts
			c.NoPreempt, c.PreemptDelay = drawn.NoPreempt, drawn.PreemptDelay
			c.HMAC, c.Unicast = drawn.HMAC, drawn.Unicast
			if first := &cfg.Instances[0].Router; drawn.Hold && !drawn.Owner() {
				// Members that order the nodes differently cannot settle, and priorities
				// may have changed while one was away.
				c.Priority = first.Priority
			}
		}
		n.Reload(cfg)
	}
}
