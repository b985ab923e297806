package lint

import (
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// seat is one node's part in one virtual router.
type seat struct {
	of       int    // the place of the node's configuration
	node     string // for messages: the file, as short as it is unique
	in       *config.Instance
	group    *config.SyncGroup // nil when in none
	trackers []tracker
	// healthy is the effective priority while nothing that is tracked fails.
	healthy int
	// router is the place of the virtual router among those of the cluster.
	router int
}

// warn adds a finding at a place of the seat's file.
func (s *seat) warn(found *config.Findings, at config.Position, name, format string, args ...any) {
	found.Add(at, config.Warning, name, "vrrp_instance "+s.in.Name+": "+format, args...)
}

// empty reports whether there is no address to know the virtual router by.
func (s *seat) empty() bool { return len(s.in.Addresses)+len(s.in.Excluded) == 0 }

// router is one virtual router: the seats that the nodes have in it.
type router struct {
	vrid  int
	seats []*seat
}

// nodes is how many nodes have a seat.
func (r *router) nodes() int {
	n := 0
	for i, s := range r.seats {
		if !slices.ContainsFunc(r.seats[:i], func(o *seat) bool { return o.of == s.of }) {
			n++
		}
	}
	return n
}

// routers returns the virtual routers of a cluster in the order in which the
// files begin them. The number alone does not tell them apart: it counts on
// one link only, and files name links as each host does. So instances with
// one number belong together when they share an address; those that are left
// alone, when they have one name, or when one has no address to compare and
// the interfaces have one name.
func routers(cs []*config.Config) []router {
	type identity struct {
		vrid int
		six  bool
	}
	names := nodeNames(cs)
	numbered := make(map[identity][]*seat)
	var order []identity
	for i, c := range cs {
		groups := memberships(c)
		for k := range c.Instances {
			in := &c.Instances[k]
			id := identity{in.VRID, six(in)}
			if numbered[id] == nil {
				order = append(order, id)
			}
			numbered[id] = append(numbered[id], newSeat(i, names[i], in, groups[in.Name]))
		}
	}
	var all []router
	for _, id := range order {
		for _, seats := range divide(numbered[id]) {
			for _, s := range seats {
				s.router = len(all)
			}
			all = append(all, router{id.vrid, seats})
		}
	}
	return all
}

// six reports whether an instance speaks IPv6. As with keepalived the first of
// these that is written decides.
func six(in *config.Instance) bool {
	switch {
	case len(in.UnicastPeers) > 0:
		return in.UnicastPeers[0].Address.Is6()
	case in.UnicastSource.IsValid():
		return in.UnicastSource.Is6()
	case in.Source.IsValid():
		return in.Source.Is6()
	case in.Destination.IsValid():
		return in.Destination.Is6()
	case len(in.Addresses) > 0:
		return in.Addresses[0].Prefix.Addr().Is6()
	}
	return in.NativeIPv6
}

// divide parts the seats with one number into virtual routers.
func divide(seats []*seat) [][]*seat {
	set := make(parts, len(seats))
	for i := range set {
		set[i] = i
	}
	holders := make(map[netip.Addr]int)
	for i, s := range seats {
		for a := range addresses(s.in) {
			if j, held := holders[a.Addr()]; held && seats[j].of != s.of {
				set.join(i, j)
			} else {
				holders[a.Addr()] = i
			}
		}
	}
	set.joinLone(seats, func(s *seat) string { return s.in.Name }, nil)
	set.joinLone(seats, func(s *seat) string { return s.in.Place(s.in.Interface) }, func(a, b *seat) bool { return a.empty() || b.empty() })
	place := make(map[int]int)
	var out [][]*seat
	for i, s := range seats {
		root := set.find(i)
		k, known := place[root]
		if !known {
			k = len(out)
			place[root] = k
			out = append(out, nil)
		}
		out[k] = append(out[k], s)
	}
	return out
}

// parts is a partition of 0..n-1: each points to another of its part, or to
// itself.
type parts []int

func (p parts) find(i int) int {
	for p[i] != i {
		p[i] = p[p[i]]
		i = p[i]
	}
	return i
}

func (p parts) join(i, j int) {
	a, b := p.find(i), p.find(j)
	p[max(a, b)] = min(a, b)
}

// joinLone joins seats that are alone in their part to the first part of
// other nodes that has a seat of the same key and fits, where that is asked.
func (p parts) joinLone(seats []*seat, key func(*seat) string, fits func(a, b *seat) bool) {
	size := make(map[int]int)
	members := make(map[int][]int)
	for i, s := range seats {
		root := p.find(i)
		size[root]++
		members[root] = append(members[root], s.of)
	}
	first := make(map[string]int)
	for i, s := range seats {
		k := key(s)
		j, known := first[k]
		if !known {
			first[k] = i
			continue
		}
		mine, other := p.find(i), p.find(j)
		if mine == other || fits != nil && !fits(s, seats[j]) {
			continue
		}
		if size[mine] > 1 && size[other] > 1 || slices.ContainsFunc(members[mine], func(of int) bool { return slices.Contains(members[other], of) }) {
			continue
		}
		p.join(i, j)
		root := p.find(i)
		size[root] = size[mine] + size[other]
		members[root] = slices.Concat(members[mine], members[other])
	}
}

// nodeNames returns the files' names, with as much of the path as tells them
// apart.
func nodeNames(cs []*config.Config) []string {
	names := make([]string, len(cs))
	seen := make(map[string]int)
	for i, c := range cs {
		if len(c.Files) > 0 {
			names[i] = filepath.Base(c.Files[0])
		}
		seen[names[i]]++
	}
	for i, c := range cs {
		if seen[names[i]] > 1 && len(c.Files) > 0 {
			names[i] = c.Files[0]
		}
	}
	return names
}
