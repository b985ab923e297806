package load

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/program"
)

// Host says what this host lacks that c asks for: interfaces, programs that
// could not be run, users, Lua files, keys that stand in files. It puts those
// keys into c. Such a finding is an Error, because the
// node would not do its duty; a caller that looks at a file for another host
// lowers it. What runs and is doubtful here is a Warning, as a program that
// others could change; Subnets has more of these.
// Names of tables and the like that only this host knows become numbers in c.
// compile compiles a Lua file without running it, and returns the paths of it and of
// the files that it requires; its error names file and
// line. Each interface, program and file is reported once, at its first use.
func Host(c *config.Config, compile func(path string) (files []string, err error)) config.Findings {
	numbers(c, os.ReadFile, filepath.Glob)
	return on(kernel{}, c, compile)
}

// Interfaces is Host for interfaces only, those of the network namespace that the
// calling thread is in. c is what of a configuration is in that (build.Within);
// place is what people call it.
func Interfaces(c *config.Config, place string) config.Findings {
	h := host{machine: kernel{}, config: c, place: place, said: make(map[string]bool)}
	h.interfaces()
	return h.found
}

// Subnets warns of virtual addresses that are in no subnet of their interface, of
// those that Interfaces is about. With a thousand addresses that takes as long as
// all that Host does, and is nothing that anybody waits for. c is not changed.
func Subnets(c *config.Config) config.Findings { return subnets(kernel{}, c) }

// subnets is Subnets for a machine.
func subnets(m machine, c *config.Config) config.Findings {
	h := host{machine: m, config: c, said: make(map[string]bool)}
	h.interfaces()
	if len(h.found) > 0 {
		return nil // the file is for another host
	}
	h.subnets()
	return h.found
}

// on is Host for a machine.
func on(m machine, c *config.Config, compile func(path string) (files []string, err error)) config.Findings {
	h := host{machine: m, config: build.Within(c, ""), place: "this host", compile: compile, said: make(map[string]bool)}
	h.interfaces()
	h.config = c
	for i := range c.Scripts {
		s := &c.Scripts[i]
		what := "vrrp_script " + s.Name
		switch {
		case s.Lua != "":
			h.lua(s.At, what, s.Lua)
		case s.Plugin == nil:
			h.program(config.Error, s.At, what, s.Argv, s.User, s.Group)
		}
	}
	for i := range c.Instances {
		in := &c.Instances[i]
		h.notify("vrrp_instance "+in.Name, &in.Notify, in.NotifyDeletedProgram, in.NotifyLowerPrio)
	}
	for i := range c.Groups {
		h.notify("vrrp_sync_group "+c.Groups[i].Name, &c.Groups[i].Notify)
	}
	h.global()
	h.services()
	h.keys()
	h.found.Sort()
	return h.found
}

type host struct {
	machine machine
	config  *config.Config
	// place is what people call what interfaces are looked for in.
	place   string
	compile func(string) ([]string, error)
	found   config.Findings
	said    map[string]bool
}

// once adds an error, unless the same thing was reported before.
func (h *host) once(subject string, at config.Position, name, format string, args ...any) {
	h.tell(config.Error, subject, at, name, format, args...)
}

// tell is once with a severity.
func (h *host) tell(severity config.Severity, subject string, at config.Position, name, format string, args ...any) {
	if h.said[subject] {
		return
	}
	h.said[subject] = true
	h.found.Add(at, severity, name, format, args...)
}

// interfaces looks for every interface that is named.
func (h *host) interfaces() {
	names, err := h.machine.names()
	if err != nil {
		h.found.Add(config.NewPosition(h.file(), 0, 0), config.Error, "no-interface", "the interfaces of %s cannot be listed: %v", h.place, err)
		return
	}
	need := func(at config.Position, what, name string) {
		if name == "" || slices.Contains(names, name) {
			return
		}
		hint := "there are " + strings.Join(names, ", ")
		if near := config.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("is %s meant? There are %s", near, strings.Join(names, ", "))
		}
		if h.config.Global.DynamicInterfaces != "" {
			h.tell(config.Warning, "interface "+name, at, "no-interface", "%s: %s has no interface %q, and waits for it, as dynamic_interfaces says; %s", what, h.place, name, hint)
			return
		}
		h.once("interface "+name, at, "no-interface", "%s: %s has no interface %q; %s", what, h.place, name, hint)
	}
	tracks := func(what string, list []config.Track) {
		for _, t := range list {
			need(t.At, what, t.Name)
		}
	}
	for i := range h.config.Instances {
		in := &h.config.Instances[i]
		what := "vrrp_instance " + in.Name
		need(in.At, what, in.Interface)
		for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
			for _, a := range list {
				need(a.At, what, a.Device)
			}
		}
		tracks(what, in.TrackInterfaces)
	}
	for i := range h.config.Groups {
		tracks("vrrp_sync_group "+h.config.Groups[i].Name, h.config.Groups[i].TrackInterfaces)
	}
}

func (h *host) file() string {
	if len(h.config.Files) == 0 {
		return ""
	}
	return h.config.Files[0]
}

