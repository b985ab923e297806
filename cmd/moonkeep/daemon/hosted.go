package daemon

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/plugins/checker"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
	"github.com/moonkeep/moonkeep/plugins/standard"
)

// DefaultPluginDirectory is where plugins are looked for by their names.
const DefaultPluginDirectory = "/usr/lib/moonkeep/plugins"

func pluginDirectory(c *config.Config) string {
	if c.Global.PluginDirectory != "" {
		return c.Global.PluginDirectory
	}
	return DefaultPluginDirectory
}

// configured is a plugin of a configuration, as its host knows it.
func configured(c *config.Config, p *config.Plugin) pluginhost.Plugin {
	out := pluginhost.Plugin{
		Name: p.Name, Path: p.Path, SHA256: hex.EncodeToString([]byte(p.SHA256)), User: p.User, Group: p.Group,
		Memory: int64(p.Memory) << 20, OpenFiles: p.OpenFiles, Processes: p.Processes, Allow: slices.Clone(p.Allow),
		Nice: c.Global.CheckerPriority,
	}
	if out.User == "" {
		out.User, out.Group = c.Global.PluginUser, c.Global.PluginGroup
	}
	return out
}

// ownPlugin is one of moonkeep's own, with what its checks cannot do without.
func ownPlugin(c *config.Config, kind string) pluginhost.Plugin {
	return needed(configured(c, &config.Plugin{Name: kind, Memory: leastMemory, OpenFiles: leastFiles}))
}

// What a plugin may take of which a configuration says nothing: MiB, and files.
const (
	leastMemory = 256
	leastFiles  = 16384
	mostFiles   = 1 << 20 // as a rule the kernel gives no process more (fs.nr_open)
)

// spareFiles are those of a checker beside one for each of its checks.
const spareFiles = 1024

// roomFor gives a plugin whose limits the configuration leaves open room for so many
// checks at once: when all servers are silent, each probe holds a connection until
// its time is over, and one that gets none finds out nothing. It is a power of two,
// so that few reloads change it, for which the process would have to be a new one.
func roomFor(p *pluginhost.Plugin, checks int) {
	if p.Plain { // the programs that it runs would have its limits
		p.OpenFiles = 0
		return
	}
	files := leastFiles
	for files < checks+spareFiles && files < mostFiles {
		files *= 2
	}
	p.OpenFiles = files
	p.Memory = int64(leastMemory) << 20 * int64(files/leastFiles)
}

// busy is how many checks a second keep a process of one of moonkeep's own checkers
// so busy, on one processor, that the next are to have another process.
const busy = 6000

// seat is where the process of a check runs, and as who.
type seat struct{ kind, netns, user, group string }

func seatOf(c *pluginhost.Subject) seat { return seat{c.Kind, c.NetNS, c.User, c.Group} }

// shareOut has several processes make the checks of one seat, of which so many begin each
// second, when one would be full: those that run on one processor, see checker.Runner. A
// check stays with its own as long as their number and its Identity do.
func shareOut(p *pluginhost.Plan, rates map[seat]float64, processors int) {
	for i := range p.Plugins {
		own, is := standard.New(p.Plugins[i].Name).(checker.Runner)
		if !is || !own.Light() || p.Plugins[i].Path != "" {
			maps.DeleteFunc(rates, func(at seat, _ float64) bool { return at.kind == p.Plugins[i].Name })
		}
	}
	maps.DeleteFunc(rates, func(_ seat, rate float64) bool { return rate < busy })
	for i := range p.Checks {
		c, n, share := &p.Checks[i], 1, uint32(0)
		if len(rates) > 0 {
			n = min(1+int(rates[seatOf(c.Subject)]/busy), processors)
		}
		if n > 1 {
			sum := fnv.New32a()
			_, _ = sum.Write([]byte(c.Identity)) // it takes anything
			share = sum.Sum32() % uint32(n)
		}
		if c.Share != share { // than in the plan before, which goes on for now
			own := *c.Subject
			own.Share, c.Subject = share, &own
		}
	}
}

