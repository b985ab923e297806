package lint

import (
	"fmt"

	"github.com/moonkeep/moonkeep/config"
)

// groups compares the sync groups of the nodes: that they keep the same
// instances in step, and that one node is the best for all of them.
func (l *clusterLint) groups() {
	said := make(map[[2]int]bool)
	for i, c := range l.configs {
		for k := range c.Groups {
			g := &c.Groups[k]
			var members []*seat
			for _, m := range g.Members {
				if s := l.seats[i][m]; s != nil {
					members = append(members, s)
				}
			}
			if len(members) > 1 {
				l.order(g, members, said)
				l.alike(i, g, members)
			}
		}
	}
}

// order reports a group of which one node is the best for some members and
// another for others. The group becomes master where every member does, so
// neither node's comes into office, or they take it from each other for ever.
func (l *clusterLint) order(g *config.SyncGroup, members []*seat, said map[[2]int]bool) {
	a := members[0]
	first := ranked(l.routers[a.router].seats)[0]
	for _, b := range members[1:] {
		other := ranked(l.routers[b.router].seats)[0]
		pair := [2]int{a.router, b.router}
		if other.of == first.of || said[pair] || !l.has(other.of, a.router) || !l.has(first.of, b.router) {
			continue
		}
		said[pair] = true
		l.found.Add(g.At, config.Warning, "group-order", "vrrp_sync_group %s: %s is the best for %s (priority %d), but %s for %s (%d): a group is master only where all its members are, so the addresses go back and forth or nobody holds them; give one node the highest priority of all members",
			g.Name, first.node, a.in.Name, first.healthy, other.node, b.in.Name, other.healthy)
		return
	}
}

// has reports whether a node has a seat in a router.
func (l *clusterLint) has(of, router int) bool {
	for _, s := range l.routers[router].seats {
		if s.of == of {
			return true
		}
	}
	return false
}

// alike reports nodes that have the members of a group and do not keep them
// in step.
func (l *clusterLint) alike(of int, g *config.SyncGroup, members []*seat) {
	firsts := make(map[int]*seat)
	said := make(map[int]bool)
	for _, m := range members {
		for _, s := range l.routers[m.router].seats {
			first := firsts[s.of]
			switch {
			case s.of == of || said[s.of]:
			case first == nil:
				firsts[s.of] = s
			case first.group == nil || first.group != s.group:
				said[s.of] = true
				first.warn(&l.found, first.in.At, "group-members", "%s keeps it in step with %s (vrrp_sync_group %s), this file does not%s: when this node is master of the one, %s can be master of the other; write the same group on all nodes",
					m.node, s.in.Name, g.Name, grouped(first, s), m.node)
			}
		}
	}
}

// grouped says which groups two instances are in.
func grouped(a, b *seat) string {
	switch {
	case a.group != nil && b.group != nil:
		return fmt.Sprintf(" (%s is in %s and %s in %s)", a.in.Name, a.group.Name, b.in.Name, b.group.Name)
	case a.group != nil:
		return fmt.Sprintf(" (%s is in no group)", b.in.Name)
	case b.group != nil:
		return fmt.Sprintf(" (%s is in no group)", a.in.Name)
	}
	return ""
}
