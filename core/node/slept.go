package node

import (
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// stood is how late the node may be at least before it is looked whether it stood
// still, and how often at most that is looked.
const stood = time.Millisecond

// patient finds how late the node may be before one of its masters can have stood
// still for too long: not all of them are to be looked at whenever a turn is late.
func (n *Node) patient() {
	n.patience = time.Duration(mono.Never)
	for _, in := range n.instances {
		n.patience = min(n.patience, in.router.Tolerance())
	}
	n.patience = max(n.patience, stood)
}

// awake has masters that stood still for too long listen, and with them the others
// of their sync groups, before anything else that came meanwhile has them speak,
// announce or resign as the MASTER that they are not any more.
func (n *Node) awake(now mono.Instant) {
	next := n.sched.next()
	if !next.Reached(now) || now.Sub(next) <= n.patience || now.Sub(n.looked) < stood {
		return
	}
	n.looked = now
	for _, in := range n.instances {
		if in.router.Overslept(now) {
			n.run(now, in)
		}
	}
}
