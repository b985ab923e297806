package config

// LuaUses are all places at which a configuration names Lua files.
func (c *Config) LuaUses() (all []Lua) {
	add := func(list ...*Lua) {
		for _, f := range list {
			if f != nil {
				all = append(all, *f)
			}
		}
	}
	notify := func(n *Notify) {
		add(n.Lua, n.Master.File(), n.Backup.File(), n.Fault.File(), n.Stop.File())
	}
	for i := range c.Scripts {
		if s := &c.Scripts[i]; s.Lua != "" {
			add(&Lua{At: s.At, Path: s.Lua, Allow: s.Allow})
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
					add(&Lua{At: l.At, Path: l.Path, Allow: l.Allow})
				}
				if m := r.Checks[n].Misc; m != nil {
					add(m.MiscPath.File())
				}
			}
		}
	}
	return all
}
