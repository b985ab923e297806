//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// directions are the routes and rules that were claimed, by instance.
type directions struct {
	of map[string]*direction
	// due are those that nobody claims any more and that could not be removed.
	due netspec.Routing
	// why are the reasons that were told since redirect tried before, and of that.
	why map[string]bool
	// protocols are those whose routes the monitor follows, sorted.
	protocols []uint8
}

// direction is what one instance claimed.
type direction struct {
	want netspec.Routing
	// stands is what of it was set, and is missed when it goes.
	stands netspec.Routing
	// since is the epoch in which it began to stand, as for a claim.
	since uint64
	// lost is what was reported as lost and did not stand since.
	lost netspec.Routing
	// indexes are those of the interfaces when it was set, by name: a route
	// stays with an interface that gets another name.
	indexes map[string]int
}

// all is what was claimed, some of it perhaps twice.
func (d *directions) all() (all netspec.Routing) {
	for _, x := range d.of {
		all.Routes = append(all.Routes, x.want.Routes...)
		all.Rules = append(all.Rules, x.want.Rules...)
	}
	return all
}

// SetRouting implements engine.Kernel. What another instance claims too is the
// same, and stays. Routes go in front of rules, and are removed behind them.
func (k *Kernel) SetRouting(instance string, want netspec.Routing) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	k.mu.Lock()
	d := k.directions.of[instance]
	if d == nil && want.Empty() {
		k.mu.Unlock()
		return nil
	}
	var before direction
	if d == nil {
		d = &direction{indexes: make(map[string]int)}
		k.directions.of[instance] = d
	} else {
		before = *d
		before.indexes = maps.Clone(d.indexes)
	}
	d.want, d.stands = want, d.stands.Without(d.stands.Without(want))
	gone := before.want.Without(want)
	free := k.unclaimed(instance, gone)
	k.mu.Unlock()
	k.forgo(instance, nil, gone)

	err := errors.Join(k.undirect(free, before.indexes)...)
	if want.Empty() {
		k.mu.Lock()
		delete(k.directions.of, instance)
		k.mu.Unlock()
		k.follow()
		if err != nil {
			return fmt.Errorf("remove routes and rules of %s: %w", instance, err)
		}
		return nil
	}
	k.follow()
	if err = errors.Join(err, k.direct(instance, d, before.want.Empty())); err != nil {
		return fmt.Errorf("set routes and rules of %s: %w", instance, err)
	}
	return nil
}

// unclaimed returns what of the list no other instance claims. mu is held.
func (k *Kernel) unclaimed(instance string, list netspec.Routing) netspec.Routing {
	for name, d := range k.directions.of {
		if name != instance && !list.Empty() {
			list = list.Without(d.want)
		}
	}
	return list
}