// program looks at a command line. The severity is that of a program that
// could not be run; each is looked at once, however many use it.
func (h *host) program(severity config.Severity, at config.Position, what string, argv []string, as, group string) {
	if len(argv) == 0 {
		return
	}
	if as == "" {
		as, group = h.config.Global.ScriptUser, h.config.Global.ScriptGroup
	}
	subject := "program " + argv[0] + " " + program.Script(argv) + " " + as + ":" + group
	if h.said[subject] {
		return
	}
	h.said[subject] = true
	err := program.InspectCommand(argv, as, group)
	switch {
	case errors.Is(err, program.ErrUser):
		if account := "user " + as + ":" + group; !h.said[account] {
			h.said[account] = true
			h.found.Add(at, severity, "no-user", "%s: %v", what, err)
		}
		return
	case err != nil:
		h.found.Add(at, severity, "no-program", "%s: %v", what, err)
		return
	}
	secure := h.config.Global.ScriptSecurity
	if secure && as == "" {
		// keepalived would leave it out and run on without it.
		if !h.said["account"] {
			h.said["account"] = true
			h.found.Add(at, severity, "no-user", "%s: enable_script_security wants an account to run programs, and there is no user %s; create it (useradd -r %[2]s), or name another one with script_user, root if need be", what, defaultUser)
		}
		return
	}
	if err := program.TrustedCommand(argv, as, group); errors.Is(err, program.ErrUntrusted) {
		why, level := "who can change it gets the rights of "+cmp.Or(as, "root"), config.Warning
		if secure && program.Root(as, group) {
			why, level = "enable_script_security does not let it run", severity
		}
		h.found.Add(at, level, "unsafe-program", "%s: %v; %s", what, err, why)
	}
}

func (h *host) notify(what string, n *config.Notify, more ...*config.Program) {
	for _, p := range append([]*config.Program{n.Master, n.Backup, n.Fault, n.Stop, n.Any}, more...) {
		h.run(config.Error, what+": notify", p)
	}
	if n.Lua != nil {
		h.lua(n.Lua.At, what+": notify", n.Lua.Path)
	}
}

// run is program for a Program that may be nil.
func (h *host) run(severity config.Severity, what string, p *config.Program) {
	if p != nil {
		h.program(severity, p.At, what, p.Argv, p.User, p.Group)
	}
	if l := p.File(); l != nil {
		h.lua(l.At, what, l.Path)
	}
}

// global looks at the daemon's own programs.
func (h *host) global() {
	g := &h.config.Global
	h.run(config.Error, "startup_script", g.StartupScript)
	h.run(config.Error, "shutdown_script", g.ShutdownScript)
	h.run(config.Error, "notify_fifo_script", g.NotifyFIFOScript)
	h.run(config.Error, "vrrp_notify_fifo_script", g.VRRPNotifyFIFOScript)
	h.run(config.Error, "lvs_notify_fifo_script", g.LVSNotifyFIFOScript)
}

// services looks at the programs of virtual servers. Without one of them the
// node still does its duty: a check that cannot be run fails its real server.
func (h *host) services() {
	run := func(what string, p *config.Program) { h.run(config.Warning, what, p) }
	for i := range h.config.VirtualServers {
		v := &h.config.VirtualServers[i]
		run("virtual_server: quorum_up", v.QuorumUp)
		run("virtual_server: quorum_down", v.QuorumDown)
		for k := range v.RealServers {
			r := &v.RealServers[k]
			run("real_server: notify_up", r.NotifyUp)
			run("real_server: notify_down", r.NotifyDown)
			run("real_server: weight_by", r.WeightBy)
			for n := range r.Checks {
				if m := r.Checks[n].Misc; m != nil && m.MiscPath != nil {
					p := *m.MiscPath
					p.At, p.User, p.Group = m.At, cmp.Or(p.User, m.User), cmp.Or(p.Group, m.Group)
					run("MISC_CHECK", &p)
				}
				if l := r.Checks[n].Lua; l != nil {
					h.lua(l.At, "LUA_CHECK", l.Path)
				}
			}
		}
	}
}

// lua looks whether a Lua file is there and compiles.
func (h *host) lua(at config.Position, what, path string) {
	subject := "lua " + path
	info, err := os.Stat(path)
	switch {
	case err != nil && os.IsNotExist(err):
		h.once(subject, at, "no-lua-file", "%s: there is no Lua file %s; create it or correct the path%s", what, path, nearby(path))
		return
	case err != nil:
		h.once(subject, at, "no-lua-file", "%s: Lua file: %v", what, err)
		return
	case !info.Mode().IsRegular():
		h.once(subject, at, "no-lua-file", "%s: %s is no regular file, so no Lua file", what, path)
		return
	}
	files, err := h.compile(path)
	if err != nil {
		h.once(subject, at, "bad-lua-file", "%s: %s", what, oneLine(err.Error()))
		return
	}
	// It runs with the daemon's rights, as far as it is let, and so does what it requires.
	for _, file := range files {
		if absolute, err := filepath.Abs(file); err == nil && h.config.Global.ScriptSecurity {
			if err := program.Trusted(absolute); errors.Is(err, program.ErrUntrusted) {
				h.once("lua "+file, at, "unsafe-program", "%s: %v; enable_script_security does not let it run", what, err)
			}
		}
	}
}

// nearby names a file of the same folder that may have been meant.
func nearby(path string) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		if e.Type() != fs.ModeDir {
			names = append(names, e.Name())
		}
	}
	if near := config.Nearest(filepath.Base(path), names); near != "" {
		return fmt.Sprintf("; is %s meant?", near)
	}
	return ""
}

// oneLine keeps a message of several lines on one, as a finding must be.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// Defaults fills in what the file left to the host: the router's name is the
// host's, and programs run as keepalived_script if there is such an account
// (keepalived's rule), else as the daemon.
func Defaults(c *config.Config) {
	if c.Global.RouterID == "" {
		// Without a name it is just not named in messages.
		c.Global.RouterID, _ = os.Hostname()
	}
	if c.Global.ScriptUser == "" {
		if _, err := user.Lookup(defaultUser); err == nil {
			c.Global.ScriptUser = defaultUser
		}
	}
}

const defaultUser = "keepalived_script"
