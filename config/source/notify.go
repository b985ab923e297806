package source

import (
	"fmt"

	"github.com/moonkeep/moonkeep/config"
)

// notify reads what an instance or a group tells about its changes.
func (r *reader) notify(parent *table) config.Notify {
	var n config.Notify
	f := parent.take("notify")
	if f == nil {
		return n
	}
	t := r.table(f.value, parent.what+": notify")
	if t == nil {
		return n
	}
	for _, p := range []struct {
		key string
		dst **config.Program
	}{
		{"master", &n.Master}, {"backup", &n.Backup}, {"fault", &n.Fault}, {"stop", &n.Stop}, {"any", &n.Any},
	} {
		if f := t.take(p.key); f != nil {
			*p.dst = r.program(f.value, fmt.Sprintf("%s: %s", t.what, p.key))
		}
	}
	if f := t.take("lua"); f != nil {
		n.Lua = r.lua(f.value, t.what+": lua")
	}
	t.done()
	return n
}

// program reads a command, or a table with script, user and group. It
// returns nil after an error.
func (r *reader) program(v *value, what string) *config.Program {
	p := &config.Program{At: v.at}
	ok := false
	if v.kind != kindTable {
		p.Argv, ok = r.command(v, what)
	} else {
		t := r.table(v, what)
		if f := t.take("script"); f != nil {
			p.Argv, ok = r.command(f.value, what+": script")
		} else {
			t.error(v.at, "missing-key", "%s needs a script", what)
		}
		r.user(t, true, &p.User, &p.Group)
		t.done()
	}
	if !ok {
		return nil
	}
	return p
}

// lua reads a path, or a table with path, allow and args. It returns nil
// after an error.
func (r *reader) lua(v *value, what string) *config.Lua {
	l := &config.Lua{At: v.at}
	if v.kind != kindTable {
		path, ok := r.asText(v, what)
		if !ok {
			return nil
		}
		l.Path = r.path(path)
		return l
	}
	t := r.table(v, what)
	f := r.luaPath(t, "path", &l.Path)
	if f == nil && !t.has("path") {
		t.error(v.at, "missing-key", "%s needs the path of a Lua file", what)
	}
	r.luaRest(t, true, &l.Allow, &l.Args)
	t.done()
	if f == nil {
		return nil
	}
	return l
}
