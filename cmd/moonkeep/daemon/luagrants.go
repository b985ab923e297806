package daemon

import (
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/lua"
)

// grants reports the Lua files that call what is not allowed where they are
// named. Whether they ever come to call it is not known, so that it is a
// warning.
func grants(c *config.Config, library *lua.Library) config.Findings {
	var found config.Findings
	for _, f := range luaUses(c) {
		script, err := library.Compile(f.Path)
		if err != nil {
			continue // that is a finding already
		}
		for _, need := range script.Needs(f.Allow) {
			found.Add(f.At, config.Warning, "missing-grant", "%s:%d calls %s, which needs the grant %s, and that is not allowed here: it would fail; allow it, or see that it is not called",
				need.Path, need.Line, need.Function, need.Grant)
		}
	}
	return found
}

// luaUses are all places at which a configuration names Lua files.
func luaUses(c *config.Config) (all []config.Lua) {
	add := func(list ...*config.Lua) {
		for _, f := range list {
			if f != nil {
				all = append(all, *f)
			}
		}
	}
	notify := func(n *config.Notify) {
		add(n.Lua, n.Master.File(), n.Backup.File(), n.Fault.File(), n.Stop.File())
	}
	for i := range c.Scripts {
		if s := &c.Scripts[i]; s.Lua != "" {
			add(&config.Lua{At: s.At, Path: s.Lua, Allow: s.Allow})
		}
	}
	for i := range c.Instances {
		in := &c.Instances[i]
		notify(&in.Notify)
		add(in.NotifyDeletedProgram.File(), in.NotifyLowerPrio.File())
	}
	for i := range c.Groups {
		notify(&c.Groups[i].Notify)
	}
	for i := range c.VirtualServers {
		v := &c.VirtualServers[i]
		add(v.QuorumUp.File(), v.QuorumDown.File())
		for k := range v.RealServers {
			r := &v.RealServers[k]
			add(r.NotifyUp.File(), r.NotifyDown.File(), r.WeightBy.File())
			for n := range r.Checks {
				if l := r.Checks[n].Lua; l != nil {
					add(&config.Lua{At: l.At, Path: l.Path, Allow: l.Allow})
				}
				if m := r.Checks[n].Misc; m != nil {
					add(m.MiscPath.File())
				}
			}
		}
	}
	return all
}
