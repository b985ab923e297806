package engine

import (
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// owned is what may stand in the kernel for one instance.
type owned struct {
	addresses []netspec.Address
	routing   netspec.Routing
}

// oneLine is an error for a message: those of several addresses follow each other.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// acting is scratch of act: what the claims or the releases of a batch are, with
// what each is about and what came of it.
type acting struct {
	actions []*node.Action
	list    []Holding
	errs    []error
}

// act carries out address actions that may be done together (lane.batch): claims
// or releases, then announcements and what is told, all in their order.
func (e *Engine) act(batch []node.Action) {
	x := &e.acting
	*x = acting{x.actions[:0], x.list[:0], x.errs[:0]}
	for i := range batch {
		if a := &batch[i]; a.Kind == node.Claim || a.Kind == node.Release {
			x.actions = append(x.actions, a)
			x.list = append(x.list, Holding{a.Instance, a.Addresses, a.NoAccept, a.Lasting})
			x.errs = append(x.errs, nil)
		}
	}
	switch {
	case len(x.actions) == 0:
	case x.actions[0].Kind == node.Claim:
		e.claim(x)
	default:
		e.letGo(x)
	}
	clear(x.actions)
	clear(x.list)
	clear(x.errs)
	for i := range batch {
		switch a := &batch[i]; a.Kind {
		case node.Changed, node.Told:
			e.opts.Notifier.Notify(*a.Change)
		case node.Announce:
			if e.refused[a.Instance] {
				break // clients must not be sent to what does not stand here
			}
			stays := func() bool { return !e.lane.leaves(a.Instance) }
			if err := e.kernel.Announce(a.Instance, a.Addresses, a.Rounds, stays); err != nil {
				e.teller.trouble(a.Instance, "addresses could not be announced", err)
			}
		}
	}
}

// claim reports what came of each claim.
func (e *Engine) claim(x *acting) {
	e.own(x.actions)
	first := 0
	for i, a := range x.actions {
		if i < len(x.actions)-1 && !e.directs(a) {
			continue
		}
		e.kernel.Claim(x.list[first:i+1], x.errs[first:i+1])
		// After the addresses, which routes may name as their source.
		refused := ""
		if err := e.direct(a); err != nil {
			refused = oneLine(err)
		}
		for ; first <= i; first++ {
			name, failure := x.actions[first].Instance, ""
			delete(e.refused, name)
			if err := x.errs[first]; err != nil {
				e.refused[name] = true
				failure = oneLine(err)
			}
			answer := &node.Claimed{Instance: name, Failure: failure}
			if first == i {
				answer.Refused = refused
			}
			e.Event(answer)
		}
	}
}

// letGo tells of what could not be released.
func (e *Engine) letGo(x *acting) {
	first := 0
	for i, a := range x.actions {
		if i > first && e.directs(a) {
			e.kernel.Release(x.list[first:i], x.errs[first:i])
			first = i
		}
		if err := e.direct(a); err != nil {
			e.teller.trouble(a.Instance, "routes or rules could not be removed, will try again", err)
		}
	}
	e.kernel.Release(x.list[first:], x.errs[first:])
	for i, err := range x.errs {
		if err != nil {
			// They stay in the journal until the kernel says that they are gone.
			e.teller.trouble(x.actions[i].Instance, "addresses could not be removed, will try again", err)
		}
	}
	e.disown(x)
	for _, a := range x.actions {
		if a.Tell {
			e.Event(&node.Vacated{Instance: a.Instance})
		}
	}
}

// directs reports whether direct has something to do.
func (e *Engine) directs(a *node.Action) bool {
	e.owning.Lock()
	defer e.owning.Unlock()
	return !a.Routing.Empty() || !e.owned[a.Instance].routing.Empty()
}

// direct has the routes and rules of an action stand in place of those of
// before. What was removed is not owned any more.
func (e *Engine) direct(a *node.Action) error {
	if !e.directs(a) {
		return nil
	}
	if err := e.kernel.SetRouting(a.Instance, a.Routing); err != nil {
		return err
	}
	e.owning.Lock()
	defer e.owning.Unlock()
	if o := e.owned[a.Instance]; !o.routing.Equal(a.Routing) {
		o.routing = a.Routing
		e.owned[a.Instance] = o
		e.journal()
	}
	return nil
}

// own notes what is about to be claimed, beside what is still to be released.
func (e *Engine) own(claims []*node.Action) {
	e.owning.Lock()
	defer e.owning.Unlock()
	for _, a := range claims {
		o := e.owned[a.Instance]
		if len(o.addresses) == 0 {
			o.addresses = slices.Clip(a.Addresses) // those of the configuration, which nobody changes
		}
		for _, x := range a.Addresses {
			if !slices.Contains(o.addresses, x) {
				o.addresses = append(o.addresses, x)
			}
		}
		o.routing = o.routing.With(a.Routing)
		e.owned[a.Instance] = o
		e.due.addresses = slices.DeleteFunc(e.due.addresses, func(x netspec.Address) bool { return slices.Contains(a.Addresses, x) })
		e.due.routing = e.due.routing.Without(a.Routing)
	}
	e.journal()
}

// disown notes what was released. Addresses that could not be removed are owned
// on without an instance.
func (e *Engine) disown(x *acting) {
	e.owning.Lock()
	defer e.owning.Unlock()
	for i, a := range x.actions {
		o := e.owned[a.Instance]
		var left []netspec.Address
		for _, had := range o.addresses {
			switch {
			case !slices.Contains(a.Addresses, had):
				left = append(left, had)
			case x.errs[i] != nil && !slices.Contains(e.due.addresses, had):
				e.due.addresses = append(e.due.addresses, had)
			}
		}
		o.addresses = left
		if a.Routing.Empty() {
			e.due.routing = e.due.routing.With(o.routing) // none, unless it could not be removed
			o.routing = netspec.Routing{}
		}
		if len(o.addresses) == 0 && o.routing.Empty() {
			delete(e.owned, a.Instance)
		} else {
			e.owned[a.Instance] = o
		}
	}
	e.journal()
}

// Removed implements Sink.
func (e *Engine) Removed(addresses []netspec.Address, routing netspec.Routing) {
	e.owning.Lock()
	defer e.owning.Unlock()
	e.due.addresses = slices.DeleteFunc(e.due.addresses, func(a netspec.Address) bool { return slices.ContainsFunc(addresses, a.Same) })
	e.due.routing = e.due.routing.Without(routing)
	e.journal()
}

// journal has the teller write down what the node owns.
func (e *Engine) journal() {
	if e.opts.Journal != nil {
		e.teller.write(e.record)
	}
}

// record writes down what the node owns at the moment of the call. The list is
// made here and not at each change: with a thousand claims in a row it would be
// made a thousand times, and written a few times only.
func (e *Engine) record() error {
	e.owning.Lock()
	all := slices.Clone(e.due.addresses)
	routing := e.due.routing
	for _, o := range e.owned {
		all = append(all, o.addresses...)
		routing.Routes = slices.Concat(routing.Routes, o.routing.Routes)
		routing.Rules = slices.Concat(routing.Rules, o.routing.Rules)
	}
	if kept := e.kept; len(kept) > 0 {
		all = slices.DeleteFunc(all, func(a netspec.Address) bool { return slices.ContainsFunc(kept, a.Same) })
	}
	e.owning.Unlock()
	slices.SortFunc(all, func(a, b netspec.Address) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) })
	return e.opts.Journal(all, routing)
}
