//go:build linux

package kernel

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// Claimed returns all that is claimed as an event for each instance, as lost
// because the namespace is left, in order of name.
func (k *Kernel) Claimed() []*node.Gone {
	k.mu.Lock()
	defer k.mu.Unlock()
	of := make(map[string]*node.Gone)
	has := func(instance string) *node.Gone {
		if of[instance] == nil {
			of[instance] = &node.Gone{Instance: instance, Left: true}
		}
		return of[instance]
	}
	for at, claim := range k.claims.all {
		g := has(at.instance)
		g.Addresses = append(g.Addresses, *claim.address)
	}
	for instance, d := range k.directions.of {
		has(instance).Routing = d.want
	}
	for _, g := range of {
		slices.SortFunc(g.Addresses, func(a, b netspec.Address) int {
			return cmp.Or(a.Prefix.Compare(b.Prefix), cmp.Compare(a.Device, b.Device))
		})
	}
	list := make([]*node.Gone, 0, len(of))
	for _, instance := range slices.Sorted(maps.Keys(of)) {
		list = append(list, of[instance])
	}
	return list
}

// Idle reports whether nothing is claimed but addresses to be kept, which are the host's
// own, and nothing waits to be removed.
func (k *Kernel) Idle(keep []netspec.Address) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, claim := range k.claims.all {
		if !slices.ContainsFunc(keep, claim.address.Same) {
			return false
		}
	}
	return len(k.claims.due)+len(k.directions.of) == 0 && k.directions.due.Empty()
}

// Leave removes all that is claimed, but for the addresses to be kept, before Close, in
// a network namespace that nobody will look after any more. No other method may be
// running or follow. What cannot be removed is an error, and stays: the sink is told
// of it as removed, for nobody will try again.
func (k *Kernel) Leave(keep []netspec.Address) error {
	var failed []error
	var list []engine.Holding
	for _, g := range k.Claimed() {
		failed = append(failed, k.SetRouting(g.Instance, netspec.Routing{}))
		list = append(list, engine.Holding{Instance: g.Instance, Addresses: slices.DeleteFunc(g.Addresses, func(a netspec.Address) bool {
			return slices.ContainsFunc(keep, a.Same)
		})})
	}
	errs := make([]error, len(list))
	k.Release(list, errs)
	k.mu.Lock()
	var due []netspec.Address
	for p := range k.claims.due {
		due = append(due, p.Address)
	}
	routing := k.directions.due
	k.mu.Unlock()
	if len(due) > 0 || !routing.Empty() {
		k.sink.Removed(due, routing)
	}
	return errors.Join(append(failed, errs...)...)
}
