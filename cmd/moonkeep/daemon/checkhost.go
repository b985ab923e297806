package daemon

import (
	"errors"
	"log/slog"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/lua"
)

// CheckHost returns what this host lacks, as warnings, and what is wrong with
// the Lua files that are there, as errors: no other host would take them.
// lacking says that run would refuse to start here.
func CheckHost(c *config.Config) (found config.Findings, lacking bool) {
	var library lua.Library
	found = hostOf(c, &library)
	if !slices.ContainsFunc(found, func(f config.Finding) bool { return f.Name == "bad-lua-file" || f.Name == "no-lua-file" }) {
		found = append(found, checkLua(c, &library)...)
	}
	found = append(found, checkPlugins(c)...)
	for i := range found {
		if f := &found[i]; f.Severity == config.Error && f.Name != "bad-lua-file" {
			f.Severity = config.Warning
			f.Text += "; run would refuse to start"
			lacking = true
		}
	}
	return append(found, refusedChecks(c, nil)...), lacking
}

// checkLua reports the Lua files that lack the function that they are used
// for. It prepares them as the daemon does, one use at a time, to say where.
func checkLua(c *config.Config, library *lua.Library) config.Findings {
	var found config.Findings
	e := &edges{log: slog.New(slog.DiscardHandler), lost: new(lua.Lost), routerID: c.Global.RouterID, library: library}
	var add func(at config.Position, err error)
	add = func(at config.Position, err error) {
		var one *luaFault
		switch many, joined := err.(interface{ Unwrap() []error }); {
		case err == nil:
			return
		case joined:
			for _, err := range many.Unwrap() {
				add(at, err)
			}
			return
		case errors.As(err, &one) && one.at.Line() > 0:
			at = one.at
		}
		found.Add(at, config.Error, "bad-lua-file", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	for i := range c.Scripts {
		_, err := e.newChecks(&config.Config{Global: c.Global, Scripts: c.Scripts[i : i+1]})
		add(c.Scripts[i].At, err)
	}
	for i := range c.Instances {
		_, _, err := e.notifyPlan(&config.Config{Global: c.Global, Instances: c.Instances[i : i+1]})
		add(c.Instances[i].At, err)
	}
	for i := range c.Groups {
		_, _, err := e.notifyPlan(&config.Config{Global: c.Global, Groups: c.Groups[i : i+1]})
		add(c.Groups[i].At, err)
	}
	for i := range c.VirtualServers {
		one := &config.Config{Global: c.Global, VirtualServers: c.VirtualServers[i : i+1], TrackFiles: c.TrackFiles, BFDs: c.BFDs}
		if len(one.LuaUses()) == 0 {
			continue // there may be ten thousand
		}
		_, _, err := e.notifyPlan(one)
		_, failed := e.newProbes(one, knownChecks{})
		add(c.VirtualServers[i].At, errors.Join(err, failed))
	}
	return append(found, grants(c, library)...)
}
