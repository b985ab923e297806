package node

import (
	"slices"

	"github.com/moonkeep/moonkeep/core/balance"
)

// balancing is what the table of IPVS is still to be asked for.
type balancing struct {
	// services changed since it was asked.
	services []*service
	// gone are its services that nothing wants any more.
	gone []balance.Key
	// servers and places are scratch.
	servers []balance.Server
	places  []balance.Place
}

// rebalance asks the table for what changed, all at once.
func (n *Node) rebalance() {
	b := &n.balancing
	if len(b.services)+len(b.gone) == 0 {
		return
	}
	changes := balance.Table{}
	for _, k := range b.gone {
		changes[k] = nil
	}
	for _, v := range b.services {
		if n.arrange(v) {
			v.cfg.Layout.Table(changes, v.places)
		}
	}
	b.services, b.gone = b.services[:0], nil
	if len(changes) > 0 {
		n.out = append(n.out, Action{Kind: Balance, Table: changes})
	}
}

// arrange finds out which places a service should have, and reports whether the
// table was asked for others.
func (n *Node) arrange(v *service) (changed bool) {
	b := &n.balancing
	b.servers = b.servers[:0]
	for i := range v.servers {
		s := &v.servers[i]
		b.servers = append(b.servers, balance.Server{Up: s.up, Weight: s.weight, Inhibits: s.cfg.Inhibits})
	}
	b.places = balance.Serving(b.places[:0], b.servers, v.cfg.Sorry, v.has)
	if v.placed && slices.Equal(b.places, v.places) {
		return false
	}
	v.places, v.placed = append(v.places[:0:0], b.places...), true
	return true
}

// relay prepares the table for other services than before, the old ones by
// their names. One that stands in it as it did is not asked for anew.
func (n *Node) relay(old map[string]*service) {
	b := &n.balancing
	b.services = b.services[:0]
	stays := map[string]bool{}
	for i := range n.services {
		v := &n.services[i]
		if was := old[v.cfg.Name]; was != nil && sameLayout(&was.cfg.Layout, &v.cfg.Layout) {
			v.places, v.placed = was.places, was.placed
			stays[v.cfg.Name] = true
		}
		b.services = append(b.services, v)
	}
	left := map[balance.Key]bool{}
	for name, was := range old {
		for _, k := range was.cfg.Layout.Keys {
			if !stays[name] {
				left[k] = true
			}
		}
	}
	if len(left) == 0 {
		return
	}
	for i := range n.services {
		for _, k := range n.services[i].cfg.Layout.Keys {
			delete(left, k)
		}
	}
	for k := range left {
		b.gone = append(b.gone, k)
	}
	slices.SortFunc(b.gone, balance.Key.Compare)
}

func sameLayout(a, b *balance.Layout) bool {
	return a.Options == b.Options && a.Sorry == b.Sorry && slices.Equal(a.Keys, b.Keys) && slices.Equal(a.Servers, b.Servers)
}
