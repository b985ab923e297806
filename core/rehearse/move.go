package rehearse

import "github.com/moonkeep/moonkeep/core/node"

// Failover asks the daemon to move addresses to another node, as planned.
func (n *Node) Failover(e node.Failover) { n.deliver("failover", &e) }

// Return ends the rest after a Failover.
func (n *Node) Return(e node.Return) { n.deliver("return", &e) }

// Maintain puts instances into maintenance or takes them out of it. Without a
// daemon it is the next one that begins so.
func (n *Node) Maintain(e node.Maintain) {
	if n.daemon == nil {
		n.Maintenance = node.Maintenance{All: e.All && e.On}
		if e.On && !e.All {
			n.Maintenance.Instances = e.Instances
		}
		return
	}
	n.deliver("maintenance", &e)
}
