package build

import (
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// checksOf are the checks of a real server, each place of an SMTP_CHECK with hosts as one of
// its own, and behind them what measures its weight.
func checksOf(r *config.RealServer) []config.Check {
	list := r.Checks
	if slices.ContainsFunc(list, func(k config.Check) bool { return k.SMTP != nil && len(k.SMTP.Hosts) > 0 }) {
		list = nil
		for _, k := range r.Checks {
			if k.SMTP == nil || len(k.SMTP.Hosts) == 0 {
				list = append(list, k)
				continue
			}
			for _, place := range k.SMTP.Places() {
				list = append(list, config.Check{SMTP: place})
			}
		}
	}
	f := r.WeightBy.File()
	if f == nil {
		return list
	}
	by := config.Check{Lua: &config.LuaCheck{At: f.At, Path: f.Path, Allow: f.Allow, Args: f.Args, Measures: true}}
	return append(slices.Clone(list), by)
}

// luaOf is the Lua file of a check, nil when it has none: a program's place may
// be taken by one.
func luaOf(k *config.Check) *config.LuaCheck {
	if k.Misc == nil {
		return k.Lua
	}
	f := k.Misc.MiscPath.File()
	if f == nil {
		return nil
	}
	return &config.LuaCheck{At: f.At, Path: f.Path, Allow: f.Allow, Args: f.Args}
}
