package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/lua"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// edges are what runs users' code: programs and Lua scripts.
type edges struct {
	starter *program.Starter
	log     *slog.Logger
	lost    *lua.Lost
	// library has the Lua files of the configuration that is read; nil where each
	// is compiled for itself.
	library  *lua.Library
	routerID string
	// host is what scripts share, nil where there is no daemon; names are those
	// that they go by there.
	host  *lua.Host
	names scriptNames
	// checkDir is the directory whose files override checks; empty for none.
	checkDir string
	// pool runs the Lua checks of real servers, over all configurations.
	pool *luaPool
	// plugins runs the processes of checkers, over all configurations; nil where
	// there is no daemon.
	plugins *pluginhost.Host
}

// close ends Lua scripts, plugins and programs, side by side, within closeLimit in
// all.
func (e *edges) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	var scripts, plugins, programs error
	var all sync.WaitGroup
	all.Go(func() { scripts = e.pool.close(ctx) })
	if e.plugins != nil {
		all.Go(func() { plugins = e.plugins.Close(ctx) })
	}
	if e.starter != nil {
		all.Go(func() {
			if err := e.starter.Close(ctx); err != nil {
				programs = fmt.Errorf("end the programs that still run: %w", err)
			}
		})
	}
	all.Wait()
	return errors.Join(scripts, plugins, programs)
}

// checks runs the scripts of one configuration. It implements
// engine.QuickChecks.
type checks struct {
	edges   *edges
	scripts map[string]*config.Script
	runners map[string]*luaScript
	user    string
	group   string
	secure  bool // enable_script_security

	mu sync.Mutex
	// lasting are the programs that were told to end and may not have: a
	// check never runs twice at once.
	lasting map[string]program.Outcome
	// verdicts are the last ones.
	verdicts map[string]scriptVerdict
	// notRun are the scripts that were not run the last time, for too many are stuck.
	notRun map[string]bool
	// probes makes the checks of plugins.
	probes *probes
}

// newChecks compiles the Lua scripts of a configuration.
func (e *edges) newChecks(c *config.Config) (*checks, error) {
	x := &checks{
		edges: e, scripts: map[string]*config.Script{}, runners: map[string]*luaScript{},
		lasting: map[string]program.Outcome{}, verdicts: map[string]scriptVerdict{},
	}
	x.user, x.group, x.secure = c.Global.ScriptUser, c.Global.ScriptGroup, c.Global.ScriptSecurity
	for i := range c.Scripts {
		s := &c.Scripts[i]
		x.scripts[s.Name] = s
		if s.Lua == "" {
			continue
		}
		runner, err := e.runner(s.Lua, s.Allow, s.Args, "script "+s.Name, "script "+s.Name)
		if err != nil {
			return nil, fmt.Errorf("vrrp_script %s: %w", s.Name, err)
		}
		names, err := runner.Has(context.Background(), "check", "weight")
		if err != nil {
			return nil, fmt.Errorf("vrrp_script %s: %s: %w", s.Name, s.Lua, err)
		}
		x.runners[s.Name] = &luaScript{Runner: runner, checks: slices.Contains(names, "check"), weighs: slices.Contains(names, "weight")}
	}
	return x, nil
}

// runner compiles a file. The log names it by who; name is by what it keeps values and
// publishes metrics, and that of no other use.
func (e *edges) runner(path string, allow []string, args config.Args, who, name string) (*lua.Runner, error) {
	script, err := e.library.Compile(path)
	if err != nil {
		return nil, err
	}
	return script.NewRunner(e.luaOptions(path, allow, args, who, name))
}

// luaOptions are what a script of the configuration gets.
func (e *edges) luaOptions(path string, allow []string, args config.Args, who, name string) lua.Options {
	e.names.note(name)
	return lua.Options{Allow: allow, Args: args, Name: name, Host: e.host, Lost: e.lost, Log: func(l slog.Level, text string) {
		e.log.Log(context.Background(), l, "("+who+") "+text, "lua", path)
	}}
}

// luaScript is a Lua file that is run as a vrrp_script: its check, its weight,
// or both.
type luaScript struct {
	*lua.Runner
	checks, weighs bool
}

// inline is run for one that waits for nobody, in turn with others.
func (s *luaScript) inline(ctx context.Context, limit time.Duration, tell func(node.Checked, error)) {
	end := time.Now().Add(limit)
	done := func(v lua.Verdict, err error) {
		c := luaVerdict(v.OK, v.Message, err)
		c.Weight, c.Took = v.Weight, time.Since(end.Add(-limit))
		tell(c, err)
	}
	if !s.checks {
		s.InlineWeight(ctx, limit, lua.Subject{}, done)
		return
	}
	s.Inline(ctx, limit, lua.Subject{}, func(v lua.Verdict, err error) {
		if !s.weighs || err != nil || !v.OK {
			done(v, err)
			return
		}
		s.InlineWeight(ctx, time.Until(end), lua.Subject{}, func(w lua.Verdict, err error) {
			if err == nil {
				w.Message = v.Message
				done(w, nil)
				return
			}
			c := unmeasured(luaVerdict(true, v.Message, nil), err)
			c.Took = time.Since(end.Add(-limit))
			tell(c, notAsked(err))
		})
	})
}

