package build

import (
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// TestTells holds when the node is asked for more than changes of role.
func TestTells(t *testing.T) {
	fifo := &config.FIFO{Path: "/run/f"}
	for name, tt := range map[string]struct {
		change                    func(*config.Config)
		priority, lower, standing bool
	}{
		"nobody reads": {func(c *config.Config) {
			c.Instances[0].NotifyPriorityChanges, c.Global.FIFOStatesOnReload = true, true
		}, false, false, false},
		"a FIFO":       {func(c *config.Config) { c.Global.NotifyFIFO = fifo }, false, true, false},
		"for VRRP":     {func(c *config.Config) { c.Global.VRRPNotifyFIFO = fifo }, false, true, false},
		"for servers":  {func(c *config.Config) { c.Global.LVSNotifyFIFO = fifo }, false, false, false},
		"a program":    {func(c *config.Config) { c.Instances[0].NotifyLowerPrio = &config.Program{} }, false, true, false},
		"a Lua file":   {func(c *config.Config) { c.Instances[0].Notify.Lua = &config.Lua{} }, true, true, false},
		"the instance": {func(c *config.Config) { c.Global.NotifyFIFO, c.Instances[0].NotifyPriorityChanges = fifo, true }, true, true, false},
		"its group":    {func(c *config.Config) { c.Global.NotifyFIFO, c.Groups[0].NotifyPriorityChanges = fifo, true }, true, true, false},
		"another group": {func(c *config.Config) {
			c.Global.NotifyFIFO, c.Groups[0].NotifyPriorityChanges, c.Groups[0].Members = fifo, true, nil
		}, false, true, false},
		"after reloads": {func(c *config.Config) { c.Global.NotifyFIFO, c.Global.FIFOStatesOnReload = fifo, true }, false, true, true},
	} {
		in := plain()
		c := &config.Config{Instances: []config.Instance{in}, Groups: []config.SyncGroup{{Name: "G", Members: []string{in.Name}}}}
		tt.change(c)
		n := Node(c)
		if got := n.Instances[0]; got.TellPriority != tt.priority || got.TellLower != tt.lower || n.TellStanding != tt.standing {
			t.Errorf("%s: priority %t, lower %t, standing %t, want %t, %t, %t", name, got.TellPriority, got.TellLower, n.TellStanding, tt.priority, tt.lower, tt.standing)
		}
	}
}
