package node

import (
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/track"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Reconfigure replaces the configuration. An instance is the same as before
// when interface, VRID, family and group are, whatever its name, as in
// keepalived; one of unicast also if its name is, or one of its peers: it keeps
// role, timers and the addresses that stay. One that is gone resigns and releases
// at once; a new one starts in INIT. The members of a sync group that it leaves in
// different roles are all BACKUP then (group.contested). A script with the same
// name and identity keeps its state. The caller delivers the Link events of newly
// named interfaces. After Stop it does nothing: the node is about to end.
func (n *Node) Reconfigure(now mono.Instant, cfg Config) []Action {
	n.begin()
	if n.stopping {
		return n.out
	}
	n.awake(now)
	n.tellStrangers, n.strange = cfg.TellStrangers, nil
	n.restatic(cfg.Static)
	n.rescript(now, cfg.Scripts)
	n.resession(now, cfg.Sessions)
	n.rewatch(now, &cfg)
	n.redelay(now, cfg.Delays)
	n.reservice(now, cfg.Services)
	old := n.keep(cfg.Instances)
	rests := n.rests(now)
	n.drop(now, old)

	n.instances, n.byName, n.byKey = nil, map[string]*instance{}, map[key][]*instance{}
	var kept []*instance
	for i := range cfg.Instances {
		c := &cfg.Instances[i]
		k := keyOf(*c)
		in := old[i]
		if in == nil {
			in = &instance{cfg: c, router: vrrp.New(now, &c.Router), retry: mono.Never, extra: idle(), known: c.Router.Priority}
			in.router.SetWall(n.wall)
			in.router.Resume(rests[identity{c.Name, c.Router.VRID, c.six()}])
			in.timer = &timed{at: mono.Never, run: func(now mono.Instant) { n.run(now, in) }}
			n.sched.add(in.timer)
		} else {
			kept = append(kept, in)
		}
		n.instances = append(n.instances, in)
		n.byName[c.Name], n.byKey[k] = in, append(n.byKey[k], in)
	}
	before := make([]holding, len(kept))
	for i, in := range kept {
		before[i] = holding{in.cfg.Name, in.addresses(), in.cfg.Router.Drops(), in.cfg.Routing}
	}
	after := map[string]string{}
	for i := range cfg.Instances {
		c := &cfg.Instances[i]
		in := n.instances[i]
		if !in.cfg.Router.Equal(c.Router) {
			in.router.Reconfigure(now, &c.Router)
		} else {
			in.router.Share(&c.Router)
		}
		if in.cfg.Name != c.Name {
			after[in.cfg.Name] = c.Name
			in.unsent = nil // which the edge knows by the name
		}
		if u := &c.Router.Unicast; u.On {
			in.unsent = slices.DeleteFunc(in.unsent, func(to netip.Addr) bool { return u.Peer(to) == nil })
		}
		in.cfg, in.group = c, nil
	}
	n.renamed(after)
	n.regroupAll(now, cfg.Groups)
	n.readdress(kept, before)
	n.attach()
	n.attachSessions()
	n.attachStatics()
	n.attachWatched()
	n.bar(now, n.instances, false)
	n.settleAll(now, n.instances)
	for _, in := range n.instances {
		n.reschedule(in)
	}
	n.rouse(now)
	n.requorums(now) // of services that fell asleep
	n.rebalance(now)
	if cfg.TellStanding && n.running {
		n.tellStanding()
	}
	n.running = true
	n.looked = now.Add(-stood) // who is late may be too late by the new configuration
	n.patient()
	return n.out
}

// identity is what people know a virtual router by: it stays when the virtual router
// moves to another interface, as to one of its own.
type identity struct {
	name string
	vrid uint8
	six  bool
}

// rests are the instances that leave a master of lower priority alone.
func (n *Node) rests(now mono.Instant) map[identity]vrrp.Rest {
	var all map[identity]vrrp.Rest
	for _, in := range n.instances {
		if r := in.router.Rest(now); r.On {
			if all == nil {
				all = map[identity]vrrp.Rest{}
			}
			all[identity{in.cfg.Name, in.cfg.Router.VRID, in.cfg.six()}] = r
		}
	}
	return all
}

// drop ends the instances that the new configuration does not have.
func (n *Node) drop(now mono.Instant, kept []*instance) {
	stays := make(map[*instance]bool, len(kept))
	for _, in := range kept {
		stays[in] = true
	}
	for _, in := range n.instances {
		if stays[in] {
			continue
		}
		in.group = nil
		in.acts = in.router.Stop(now, "removed from the configuration", n.room())
		in.acts = in.router.Abandon(now, in.acts)
		start := len(n.out)
		n.emit(now, in)
		for i := range n.out[start:] {
			if c := n.out[start+i].Change; c != nil {
				c.Stop, c.Deleted = false, true
			}
		}
		n.sched.remove(in.timer)
	}
}

// holding is under which name a master claimed what.
type holding struct {
	name      string
	addresses []netspec.Address
	drops     bool // packets to them
	routing   netspec.Routing
}

// readdress gives up and takes the addresses in which masters' lists differ, and has
// packets to them dropped or accepted as is asked now. All claims come first, so that
// an address which moves from one master to another, or to another name of the same
// one, never goes; then what is given up; then what is new is announced.
func (n *Node) readdress(kept []*instance, before []holding) {
	var releases, announcements []Action
	for i, in := range kept {
		was := &before[i]
		rerouted := !was.routing.Equal(in.cfg.Routing)
		if rerouted || !slices.Equal(was.addresses, in.addresses()) {
			in.forgive() // what the kernel refused is not what is asked now
		}
		if in.router.Role() != vrrp.Master {
			continue
		}
		added := without(in.addresses(), was.addresses)
		renamed := in.cfg.Name != was.name
		switch {
		case renamed || rerouted || was.drops != in.cfg.Router.Drops() || len(added) > 0 && !in.claimed:
			n.claim(in)
		case len(added) > 0:
			// To claim what stands has the kernel read all its addresses.
			n.claimSome(in, added)
		}
		if release := n.given(was); len(release.Addresses) > 0 || renamed {
			releases = append(releases, release)
		}
		if renamed {
			added = in.addresses() // what waits to be announced goes with the old name
		}
		if len(added) > 0 && !in.router.Leaving() {
			announcements = append(announcements, Action{Kind: Announce, Instance: in.cfg.Name, Addresses: added, Rounds: max(1, in.cfg.Router.Announce.Repeat)})
		}
	}
	n.out = append(append(n.out, releases...), announcements...)
}

// given is the release of what a master held before a reload. To the edge it belongs
// to the name, which another master may have now: what that one holds stays. An
// address that only changes an attribute is claimed with the new one, and must not be
// released with the old.
func (n *Node) given(was *holding) Action {
	release := Action{Kind: Release, Instance: was.name, Addresses: was.addresses}
	in := n.byName[was.name]
	if in == nil || in.router.Role() != vrrp.Master {
		return release
	}
	now := in.addresses()
	release.Routing = in.cfg.Routing
	release.Addresses = slices.DeleteFunc(slices.Clone(was.addresses), func(a netspec.Address) bool { return slices.ContainsFunc(now, a.Same) })
	return release
}

// without returns the addresses of list that are not in other.
func without(list, other []netspec.Address) []netspec.Address {
	return slices.DeleteFunc(slices.Clone(list), func(a netspec.Address) bool { return slices.Contains(other, a) })
}

// rescript replaces the scripts. It runs before the instances refer to them.
func (n *Node) rescript(now mono.Instant, cfg []Script) {
	old := n.scripts
	n.scripts, n.order = map[string]*script{}, nil
	for _, c := range cfg {
		s := old[c.Name]
		if s != nil && s.cfg.Identity == c.Identity {
			s.life.Reconfigure(now, c.Interval, c.Rise, c.Fall)
			s.weight.Reconfigure(c.Smoothing)
			lacked := s.lacking()
			if s.cfg, s.users = c, nil; lacked {
				s.lacks = max(1, c.Fall)
			}
		} else {
			s = n.replace(now, s, c)
		}
		n.scripts[c.Name] = s
		n.order = append(n.order, s)
	}
	for _, s := range old {
		if n.scripts[s.cfg.Name] == s {
			continue
		}
		if s.timer != nil {
			n.sched.remove(s.timer)
		}
		if s.life.Running() {
			n.orphans[s.cfg.Name]++
		}
	}
}

// replace makes a script anew. One that was there before under that name lends
// its state until the first result, so that a reload disturbs no instance.
func (n *Node) replace(now mono.Instant, old *script, cfg Script) *script {
	s := &script{cfg: cfg, last: mono.Never, life: track.NewScript(now, cfg.Interval, cfg.Rise, cfg.Fall, cfg.InitFail), weight: track.NewWeight(cfg.Smoothing)}
	if old != nil {
		s.life.Lend(old.life.State())
		if s.lacks = old.lacks; old.lacking() {
			s.lacks = max(1, cfg.Fall)
		}
		if old.weight.Known() {
			s.weight.Observe(now, float64(old.weight.Value()))
		}
		s.lent = true
	}
	return s
}

// attach finds out who uses each script and schedules those that are used.
func (n *Node) attach() {
	for _, in := range n.instances {
		lists := [][]TrackScript{in.cfg.Scripts}
		if in.group != nil {
			lists = append(lists, in.group.cfg.Scripts)
		}
		for _, list := range lists {
			for _, t := range list {
				if s := n.scripts[t.Name]; !slices.Contains(s.users, in) {
					s.users = append(s.users, in)
				}
			}
		}
	}
	for _, s := range n.order {
		switch {
		case len(s.users) > 0 && s.timer == nil:
			s.timer = &timed{at: n.due(s), run: func(now mono.Instant) { n.runScript(now, s) }}
			n.sched.add(s.timer)
		case len(s.users) == 0 && s.timer != nil:
			n.sched.remove(s.timer)
			s.timer = nil
		case s.timer != nil:
			n.sched.set(s.timer, n.due(s))
		}
	}
}

// regroupAll makes the sync groups anew; a group of the same name keeps its
// role, and so does one of the same members that only the name of was changed.
func (n *Node) regroupAll(now mono.Instant, cfg []Group) {
	old := n.groupsByName
	n.groups, n.groupsByName = nil, map[string]*group{}
	for _, c := range cfg {
		g := &group{cfg: c, since: now}
		for _, name := range c.Members {
			if in := n.byName[name]; in != nil && in.group == nil {
				in.group = g
				g.roles[in.router.Role()]++
				g.members = append(g.members, in)
				if in.cfg.Router.Announce.LowerPrioRepeat > 0 {
					g.defenders = append(g.defenders, in)
				}
			}
		}
		n.groups = append(n.groups, g)
		n.groupsByName[c.Name] = g
	}
	for _, g := range n.groups {
		was := old[g.cfg.Name]
		if was == nil {
			// Of one that has a new name keepalived tells again that it is BACKUP or
			// in FAULT, and not that it is MASTER.
			for name, o := range old {
				if n.groupsByName[name] == nil && o.role == vrrp.Master && sameMembers(o, g) {
					was = o
					break
				}
			}
		}
		if was != nil {
			g.role, g.since = was.role, was.since
		}
	}
}

// sameMembers reports whether two groups have the same members, of which an instance
// can only be in one before a reload and in one after it.
func sameMembers(a, b *group) bool {
	return len(a.members) == len(b.members) && len(a.members) > 0 &&
		!slices.ContainsFunc(a.members, func(in *instance) bool { return in.group != b })
}
