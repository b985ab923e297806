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
	n.TellStrangers = c.Global.LogUnknownVRIDs
	n.TellStanding = fifo && c.Global.FIFOStatesOnReload
	for i := range c.Instances {
		in := &c.Instances[i]
		// Whether a Lua file has a function for it is not known here.
		lua := in.Notify.Lua != nil
		n.Instances[i].TellPriority = fifo && TellsPriority(c, in) || lua
		n.Instances[i].TellLower = fifo || in.NotifyLowerPrio != nil || lua
	}
}

// TellsPriority reports whether the changes of an instance's priority are
// written to FIFOs.
func TellsPriority(c *config.Config, in *config.Instance) bool {
	if in.NotifyPriorityChanges {
		return true
	}
	return slices.ContainsFunc(c.Groups, func(g config.SyncGroup) bool {
		return g.NotifyPriorityChanges && slices.Contains(g.Members, in.Name)
	})
}