// needed allows a checker of moonkeep's own what it says that it needs.
func needed(p pluginhost.Plugin) pluginhost.Plugin {
	own := standard.New(p.Name)
	if own == nil || p.Path != "" {
		return p
	}
	for _, need := range own.Info().Needs {
		p.Allow = append(p.Allow, strings.ToLower(strings.TrimPrefix(need, "CAP_")))
	}
	// It runs the users' programs, which may do what the user may.
	p.Plain = p.Name == "MISC_CHECK"
	if p.Plain {
		p.Memory, p.Nice = 0, 0
	}
	return p
}

// pluginPlan is what a configuration wants of the host of plugins, and the
// numbers of the checks that are of scripts. The error joins all that is wrong,
// each thing once, as pluginhost.Errors; checks that have something wrong are not in the plan.
func pluginPlan(c *config.Config) (p pluginhost.Plan, scripts map[string]uint32, err error) {
	return pluginPlanFrom(c, hostedFiles{}, knownChecks{}, nil)
}

// pluginPlanFrom is pluginPlan, which leaves in files those that it read, and takes over the
// checks that are known. Those of Lua are none of the host's: lua, unless it is nil, takes them.
func pluginPlanFrom(c *config.Config, files hostedFiles, before knownChecks, lua func(*build.Probe) error) (p pluginhost.Plan, scripts map[string]uint32, err error) {
	scripts = make(map[string]uint32)
	var bad []error
	reported := make(map[string]bool)
	fail := func(kind, what string, err error) { // thousands of servers may share one fault
		if !reported[err.Error()] {
			reported[err.Error()], bad = true, append(bad, &pluginhost.Error{Plugin: kind, Err: fmt.Errorf("%s: %w", what, err)})
		}
	}
	known := make(map[string]bool)
	filed := make(map[string]bool)                       // those with a path
	implied, times := map[string]int{}, map[string]int{} // places in p.Plugins, and checks, by kind
	rates := map[seat]float64{}                          // checks a second
	for i := range c.Plugins {
		x := configured(c, &c.Plugins[i])
		if filed[x.Name] = x.Path != ""; !filed[x.Name] {
			if standard.New(x.Name) != nil {
				x = needed(x)
			} else {
				x.Path = filepath.Join(pluginDirectory(c), x.Name)
			}
		}
		known[x.Name], p.Plugins = true, append(p.Plugins, x)
		if w := c.Plugins[i].Written; !w.Has("open_files") && (x.Plain || !w.Has("memory")) {
			implied[x.Name] = i
		}
	}
	var uncompiled error
	// Grown by and by it would take several times the room.
	p.Checks = make([]pluginhost.Check, 0, build.MostProbes(c))
	add := func(k pluginhost.Check) {
		times[k.Kind]++
		if k.Interval > 0 {
			rates[seatOf(k.Subject)] += float64(time.Second) / float64(k.Interval)
		}
		p.Checks = append(p.Checks, k)
	}
	own := func(kind string) { // one of moonkeep's own
		if !known[kind] {
			known[kind], p.Plugins = true, append(p.Plugins, ownPlugin(c, kind))
			implied[kind] = len(p.Plugins) - 1
		}
	}
	build.EachFreshProbe(c, before.kept, func(was *node.Service, had, has uint32) bool {
		list, ok := before.of(was, had)
		for _, k := range list {
			own(k.Kind)
			add(pluginhost.Check{Number: k.Number - had + has, Subject: k.Subject})
		}
		return ok
	}, func(x *build.Probe) {
		if x.Lua != nil {
			if lua != nil && x.Script == "" && uncompiled == nil {
				uncompiled = lua(x)
			}
			return
		}
		if x.Plugin && !filed[x.Kind] && standard.New(x.Kind) != nil {
			fail(x.Kind, "plugin "+x.Kind, fmt.Errorf("moonkeep has a check of its own that is called so: write %s in place of plugin, give the plugin another name, or name its file (path) in plugins to have it make all checks of this kind", x.Kind))
			return
		}
		switch {
		case known[x.Kind]:
		case !x.Plugin:
			own(x.Kind)
		case strings.ContainsRune(x.Kind, '/'):
			fail(x.Kind, fmt.Sprintf("plugin %q", x.Kind), errors.New("a name is no path; give the path in plugins"))
			return
		default:
			other := configured(c, &config.Plugin{Name: x.Kind, Memory: leastMemory, OpenFiles: leastFiles})
			other.Path = filepath.Join(pluginDirectory(c), x.Kind)
			known[x.Kind], p.Plugins = true, append(p.Plugins, other)
			implied[x.Kind] = len(p.Plugins) - 1
		}
		check := &pluginhost.Subject{
			Kind: x.Kind, Interval: x.Interval, Identity: x.Identity(), Options: x.Options, NetNS: x.NetNamespace,
			User: x.User, Group: x.Group, Limit: x.Limit, Marks: x.Marks, LowPort: x.LowPort, Binds: x.Binds,
			Target: checker.Target{
				Address: x.Address, BindTo: x.BindTo, BindPort: x.BindPort, BindIf: x.BindIf, Fwmark: x.Fwmark, Timeout: x.ConnectTimeout, Weight: x.Weight,
			},
			Label: x.Label(),
		}
		if x.Kind == "MISC_CHECK" && x.User == "" && x.Group == "" {
			check.User = OwnUser() // as all programs do without script_user
		}
		if x.Kind == "MISC_CHECK" {
			if check.Options, err = ofProgram(x.Options, x.Secure); err != nil {
				fail(x.Kind, "plugin "+x.Kind+" for "+x.Server(), err)
				return
			}
			check.Identity += strconv.FormatBool(x.Secure)
		}
		if hasFiles(x.Kind) {
			var sum string
			if check.Options, sum, err = files.into(x.Options); err != nil {
				fail(x.Kind, "plugin "+x.Kind+" for "+x.Server(), err)
				return
			}
			check.Identity += sum
		}
		if x.Script != "" {
			scripts[x.Script] = x.Check
		}
		if x.Plugin || filed[x.Kind] { // moonkeep's own are asked when the configuration is read
			check.Where = checkAt(c, x).String()
		}
		// The node gives up later than the host, which knows why; who asks for a
		// script's waits no longer than for its process.
		check.Patience = check.Limit + AnswerSlack
		check.Last = max(check.Patience, x.Patience-AnswerSlack/4)
		add(pluginhost.Check{Number: x.Check, Subject: check})
	})
	if uncompiled != nil {
		return p, scripts, uncompiled
	}
	for kind, i := range implied {
		roomFor(&p.Plugins[i], times[kind])
	}
	shareOut(&p, rates, runtime.GOMAXPROCS(0))
	return p, scripts, errors.Join(bad...)
}

