package node

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/mono"
)

// Wish is what people want of a real server.
type Wish uint8

// The wishes.
const (
	// WishAuto leaves it to its checks.
	WishAuto Wish = iota
	// WishDrain gives it no new connections, and takes its place away once its
	// connections are gone or their time is over.
	WishDrain
	// WishDown takes its place away at once, and its connections with it.
	WishDown
	// WishMaintenance is WishDrain, with its checks at rest.
	WishMaintenance
)

// String is the word for it.
func (w Wish) String() string { return [...]string{"auto", "drain", "down", "maintenance"}[w] }

// Hand is a real server in which people have a hand.
type Hand struct {
	Service, Server string
	Wish            Wish
	// Limit is how long its connections may take to end; zero is for ever. It
	// counts for WishDrain and WishMaintenance, as does Left: what is left of it.
	// There zero is the whole Limit, and less says that its place is gone already.
	Limit, Left time.Duration
	// Weight takes the place of the configured weight and of what checks make
	// of it, unless it is negative.
	Weight int
	// Everywhere, when it is not empty, is the address, or the address and port,
	// of servers that people meant in whatever service they are: one that comes
	// into another service later, or whose service gets another name, is in the
	// same hand there.
	Everywhere string
	// WeightHere says that people meant Weight for this service alone, also where
	// they meant the rest everywhere.
	WeightHere bool
}

// idle reports whether it changes nothing.
func (h Hand) idle() bool { return h.Wish == WishAuto && h.Weight < 0 }

// wanted says what people want, as the end of a sentence.
func (h Hand) wanted() string {
	text := "is left to its checks"
	switch h.Wish {
	case WishDrain:
		text = "is to be drained"
	case WishMaintenance:
		text = "is to be in maintenance"
	case WishDown:
		text = "is to be down"
	}
	if h.Weight >= 0 {
		text += fmt.Sprintf(", with weight %d", h.Weight)
	}
	return text
}

// in is the same hand, with another Everywhere and another Left.
func (h Hand) in(everywhere string, left time.Duration) Hand {
	h.Everywhere, h.Left = everywhere, left
	return h
}

// drains reports whether the server's connections may end before its place goes.
func (h Hand) drains() bool { return h.Wish == WishDrain || h.Wish == WishMaintenance }

// Handle has people take a hand in real servers, or take it out again: in all of them at
// one instant. The node remembers it also while there are no such servers.
type Handle struct{ List []Hand }

// Drained says of servers which people drain, as Draining returned them, that they have no
// connections any more. Only these lose their places: whoever has come to be drained since
// may have clients still.
type Drained struct{ List []Draining }

func (*Handle) event()  {}
func (*Drained) event() {}

// hand is a Hand and how far it has come.
type hand struct {
	Hand
	server *server // whose it is; nil when there is none
	// out says that the server's place is gone.
	out   bool
	since mono.Instant
	timer *timed // the end of Limit; nil without one
}

// serverName tells real servers apart.
type serverName struct{ service, server string }

func (n *Node) handle(now mono.Instant, list []Hand) {
	found := n.find(list)
	for _, h := range list {
		n.handleOne(now, h, found[serverName{h.Service, h.Server}])
	}
}

// find returns the real servers of a list that there are: to look for each of many by
// itself among tens of thousands takes too long.
func (n *Node) find(list []Hand) map[serverName]*server {
	found := make(map[serverName]*server, len(list))
	for i := range list {
		found[serverName{list[i].Service, list[i].Server}] = nil
	}
	services := map[string]bool{}
	for name := range found {
		services[name.service] = true
	}
	for i := range n.services {
		v := &n.services[i]
		if !services[v.cfg.Name] {
			continue
		}
		for k := range v.servers {
			if len(list) == 1 && v.servers[k].cfg.Name != list[0].Server {
				continue
			}
			name := serverName{v.cfg.Name, v.servers[k].cfg.Name}
			if _, is := found[name]; is {
				found[name] = &v.servers[k]
			}
		}
	}
	return found
}

func (n *Node) handleOne(now mono.Instant, e Hand, s *server) {
	name := serverName{e.Service, e.Server}
	old := n.hands[name]
	if old != nil && old.Everywhere != e.Everywhere {
		// Who asks for a drain again begins its time anew.
		anew := e.Limit > 0 && e.Left == 0
		if !anew && old.in(e.Everywhere, e.Left) == e {
			old.Everywhere = e.Everywhere // which is all that is new
			return
		}
	}
	if s != nil && !s.stands() && e.drains() {
		e.Left = -1 // a place that is not there does not come to be drained
	}
	h := n.remember(now, e)
	if s == nil {
		return
	}
	rested, stood := s.rests(), s.stands()
	h.server, s.hand = s, n.hands[name]
	if s.rests() != rested {
		if rested {
			s.unproven = s.tested() && !s.service.sleeps
		}
		for i := range s.checks {
			n.wake(now, &s.checks[i], rested)
		}
	}
	if e.Wish == WishAuto && s.unproven {
		s.absent = !stood // a place that is gone does not come back before a result
	}
	n.note(Info, "", "server", fmt.Sprintf("real server %s of virtual server %s %s", s.cfg.Name, s.service.cfg.Name, h.wanted()))
	if h.Wish == WishAuto && old != nil && old.Wish != WishAuto && !s.unproven {
		s.begin(now)
	}
	n.touch(s.service)
}

