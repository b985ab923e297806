package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/notify"
	"github.com/moonkeep/moonkeep/lua"
)

// runners are the compiled Lua files of what a configuration tells, by the ID of
// notify.Lua.
type runners map[string]*lua.Runner

// luaFiles are those of the present configuration and of the one before it,
// for the names that a reload removed: that is told too.
type luaFiles struct{ present, earlier runners }

// targetMaker makes what is told of one instance or group, with its Lua files. They
// are compiled now, so that a mistake in one is found before the configuration
// is used. A file that several keywords name alike is one, with one memory.
type targetMaker struct {
	edges  *edges
	config *config.Config
	who    string
	// group is the sync group of an instance.
	group string
	files runners
	errs  []error
	// names are those that files were given.
	names map[string]bool
}

// name is by what a file keeps values. That of notify, which hears of everything, is
// that of its policy; another file of the same path has other arguments, and is
// another one.
func (t *targetMaker) name(path, function string) string {
	first := notifyName(t.who, path)
	if function != "" {
		first += " " + function
	}
	name := first
	for n := 2; t.names[name]; n++ {
		name = fmt.Sprintf("%s (%d)", first, n)
	}
	if t.names == nil {
		t.names = map[string]bool{}
	}
	t.names[name] = true
	return name
}

// notifyName is by what the file at notify keeps values.
func notifyName(who, path string) string { return "notify " + who + ": " + path }

// file compiles a Lua file, which must have one of the functions.
func (t *targetMaker) file(f *config.Lua, function string, functions ...string) *notify.Lua {
	id, err := luaID(t.who, f)
	if err != nil {
		t.errs = append(t.errs, err)
		return nil
	}
	out := &notify.Lua{Path: f.Path, ID: id, Function: function, Group: t.group}
	runner := t.files[id]
	if runner == nil {
		runner, err = t.edges.runner(f.Path, f.Allow, f.Args, "notify "+t.who, t.name(f.Path, function))
	}
	var names []string
	if err == nil {
		if names, err = runner.Has(context.Background(), functions...); err != nil && function != "" {
			err = hint(runner, function, err)
		}
	}
	if err != nil {
		t.errs = append(t.errs, &luaFault{f.At, fmt.Errorf("notify of %s: %w", t.who, err)})
		return nil
	}
	t.files[id] = runner
	out.OnPriority, out.OnDualMaster = slices.Contains(names, "on_priority"), slices.Contains(names, "on_dual_master")
	return out
}

// hint adds to the error of a file that stands where only one of its functions
// is called, and has others, where it belongs.
func hint(r *lua.Runner, function string, err error) error {
	names, broken := r.Functions(context.Background())
	if broken != nil || !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "on_") }) {
		return err
	}
	return fmt.Errorf("%w; only %s is called here: name a file that hears of everything at notify", err, function)
}

// luaFault is an error with the place in the configuration that it is about.
type luaFault struct {
	at config.Position
	error
}

func (p *luaFault) Unwrap() error { return p.error }

// luaID names a file, what it may do and what it is handed, for one who is told
// about.
func luaID(who string, f *config.Lua) (string, error) {
	id, err := json.Marshal([]any{who, f.Path, f.Allow, f.Args})
	if err != nil {
		return "", fmt.Errorf("name the Lua file %s: %w", f.Path, err)
	}
	return string(id), nil
}

// program is toldProgram for what may be a Lua file, whose function is called.
func (t *targetMaker) program(p *config.Program, function string) *notify.Program {
	if f := p.File(); f != nil {
		if l := t.file(f, function, function); l != nil {
			return &notify.Program{Lua: l}
		}
		return nil
	}
	return toldProgram(t.config, p)
}

// notify fills in what a notify block says. The file that hears of everything is the
// first, so that it has its name also where other keywords name it, too.
func (t *targetMaker) notify(n *config.Notify, to *notify.Target) {
	if n.Lua != nil {
		to.Lua = t.file(n.Lua, "", "on_change", "on_master", "on_backup", "on_fault", "on_stop", "on_priority", "on_dual_master", acceptFailover)
	}
	to.Master, to.Backup = t.program(n.Master, "on_master"), t.program(n.Backup, "on_backup")
	to.Fault, to.Stop = t.program(n.Fault, "on_fault"), t.program(n.Stop, "on_stop")
	to.Any = toldProgram(t.config, n.Any)
}

