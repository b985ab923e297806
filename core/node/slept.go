package node

import (
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// stood is how late the node may be before it is looked whether it stood still,
// and how often at most that is looked. What counts as having stood still is
// much longer.
const stood = time.Millisecond

// awake has masters that stood still for too long listen, and with them the others
// of their sync groups, before anything else that came meanwhile has them speak,
// announce or resign as the MASTER that they are not any more.
func (n *Node) awake(now mono.Instant) {
	next := n.sched.next()
	if !next.Reached(now) || now.Sub(next) <= stood || now.Sub(n.looked) < stood {
		return
	}
	n.looked = now
	for _, in := range n.instances {
		if in.router.Overslept(now) {
			n.run(now, in)
		}
	}
}
