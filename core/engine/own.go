package engine

import (
	"errors"
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

// act carries out one address action and reports what came of it.
func (e *Engine) act(a *node.Action) {
	switch a.Kind {
	case node.Changed, node.Told:
		e.opts.Notifier.Notify(*a.Change)
	case node.Claim:
		e.own(a.Instance, a.Addresses, a.Routing)
		err := e.kernel.Claim(a.Instance, a.Addresses, a.NoAccept)
		// After the addresses, which routes may name as their source.
		err = errors.Join(err, e.direct(a))
		delete(e.refused, a.Instance)
		failure := ""
		if err != nil {
			e.refused[a.Instance] = true
			failure = oneLine(err)
		}
		e.Event(&node.Claimed{Instance: a.Instance, Failure: failure})
	case node.Release:
		rerr := e.direct(a)
		if rerr != nil {
			e.teller.trouble(a.Instance, "routes or rules could not be removed, will try again", rerr)
		}
		err := e.kernel.Release(a.Instance, a.Addresses)
		if err != nil {
			// They stay in the journal until the kernel says that they are gone.
			e.teller.trouble(a.Instance, "addresses could not be removed, will try again", err)
		}
		e.disown(a, err == nil)
	case node.Announce:
		if e.refused[a.Instance] {
			return // clients must not be sent to what does not stand here
		}
		if err := e.kernel.Announce(a.Instance, a.Addresses, a.Rounds); err != nil {
			e.teller.trouble(a.Instance, "addresses could not be announced", err)
		}
	}
}

// direct has the routes and rules of an action stand in place of those of
// before. What was removed is not owned any more.
func (e *Engine) direct(a *node.Action) error {
	e.owning.Lock()
	before := e.owned[a.Instance].routing
	e.owning.Unlock()
	if before.Empty() && a.Routing.Empty() {
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
func (e *Engine) own(instance string, addresses []netspec.Address, routing netspec.Routing) {
	e.owning.Lock()
	defer e.owning.Unlock()
	o := e.owned[instance]
	if len(o.addresses) == 0 {
		o.addresses = slices.Clip(addresses) // those of the configuration, which nobody changes
	}
	for _, a := range addresses {
		if !slices.Contains(o.addresses, a) {
			o.addresses = append(o.addresses, a)
		}
	}
	o.routing = o.routing.With(routing)
	e.owned[instance] = o
	e.due.addresses = slices.DeleteFunc(e.due.addresses, func(a netspec.Address) bool { return slices.Contains(addresses, a) })
	e.due.routing = e.due.routing.Without(routing)
	e.journal()
}

// disown notes what was released. Addresses that could not be removed are owned
// on without an instance.
func (e *Engine) disown(a *node.Action, removed bool) {
	e.owning.Lock()
	defer e.owning.Unlock()
	o := e.owned[a.Instance]
	released := func(x netspec.Address) bool { return slices.Contains(a.Addresses, x) }
	if !removed {
		for _, x := range o.addresses {
			if released(x) && !slices.Contains(e.due.addresses, x) {
				e.due.addresses = append(e.due.addresses, x)
			}
		}
	}
	var left []netspec.Address
	for _, x := range o.addresses {
		if !released(x) {
			left = append(left, x)
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
	e.owning.Unlock()
	slices.SortFunc(all, func(a, b netspec.Address) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) })
	return e.opts.Journal(all, routing)
}
