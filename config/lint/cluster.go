package lint

import (
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// Cluster returns what is to be said about configurations that are the nodes
// of one cluster. A single configuration is no cluster: nothing is said about
// it.
func Cluster(cs []*config.Config) config.Findings {
	if len(cs) < 2 {
		return nil
	}
	l := clusterLint{configs: cs, routers: routers(cs)}
	l.index()
	for i := range l.routers {
		r := &l.routers[i]
		if l.strangers(r) {
			continue
		}
		if r.nodes() == 1 {
			l.lonely(r)
			continue
		}
		agreement(r.seats, &l.found)
		unicastPeers(r.seats, &l.found)
		election(r.seats, &l.found)
		movement(r.seats, &l.found)
	}
	l.groups()
	l.services()
	l.routerIDs()
	l.syncDaemons()
	return settle(l.found)
}

type clusterLint struct {
	configs []*config.Config
	routers []router
	// seats are those of each node, by the instance's name.
	seats []map[string]*seat
	// named and holding find the seats of all nodes.
	named   map[string][]*seat
	holding map[netip.Addr][]*seat
	// numbered are the routers with each number, linked those of them on an
	// interface of each name.
	numbered map[int][]*router
	linked   map[link][]*router
	found    config.Findings
}

// link is where a number must be a virtual router's own.
type link struct {
	vrid  int
	six   bool
	iface string
}

func linkOf(s *seat) link { return link{s.in.VRID, six(s.in), s.in.Place(s.in.Interface)} }

func (l *clusterLint) index() {
	l.seats = make([]map[string]*seat, len(l.configs))
	for i := range l.seats {
		l.seats[i] = make(map[string]*seat)
	}
	l.named, l.holding = make(map[string][]*seat), make(map[netip.Addr][]*seat)
	l.numbered, l.linked = make(map[int][]*router), make(map[link][]*router)
	for i := range l.routers {
		r := &l.routers[i]
		l.numbered[r.vrid] = append(l.numbered[r.vrid], r)
		for _, s := range r.seats {
			if key := linkOf(s); !unicast(s.in) && !slices.Contains(l.linked[key], r) {
				l.linked[key] = append(l.linked[key], r)
			}
			l.seats[s.of][s.in.Name] = s
			l.named[s.in.Name] = append(l.named[s.in.Name], s)
			for a := range addresses(s.in) {
				l.holding[a.Addr()] = append(l.holding[a.Addr()], s)
			}
		}
	}
}

// routerIDs reports nodes that were given one name.
func (l *clusterLint) routerIDs() {
	names := make(map[string]int)
	for i, c := range l.configs {
		id := c.Global.RouterID
		if id == "" || !c.Global.Written.Has("router_id") {
			continue
		}
		if first, twice := names[id]; twice {
			l.found.Add(c.Global.Written.At("router_id", c.Global.At), config.Warning, "same-router-id", "router_id %s is that of %s too: mails, SNMP and metrics do not tell the nodes apart; give each its own", id, nodeNames(l.configs)[first])
			continue
		}
		names[id] = i
	}
}

// strangers reports a virtual router whose number an earlier one has on an
// interface of the same name: two clusters that somebody gave one number. It
// returns true when that explains why the router has one node only.
func (l *clusterLint) strangers(r *router) bool {
	clash := false
	for _, s := range r.seats {
		for _, other := range l.linked[linkOf(s)] {
			if other == r {
				continue
			}
			if o := other.seats[0]; !clash && o.router < s.router {
				s.warn(&l.found, place(s.in, "virtual_router_id"), "shared-number", "virtual_router_id %d is that of vrrp_instance %s of %s too, which has none of these addresses: if both %s are one network, each takes the other's adverts for its peer's, and addresses go down that nobody takes over; give one of the two another number",
					r.vrid, o.in.Name, o.node, s.in.Interface)
			}
			clash = true
		}
	}
	return clash && r.nodes() == 1
}

// lonely reports a virtual router that no other file has. When another file
// has an instance of the same name or with one of the addresses under another
// number, that is the likely mistake.
func (l *clusterLint) lonely(r *router) {
	s := r.seats[0]
	at := place(s.in, "virtual_router_id")
	for _, o := range l.named[s.in.Name] {
		if o.of != s.of && o.in.VRID != r.vrid {
			s.warn(&l.found, at, "no-peer", "no other file has virtual_router_id %d, and %s has %d for the same name: both would be master",
				r.vrid, o.node, o.in.VRID)
			return
		}
	}
	for a := range addresses(s.in) {
		for _, o := range l.holding[a.Addr()] {
			if o.of != s.of {
				s.warn(&l.found, at, "no-peer", "no other file has virtual_router_id %d, and %s has %s under %d: both would be master",
					r.vrid, o.node, a.Addr(), o.in.VRID)
				return
			}
		}
	}
	s.warn(&l.found, at, "no-peer", "no other file has virtual_router_id %d%s: nobody takes over when this node fails", r.vrid, l.elsewhere(r))
}

// elsewhere says that the number is there and means something else.
func (l *clusterLint) elsewhere(r *router) string {
	var where []string
	for _, o := range l.numbered[r.vrid] {
		if o.seats[0].of != r.seats[0].of {
			where = append(where, o.seats[0].node+" has it on "+o.seats[0].in.Interface)
		}
	}
	if len(where) == 0 {
		return ""
	}
	return " with one of these addresses (" + list(where) + ")"
}
