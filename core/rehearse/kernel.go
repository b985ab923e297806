package rehearse

import (
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// kernel is which addresses stand on a machine, and for which instances: an
// address that several claim goes when the last releases it.
type kernel struct {
	stands map[netip.Addr]bool
	claims map[netip.Addr][]claim
}

type claim struct {
	instance string
	address  netspec.Address
	// lasting is node.Action.Lasting.
	lasting bool
}

func newKernel() kernel {
	return kernel{stands: map[netip.Addr]bool{}, claims: map[netip.Addr][]claim{}}
}

// claim sets addresses, or only notes who wants them when it may not.
func (k *kernel) claim(by *node.Action, may bool) {
	for _, a := range by.Addresses {
		if c := (claim{by.Instance, a, by.Lasting}); !slices.Contains(k.claims[a.Addr()], c) {
			k.claims[a.Addr()] = append(k.claims[a.Addr()], c)
		}
		if may {
			k.stands[a.Addr()] = true
		}
	}
}

// hosts reports whether an address stands that no instance gives the machine.
func (k *kernel) hosts(a netip.Addr) bool {
	return k.stands[a] && !slices.ContainsFunc(k.claims[a], func(c claim) bool { return !c.lasting })
}

func (k *kernel) release(instance string, addresses []netspec.Address) {
	for _, a := range addresses {
		left := slices.DeleteFunc(k.claims[a.Addr()], func(c claim) bool { return c.instance == instance })
		k.claims[a.Addr()] = left
		if len(left) == 0 {
			delete(k.claims, a.Addr())
			delete(k.stands, a.Addr())
		}
	}
}

// remove is somebody else's `ip address del`. It returns what is to be told to
// those who claimed the address.
func (k *kernel) remove(a netip.Addr) []*node.Gone {
	if !k.stands[a] {
		return nil
	}
	delete(k.stands, a)
	var told []*node.Gone
	for _, c := range k.claims[a] {
		told = append(told, &node.Gone{Instance: c.instance, Addresses: []netspec.Address{c.address}})
	}
	return told
}

// lane is what is to be done to addresses, one after the other, as in lane 1
// of the engine.
type lane struct {
	queue []node.Action
	busy  *node.Action // under way
	// begun is the role of its instance when that began.
	begun vrrp.Role
	// held are releases whose grace is not over.
	held []node.Action
	// refused holds the instances whose last claim failed: what does not
	// stand is not announced.
	refused map[string]bool
}

// enqueue adds an action to the daemon's lane. A release makes an earlier
// claim or announcement of the same addresses pointless, as in the engine, and
// takes them out of one of more.
func (n *Node) enqueue(d *daemon, a node.Action) {
	n.release(d, a.Instance)
	waits := func(b node.Action) bool { return a.Instance == b.Instance }
	if a.Grace > 0 && !slices.ContainsFunc(d.lane.queue, waits) {
		d.lane.held = append(d.lane.held, a)
		n.c.after(a.Grace, func() { n.whenAwake(d, func() { n.release(d, a.Instance) }) })
		return
	}
	n.queue(d, a)
}

// release queues what an instance has held back.
func (n *Node) release(d *daemon, instance string) {
	i := slices.IndexFunc(d.lane.held, func(a node.Action) bool { return a.Instance == instance })
	if i >= 0 {
		a := d.lane.held[i]
		d.lane.held = slices.Delete(d.lane.held, i, i+1)
		n.queue(d, a)
	}
}

// hurry queues all that is held back.
func (n *Node) hurry(d *daemon) {
	for len(d.lane.held) > 0 {
		n.release(d, d.lane.held[0].Instance)
	}
}

func (n *Node) queue(d *daemon, a node.Action) {
	gone := func(x netspec.Address) bool { return slices.ContainsFunc(a.Addresses, x.Same) }
	for i := range d.lane.queue {
		if b := &d.lane.queue[i]; a.Kind == node.Release && b.Kind == node.Announce && b.Instance == a.Instance {
			b.Addresses = slices.DeleteFunc(slices.Clone(b.Addresses), gone)
		}
	}
	d.lane.queue = slices.DeleteFunc(d.lane.queue, func(b node.Action) bool {
		switch {
		case a.Instance != b.Instance:
			return false
		case a.Kind == b.Kind:
			return slices.Equal(a.Addresses, b.Addresses)
		}
		other := func(x netspec.Address) bool { return !slices.Contains(a.Addresses, x) }
		return a.Kind == node.Release && !slices.ContainsFunc(b.Addresses, other)
	})
	d.lane.queue = append(d.lane.queue, a)
	n.work(d)
}

// work begins with the next action, unless one is under way.
func (n *Node) work(d *daemon) {
	if d.lane.busy != nil || len(d.lane.queue) == 0 {
		return
	}
	d.lane.busy = &d.lane.queue[0]
	d.lane.begun = n.Role(d.lane.busy.Instance)
	d.lane.queue = d.lane.queue[1:]
	end := func() {
		if !d.dead && d.lane.busy != nil {
			n.carryOut(d)
			n.work(d)
		}
	}
	n.c.after(n.c.upTo(n.KernelDelay), func() {
		if d == n.ending {
			end()
		} else {
			n.whenAwake(d, end)
		}
	})
}

// finish does at once what a daemon that has stopped still had to do.
func (n *Node) finish() {
	d := n.ending
	if d == nil {
		return
	}
	if d.lane.busy != nil {
		n.carryOut(d)
	}
	for len(d.lane.queue) > 0 {
		d.lane.busy, d.lane.queue = &d.lane.queue[0], d.lane.queue[1:]
		d.lane.begun = n.Role(d.lane.busy.Instance)
		n.carryOut(d)
	}
	d.dead = true
	n.ending = nil
}

// carryOut does what is under way.
func (n *Node) carryOut(d *daemon) {
	a := *d.lane.busy
	d.lane.busy = nil
	switch a.Kind {
	case node.Claim:
		n.kernel.claim(&a, n.Refusal == "")
		d.lane.refused[a.Instance] = n.Refusal != ""
	case node.Release:
		n.kernel.release(a.Instance, a.Addresses)
	case node.Announce:
		if d.lane.refused[a.Instance] {
			return
		}
		for _, x := range a.Addresses {
			n.c.announce(n, x.Device, x.Addr())
		}
	}
	n.tell("kernel", a)
	n.tellHost()
	if a.Kind == node.Claim && d == n.daemon {
		n.deliver("claimed", &node.Claimed{Instance: a.Instance, Failure: n.Refusal})
	}
	if a.Kind == node.Release && a.Tell && d == n.daemon {
		n.deliver("vacated", &node.Vacated{Instance: a.Instance})
	}
}
