package daemon

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/lua"
)

// A script that waits for nobody says in its turn what it says on a goroutine of
// its own, with a check, a weight or both.
func TestQuickScriptsSayTheSame(t *testing.T) {
	dir := luaDir(t, map[string]string{
		"check.lua":  `local n = 0 return function() n = n + 1 if n == 3 then error("no") end return n ~= 2, "call " .. n end`,
		"weight.lua": `local n = 0 return {weight = function() n = n + 1 if n == 2 then error("no") end return n end}`,
		"both.lua":   `local n = 0 return {check = function() n = n + 1 return n ~= 2, "call " .. n end, weight = function() if n == 3 then error("no") end return -n end}`,
		"table.lua":  `return {check = function() return {ok = true, weight = 5, message = "m"} end}`,
	})
	c := &config.Config{}
	for _, name := range []string{"check", "weight", "both", "table"} {
		c.Scripts = append(c.Scripts, config.Script{Name: name, Lua: filepath.Join(dir, name+".lua"), Timeout: 1e9})
	}
	e := &edges{log: slog.New(slog.DiscardHandler), lost: new(lua.Lost)}
	one, err := e.newChecks(c)
	if err != nil {
		t.Fatal(err)
	}
	two, err := e.newChecks(c)
	if err != nil {
		t.Fatal(err)
	}
	weights := 0
	for i := range c.Scripts {
		name := c.Scripts[i].Name
		for call := range 4 {
			want := one.Run(t.Context(), name)
			var got node.Checked
			told := 0
			if two.Quick(t.Context(), name, func(x node.Checked) { got = x; told++ }); !two.IsQuick(name) || told != 1 {
				t.Fatalf("%s: call %d was not made in its turn, or told %d times", name, call, told)
			}
			if got.Result != want.Result || got.Message != want.Message || (got.Weight == nil) != (want.Weight == nil) {
				t.Errorf("%s: call %d: %+v, want %+v", name, call, got, want)
			}
			if got.Weight != nil {
				if weights++; *got.Weight != *want.Weight {
					t.Errorf("%s: call %d weighs %v, want %v", name, call, *got.Weight, *want.Weight)
				}
			}
		}
	}
	if weights != 2+2+4 {
		t.Errorf("%d weights", weights)
	}
}

// TestAWeightThatFailsIsNoFault: in a file with a check, too, whose result and message
// stand, in whatever way the file is run.
func TestAWeightThatFailsIsNoFault(t *testing.T) {
	dir := luaDir(t, map[string]string{
		"error.lua":   `return {check = function() return true, "well" end, weight = function() error("no load", 0) end}`,
		"nothing.lua": `return {check = function() return true end, weight = function() end}`,
		"loop.lua":    `return {check = function() return true, "well" end, weight = function() while true do end end}`,
		"failed.lua":  `return {check = function() return false, "ill" end, weight = function() error("no load", 0) end}`,
	})
	c := &config.Config{}
	for _, name := range []string{"error", "nothing", "loop", "failed"} {
		c.Scripts = append(c.Scripts, config.Script{Name: name, Lua: filepath.Join(dir, name+".lua"), Timeout: 1e9})
	}
	e := &edges{log: slog.New(slog.DiscardHandler), lost: new(lua.Lost)}
	x, err := e.newChecks(c)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		result node.Result
		text   string
		lacks  bool
	}{
		"error": {node.OK, "well; no weight: ", true}, "nothing": {node.OK, "weight returned nothing", true},
		"loop": {node.OK, "well; no weight: ", true}, "failed": {node.Failed, "ill", false},
	} {
		for range 2 {
			got := []node.Checked{x.Run(t.Context(), name)}
			x.Quick(t.Context(), name, func(c node.Checked) { got = append(got, c) })
			for i, c := range got {
				if c.Result != want.result || !strings.Contains(c.Message, want.text) || c.Weight != nil || c.Unmeasured != want.lacks {
					t.Errorf("%s, way %d: %+v", name, i, c)
				}
			}
			if len(got) != 2 {
				t.Errorf("%s: told %d times", name, len(got)-1)
			}
		}
	}
}