// run runs it once. The weight counts while the check is good; when it fails, the
// check's result stands. The error is that of what there is no result of; the result
// tells it, too.
func (s *luaScript) run(ctx context.Context) (node.Checked, error) {
	out := node.Checked{Result: node.OK}
	if s.checks {
		v, err := s.Verdict(ctx, lua.Subject{})
		out = luaVerdict(v.OK, v.Message, err)
		out.Weight = v.Weight
		if err != nil {
			return out, err
		}
	}
	if !s.weighs || out.Result != node.OK {
		return out, nil
	}
	weight, err := s.Weight(ctx)
	switch {
	case err != nil && s.checks:
		return unmeasured(out, err), notAsked(err)
	case err != nil:
		return luaVerdict(false, "", err), err
	}
	out.Weight = &weight
	return out, nil
}

// notAsked is the error of a weight that was not run, for too many are stuck: there is
// no result, and none that failed. Else the check's is one.
func notAsked(err error) error {
	if errors.Is(err, lua.ErrStuck) {
		return err
	}
	return nil
}

// unmeasured is the result of a check that was good, whose weight failed: that is no
// fault, and people are told.
func unmeasured(c node.Checked, err error) node.Checked {
	c.Weight, c.Unmeasured = nil, true
	if c.Message != "" {
		c.Message += "; "
	}
	c.Message += "no weight: " + err.Error()
	return c
}

// weightOnly says which scripts measure a weight and check nothing.
func (x *checks) weightOnly(n *node.Config) {
	for i := range n.Scripts {
		if r := x.runners[n.Scripts[i].Name]; r != nil {
			n.Scripts[i].WeightOnly = !r.checks
		}
	}
}

// Run runs one script once.
func (x *checks) Run(ctx context.Context, name string) node.Checked {
	s := x.scripts[name]
	if c, ok := x.override(name); ok {
		return c
	}
	if r := x.runners[name]; r != nil {
		ctx, cancel := context.WithTimeout(ctx, s.Timeout)
		defer cancel()
		begin := time.Now()
		c, err := r.run(ctx)
		c.Took = time.Since(begin)
		return x.luaStood(s, c, err)
	}
	if s.Plugin != nil {
		return x.runPlugin(ctx, s)
	}
	spec := program.Spec{Argv: s.Argv, User: s.User, Group: s.Group, Timeout: s.Timeout, Secure: x.secure}
	if spec.User == "" {
		spec.User, spec.Group = x.user, x.group
	}
	if last, still := x.lasts(name); still {
		return node.Checked{Result: node.Timeout, Message: fmt.Sprintf("the run before it, process %d, has not ended", last.Pid)}
	}
	o := x.edges.starter.Run(ctx, spec)
	x.mu.Lock()
	x.lasting[name] = o
	x.mu.Unlock()
	return x.stood(s, programVerdict(o), o.Kind == program.TimedOut)
}

// IsQuick implements engine.QuickChecks: Lua scripts that only look are quick.
func (x *checks) IsQuick(name string) bool {
	r := x.runners[name]
	return r != nil && r.Quick() && x.edges.checkDir == ""
}

// Quick implements engine.QuickChecks.
func (x *checks) Quick(ctx context.Context, name string, tell func(node.Checked)) {
	s := x.scripts[name]
	x.runners[name].inline(ctx, s.Timeout, func(c node.Checked, err error) { tell(x.luaStood(s, c, err)) })
}

// lasts reports whether the last run of a check is still to end.
func (x *checks) lasts(name string) (program.Outcome, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	last := x.lasting[name]
	if last.Gone == nil {
		return last, false
	}
	select {
	case <-last.Gone:
		return last, false
	default:
		return last, true
	}
}

// override is the lab's hand: NAME.fail and NAME.pass in the check directory
// decide a check.
func (x *checks) override(name string) (node.Checked, bool) {
	if x.edges.checkDir == "" {
		return node.Checked{}, false
	}
	there := func(suffix string) bool {
		_, err := os.Stat(filepath.Join(x.edges.checkDir, name+suffix))
		return err == nil
	}
	switch {
	case there(".fail"):
		return node.Checked{Result: node.Failed, Message: "told to fail by --check-dir"}, true
	case there(".pass"):
		return node.Checked{Result: node.OK}, true
	}
	return node.Checked{}, false
}

func luaVerdict(ok bool, message string, err error) node.Checked {
	switch {
	case errors.Is(err, lua.ErrTimeout):
		return node.Checked{Result: node.Timeout, Message: err.Error()}
	case err != nil:
		return node.Checked{Result: node.Broken, Message: err.Error()}
	case ok:
		return node.Checked{Result: node.OK, Message: message}
	}
	return node.Checked{Result: node.Failed, Message: message}
}

func programVerdict(o program.Outcome) node.Checked {
	c := node.Checked{Took: o.Took}
	switch {
	case o.OK():
		return c
	case o.Kind == program.NotStarted:
		c.Result, c.Message = node.Broken, o.Err.Error()
	case o.Kind == program.TimedOut:
		// How long it took differs each time, and is no news.
		c.Result, c.Message = node.Timeout, o.LastLine()
		if o.Err != nil {
			c.Message = o.Err.Error()
		}
	default:
		c.Result, c.Message = node.Failed, o.String()
	}
	return c
}
