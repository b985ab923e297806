package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/plan"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// How long plugins may take to say what they think of checks: by hand, and while a
// reload waits.
const (
	askLimit    = 20 * time.Second
	reloadLimit = 5 * time.Second
)

// AskPlugins starts the plugins of third parties on h, as the daemon would, and
// reports those that do not start, and the checks that they refuse: only they
// know their options. What keeps a file from being run, checkPlugins tells.
func AskPlugins(ctx context.Context, h *pluginhost.Host, c *config.Config) config.Findings {
	p, _, err := pluginPlan(c)
	if err != nil {
		return nil // checkPlugins tells
	}
	return askPlugins(ctx, h, c, &p, askLimit, config.Error, func(question) bool { return true })
}

// question is what a plugin may think differently of: a check, where other addresses and
// ports are the same everywhere.
type question struct {
	kind, options, bindIf string
	six, bindSix          bool
	port, bindPort, mark  bool
}

func questionOf(k *pluginhost.Check) question {
	six := func(a netip.Addr) bool { return a.Unmap().Is6() }
	t := &k.Target
	return question{
		kind: k.Kind, options: string(k.Options), bindIf: t.BindIf, six: six(t.Address.Addr()), bindSix: six(t.BindTo),
		port: t.Address.Port() != 0, bindPort: t.BindPort != 0, mark: t.Fwmark != 0,
	}
}

// foreign are the plugins of a plan that have a file.
func foreign(p *pluginhost.Plan) map[string]pluginhost.Plugin {
	all := make(map[string]pluginhost.Plugin)
	for _, x := range p.Plugins {
		if x.Path != "" {
			all[x.Name] = x
		}
	}
	return all
}

// askPlugins asks side by side what is to be asked. A plugin that does not answer is
// found as grave as silent says.
func askPlugins(ctx context.Context, h *pluginhost.Host, c *config.Config, p *pluginhost.Plan, limit time.Duration, silent config.Severity, asks func(question) bool) config.Findings {
	plugins := foreign(p)
	checks := make(map[string][]pluginhost.Check)
	asked := make(map[question]bool)
	at := make(map[uint32]build.Probe)
	for i := range p.Checks {
		k := &p.Checks[i]
		if _, ok := plugins[k.Kind]; !ok {
			continue
		}
		if q := questionOf(k); !asked[q] {
			asked[q] = true
			if asks(q) {
				checks[k.Kind] = append(checks[k.Kind], *k)
				at[k.Number] = build.Probe{}
			}
		}
	}
	if len(checks) == 0 {
		return nil
	}
	build.EachProbe(c, func(x *build.Probe) {
		if _, ok := at[x.Check]; ok {
			at[x.Check] = *x
		}
	})
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	found := make([]config.Findings, len(p.Plugins))
	var all sync.WaitGroup
	for i, x := range p.Plugins {
		if list := checks[x.Name]; len(list) > 0 && x.Path != "" && pluginhost.Verify(x) == nil {
			all.Go(func() { found[i] = askPlugin(ctx, h, c, x, list, at, silent) })
		}
	}
	all.Wait()
	return slices.Concat(found...)
}

func askPlugin(ctx context.Context, h *pluginhost.Host, c *config.Config, p pluginhost.Plugin, checks []pluginhost.Check, at map[uint32]build.Probe, silent config.Severity) config.Findings {
	var found config.Findings
	_, refused, err := h.Refusals(ctx, p, checks)
	if err != nil {
		text := ""
		if silent != config.Error {
			text = "it is not known whether it takes its checks: "
		}
		found.Add(pluginAt(c, p.Name), silent, "bad-plugin", "%s%v", text, err)
		return found
	}
	for i, why := range refused {
		if why == nil {
			continue
		}
		probe := at[checks[i].Number]
		where := probe.Server()
		if probe.Script != "" {
			where = "vrrp_script " + probe.Script
		}
		found.Add(checkAt(c, &probe), config.Error, "bad-plugin", "plugin %s of %s: %v", p.Name, where, why)
	}
	return found
}

// uses reports whether a configuration has a check by a third party's plugin.
func uses(c *config.Config) bool {
	filed := make(map[string]bool) // also in the place of a standard one
	for i := range c.Plugins {
		filed[c.Plugins[i].Name] = c.Plugins[i].Path != ""
	}
	is := func(k *config.Check) bool { return k.Plugin != nil || filed[k.Kind()] }
	return slices.ContainsFunc(c.Scripts, func(s config.Script) bool { return s.Plugin != nil && is(s.Plugin) }) ||
		slices.ContainsFunc(c.VirtualServers, func(v config.VirtualServer) bool {
			return slices.ContainsFunc(v.RealServers, func(r config.RealServer) bool {
				return slices.ContainsFunc(r.Checks, func(k config.Check) bool { return is(&k) })
			})
		})
}

// refusedByPlugins has plugins of third parties say what they think of checks that the
// running configuration has not, and all of theirs where the plugin is another.
func (d *daemon) refusedByPlugins(ctx context.Context, c *config.Config) config.Findings {
	if !uses(c) {
		return nil
	}
	next, _, err := pluginPlan(c)
	if err != nil {
		return nil // whoever takes it tells
	}
	known := make(map[question]bool)
	was := make(map[string]pluginhost.Plugin)
	if running, _, err := pluginPlan(d.current()); err == nil {
		was = foreign(&running)
		for i := range running.Checks {
			if k := &running.Checks[i]; was[k.Kind].Path != "" {
				known[questionOf(k)] = true
			}
		}
	}
	for _, r := range d.outdated() {
		if r.Replaced {
			delete(was, r.Name)
		}
	}
	now := foreign(&next)
	return askPlugins(ctx, d.edges.plugins, c, &next, reloadLimit, config.Warning, func(q question) bool {
		return !known[q] || was[q.kind].Path != now[q.kind].Path
	})
}

// outdated are the processes of checkers that a reload would run anew; none where nothing
// is run.
func (d *daemon) outdated() []pluginhost.Renewal {
	if d.edges == nil || d.edges.plugins == nil {
		return nil
	}
	return d.edges.plugins.Renewals()
}

// renewals are those of the processes of checkers that a reload has run anew which the
// configuration does not tell of.
func renewals(list []pluginhost.Renewal, c *config.Config) []plan.ReportChange {
	if len(list) == 0 {
		return nil
	}
	next, _, err := pluginPlan(c)
	if err != nil {
		return nil // whoever takes it tells
	}
	now := foreign(&next)
	used := make(map[[2]string]bool)
	for i := range next.Checks {
		used[[2]string{next.Checks[i].Kind, next.Checks[i].NetNS}] = true
	}
	var out []plan.ReportChange
	for _, r := range list {
		if !used[[2]string{r.Name, r.NetNS}] || now[r.Name].Path != r.Path {
			continue // the configuration says so
		}
		name := "plugins " + r.Name
		if r.NetNS != "" {
			name += fmt.Sprintf(" in %s", r.NetNS)
		}
		out = append(out, plan.ReportChange{What: "changed", Path: name + ": program", Effect: plan.Nothing.String(), Why: r.Why})
	}
	return out
}