// AnswerSlack is how much longer than the time of a probe its answer is waited
// for.
const AnswerSlack = time.Second

// ofProgram are the options of a MISC_CHECK for its checker, for which user and
// group are not options: it runs under them.
func ofProgram(options json.RawMessage, secure bool) (json.RawMessage, error) {
	all := make(map[string]json.RawMessage)
	if err := json.Unmarshal(options, &all); err != nil {
		return nil, fmt.Errorf("read the options of a MISC_CHECK: %w", err)
	}
	delete(all, "user")
	delete(all, "group")
	if secure { // enable_script_security
		all["secure"] = json.RawMessage("true")
	}
	out, err := json.Marshal(all)
	if err != nil {
		return nil, fmt.Errorf("write the options of a MISC_CHECK: %w", err)
	}
	return out, nil
}

// hostOptions are those of the host of plugins.
func hostOptions(c *config.Config) pluginhost.Options {
	return pluginhost.Options{User: c.Global.PluginUser, Group: c.Global.PluginGroup}
}

// openPlugins makes the host of plugins; it starts none yet. onThread is called
// on the thread that will; cell makes the control
// groups of those that run users' programs.
func (e *edges) openPlugins(c *config.Config, dir string, cell func() (int, func(bool)), onThread func() error) (err error) {
	o := hostOptions(c)
	o.Dir, o.Log, o.Cell, o.OnThread, o.Hold = filepath.Join(dir, "plugins"), e.log, cell, onThread, tableFirst
	e.plugins, err = pluginhost.New(o)
	return err
}