// notifyPlan returns what is told to whom, and the Lua files for it.
func (e *edges) notifyPlan(c *config.Config) (notify.Plan, runners, error) {
	all, files := map[notify.Key]*notify.Target{}, runners{}
	// Most instances tell nobody. A thousand of them need not be told apart.
	silent := map[bool]*notify.Target{true: {NoPriorityLines: true}, false: {}}
	groups := map[string]string{}
	for i := range c.Groups {
		for _, member := range c.Groups[i].Members {
			groups[member] = c.Groups[i].Name
		}
	}
	var errs []error
	var to notify.Target
	for i := range c.Instances {
		in := &c.Instances[i]
		t := targetMaker{edges: e, config: c, who: in.Name, group: groups[in.Name], files: files}
		to = notify.Target{TellDeleted: in.NotifyDeleted || in.NotifyDeletedProgram != nil, Mail: in.SMTPAlert, NoPriorityLines: !build.TellsPriority(c, in)}
		t.notify(&in.Notify, &to)
		to.Deleted, to.Lower = t.program(in.NotifyDeletedProgram, "on_stop"), t.program(in.NotifyLowerPrio, "on_dual_master")
		if errs = append(errs, t.errs...); to.Silent() {
			all[notify.Key{Name: in.Name}] = silent[to.NoPriorityLines]
			continue
		}
		for _, a := range slices.Concat(in.Addresses, in.Excluded) {
			to.Addresses = append(to.Addresses, a.Spec())
		}
		told := to
		all[notify.Key{Name: in.Name}] = &told
	}
	for i := range c.Groups {
		g := &c.Groups[i]
		t := targetMaker{edges: e, config: c, who: notify.Key{Group: true, Name: g.Name}.String(), files: files}
		to := notify.Target{Mail: g.SMTPAlert, Members: g.Members}
		t.notify(&g.Notify, &to)
		all[notify.Key{Group: true, Name: g.Name}] = &to
		errs = append(errs, t.errs...)
	}
	errs = append(errs, e.notifyServers(c, all, files)...)
	p := notify.Plan{Targets: all, FIFOs: fifos(c), NoFaultMails: c.Global.NoEmailFaults, Node: c.Global.RouterID}
	p.Mail = mailConfig(c)
	return p, files, errors.Join(errs...)
}

// fifos returns the FIFOs in the order in which keepalived writes them. Of those
// with one path the one for all changes counts, as in keepalived.
func fifos(c *config.Config) (all []notify.FIFO) {
	g := &c.Global
	add := func(f *config.FIFO, script *config.Program, routers, servers bool, instead ...*config.FIFO) {
		if f == nil || slices.ContainsFunc(instead, func(o *config.FIFO) bool { return o != nil && o.Path == f.Path }) {
			return
		}
		x := notify.FIFO{Path: f.Path, User: f.User, Group: f.Group, Routers: routers, Servers: servers, Script: toldProgram(c, script)}
		if x.User == "" {
			x.User, x.Group = g.ScriptUser, g.ScriptGroup
		}
		all = append(all, x)
	}
	add(g.VRRPNotifyFIFO, g.VRRPNotifyFIFOScript, true, false, g.NotifyFIFO)
	add(g.NotifyFIFO, g.NotifyFIFOScript, true, true)
	add(g.LVSNotifyFIFO, g.LVSNotifyFIFOScript, false, true, g.NotifyFIFO, g.VRRPNotifyFIFO)
	return all
}

func toldProgram(c *config.Config, p *config.Program) *notify.Program {
	if p == nil {
		return nil
	}
	out := &notify.Program{Argv: p.Argv, User: p.User, Group: p.Group, Secure: c.Global.ScriptSecurity}
	if out.User == "" {
		out.User, out.Group = c.Global.ScriptUser, c.Global.ScriptGroup
	}
	return out
}

// notifications is what status says of the notifier.
func notifications(c notify.Counts) control.Notifications {
	out := control.Notifications{Waiting: c.Waiting, Told: c.Told, Failed: c.Failed, Dropped: c.Dropped, FIFOs: []control.FIFO{}}
	for _, f := range c.FIFOs {
		out.FIFOs = append(out.FIFOs, control.FIFO{Path: f.Path, Written: f.Written, Dropped: f.Dropped})
	}
	if c.Mails {
		out.Mail = &control.Mail{Waiting: c.Mail.Waiting, Sent: c.Mail.Sent, Failed: c.Mail.Failed, Dropped: c.Mail.Dropped}
	}
	return out
}

// call calls the functions of a Lua file for a change.
func (f luaFiles) call(ctx context.Context, routerID string, file notify.Lua, c node.Change, state string, addresses []netspec.Address) error {
	r := f.present[file.ID]
	if r == nil {
		r = f.earlier[file.ID]
	}
	if r == nil {
		return fmt.Errorf("the Lua file %s is not loaded for %s", file.Path, c.Name)
	}
	event := lua.Event{From: c.From.String(), To: state, Why: c.Why, Priority: int(c.Priority), Seq: c.Seq, Dropped: file.Dropped, Node: routerID, Function: file.Function}
	if c.Peer.IsValid() {
		event.Peer, event.PeerPriority = c.Peer.String(), int(c.PeerPriority)
		event.Dual, event.DualTimes = c.Dual, c.DualTimes
	}
	switch {
	case c.Occasion.OfService():
		event.From, event.Service, event.Server = map[string]string{"UP": "DOWN", "DOWN": "UP"}[state], c.Name, c.ServerName
	case c.Group:
		event.Group, event.Priority = c.Name, 0
	default:
		event.Instance, event.SyncGroup = c.Name, file.Group
	}
	if c.Occasion != node.RoleChanged && !c.Occasion.OfService() {
		event.To = c.To.String()
	}
	for _, a := range addresses {
		event.Addresses = append(event.Addresses, a.Prefix.String())
	}
	return r.Notify(ctx, event)
}
