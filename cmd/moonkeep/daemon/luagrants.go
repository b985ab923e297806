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
	for _, f := range c.LuaUses() {
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