// tableFirst is for how long after the start the table of IPVS comes before all
// that can wait: checkers are started, and garbage is collected, once it stands.
// On one processor they would take its time. Of a probe that waits so long an
// answer that comes soon is in time still; without one it is unknown, and made again.
const tableFirst = 3 * time.Second

// runPlugin runs a vrrp_script that is a check of a plugin. Without a verdict
// the one before stands for a while: that a plugin dies says nothing about
// what it checks.
func (x *checks) runPlugin(ctx context.Context, s *config.Script) node.Checked {
	begin := time.Now()
	r := x.probes.probeScript(ctx, s.Name)
	return x.ofPlugin(s, r, time.Since(begin))
}

// ofPlugin is what a plugin's result says, that was waited for so long: one that
// did not come has no time of its own.
func (x *checks) ofPlugin(s *config.Script, r checker.Result, waited time.Duration) node.Checked {
	out := node.Checked{Message: r.Message, Took: r.Latency}
	switch r.Verdict {
	case checker.OK:
		out.Result = node.OK
	case checker.Failed:
		out.Result = node.Failed
	default:
		out.Result = node.Broken
	}
	return x.standing(s, out, out.Result == node.Broken, stoodFor(waited, s.Timeout+AnswerSlack))
}

// probeScript probes the check of a vrrp_script.
func (p *probes) probeScript(ctx context.Context, name string) checker.Result {
	number, ok := p.scripts[name]
	if !ok || p.set == nil {
		return checker.Result{Message: "no plugin has this check"}
	}
	return p.set.Verdict(ctx, number)
}

// identity changes when what a plugin checks for a vrrp_script does; empty when none
// does.
func (p *probes) identity(name string) string {
	if p == nil {
		return ""
	}
	return p.identities[name]
}

// pluginSilence is how long a plugin may be silent where none has been too long.
const pluginSilence = 2 * time.Second

// silence is how long the plugin that checks a vrrp_script may be silent now.
func (p *probes) silence(name string) time.Duration {
	if p == nil || p.set == nil {
		return pluginSilence
	}
	return max(pluginSilence, p.set.Silence(p.scripts[name]))
}

// checkPlugins reports the plugins of a configuration that would not be
// started on this host.
func checkPlugins(c *config.Config) config.Findings {
	var found config.Findings
	plan, _, bad := pluginPlan(c)
	for _, err := range []error{bad, hostOptions(c).Check(plan)} {
		list := []error{err}
		switch many, joined := err.(interface{ Unwrap() []error }); {
		case err == nil:
			continue
		case joined:
			list = many.Unwrap()
		}
		for _, err := range list {
			var about *pluginhost.Error
			name := ""
			if errors.As(err, &about) {
				name = about.Plugin
			}
			found.Add(pluginAt(c, name), config.Error, "bad-plugin", "%v", err)
		}
	}
	return found
}

// pluginOf is the name of the plugin that makes a check.
func pluginOf(k *config.Check) string {
	if k.Plugin != nil {
		return k.Plugin.Name
	}
	return k.Kind()
}

// pluginAt is where a plugin was written: its block, else the first check of it,
// else the file.
func pluginAt(c *config.Config, name string) config.Position {
	for i := range c.Plugins {
		if c.Plugins[i].Name == name {
			return c.Plugins[i].At
		}
	}
	for i := range c.VirtualServers {
		for k := range c.VirtualServers[i].RealServers {
			checks := c.VirtualServers[i].RealServers[k].Checks
			for n := range checks {
				if pluginOf(&checks[n]) == name {
					return checks[n].At()
				}
			}
		}
	}
	for i := range c.Scripts {
		if p := c.Scripts[i].Plugin; p != nil && pluginOf(p) == name {
			return c.Scripts[i].At
		}
	}
	if len(c.Files) > 0 {
		return config.NewPosition(c.Files[0], 0, 0)
	}
	return config.Position{}
}
