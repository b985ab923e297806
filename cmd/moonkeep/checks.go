package main

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
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/notify"
	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/lua"
)

// edges are what runs users' code: programs and Lua scripts.
type edges struct {
	starter  *program.Starter
	log      *slog.Logger
	lost     *lua.Lost
	routerID string
	// checkDir is the directory whose files override checks; empty for none.
	checkDir string
}

// checks runs the scripts of one configuration. It implements engine.Checks.
type checks struct {
	edges   *edges
	scripts map[string]*config.Script
	runners map[string]*lua.Runner
	user    string
	group   string

	mu sync.Mutex
	// lasting are the programs that were told to end and may not have: a
	// check never runs twice at once.
	lasting map[string]program.Outcome
}

// newChecks compiles the Lua scripts of a configuration.
func (e *edges) newChecks(c *config.Config) (*checks, error) {
	x := &checks{
		edges: e, scripts: map[string]*config.Script{}, runners: map[string]*lua.Runner{},
		lasting: map[string]program.Outcome{},
	}
	x.user, x.group = c.Global.ScriptUser, c.Global.ScriptGroup
	for i := range c.Scripts {
		s := &c.Scripts[i]
		x.scripts[s.Name] = s
		if s.Lua == "" {
			continue
		}
		runner, err := e.runner(s.Lua, s.Allow, s.Args, "script "+s.Name)
		if err != nil {
			return nil, fmt.Errorf("vrrp_script %s: %w", s.Name, err)
		}
		if err := has(runner, "check"); err != nil {
			return nil, fmt.Errorf("vrrp_script %s: %s: %w", s.Name, s.Lua, err)
		}
		x.runners[s.Name] = runner
	}
	return x, nil
}

func (e *edges) runner(path string, allow []string, args map[string]string, who string) (*lua.Runner, error) {
	script, err := lua.Compile(path)
	if err != nil {
		return nil, err
	}
	return script.NewRunner(lua.Options{Allow: allow, Args: args, Lost: e.lost, Log: func(l slog.Level, text string) {
		e.log.Log(context.Background(), l, "("+who+") "+text, "lua", path)
	}})
}

// has reports, as an error, that a script lacks every one of the functions.
func has(r *lua.Runner, functions ...string) error {
	names, err := r.Functions(context.Background())
	if err != nil {
		return err
	}
	for _, f := range functions {
		if slices.Contains(names, f) {
			return nil
		}
	}
	return fmt.Errorf("it returns no function %s", functions[0])
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
		c := luaVerdict(r.Check(ctx))
		c.Took = time.Since(begin)
		return c
	}
	spec := program.Spec{Argv: s.Argv, User: s.User, Group: s.Group, Timeout: s.Timeout}
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
	return programVerdict(o)
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
		c.Result, c.Message = node.Timeout, o.String()
	default:
		c.Result, c.Message = node.Failed, o.String()
	}
	return c
}

// runners are the compiled Lua files of a configuration's notify blocks, by the
// name of who is told about.
type runners map[string]*lua.Runner

// luaFiles are those of the present configuration and of the one before it,
// for the names that a reload removed: that is told too.
type luaFiles struct{ present, earlier runners }

// targets returns who is told about what. The Lua files are compiled now, so
// that a mistake in one is found before the configuration is used.
func (e *edges) targets(c *config.Config) (map[notify.Key]notify.Target, runners, error) {
	all, files := map[notify.Key]notify.Target{}, runners{}
	add := func(key notify.Key, n *config.Notify, addresses []config.Address) error {
		t := notify.Target{Master: e.program(c, n.Master), Backup: e.program(c, n.Backup), Fault: e.program(c, n.Fault), Stop: e.program(c, n.Stop), Any: e.program(c, n.Any)}
		for _, a := range addresses {
			t.Addresses = append(t.Addresses, a.Spec())
		}
		if n.Lua != nil {
			runner, err := e.runner(n.Lua.Path, n.Lua.Allow, n.Lua.Args, "notify "+key.Name)
			if err == nil {
				err = has(runner, "on_change", "on_master", "on_backup", "on_fault", "on_stop")
			}
			if err != nil {
				return fmt.Errorf("notify of %s: %w", key.Name, err)
			}
			files[key.String()] = runner
			t.Lua = &notify.Lua{Path: n.Lua.Path, Allow: n.Lua.Allow, Args: n.Lua.Args}
		}
		all[key] = t
		return nil
	}
	var errs []error
	for i := range c.Instances {
		in := &c.Instances[i]
		errs = append(errs, add(notify.Key{Name: in.Name}, &in.Notify, slices.Concat(in.Addresses, in.Excluded)))
	}
	for i := range c.Groups {
		g := &c.Groups[i]
		errs = append(errs, add(notify.Key{Group: true, Name: g.Name}, &g.Notify, nil))
	}
	return all, files, errors.Join(errs...)
}

func (e *edges) program(c *config.Config, p *config.Program) *notify.Program {
	if p == nil {
		return nil
	}
	out := &notify.Program{Argv: p.Argv, User: p.User, Group: p.Group}
	if out.User == "" {
		out.User, out.Group = c.Global.ScriptUser, c.Global.ScriptGroup
	}
	return out
}

// tell calls the notify functions of a change's Lua file.
func (f luaFiles) tell(ctx context.Context, routerID string, c node.Change, state string, addresses []netspec.Address) error {
	key := notify.Key{Group: c.Group, Name: c.Name}
	r := f.present[key.String()]
	if r == nil {
		r = f.earlier[key.String()]
	}
	if r == nil {
		return fmt.Errorf("no Lua file is loaded for %v", key)
	}
	event := lua.Event{From: c.From.String(), To: state, Why: c.Why, Priority: int(c.Priority), Seq: c.Seq, Node: routerID}
	if c.Group {
		event.Group, event.Priority = c.Name, 0
	} else {
		event.Instance = c.Name
	}
	for _, a := range addresses {
		event.Addresses = append(event.Addresses, a.Prefix.String())
	}
	return r.Notify(ctx, event)
}
