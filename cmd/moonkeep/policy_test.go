package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
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
		c, found, err := openConfig(conf(tt.own, tt.group), "")
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

// TestPolicyHoldsPreemption: a daemon of higher priority leaves the master alone
// while its policy objects, takes over at once when that one is killed all the
// same, and preempts it when the policy agrees.
func TestPolicyHoldsPreemption(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	flag := filepath.Join(a.dir, "allowed")
	a.write(t, "policy.lua", `local file = require "file"
return {accept_failover = function(ctx)
  if ctx.cause ~= "preemption" or ctx.master ~= "192.0.2.2" or ctx.master_priority ~= 50 then error("odd: " .. ctx.cause) end
  return file.exists(ctx.args.flag), "not before it is allowed"
end}`, 0o644)
	text := conf(150, vip.String(), "\tnotify \"lua:"+a.dir+"/policy.lua flag="+flag+"\"")
	low := b.run(t, conf(50, vip.String(), ""))
	low.awaitRole(t, "MASTER")
	high := a.run(t, text)
	said := func(what string) {
		t.Helper()
		eventually(t, what, func() bool { return strings.Contains(high.log.String(), what) }, high.log.String)
	}
	said("not preempting 192.0.2.2: not before it is allowed")
	time.Sleep(time.Second) // ten adverts
	high.await(t, "BACKUP", func(i *control.Instance) bool { return i.Role == "BACKUP" })
	killed := time.Now()
	low.kill(t)
	high.awaitRole(t, "MASTER")
	if took := time.Since(killed); took > 5*time.Second {
		t.Errorf("the take-over from the dead took %v: its policy was waited for", took)
	}
	high.stop(t)

	low = b.run(t, conf(50, vip.String(), ""))
	low.awaitRole(t, "MASTER")
	netnstest.Must(t, os.WriteFile(flag, nil, 0o644))
	high = a.run(t, text)
	high.awaitRole(t, "MASTER")
	said("preempting 192.0.2.2: its priority is 50, ours 150")
	high.stop(t)
	low.stop(t)
}
