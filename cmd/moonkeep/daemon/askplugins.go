package daemon

import (
	"context"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// askLimit is how long one plugin may take to say what it thinks of its checks.
const askLimit = 20 * time.Second

// AskPlugins starts the plugins of third parties on h, as the daemon would, and
// reports those that do not start, and the checks that they refuse: only they
// know their options. What keeps a file from being run, checkPlugins tells.
func AskPlugins(ctx context.Context, h *pluginhost.Host, c *config.Config) (found config.Findings) {
	plan, _, err := pluginPlan(c)
	if err != nil {
		return nil // checkPlugins tells
	}
	at := map[uint32]*build.Probe{}
	build.EachProbe(c, func(p *build.Probe) {
		if p.Plugin {
			one := *p
			at[p.Check] = &one
		}
	})
	for _, p := range plan.Plugins {
		if p.Path != "" && pluginhost.Verify(p) == nil {
			found = append(found, askPlugin(ctx, c, h, p, plan.Checks, at)...)
		}
	}
	return found
}

func askPlugin(ctx context.Context, c *config.Config, h *pluginhost.Host, p pluginhost.Plugin, all []pluginhost.Check, at map[uint32]*build.Probe) config.Findings {
	var found config.Findings
	var checks []pluginhost.Check
	asked := map[string]bool{}
	for _, k := range all {
		// The same options are the same everywhere.
		if k.Kind == p.Name && !asked[string(k.Options)] {
			asked[string(k.Options)] = true
			checks = append(checks, k)
		}
	}
	if len(checks) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	_, refused, err := h.Refusals(ctx, p, checks)
	if err != nil {
		found.Add(pluginAt(c, p.Name), config.Error, "bad-plugin", "%v", err)
		return found
	}
	for i, why := range refused {
		if probe := at[checks[i].Number]; why != nil && probe != nil {
			where := probe.Server()
			if probe.Script != "" {
				where = "vrrp_script " + probe.Script
			}
			found.Add(checkAt(c, probe), config.Error, "bad-plugin", "plugin %s of %s: %v", p.Name, where, why)
		}
	}
	return found
}
