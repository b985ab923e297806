package node

import (
	"fmt"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/mono"
)

// balancing is what the table of IPVS is still to be asked for.
type balancing struct {
	// services changed since it was asked.
	services []*service
	// gone are its services that nothing wants any more.
	gone []balance.Key
	// sharers are the services that share keys, in order, by their keys, and
	// shared what the table was asked for last of these.
	sharers map[balance.Key][]*service
	shared  balance.Table
	// servers and places are scratch.
	servers []balance.Server
	places  []balance.Place
}

// rebalance asks the table for what changed, all at once.
func (n *Node) rebalance(now mono.Instant) {
	b := &n.balancing
	if len(b.services)+len(b.gone) == 0 {
		return
	}
	changes := make(balance.Table, len(b.services)+len(b.gone))
	for _, k := range b.gone {
		changes[k] = nil
	}
	var share map[balance.Key]bool
	for _, v := range b.services {
		switch changed := n.arrange(now, v); {
		case !changed:
		case v.cfg.Shares:
			if share == nil {
				share = map[balance.Key]bool{}
			}
			for _, k := range v.cfg.Layout.Keys {
				share[k] = true
			}
		default:
			v.cfg.Layout.Table(changes, v.places)
		}
	}
	if share != nil {
		n.share(changes, share)
	}
	b.services, b.gone = b.services[:0], nil
	if len(changes) > 0 {
		n.out = append(n.out, Action{Kind: Balance, Table: changes})
	}
}

// share adds keys that services share to changes, unless they are as they were
// asked for.
func (n *Node) share(changes balance.Table, keys map[balance.Key]bool) {
	b := &n.balancing
	all := make(balance.Table, len(keys))
	for k := range keys {
		for _, v := range b.sharers[k] {
			one := v.cfg.Layout
			one.Keys = []balance.Key{k}
			one.Table(all, v.places)
		}
	}
	for k, s := range all {
		if was := b.shared[k]; was == nil || was.Options != s.Options || !slices.Equal(was.Destinations, s.Destinations) {
			changes[k], b.shared[k] = s, s
		}
	}
}

// arrange finds out which places a service should have, and reports whether the
// table was asked for others.
func (n *Node) arrange(now mono.Instant, v *service) (changed bool) {
	b := &n.balancing
	b.servers = slices.Grow(b.servers[:0], len(v.servers))
	for i := range v.servers {
		s := &v.servers[i]
		b.servers = append(b.servers, balance.Server{Up: s.up, Weight: s.inForce(), Inhibits: s.cfg.Inhibits, Hand: s.handed()})
	}
	n.keepServing(v)
	next := mono.Never
	for i := range v.servers {
		s, x := &v.servers[i], &b.servers[i]
		// Also of one that a panic keeps: its failure is no reason to give it more.
		if s.rises && x.Up {
			var in time.Duration
			x.Weight, in = v.cfg.SlowStart.At(x.Weight, now.Sub(s.risesFrom))
			if in > 0 {
				next = mono.Min(next, s.risesFrom.Add(in))
			}
		}
		// A weight too small to have steps may be another before the time is over.
		s.rises = s.rises && now.Sub(s.risesFrom) < v.cfg.SlowStart.Over
		s.serves, s.placed = x.Up, x.Weight
	}
	n.riseAt(v, next)
	b.places = balance.Serving(b.places[:0], b.servers, v.cfg.Sorry, v.has)
	if v.placed && slices.Equal(b.places, v.places) {
		return false
	}
	v.places, v.placed = append(v.places[:0:0], b.places...), true
	return true
}

// riseAt has the weights of a service looked at again at an instant.
func (n *Node) riseAt(v *service, at mono.Instant) {
	if v.rise == nil {
		if at == mono.Never {
			return
		}
		v.rise = &timed{at: mono.Never, run: func(mono.Instant) {
			n.sched.set(v.rise, mono.Never)
			n.touch(v)
		}}
		n.sched.add(v.rise)
	}
	n.sched.set(v.rise, at)
}

// inPanic reports whether it keeps servers because of a panic.
func (v *service) inPanic() bool { return v.panics && !v.instead() }

// instead reports whether its sorry server serves.
func (v *service) instead() bool { return v.cfg.Sorry.Present && !v.has }

// keepServing has servers that fail keep their places when too few are left,
// unless a sorry server takes them.
func (n *Node) keepServing(v *service) {
	b := &n.balancing
	switch {
	case v.cfg.Panic.Percent == 0: // since a reload, perhaps
		v.kept, v.panics = nil, false
		return
	case v.instead():
		return
	}
	if len(v.kept) != len(b.servers) {
		v.kept = make([]bool, len(b.servers))
	}
	panics := v.cfg.Panic.Keep(b.servers, v.kept)
	for i := range b.servers {
		b.servers[i].Up = v.kept[i]
	}
	if panics == v.panics {
		return
	}
	v.panics = panics
	if panics {
		n.note(Warn, "", "quorum", fmt.Sprintf("panic: fewer than %d%% of the servers of virtual server %s work; those that worked last are kept", v.cfg.Panic.Percent, v.cfg.Name))
	} else {
		n.note(Info, "", "quorum", fmt.Sprintf("virtual server %s has enough working servers again: the panic is over", v.cfg.Name))
	}
}

// relay prepares the table for other services than before, the old ones by
// their names. One that stands in it as it did is not asked for anew.
func (n *Node) relay(old map[string]*service) {
	b := &n.balancing
	b.services = make([]*service, 0, len(n.services)) // the array of before would hold what is gone
	stays := map[string]bool{}
	b.sharers = map[balance.Key][]*service{}
	for i := range n.services {
		v := &n.services[i]
		if v.cfg.Shares {
			for _, k := range v.cfg.Layout.Keys {
				b.sharers[k] = append(b.sharers[k], v)
			}
		}
		if was := old[v.cfg.Name]; was != nil {
			v.panics = was.panics
			if sameLayout(&was.cfg.Layout, &v.cfg.Layout) {
				// What others add to it, or did, may be other things.
				v.places, v.placed, v.kept = was.places, was.placed && !was.cfg.Shares && !v.cfg.Shares, was.kept
				stays[v.cfg.Name] = true
			} else if was.kept != nil {
				// The servers may be others; those that a panic keeps are still.
				v.kept = make([]bool, len(v.servers))
				kept := map[string]bool{}
				for k := range was.servers {
					kept[was.servers[k].cfg.Name] = was.kept[k]
				}
				for k := range v.servers {
					v.kept[k] = kept[v.servers[k].cfg.Name]
				}
			}
		}
		b.services = append(b.services, v)
	}
	shared := balance.Table{}
	for k := range b.sharers {
		if s := b.shared[k]; s != nil {
			shared[k] = s
		}
	}
	b.shared = shared
	left := map[balance.Key]bool{}
	for name, was := range old {
		if was.rise != nil {
			n.sched.remove(was.rise)
		}
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
	return a.Options == b.Options && a.Sorry == b.Sorry && a.Doubles == b.Doubles && slices.Equal(a.Keys, b.Keys) && slices.Equal(a.Servers, b.Servers)
}
