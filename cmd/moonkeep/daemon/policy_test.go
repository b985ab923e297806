package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/lua"
)

// TestPolicies: the file of an instance and that of its group are asked; a
// broken one holds nothing back by itself.
func TestPolicies(t *testing.T) {
	dir := luaDir(t, map[string]string{
		"own.lua":   `return {accept_failover = function(ctx) if ctx.args.broken then error("oh") end return not ctx.args.no, ctx.args.no end}`,
		"group.lua": `return {accept_failover = function(ctx) return ctx.cause ~= "maintenance", "not for " .. ctx.cause end}`,
		"none.lua":  `return {on_change = function() end}`,
	})
	conf := func(own, group string) string {
		path := filepath.Join(dir, "a.yaml")
		netnstest.Must(t, os.WriteFile(path, []byte(fmt.Sprintf(`vrrp_instances:
  - {name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1], notify: {lua: %s}}
  - {name: B, interface: eth0, virtual_router_id: 2, virtual_ipaddresses: [192.0.2.2]}
vrrp_sync_groups:
  - {name: G, group: [A, B], notify: {lua: %s}}
`, own, group)), 0o644))
		return path
	}
	for _, tt := range []struct {
		own, group, instance, cause string
		objection                   string
		err                         bool
	}{
		{"own.lua", "group.lua", "A", "failover", "", false},
		{"own.lua", "group.lua", "A", "maintenance", "not for maintenance", false},
		{"own.lua", "group.lua", "B", "maintenance", "not for maintenance", false},
		{"{path: own.lua, args: {no: busy}}", "group.lua", "A", "failover", "busy", false},
		{"{path: own.lua, args: {broken: true}}", "none.lua", "A", "failover", "", true},
		{"{path: own.lua, args: {broken: true}}", "group.lua", "A", "maintenance", "not for maintenance", false},
		{"none.lua", "none.lua", "A", "failover", "", false},
	} {
		c, found, err := OpenConfig(conf(tt.own, tt.group), "")
		if err != nil || found.Errors() {
			t.Fatal(found, err)
		}
		e := &edges{log: slog.New(slog.DiscardHandler), lost: new(lua.Lost)}
		p, err := e.newPolicies(c)
		if err != nil {
			t.Fatal(err)
		}
		if p.engine() == nil {
			if !strings.HasPrefix(tt.own, "none") {
				t.Errorf("%+v: there is no policy", tt)
			}
			continue
		}
		objection, err := p.Accept(t.Context(), engine.PlannedMove{Instance: tt.instance, Cause: tt.cause})
		var broken *lua.Error
		if objection != tt.objection || errors.As(err, &broken) != tt.err {
			t.Errorf("%+v: %q, %v", tt, objection, err)
		}
	}
}