// remember puts a hand in the place of the one before it.
func (n *Node) remember(now mono.Instant, e Hand) *hand {
	name := serverName{e.Service, e.Server}
	old := n.hands[name]
	if old != nil && old.timer != nil {
		n.sched.remove(old.timer)
	}
	h := &hand{Hand: e, since: now, out: e.Wish == WishDown || e.drains() && e.Left < 0}
	if old != nil && old.out && e.Wish != WishAuto {
		h.out = true // a place that is gone does not come back to be drained
	}
	if n.hands == nil {
		n.hands = map[serverName]*hand{}
	}
	n.hands[name] = h
	if h.idle() {
		delete(n.hands, name)
	}
	if e.drains() && e.Limit > 0 && !h.out {
		left := e.Limit
		if e.Left > 0 {
			left = e.Left
		}
		h.timer = &timed{at: mono.Never, run: func(mono.Instant) { n.emptied(name, "its time is over") }}
		n.sched.add(h.timer)
		n.sched.set(h.timer, now.Add(left))
	}
	return h
}

// handed is what the table is to make of what people want.
func (s *server) handed() balance.Hand {
	free := s.hand == nil || s.hand.Wish == WishAuto
	switch {
	case free && !s.unproven:
		return balance.Free
	case free && s.absent, !free && s.hand.out:
		return balance.Out
	}
	return balance.Draining
}

// stands reports whether it has a place, or would have but for the sorry server.
func (s *server) stands() bool {
	switch s.handed() {
	case balance.Free:
		return s.serves || s.cfg.Inhibits
	case balance.Draining:
		return true
	}
	return false
}

// tested reports whether a check of its own runs, rather than that all follow
// something else.
func (s *server) tested() bool {
	for i := range s.checks {
		if !s.checks[i].follows() {
			return true
		}
	}
	return false
}

// rests reports whether people have its checks rest.
func (s *server) rests() bool { return s.hand != nil && s.hand.Wish == WishMaintenance }

// inForce is its weight with what people want.
func (s *server) inForce() int {
	if s.hand != nil && s.hand.Weight >= 0 {
		return min(s.hand.Weight, balance.MostWeight)
	}
	return s.weight
}

// counts is its weight for the quorum.
func (s *server) counts() int64 {
	if !s.up || s.handed() != balance.Free {
		return 0
	}
	return int64(s.inForce())
}

// total is the sum of the weights of servers that serve.
func (v *service) total() (sum int64) {
	for i := range v.servers {
		sum += v.servers[i].counts()
	}
	return sum
}

// begin has the weight of a server that came back rise slowly, if it is to.
func (s *server) begin(now mono.Instant) {
	s.rises, s.risesFrom = s.service.cfg.SlowStart.Over > 0, now
}

// Hands returns the servers in which people have a hand, in order, with what is
// left of their time now.
func (n *Node) Hands(now mono.Instant) []Hand {
	list := make([]Hand, 0, len(n.hands))
	for _, h := range n.hands {
		x := h.Hand
		switch {
		case !x.drains():
			x.Left = 0
		case h.out:
			x.Left = -1
		case h.timer != nil:
			x.Left = max(1, h.timer.at.Sub(now))
		}
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b Hand) int { return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Server, b.Server)) })
	return list
}

// spread has servers be in the hands that were meant for wherever they are.
func (n *Node) spread(now mono.Instant) {
	everywhere := map[string]Hand{}
	for _, h := range n.Hands(now) {
		h.Left = max(0, h.Left) // of the place that is gone this is another one
		if h.WeightHere {       // what others have goes before that they have none
			h.Weight, h.WeightHere = -1, false
			if _, known := everywhere[h.Everywhere]; known {
				continue
			}
		}
		if h.Everywhere != "" && !h.idle() {
			everywhere[h.Everywhere] = h
		}
	}
	if len(everywhere) == 0 {
		return
	}
	for i := range n.services {
		v := &n.services[i]
		for k := range v.servers {
			name := serverName{v.cfg.Name, v.servers[k].cfg.Name}
			if n.hands[name] != nil {
				continue
			}
			h, meant := everywhere[name.server]
			if !meant && k < len(v.cfg.Layout.Servers) {
				h, meant = everywhere[v.cfg.Layout.Servers[k].Address.Addr().String()]
			}
			if meant {
				h.Service, h.Server = name.service, name.server
				n.remember(now, h)
				n.note(Info, "", "server", fmt.Sprintf("real server %s of virtual server %s %s, as was said of %s everywhere", name.server, name.service, h.wanted(), h.Everywhere))
			}
		}
	}
}

// rehand finds the servers anew in which people have a hand.
func (n *Node) rehand(now mono.Instant) {
	if len(n.hands) == 0 {
		return
	}
	n.spread(now)
	for _, h := range n.hands {
		h.server = nil
	}
	for i := range n.services {
		v := &n.services[i]
		for k := range v.servers {
			s := &v.servers[k]
			if s.hand = n.hands[serverName{v.cfg.Name, s.cfg.Name}]; s.hand != nil {
				s.hand.server = s
			}
			for x := range s.checks {
				if s.rests() && !s.checks[x].follows() {
					s.checks[x].life.Suspend()
					n.darkened(now, &s.checks[x])
				}
			}
		}
	}
}
