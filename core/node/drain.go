package node

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/mono"
)

// Draining is a real server that loses its place when its connections are gone. Keys are
// its services in the table, but for those where it shares its place with another real
// server that has clients: it has no connections of its own there, and they do not end.
type Draining struct {
	Service, Server string
	Keys            []balance.Key
	Address         balance.Destination
}

// Draining returns the servers that are being drained, those in most services of the
// table first: who is one with several is told of with the first.
func (n *Node) Draining() (list []Draining) {
	if len(n.hands) == 0 {
		return nil
	}
	for i := range n.services {
		v := &n.services[i]
		for k := range min(len(v.servers), len(v.cfg.Layout.Servers)) {
			if h := v.servers[k].hand; h != nil && !h.out && h.drains() {
				list = append(list, Draining{v.cfg.Name, v.servers[k].cfg.Name, n.apart(v, k), v.cfg.Layout.Servers[k]})
			}
		}
	}
	slices.SortFunc(list, func(a, b Draining) int {
		return cmp.Or(len(b.Keys)-len(a.Keys), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Server, b.Server))
	})
	return list
}

// apart returns the keys of a service but for those where another real server with the
// same place in the table, which counts there, has clients.
func (n *Node) apart(v *service, k int) []balance.Key {
	if !v.cfg.Layout.Doubles && !v.cfg.Shares {
		return v.cfg.Layout.Keys
	}
	return slices.DeleteFunc(slices.Clone(v.cfg.Layout.Keys), func(key balance.Key) bool { return n.covered(v, k, key) })
}

// covered reports whether another real server counts in a service of the table in the
// place of one, and has clients: of several with one place the first does.
func (n *Node) covered(v *service, k int, key balance.Key) bool {
	sharers := []*service{v}
	if v.cfg.Shares {
		sharers = n.balancing.sharers[key]
	}
	at := v.cfg.Layout.Servers[k].In(key)
	for _, u := range sharers {
		for _, p := range u.places {
			if p.Server != balance.SorryServer && u.cfg.Layout.Servers[p.Server].In(key) == at {
				return p.Weight > 0 && (u != v || p.Server != k)
			}
		}
	}
	return false
}

// emptied takes the place of a server away whose time to be drained is over.
func (n *Node) emptied(name serverName, why string) {
	h := n.hands[name]
	if h == nil || h.out || !h.drains() {
		return
	}
	s := h.server
	h.leave(n, s)
	if s != nil {
		n.note(Info, "", "server", fmt.Sprintf("%s is drained: %s", s.fullName(), why))
	}
}

// drained takes the places of servers away that have no connections any more. What is
// gone in a place of the table that several of them share is told once.
func (n *Node) drained(list []Draining) {
	// To look for each of them by itself among tens of thousands takes too long.
	at := map[*hand]emptiedServer{}
	for i := range n.services {
		for k := range n.services[i].servers {
			if s := &n.services[i].servers[k]; s.hand != nil {
				at[s.hand] = emptiedServer{server: s, k: k}
			}
		}
	}
	var gone []emptiedServer
	for _, x := range list {
		h := n.hands[serverName{x.Service, x.Server}]
		if h == nil || h.out || !h.drains() {
			continue
		}
		t := at[h]
		h.leave(n, t.server)
		if t.server != nil {
			t.beside = len(x.Keys) == 0
			gone = append(gone, t)
		}
	}
	for len(gone) > 0 {
		first := gone[0]
		why := "its connections are gone"
		if first.beside && len(first.service.cfg.Layout.Keys) > 0 {
			why = "another real server has its place in IPVS, and clients there"
		}
		gone = slices.DeleteFunc(gone[1:], func(t emptiedServer) bool {
			twin := first.covers(t)
			if twin {
				why += fmt.Sprintf("; so is %s, which is the same there", t.fullName())
			}
			return twin
		})
		n.note(Info, "", "server", fmt.Sprintf("%s is drained: %s", first.fullName(), why))
	}
}

// emptiedServer is a server, with its index in its service, that lost its place. beside
// says that it had none of its own.
type emptiedServer struct {
	*server
	k      int
	beside bool
}

// covers reports whether another one has no place in the table but where this has one.
func (s emptiedServer) covers(t emptiedServer) bool {
	v, u := s.service, t.service
	if u != v && (!v.cfg.Shares || !u.cfg.Shares) || u == v && !v.cfg.Layout.Doubles && !v.cfg.Shares {
		return false
	}
	if s.k >= len(v.cfg.Layout.Servers) || t.k >= len(u.cfg.Layout.Servers) {
		return false
	}
	at, other := v.cfg.Layout.Servers[s.k], u.cfg.Layout.Servers[t.k]
	return !slices.ContainsFunc(u.cfg.Layout.Keys, func(k balance.Key) bool {
		return !slices.Contains(v.cfg.Layout.Keys, k) || other.In(k) != at.In(k)
	})
}

// leave gives up the place of a server, which may be nil.
func (h *hand) leave(n *Node, s *server) {
	h.out = true
	if h.timer != nil {
		n.sched.set(h.timer, mono.Never)
	}
	if s != nil {
		n.touch(s.service)
	}
}

// fullName is the server with its service, for people.
func (s *server) fullName() string {
	return fmt.Sprintf("real server %s of virtual server %s", s.cfg.Name, s.service.cfg.Name)
}
