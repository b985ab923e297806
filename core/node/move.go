package node

import (
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// Failover asks masters to move their addresses to another node, as planned
// (vrrp.Router.Hand). The members of a sync group move together. An instance
// that is not MASTER does nothing. When no other node takes over, the instance
// stays MASTER and a note of topic "failover" says so.
type Failover struct {
	Instances []string
	// Rest is how long an instance that gave its addresses up does not preempt
	// the master that has them; zero means until that one fails.
	Rest time.Duration
	// Force has the addresses given up also when nobody takes them.
	Force bool
}

// Return ends the rest after a Failover: the instances preempt again as their
// configuration says.
type Return struct{ Instances []string }

// Maintain keeps instances from being MASTER, or lets them again. Masters hand
// over first; one that stays because no other node takes over, as in Failover,
// is not in maintenance. A member of a sync group takes its group along.
type Maintain struct {
	// Instances are by name. With All it is every instance, those that a later
	// configuration adds included.
	Instances []string
	All       bool
	On        bool
	// Force has the addresses given up also when nobody takes them.
	Force bool
}

func (*Failover) event() {}
func (*Return) event()   {}
func (*Maintain) event() {}

// Maintenance says which instances are in maintenance.
type Maintenance struct {
	All       bool
	Instances []string
}

// together returns the instances of these names with the other members of their
// sync groups, in configuration order. Unknown names count for nothing.
func (n *Node) together(names []string) []*instance {
	named, groups := map[*instance]bool{}, map[*group]bool{}
	for _, name := range names {
		if in := n.byName[name]; in != nil {
			if named[in] = true; in.group != nil {
				groups[in.group] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(n.instances), func(in *instance) bool { return !named[in] && !groups[in.group] })
}

// handing does something that may begin a hand-over with instances, and has the
// members of each sync group wait equally long for the node that takes over: it
// takes over with all of them when the last is ready.
func (n *Node) handing(now mono.Instant, list []*instance, do func(*instance)) {
	for _, in := range list {
		do(in)
	}
	var slowest map[*group]mono.Instant
	for _, in := range list {
		if in.group == nil || !in.router.Leaving() {
			continue
		}
		last, known := slowest[in.group]
		if !known {
			if slowest == nil {
				slowest = map[*group]mono.Instant{}
			}
			last = in.group.slowest()
			slowest[in.group] = last
		}
		in.router.KeepUntil(last)
		n.reschedule(in)
	}
}

func (n *Node) failover(now mono.Instant, e *Failover) {
	if n.stopping {
		return
	}
	n.handing(now, n.together(e.Instances), func(in *instance) {
		in.acts = in.router.Hand(now, "failover was requested", e.Rest, e.Force, n.room())
		n.emit(now, in)
	})
}

func (n *Node) comeBack(e *Return) {
	for _, in := range n.together(e.Instances) {
		in.router.Return()
	}
}

func (n *Node) maintain(now mono.Instant, e *Maintain) {
	names := e.Instances
	if e.All {
		names = n.names()
	}
	switch {
	case e.All:
		n.maintenance = Maintenance{All: e.On}
	case e.On:
		for _, name := range names {
			if !slices.Contains(n.maintenance.Instances, name) {
				n.maintenance.Instances = append(n.maintenance.Instances, name)
			}
		}
	default:
		for _, in := range n.together(names) {
			names = append(names, in.cfg.Name)
		}
		n.free(names)
	}
	if !n.stopping { // then it is for the next run only
		n.bar(now, n.instances, e.Force)
	}
}

// free takes names out of what is in maintenance.
func (n *Node) free(names []string) {
	if n.maintenance.All {
		n.maintenance = Maintenance{Instances: n.names()}
	}
	n.maintenance.Instances = slices.DeleteFunc(n.maintenance.Instances, func(name string) bool { return slices.Contains(names, name) })
}

func (n *Node) names() []string {
	all := make([]string, len(n.instances))
	for i, in := range n.instances {
		all[i] = in.cfg.Name
	}
	return all
}

// bar has each router barred, or not, as maintenance says.
func (n *Node) bar(now mono.Instant, list []*instance, force bool) {
	barred := n.together(n.maintenance.Instances)
	n.handing(now, list, func(in *instance) {
		on := n.maintenance.All || slices.Contains(barred, in)
		if on == in.router.Barred() {
			return
		}
		text := "out of maintenance: may be MASTER again"
		if on {
			text = "in maintenance: never MASTER until that ends"
		}
		n.note(Info, in.cfg.Name, "maintenance", text)
		in.acts = in.router.Bar(now, on, "maintenance was requested", force, n.room())
		n.emit(now, in)
	})
}

// stayed has an instance go on as MASTER whose addresses nobody took. It cannot
// be in maintenance then, and neither can the members of its sync group.
func (n *Node) stayed(now mono.Instant, in *instance, why string) {
	n.note(Warn, in.cfg.Name, "failover", why)
	if in.group == nil || in.group.contested(now) == "" {
		// A reload may have added some, and one that was not heard may have
		// announced them.
		n.claim(in)
		n.announceAgain(now, in)
	}
	if !in.router.Barred() {
		return
	}
	members := []*instance{in}
	if in.group != nil {
		members = in.group.members
	}
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.cfg.Name
	}
	n.free(names)
	n.bar(now, members, false)
}

// renamed keeps instances in maintenance that a reload renames, and no other that
// has the name of one now, or of one that is gone. after is the new name by the old.
func (n *Node) renamed(after map[string]string) {
	taken := map[string]bool{}
	for _, name := range after {
		taken[name] = true
	}
	n.maintenance.Instances = slices.DeleteFunc(n.maintenance.Instances, func(name string) bool {
		_, moves := after[name]
		return taken[name] && !moves // whoever had that name has none now
	})
	for i, name := range n.maintenance.Instances {
		if now, ok := after[name]; ok {
			n.maintenance.Instances[i] = now
		}
	}
	slices.Sort(n.maintenance.Instances)
	n.maintenance.Instances = slices.Compact(n.maintenance.Instances)
}

// Maintenance returns what is in maintenance.
func (n *Node) Maintenance() Maintenance {
	return Maintenance{All: n.maintenance.All, Instances: slices.Clone(n.maintenance.Instances)}
}
