package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/plan"
	"github.com/moonkeep/moonkeep/core/control"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// How long plugins may take to say what they think of checks: by hand, and while a
// reload waits; how many of their processes there are for it at once, and how long each has
// at least where more share the time: one that hangs takes it from none behind it.
const (
	askLimit    = 20 * time.Second
	reloadLimit = 5 * time.Second
	askAtOnce   = 8
	askLeast    = 2 * time.Second
)

// AskPlugins starts the plugins of third parties on h, as the daemon would, and
// reports those that do not start, and the checks that they refuse: only they
// know their options. What keeps a file from being run, checkPlugins tells.
func AskPlugins(ctx context.Context, h *pluginhost.Host, c *config.Config) config.Findings {
	p, _, err := pluginPlan(c)
	if err != nil {
		return nil // checkPlugins tells
	}
	a := toAsk(c, &p, func(question) bool { return true })
	a.silent = config.Error
	return a.ask(ctx, h, askLimit)
}

// question is what a plugin may think differently of: a check, where other addresses and
// ports are the same everywhere in one network namespace.
type question struct {
	kind, netns, options, bindIf string
	six, bindSix                 bool
	port, bindPort, mark         bool
}

func questionOf(k *pluginhost.Subject) question {
	six := func(a netip.Addr) bool { return a.Unmap().Is6() }
	t := &k.Target
	return question{
		kind: k.Kind, netns: k.NetNS, options: string(k.Options), bindIf: t.BindIf, six: six(t.Address.Addr()), bindSix: six(t.BindTo),
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

// asked is what there is to ask of the plugins of third parties.
type asked struct {
	config *config.Config
	turns  []turn
	silent config.Severity // how grave it is when one does not answer
	// mild tells those of which it is a warning only that they are refused; nil is none.
	mild func(question) bool
}

// turn is what one process of a plugin is asked, in the network namespace of its checks.
type turn struct {
	plugin pluginhost.Plugin
	checks []pluginhost.Check
}

// toAsk are the plugins of a plan, with a check of each question that asks wants.
func toAsk(c *config.Config, p *pluginhost.Plan, asks func(question) bool) *asked {
	a := &asked{config: c}
	plugins := foreign(p)
	seen := make(map[question]bool)
	places := make(map[[2]string]int) // in turns, by kind and network namespace
	for i := range p.Checks {
		k := &p.Checks[i]
		plugin, ok := plugins[k.Kind]
		if !ok {
			continue
		}
		q := questionOf(k.Subject)
		if seen[q] {
			continue
		}
		if seen[q] = true; !asks(q) {
			continue
		}
		at, begun := places[[2]string{k.Kind, k.NetNS}]
		if !begun {
			at = len(a.turns)
			places[[2]string{k.Kind, k.NetNS}] = at
			a.turns = append(a.turns, turn{plugin: plugin})
		}
		a.turns[at].checks = append(a.turns[at].checks, *k)
	}
	return a
}

// ask asks them side by side.
func (a *asked) ask(ctx context.Context, h *pluginhost.Host, limit time.Duration) config.Findings {
	if len(a.turns) == 0 {
		return nil
	}
	at := make(map[uint32]build.Probe)
	for _, x := range a.turns {
		for i := range x.checks {
			at[x.checks[i].Number] = build.Probe{}
		}
	}
	build.EachProbe(a.config, func(x *build.Probe) {
		if _, ok := at[x.Check]; ok {
			at[x.Check] = *x
		}
	})
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	rounds := (len(a.turns) + askAtOnce - 1) / askAtOnce
	each := min(limit, max(limit/time.Duration(rounds), askLeast))
	found := make([]config.Findings, len(a.turns))
	failed := make([]error, len(a.turns))
	atOnce := make(chan struct{}, askAtOnce)
	var all sync.WaitGroup
	for i, x := range a.turns {
		if hostOptions(a.config).Check(pluginhost.Plan{Checks: x.checks[:1], Plugins: []pluginhost.Plugin{x.plugin}}) != nil {
			continue // checkPlugins tells
		}
		atOnce <- struct{}{} // none takes longer than ctx
		if ctx.Err() != nil {
			<-atOnce
			failed[i] = fmt.Errorf("%s was not asked: the time was up before its turn", x.plugin)
			continue
		}
		all.Go(func() {
			defer func() { <-atOnce }()
			ctx, cancel := context.WithTimeout(ctx, each)
			defer cancel()
			found[i], failed[i] = a.askOne(ctx, h, x, at)
		})
	}
	all.Wait()
	return append(a.unanswered(failed), slices.Concat(found...)...)
}

// namedSpaces is how many network namespaces a finding names.
const namedSpaces = 3

// unanswered tells of the turns that had no answer: those of one plugin with one reason in
// one finding, which says in which network namespaces.
func (a *asked) unanswered(failed []error) (found config.Findings) {
	type reason struct{ plugin, text string }
	spaces := make(map[reason][]string)
	var all []reason
	for i, err := range failed {
		if err == nil {
			continue
		}
		r := reason{a.turns[i].plugin.Name, err.Error()}
		if spaces[r] == nil {
			all = append(all, r)
		}
		netns := a.turns[i].checks[0].NetNS
		if netns == "" {
			netns = "the daemon's"
		}
		spaces[r] = append(spaces[r], netns)
	}
	for _, r := range all {
		text := ""
		if a.silent != config.Error {
			text = "it is not known whether it takes its checks: "
		}
		text += r.text
		in := spaces[r]
		switch more := len(in) - namedSpaces; {
		case more > 0:
			text += fmt.Sprintf(" (network namespaces %s and %d more)", strings.Join(in[:namedSpaces], ", "), more)
		case len(in) > 1:
			text += fmt.Sprintf(" (network namespaces %s)", strings.Join(in, ", "))
		case in[0] != "the daemon's":
			text += fmt.Sprintf(" (network namespace %s)", in[0])
		}
		found.Add(pluginAt(a.config, r.plugin), a.silent, "bad-plugin", "%s", text)
	}
	return found
}

// askOne asks in one turn. An error is that it had no answer.
func (a *asked) askOne(ctx context.Context, h *pluginhost.Host, x turn, at map[uint32]build.Probe) (found config.Findings, err error) {
	p, checks := x.plugin, x.checks
	_, refused, err := h.Refusals(ctx, p, checks)
	if err != nil {
		return nil, err
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
		severity := config.Error
		if a.mild != nil && a.mild(questionOf(checks[i].Subject)) {
			severity = config.Warning
		}
		found.Add(checkAt(a.config, &probe), severity, "bad-plugin", "plugin %s of %s: %v", p.Name, where, why)
	}
	return found, nil
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
// running configuration has not, and of all of theirs where the plugin or its file is
// another, but those that are refused as it is. With force only new ones count.
func (d *daemon) refusedByPlugins(ctx context.Context, c *config.Config, force bool) config.Findings {
	return d.questions(c, force).ask(ctx, d.edges.plugins, reloadLimit)
}

// plannedPlugins is the same for a configuration that somebody hands in. It names files
// and under whom they run: they are started for nobody who could not do that, too. One
// asks at a time, because checkers that died wait while others start.
func (d *daemon) plannedPlugins(ctx context.Context, c *config.Config) (found config.Findings) {
	if !uses(c) {
		return nil
	}
	if !control.Owns(ctx) { // the plan of the questions reads the files that it names, too
		found.Add(config.Position{}, config.Warning, "bad-plugin", "plugins were not asked whether they take their checks: the daemon starts them for a plan of root and of its own user only; `moonkeep check --plugins` asks them without the daemon")
		return found
	}
	a := d.questions(c, false)
	if len(a.turns) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reloadLimit)
	defer cancel()
	select {
	case d.asking <- struct{}{}:
		defer func() { <-d.asking }()
		return a.ask(ctx, d.edges.plugins, reloadLimit)
	case <-ctx.Done():
		failed := make([]error, len(a.turns))
		for i, x := range a.turns {
			failed[i] = fmt.Errorf("%s was not asked: the plugins of another plan were being asked", x.plugin)
		}
		return a.unanswered(failed)
	}
}

// questions are those that a reload with c asks. With force only what is new is refused.
func (d *daemon) questions(c *config.Config, force bool) *asked {
	if !uses(c) {
		return &asked{}
	}
	next, _, err := pluginPlan(c)
	if err != nil {
		return &asked{} // whoever takes it tells
	}
	known := make(map[question]bool)
	was := make(map[string]pluginhost.Plugin)
	if running, _, err := pluginPlan(d.current()); err == nil {
		was = foreign(&running)
		for i := range running.Checks {
			if k := &running.Checks[i]; was[k.Kind].Path != "" {
				known[questionOf(k.Subject)] = true
			}
		}
	}
	for _, r := range d.outdated() {
		if r.Replaced {
			delete(was, r.Name)
		}
	}
	refused := make(map[question]bool)
	for _, k := range d.edges.plugins.Refused() {
		refused[questionOf(k)] = true
	}
	now := foreign(&next)
	a := toAsk(c, &next, func(q question) bool {
		return !known[q] || !refused[q] && !pluginhost.Same(was[q.kind], now[q.kind])
	})
	if a.silent = config.Warning; force {
		a.mild = func(q question) bool { return known[q] }
	}
	return a
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
