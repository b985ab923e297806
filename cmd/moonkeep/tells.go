package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/notify"
	"github.com/moonkeep/moonkeep/core/notify/mail"
	"github.com/moonkeep/moonkeep/lua"
)

// runners are the compiled Lua files of a configuration's notify blocks, by the
// name of who is told about.
type runners map[string]*lua.Runner

// luaFiles are those of the present configuration and of the one before it,
// for the names that a reload removed: that is told too.
type luaFiles struct{ present, earlier runners }

// telling returns what is told to whom. The Lua files are compiled now, so
// that a mistake in one is found before the configuration is used.
func (e *edges) telling(c *config.Config) (notify.Plan, runners, error) {
	all, files := map[notify.Key]notify.Target{}, runners{}
	add := func(key notify.Key, n *config.Notify, t notify.Target) error {
		t.Master, t.Backup, t.Fault, t.Stop, t.Any = toldProgram(c, n.Master), toldProgram(c, n.Backup), toldProgram(c, n.Fault), toldProgram(c, n.Stop), toldProgram(c, n.Any)
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
		t := notify.Target{
			Deleted: toldProgram(c, in.NotifyDeletedProgram), TellDeleted: in.NotifyDeleted || in.NotifyDeletedProgram != nil,
			Lower: toldProgram(c, in.NotifyLowerPrio), Mail: in.SMTPAlert,
		}
		for _, a := range slices.Concat(in.Addresses, in.Excluded) {
			t.Addresses = append(t.Addresses, a.Spec())
		}
		errs = append(errs, add(notify.Key{Name: in.Name}, &in.Notify, t))
	}
	for i := range c.Groups {
		g := &c.Groups[i]
		errs = append(errs, add(notify.Key{Group: true, Name: g.Name}, &g.Notify, notify.Target{Mail: g.SMTPAlert, Members: g.Members}))
	}
	p := notify.Plan{Targets: all, FIFOs: fifos(c), NoFaultMails: c.Global.NoEmailFaults, Node: c.Global.RouterID}
	if s := c.Global.SMTPServer; s != nil && len(c.Global.Email) > 0 {
		p.Mail = &mail.Config{Host: s.Host, Port: s.Port, Helo: c.Global.SMTPHelo, From: c.Global.EmailFrom, To: c.Global.Email, Timeout: c.Global.SMTPTimeout}
	}
	return p, files, errors.Join(errs...)
}

// fifos returns the FIFOs in the order in which keepalived writes them. Of those
// with one path the one for all changes counts, as in keepalived.
func fifos(c *config.Config) (all []notify.FIFO) {
	g := &c.Global
	add := func(f *config.FIFO, script *config.Program, routers bool, instead ...*config.FIFO) {
		if f == nil || slices.ContainsFunc(instead, func(o *config.FIFO) bool { return o != nil && o.Path == f.Path }) {
			return
		}
		x := notify.FIFO{Path: f.Path, User: f.User, Group: f.Group, Routers: routers, Script: toldProgram(c, script)}
		if x.User == "" {
			x.User, x.Group = g.ScriptUser, g.ScriptGroup
		}
		all = append(all, x)
	}
	add(g.VRRPNotifyFIFO, g.VRRPNotifyFIFOScript, true, g.NotifyFIFO)
	add(g.NotifyFIFO, g.NotifyFIFOScript, true)
	add(g.LVSNotifyFIFO, g.LVSNotifyFIFOScript, false, g.NotifyFIFO, g.VRRPNotifyFIFO)
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