// direct sets what is wanted and does not stand; at first all of it is tried,
// which costs less than to read what stands. What is not tracked and cannot be
// set is no error, and told. changing is held.
func (k *Kernel) direct(instance string, d *direction, first bool) error {
	var held netspec.Routing
	if !first {
		var err error
		if held, err = k.HeldRouting(d.want); err != nil {
			return err
		}
	}
	var failed []error
	var stands netspec.Routing
	indexes := make(map[string]int)
	for _, r := range d.want.Routes {
		if !held.Has(r) {
			err := k.conn.AddRoute(r)
			if r.NoTrack {
				k.serves(instance, r.String(), err)
			} else if err != nil {
				failed = append(failed, err)
			}
			if err != nil {
				continue
			}
		}
		stands.Routes = append(stands.Routes, r)
		for _, name := range r.Devices() {
			if i, err := k.conn.Interface(name); err == nil {
				indexes[name] = i.Index
			}
		}
	}
	for _, r := range d.want.Rules {
		if !held.HasRule(r) {
			err := k.conn.AddRule(r)
			if r.NoTrack {
				k.serves(instance, r.String(), err)
			} else if err != nil {
				failed = append(failed, err)
			}
			if err != nil {
				continue
			}
		}
		stands.Rules = append(stands.Rules, r)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	d.stands, d.lost, d.since, d.indexes = stands, netspec.Routing{}, k.claims.epoch, indexes
	k.directions.due = k.directions.due.Without(stands)
	return errors.Join(failed...)
}

// standing reads the routes of the protocols that are wanted, and the rules,
// as far as there is a reason to.
func (k *Kernel) standing(want netspec.Routing) (routes link.Routes, rules link.Rules, err error) {
	if protocols := protocolsOf(want); len(protocols) > 0 {
		if routes, err = k.conn.Routes(protocols...); err != nil {
			return nil, nil, err
		}
	}
	if len(want.Rules) > 0 {
		if rules, err = k.conn.Rules(); err != nil {
			return nil, nil, err
		}
	}
	return routes, rules, nil
}

// protocolsOf are the protocols of the routes, sorted.
func protocolsOf(r netspec.Routing) []uint8 {
	var list []uint8
	for i := range r.Routes {
		list = append(list, r.Routes[i].Normal().Protocol)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// undirect removes rules and then routes, each in reverse order, and notes
// what could not be removed. A route whose interface was renamed is removed
// under the new name, too. It returns why, for each that failed, which the caller
// tells. changing is held.
func (k *Kernel) undirect(free netspec.Routing, indexes map[string]int) (failed []error) {
	if free.Empty() {
		return nil
	}
	var left netspec.Routing
	for _, r := range slices.Backward(free.Rules) {
		if err := k.conn.DeleteRule(r); err != nil {
			failed, left.Rules = append(failed, err), append(left.Rules, r)
		}
	}
	names := make(map[string]string) // the present ones
	for name, index := range indexes {
		if now, err := k.conn.InterfaceAt(index); err == nil && now.Name != name {
			names[name] = now.Name
		}
	}
	remove := func(r netspec.Route) {
		if err := k.conn.DeleteRoute(r); err != nil {
			failed, left.Routes = append(failed, err), append(left.Routes, r)
		}
	}
	for _, r := range slices.Backward(free.Routes) {
		remove(r)
		renamed := r.Renamed(func(name string) string {
			if now := names[name]; now != "" {
				return now
			}
			return name
		})
		if !renamed.Equal(r) {
			remove(renamed)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.directions.due = k.directions.due.With(left)
	if k.directions.why == nil {
		k.directions.why = make(map[string]bool, len(failed))
	}
	for _, err := range failed {
		k.directions.why[err.Error()] = true
	}
	return failed
}

// follow has the monitor tell of changes of what is claimed.
func (k *Kernel) follow() {
	k.mu.Lock()
	all := k.directions.all()
	protocols := protocolsOf(all)
	if len(protocols) == 0 && len(all.Rules) > 0 {
		protocols = []uint8{netspec.Keepalived} // one is needed to hear of rules
	}
	same := slices.Equal(protocols, k.directions.protocols)
	k.directions.protocols = protocols
	k.mu.Unlock()
	if same {
		return
	}
	if err := k.monitor.Follow(protocols...); err != nil {
		k.log.Warn("cannot follow changes of routes and rules: they are looked at on each tick", "err", err)
	}
}

// redirect tries again to remove what is due.
func (k *Kernel) redirect() {
	k.changing.Lock()
	defer k.changing.Unlock()
	k.mu.Lock()
	due, told := k.directions.due, k.directions.why
	k.directions.why = nil
	if due.Empty() {
		k.mu.Unlock()
		return
	}
	k.directions.due = netspec.Routing{}
	due = k.unclaimed("", due)
	k.mu.Unlock()
	// Whoever made them due told why.
	failed := k.undirect(due, nil)
	if slices.ContainsFunc(failed, func(err error) bool { return !told[err.Error()] }) {
		k.log.Error("routes or rules could not be removed for another reason now, will try again", "err", errors.Join(failed...))
	}
	k.mu.Lock()
	gone := due.Without(k.directions.due)
	k.mu.Unlock()
	if !gone.Empty() {
		k.log.Info("removed routes or rules that could not be removed before", "routes", len(gone.Routes), "rules", len(gone.Rules))
		k.sink.Removed(nil, gone)
	}
}

// astray adds to the events what is missing of the claimed routes and rules,
// read after the reading began. What is not tracked is not missed.
func (k *Kernel) astray(gone []*node.Gone, reading uint64, again bool) ([]*node.Gone, error) {
	k.mu.Lock()
	all := k.directions.all()
	k.mu.Unlock()
	if all.Empty() {
		return gone, nil
	}
	routes, rules, err := k.standing(all)
	if err != nil {
		return gone, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(k.directions.of)) {
		d := k.directions.of[name]
		if d.since >= reading {
			continue
		}
		var lost netspec.Routing
		for _, r := range d.stands.Routes {
			if !r.NoTrack && !routes.Stands(r) {
				lost.Routes = append(lost.Routes, r)
			}
		}
		for _, r := range d.stands.Rules {
			if !r.NoTrack && !rules.Stands(r) {
				lost.Rules = append(lost.Rules, r)
			}
		}
		news := lost.Without(d.lost)
		d.lost = lost
		if again {
			news = lost
		}
		if news.Empty() {
			continue
		}
		at := slices.IndexFunc(gone, func(g *node.Gone) bool { return g.Instance == name })
		if at < 0 {
			at = len(gone)
			gone = append(gone, &node.Gone{Instance: name})
		}
		gone[at].Routing = news
	}
	return gone, nil
}

// HeldRouting implements engine.Kernel.
func (k *Kernel) HeldRouting(want netspec.Routing) (held netspec.Routing, err error) {
	routes, rules, err := k.standing(want)
	if err != nil {
		return held, err
	}
	for _, r := range want.Routes {
		if routes.Stands(r) {
			held.Routes = append(held.Routes, r)
		}
	}
	for _, r := range want.Rules {
		if rules.Stands(r) {
			held.Rules = append(held.Rules, r)
		}
	}
	return held, nil
}

// ClearRouting implements engine.Kernel.
func (k *Kernel) ClearRouting(stale netspec.Routing) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	return errors.Join(k.undirect(stale, nil)...)
}
