package daemon

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/notify"
	"github.com/moonkeep/moonkeep/lua"
)

// TestLuaOfServicesTold: the Lua files of notify_up and quorum_down are called
// with what happened, and their functions must be there.
func TestLuaOfServicesTold(t *testing.T) {
	dir := luaDir(t, map[string]string{
		"told.lua": `local file = require "file"
local function tell(name)
  return function(e) file.append("told", table.concat({name, e.service, e.server or "-", e.from, e.to, e.why}, " ") .. "\n") end
end
return {on_real_server = tell "server", on_quorum = tell "quorum"}`,
		"half.lua": `return {on_quorum = function() end}`,
	})
	conf := func(file string) string {
		path := filepath.Join(dir, "a.yaml")
		text := "virtual_servers: [{address: '192.0.2.1:80', protocol: TCP, lb_algo: rr, lb_kind: NAT, quorum_down: {lua: told.lua, allow: [write]}, real_servers: [{address: '192.0.2.11:80', notify_up: {lua: " + file + ", allow: [write]}}]}]\n"
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	e := &edges{log: slog.New(slog.DiscardHandler), lost: new(lua.Lost)}
	c, _, err := OpenConfig(conf("told.lua"), "")
	if err != nil {
		t.Fatal(err)
	}
	plan, files, err := e.notifyPlan(c)
	if err != nil {
		t.Fatal(err)
	}
	const service = "TCP 192.0.2.1:80"
	up, down := plan.Targets[notify.Key{Service: true, Name: service, Server: "192.0.2.11:80"}].Up, plan.Targets[notify.Key{Service: true, Name: service}].Down
	if up == nil || up.Lua == nil || down == nil || down.Lua == nil {
		t.Fatalf("nobody is told: %+v", plan.Targets)
	}
	all := luaFiles{present: files}
	if err := all.call(t.Context(), "lb-a", *up.Lua, node.Change{Occasion: node.ServerUp, Name: service, ServerName: "192.0.2.11:80", Why: "well"}, "UP", nil); err != nil {
		t.Error(err)
	}
	if err := all.call(t.Context(), "lb-a", *down.Lua, node.Change{Occasion: node.QuorumLost, Name: service, Why: "few"}, "DOWN", nil); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "told"))
	if want := "server TCP 192.0.2.1:80 192.0.2.11:80 DOWN UP well\nquorum TCP 192.0.2.1:80 - UP DOWN few\n"; string(text) != want {
		t.Errorf("told %q, want %q, %v", text, want, err)
	}
	if c, _, err = OpenConfig(conf("half.lua"), ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.notifyPlan(c); err == nil || !strings.Contains(err.Error(), "it returns no function on_real_server; it has on_quorum") {
		t.Errorf("a file without the function: %v", err)
	}
}

// TestEachUseOfALuaFileHasItsOwnName: so that each keeps values of its own; but the
// policy of a file knows what its notifications kept.
func TestEachUseOfALuaFileHasItsOwnName(t *testing.T) {
	dir := luaDir(t, map[string]string{
		"all.lua":   "return {on_change = function() end, on_master = function() end, accept_failover = function() return true end}",
		"one.lua":   "return {on_master = function() end, on_backup = function() end, on_real_server = function() end}",
		"check.lua": "return {check = function() return true end, weight = function() return 1 end}",
		"a.yaml": `vrrp_instances:
  - name: A
    interface: eth0
    virtual_router_id: 1
    virtual_ipaddresses: [192.0.2.1/24]
    notify:
      lua: {path: all.lua}
      master: {lua: one.lua, args: {x: 1}}
      backup: {lua: one.lua, args: {x: 2}}
      fault: /bin/true
  - name: B
    interface: eth0
    virtual_router_id: 2
    virtual_ipaddresses: [192.0.2.2/24]
    notify: {lua: {path: all.lua}, master: {lua: all.lua}}
vrrp_sync_groups:
  - {name: G, group: [A], notify: {lua: {path: all.lua}}}
virtual_servers:
  - address: 192.0.2.1:80
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    real_servers:
      - address: 192.0.2.11:80
        notify_up: {lua: one.lua}
        notify_down: {lua: one.lua, args: {x: 1}}
        checks: [{LUA_CHECK: {path: check.lua}}, {LUA_CHECK: {path: check.lua, args: {x: 1}}}, {LUA_CHECK: {path: check.lua}}]
        weight_by: {lua: check.lua}
`,
	})
	c, _, err := OpenConfig(filepath.Join(dir, "a.yaml"), "")
	if err != nil {
		t.Fatal(err)
	}
	e := &edges{log: slog.New(slog.DiscardHandler), lost: new(lua.Lost)}
	e.names.begin()
	plan, _, err := e.notifyPlan(c)
	if err != nil {
		t.Fatal(err)
	}
	told := len(e.names.used)
	if told != 3+1+1+2 {
		t.Errorf("%d names of notify: %v", told, slices.Sorted(maps.Keys(e.names.used)))
	}
	if _, err := e.newPolicies(c); err != nil {
		t.Fatal(err)
	}
	if len(e.names.used) != told {
		t.Errorf("policies have names of their own: %v", slices.Sorted(maps.Keys(e.names.used)))
	}
	if _, err := e.newProbes(c, knownChecks{}); err != nil {
		t.Fatal(err)
	}
	if len(e.names.used) != told+4 {
		t.Errorf("%d names of checks: %v", len(e.names.used)-told, slices.Sorted(maps.Keys(e.names.used)))
	}
	if a, b := plan.Targets[notify.Key{Name: "A"}].Lua.Group, plan.Targets[notify.Key{Name: "B"}].Lua.Group; a != "G" || b != "" {
		t.Errorf("A is in %q and B in %q", a, b)
	}
}
