package rehearse

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// reloads is what a seed draws besides more, from chances of its own: reloads that
// change what virtual routers are to each other, and owners that hear nobody.
type reloads struct {
	rng *rand.Rand
	// versions is whether nodes change the version; in the end all have the first.
	versions bool
}

func (w *world) drawReloads(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0x72656c6f))
	w.reloads = reloads{rng: r}
	first := &w.configs[0].Instances[0].Router
	w.reloads.versions = w.version == vrrp.V3 && !first.Interop && !first.IPv6 && chance(r, 50)
	for i := range w.configs {
		for k := range w.configs[i].Instances {
			whole := w.configs[i].Instances[k].Router.Interval%time.Second == 0 // as version 2 counts
			w.reloads.versions = w.reloads.versions && whole
		}
	}
	ignore := chance(r, 50)
	strict := w.version == vrrp.V3 && !first.Interop && !first.Unicast.On && !w.reloads.versions && chance(r, 10)
	for i := range w.configs {
		for k := range w.configs[i].Instances {
			c := &w.configs[i].Instances[k].Router
			c.OwnerIgnoresAdverts = ignore || strict
			if strict {
				c.Strict, c.YieldSilently = true, true
			}
			// An owner that hears nobody is not told that clients look elsewhere.
			w.quiet = w.quiet || strict || c.OwnerIgnoresAdverts && c.Owner()
		}
	}
}

// hurtReloads has a node read what changes its virtual routers' names, groups or
// version, or the paths of its sessions.
func (w *world) hurtReloads(c *Cluster) {
	r := w.reloads.rng
	if r == nil || !chance(r, 40) {
		return
	}
	n := c.Nodes[r.IntN(len(c.Nodes))]
	cfg := n.Config
	cfg.Instances = slices.Clone(cfg.Instances)
	switch r.IntN(4) {
	case 0:
		w.swapNames(&cfg)
	case 1:
		w.regroup(&cfg, w.groupOf(n), chance(r, 50))
	case 2:
		if !w.reloads.versions {
			return
		}
		version := pick(r, vrrp.V2, vrrp.V3)
		for i := range cfg.Instances {
			cfg.Instances[i].Router.Version = version
		}
	case 3:
		cfg.Sessions = slices.Clone(cfg.Sessions)
		for i := range cfg.Sessions {
			if path := &cfg.Sessions[i].BFD.Path; path.Source.IsValid() {
				path.Source = netip.Addr{}
			} else if chance(r, 50) {
				path.Source = n.source
			}
		}
	}
	n.Reload(cfg)
}

// swapNames exchanges the names of two virtual routers, which may be the same one.
func (w *world) swapNames(cfg *node.Config) {
	r := w.reloads.rng
	a, b := &cfg.Instances[r.IntN(len(cfg.Instances))], &cfg.Instances[r.IntN(len(cfg.Instances))]
	renamed := map[string]string{a.Name: b.Name, b.Name: a.Name}
	a.Name, b.Name = b.Name, a.Name
	cfg.Groups = slices.Clone(cfg.Groups)
	for i := range cfg.Groups {
		members := slices.Clone(cfg.Groups[i].Members)
		for k, m := range members {
			if now, ok := renamed[m]; ok {
				members[k] = now
			}
		}
		cfg.Groups[i].Members = members
	}
}

// groupOf is the sync group that a node was drawn with, nil for none.
func (w *world) groupOf(n *Node) *node.Group {
	if len(w.configs[n.Index].Groups) == 0 {
		return nil
	}
	return &w.configs[n.Index].Groups[0]
}

// regroup makes the group, or takes it apart. Its members are those of the first
// virtual routers that the node has, by whatever names.
func (w *world) regroup(cfg *node.Config, g *node.Group, together bool) {
	if g == nil {
		return
	}
	group := *g
	group.Members = nil
	for i := range cfg.Instances {
		in := &cfg.Instances[i]
		if in.Router.Hold = int(in.Router.VRID) <= len(g.Members); in.Router.Hold {
			group.Members = append(group.Members, in.Name)
		}
	}
	together = together && len(group.Members) > 1
	for i := range cfg.Instances {
		cfg.Instances[i].Router.Hold = cfg.Instances[i].Router.Hold && together
	}
	if cfg.Groups = nil; together {
		cfg.Groups = []node.Group{group}
	}
}

// calmReloads has all nodes agree on groups and version again.
func (w *world) calmReloads(c *Cluster) {
	if w.reloads.rng == nil {
		return
	}
	for _, n := range c.Nodes {
		if w.refused {
			// Each virtual router may rest for minutes after refusals, alone as it was.
			n.SetLink("eth0", false)
			n.SetLink("eth0", true)
		}
		cfg := n.Config
		cfg.Instances = slices.Clone(cfg.Instances)
		w.regroup(&cfg, w.groupOf(n), true)
		for i := range cfg.Instances {
			cfg.Instances[i].Router.Version = w.version
		}
		n.Reload(cfg)
	}
}

// rename has what is known by the names of before a reload be known by those of now.
func (l *life) rename(h *Happening) {
	now := map[string]string{}
	for i := range l.config.Instances {
		was := &l.config.Instances[i]
		if in := instanceIn(&h.Node.daemon.config, was.Router.VRID); in != nil && in.Name != was.Name {
			now[was.Name] = in.Name
		}
	}
	if len(now) == 0 {
		return
	}
	h.before = renamed(h.before, now)
	l.leaving, l.heard, l.priority = renamed(l.leaving, now), renamed(l.heard, now), renamed(l.priority, now)
	l.previous, l.master, l.refused = renamed(l.previous, now), renamed(l.master, now), renamed(l.refused, now)
	l.due = renamed(l.due, now)
	p := &l.parted
	p.before, p.now, p.priorities, p.silent = renamed(p.before, now), renamed(p.now, now), renamed(p.priorities, now), renamed(p.silent, now)
	for _, name := range now {
		p.renamed[name] = true
	}
}

func renamed[T any](m map[string]T, now map[string]string) map[string]T {
	all := maps.Clone(m)
	for was := range now {
		delete(all, was)
	}
	for was, name := range now {
		if v, ok := m[was]; ok {
			all[name] = v
		}
	}
	return all
}

// together: the members of a sync group become and cease to be MASTER in one
// step.
func (r *referee) together(h *Happening, c *node.Change) {
	for _, g := range h.Node.daemon.config.Groups {
		if !slices.Contains(g.Members, c.Name) || c.From != vrrp.Master && c.To != vrrp.Master {
			continue
		}
		for _, m := range g.Members {
			if (h.After(m) == vrrp.Master) != (h.After(c.Name) == vrrp.Master) {
				r.blame(h, "%s becomes %v, %s of its group stays %v", c.Name, c.To, m, h.After(m))
			}
		}
	}
}

// allow notes that an instance may preempt, and with it its sync group, which a
// reload may take apart before it does.
func (l *life) allow(h *Happening, name string) {
	names := []string{name}
	for _, g := range h.Node.daemon.config.Groups {
		if slices.Contains(g.Members, name) {
			names = g.Members
		}
	}
	for _, name := range names {
		if in := find(h, l, name); in != nil {
			l.allowed[in.Router.VRID] = true
		}
	}
}
