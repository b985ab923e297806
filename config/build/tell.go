package build

import (
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/node"
)

// tell asks the node for what is written to FIFOs beside the changes of role,
// if there are any, and for what has a program of its own.
func tell(n *node.Config, c *config.Config) {
	fifo := c.Global.NotifyFIFO != nil || c.Global.VRRPNotifyFIFO != nil
	n.TellStanding = fifo && c.Global.FIFOStatesOnReload
	for i := range c.Instances {
		in := &c.Instances[i]
		wanted := in.NotifyPriorityChanges
		for k := range c.Groups {
			g := &c.Groups[k]
			wanted = wanted || g.NotifyPriorityChanges && slices.Contains(g.Members, in.Name)
		}
		n.Instances[i].TellPriority = fifo && wanted
		n.Instances[i].TellLower = fifo || in.NotifyLowerPrio != nil
	}
}
