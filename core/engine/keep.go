package engine

import (
	"context"
	"slices"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// keeping is what the loop knows of the host's own addresses.
type keeping struct {
	// withheld are, by instance, those that were not removed when it was asked for:
	// the kernel takes them for claimed still.
	withheld map[string][]netspec.Address
}

// release has addresses removed, except the host's own.
func (e *Engine) release(a node.Action) {
	all := a.Addresses
	if len(e.plan.Keep) > 0 {
		var kept []netspec.Address
		a.Addresses = slices.DeleteFunc(slices.Clone(a.Addresses), func(x netspec.Address) bool {
			keep := slices.ContainsFunc(e.plan.Keep, x.Same)
			if keep {
				kept = append(kept, x)
			}
			return keep
		})
		e.keeping.withhold(a.Instance, kept)
	}
	e.lane.push(a)
	if a.Yields {
		// The addresses may still answer, and no more. Lane 1 may be at it with them:
		// what it announces after this it finds to be leaving.
		e.kernel.Hush(a.Instance, all)
	}
}

func (k *keeping) withhold(instance string, addresses []netspec.Address) {
	if len(addresses) == 0 {
		return
	}
	if k.withheld == nil {
		k.withheld = map[string][]netspec.Address{}
	}
	k.claimed(instance, addresses) // of which one may have other attributes now
	k.withheld[instance] = append(k.withheld[instance], addresses...)
}

// claimed forgets addresses that an instance has claimed since they were withheld.
func (k *keeping) claimed(instance string, addresses []netspec.Address) {
	left := slices.DeleteFunc(k.withheld[instance], func(x netspec.Address) bool { return slices.ContainsFunc(addresses, x.Same) })
	if len(left) == 0 {
		delete(k.withheld, instance)
		return
	}
	k.withheld[instance] = left
}

// take makes a plan the present one. The journal has the addresses from now on that
// the plan keeps no longer, and those are removed that nobody has claimed since:
// this node set none of them, but a virtual address stands where its master is.
func (e *Engine) take(p Plan) {
	e.lane.hurry() // what is held goes by the names of before
	e.forget(&p.Node)
	e.plan = p
	e.owning.Lock()
	e.kept = p.Keep
	e.owning.Unlock()
	e.journal()
	for _, name := range sorted(e.keeping.withheld) {
		list := e.keeping.withheld[name]
		delete(e.keeping.withheld, name)
		e.release(node.Action{Kind: node.Release, Instance: name, Addresses: list})
	}
}

// forget drops what is known of adverts and BFD packets that do not leave where a
// name stands for another from now on. The node does the same.
func (e *Engine) forget(next *node.Config) {
	if len(e.failed) > 0 {
		before, after := instancesByName(&e.plan.Node), instancesByName(next)
		for to := range e.failed {
			was, is := before[to.instance], after[to.instance]
			if was == nil || is == nil || !was.Alike(is) || is.Router.Unicast.On && is.Router.Unicast.Peer(to.destination) == nil {
				delete(e.failed, to)
			}
		}
	}
	if len(e.bfdFailed) > 0 {
		before, after := pathsByName(&e.plan.Node), pathsByName(next)
		for name := range e.bfdFailed {
			if is, ok := after[name]; !ok || is != before[name] {
				delete(e.bfdFailed, name)
			}
		}
	}
}

func instancesByName(c *node.Config) map[string]*node.Instance {
	all := make(map[string]*node.Instance, len(c.Instances))
	for i := range c.Instances {
		all[c.Instances[i].Name] = &c.Instances[i]
	}
	return all
}

func pathsByName(c *node.Config) map[string]bfd.Path {
	all := make(map[string]bfd.Path, len(c.Sessions))
	for i := range c.Sessions {
		all[c.Sessions[i].Name] = c.Sessions[i].BFD.Path
	}
	return all
}

// sorted returns the keys of a map in order.
func sorted[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// lastWill gives up every address without the node's help: what the plan has, for
// claims may wait in the lane, and what stands for names that it does not have.
func (e *Engine) lastWill() {
	for _, in := range e.plan.Node.Instances {
		e.release(node.Action{Kind: node.Release, Instance: in.Name, Addresses: slices.Concat(in.Addresses, in.Excluded)})
	}
	for _, s := range e.plan.Node.Static {
		e.release(node.Action{Kind: node.Release, Instance: s.Name, Addresses: s.Addresses})
	}
	e.owning.Lock()
	all := map[string][]netspec.Address{}
	for name, o := range e.owned {
		all[name] = slices.Clone(o.addresses)
	}
	e.owning.Unlock()
	for _, name := range sorted(all) {
		e.release(node.Action{Kind: node.Release, Instance: name, Addresses: all[name]})
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	e.lane.drain(ctx)
}
