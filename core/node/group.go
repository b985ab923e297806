package node

import (
	"fmt"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// group is a sync group: its members are MASTER together, yield together and
// fail together, as in keepalived.
type group struct {
	cfg     Group
	members []*instance
	// defenders are those that announce their addresses again when a member met
	// another master.
	defenders []*instance
	// roles counts the members in each role: each advert of a member is followed by a
	// look at the group.
	roles [4]int
	pass  uint64 // Node.pass that settled it last
	stops int    // members that Stop has ended, until the group is told of it
	role  vrrp.Role
	since mono.Instant
	// yielded names the member that left MASTER for BACKUP, or came from elsewhere
	// as a BACKUP, and whose lead the others must follow; empty when none did.
	yielded string
	// asked is until when an answer about preempting is waited for.
	asked mono.Instant
	// busy is true while regroup runs: the members' own changes call it again.
	busy bool
	// defended is until when a further member that meets a master has the others do
	// nothing: they were told just now.
	defended mono.Instant
	// walked counts the members that were gone through. What happens to all of them
	// goes through each a few times, and not once for each other: a test looks.
	walked uint64
}

// all returns the members, for one to go through.
func (g *group) all() []*instance {
	g.walked += uint64(len(g.members))
	return g.members
}

// slowest is when the last member that hands over is to release its addresses, if no
// other node takes them before.
func (g *group) slowest() mono.Instant {
	var last mono.Instant
	for _, m := range g.all() {
		if m.router.Leaving() {
			last = max(last, m.router.ReleaseAt())
		}
	}
	return last
}

// defendGap is the least time between two walks through a group because of other masters.
// Those of another node's group are met at about the same time, each by its own member, and
// say their last so. It is shorter than what lies between the first and the last of one.
const defendGap = 5 * time.Millisecond

// defend has the members announce their addresses again because one met another master.
func (n *Node) defend(now mono.Instant, met *instance) {
	if now < met.group.defended {
		return
	}
	met.group.defended = now.Add(defendGap)
	met.group.walked += uint64(len(met.group.defenders))
	for _, m := range met.group.defenders {
		if m != met && m.router.Role() == vrrp.Master {
			m.acts = m.router.Defend(now, n.room())
			n.emit(now, m)
		}
	}
}

// regroup makes the members of a group follow each other and tells when the
// group as a whole changed role.
func (n *Node) regroup(now mono.Instant, g *group) {
	if g.busy {
		return
	}
	g.busy = true
	defer func() { g.busy = false }()
	var apart string
	if g.yielded == "" && !n.stopping {
		apart = g.contested(now)
		g.yielded = apart
	}
	for g.yielded != "" {
		leader := g.yielded
		g.yielded = ""
		for _, m := range g.all() {
			why := fmt.Sprintf("sync group %s: %s yielded", g.cfg.Name, leader)
			if apart != "" {
				// No node has announced that it takes this one: others must be told.
				m.acts = m.router.Cede(now, why, n.room())
			} else {
				m.acts = m.router.Demote(now, why, n.room())
			}
			n.emit(now, m)
			if g.yielded == m.cfg.Name {
				g.yielded = "" // it followed; that is no new lead
			}
		}
	}
	if g.ready() {
		for _, m := range g.all() {
			if m.router.Wanting() {
				m.acts = m.router.Promote(now, fmt.Sprintf("sync group %s: every member is ready", g.cfg.Name), n.room())
				n.emit(now, m)
			}
		}
	}
	n.regroupRole(now, g)
}

// contested returns a member that obeys another node's master while another is
// MASTER here, "" when there is none. Members change together, so that is what a
// reload made of the group: it gave it members that follow different nodes, or one
// that hears of another master before it could join those here.
func (g *group) contested(now mono.Instant) string {
	if g.roles[vrrp.Master] == 0 || g.roles[vrrp.Backup] == 0 {
		return ""
	}
	masters, obeys := false, ""
	for _, m := range g.all() {
		switch {
		case m.router.Role() == vrrp.Master:
			masters = masters || !m.router.Leaving()
		case obeys == "" && m.router.Obeying(now):
			obeys = m.cfg.Name
		}
	}
	if !masters {
		return ""
	}
	return obeys
}

// ready reports whether every member is MASTER or wants to be, and one wants.
func (g *group) ready() bool {
	if g.roles[vrrp.Init]+g.roles[vrrp.Fault] > 0 || g.roles[vrrp.Backup] == 0 {
		return false
	}
	wanting := false
	for _, m := range g.members {
		g.walked++ // mostly the first ends it
		switch {
		case m.router.Wanting():
			wanting = true
		case m.router.Role() != vrrp.Master || m.router.Leaving():
			return false
		}
	}
	return wanting
}

// regroupRole works out the group's role: FAULT if one member is, MASTER when
// all are, INIT while one has not started, else BACKUP. One that a reload adds, and
// that waits, makes no INIT of what the others have told already.
func (n *Node) regroupRole(now mono.Instant, g *group) {
	masters, inits, faults := g.roles[vrrp.Master], g.roles[vrrp.Init], g.roles[vrrp.Fault]
	role, told := vrrp.Backup, g.role == vrrp.Backup || g.role == vrrp.Master
	switch {
	case n.stopping && g.stops < len(g.members):
		return // told once, when the last member has stopped
	case n.stopping:
		role, g.stops = vrrp.Init, 0
	case faults > 0:
		role = vrrp.Fault
	case inits > 0 && !(told && inits < len(g.members)):
		role = vrrp.Init
	case masters == len(g.members):
		role = vrrp.Master
	case masters > 0:
		// The members change one after the other, and one that a reload added waits
		// until no other node can be its master before it joins.
		return
	}
	if role == g.role && !n.stopping {
		return
	}
	n.seq++
	n.out = append(n.out, Action{Kind: Changed, Change: &Change{
		Group: true, Name: g.cfg.Name, From: g.role, To: role, Stop: n.stopping,
		Why: "its members changed together", Seq: n.seq,
	}})
	g.role, g.since = role, now
}
