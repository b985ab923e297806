package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/schema"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/vrrp"
	"github.com/moonkeep/moonkeep/lua"
)

// TestLuaInKeepalivedConf holds that Lua files in the place of programs act: a
// check with arguments of all types, functions of single states, and one file
// for everything, with its priority and another master.
func TestLuaInKeepalivedConf(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	lever, changes := filepath.Join(a.dir, "lever"), filepath.Join(a.dir, "changes")
	netnstest.Must(t, os.Mkdir(filepath.Join(a.dir, "checks"), 0o755))
	a.write(t, "checks/lever.lua", `local file = require "file"
return function(ctx)
  assert(ctx.args.n == 3 and ctx.args.on == true and ctx.args.text == "3")
  return not file.exists(ctx.args.lever), "the lever"
end
`, 0o644)
	a.write(t, "told.lua", `local file = require "file"
local function tell(name)
  return function(e)
    file.append(e.args.to, table.concat({name, e.instance, e.from, e.to, e.priority, e.peer or "-"}, " ") .. "\n")
    if e.times then
      file.append(e.args.to, table.concat({e.peer_priority, e.times > 0 and "true", e.seconds > 0 and "later" or "first"}, " ") .. "\n")
    end
  end
end
return {on_master = tell "master", on_stop = tell "stop", on_priority = tell "priority", on_dual_master = tell "dual", on_fault = tell "fault"}
`, 0o644)
	file := a.write(t, "keepalived.conf", fmt.Sprintf(`vrrp_script lever {
 script "lua:checks/lever.lua n=3 on=true text=\\\"3\\\" lever=%s"
 interval 0.1
 weight -20
}
vrrp_instance VI_1 {
 interface eth0
 version 3
 virtual_router_id 61
 priority 100
 advert_int 0.1
 virtual_ipaddress {
  192.0.2.61/24
 }
 track_script {
  lever
 }
 notify_master "lua:told.lua to=%[2]s allow=write"
 notify_backup "lua:told.lua to=/nowhere allow=write"
 notify "lua:told.lua to=%[2]s.all allow=write"
}
`, lever, changes), 0o644)
	// Its file has no on_backup, which check says.
	if _, err := openAndCheck(file); err == nil || !strings.Contains(err.Error(), "keepalived.conf:19:16: error: notify of VI_1: it returns no function on_backup; it has on_dual_master, on_fault, on_master, on_priority, on_stop; only on_backup is called here: name a file that hears of everything at notify") {
		t.Errorf("check says %v", err)
	}
	text, err := os.ReadFile(file)
	netnstest.Must(t, err)
	a.write(t, "keepalived.conf", strings.Replace(string(text), " notify_backup \"lua:told.lua to=/nowhere allow=write\"\n", "", 1), 0o644)
	p := a.start(t, "run", file)
	told := func(path string, lines ...string) {
		t.Helper()
		var text []byte
		eventually(t, strings.Join(lines, ", "), func() bool {
			text, _ = os.ReadFile(path) // not there at first
			for _, line := range lines {
				if !strings.Contains(string(text), line+"\n") {
					return false
				}
			}
			return true
		}, func() string { return string(text) + p.log.String() })
	}
	p.awaitRole(t, "MASTER")
	told(changes, "master VI_1 BACKUP MASTER 100 -")
	told(changes+".all", "master VI_1 BACKUP MASTER 100 -")
	netnstest.Must(t, os.WriteFile(lever, nil, 0o644))
	p.await(t, "MASTER at 80", func(i *control.Instance) bool { return i.Role == "MASTER" && i.Effective == 80 })
	told(changes+".all", "priority VI_1 MASTER MASTER 80 -")
	c, _, err := daemon.OpenConfig(file, "")
	netnstest.Must(t, err)
	time.Sleep(200 * time.Millisecond) // one that comes right behind the change of role is none
	peer := netip.MustParseAddr("192.0.2.2")
	speak(t, b, peer, build.Node(c).Instances[0].Router.Append(nil, 10, peer, vrrp.Group(false)))
	told(changes+".all", "dual VI_1 MASTER MASTER 80 192.0.2.2", "10 true first")
	// The conflict goes on while the other is heard.
	eventually(t, "a conflict that lasts", func() bool {
		speak(t, b, peer, build.Node(c).Instances[0].Router.Append(nil, 10, peer, vrrp.Group(false)))
		time.Sleep(110 * time.Millisecond)
		text, err := os.ReadFile(changes + ".all")
		return err == nil && strings.Contains(string(text), "10 true later\n")
	}, p.log.String)
	p.signal(t, syscall.SIGTERM)
	told(changes+".all", "stop VI_1 MASTER STOP 80 192.0.2.2")
	if text, err := os.ReadFile(changes); err != nil || strings.Contains(string(text), "stop") || strings.Contains(string(text), "priority") {
		t.Errorf("notify_master told of more: %v\n%s", err, text)
	}
}

// openAndCheck returns the findings of check as one error.
func openAndCheck(path string) (string, error) {
	var out, err strings.Builder
	failed := check(context.Background(), []string{path}, checkOptions{}, &out, &err)
	if failed == nil {
		return out.String(), nil
	}
	return out.String(), fmt.Errorf("%s", out.String())
}

// TestGrantsAgree holds that what a configuration may allow is what scripts
// know.
func TestGrantsAgree(t *testing.T) {
	s := schema.New()
	for _, block := range []any{config.Script{}, config.Program{}, config.Lua{}, config.LuaCheck{}} {
		if got := s.Of(block).Field("allow").Enum; !slices.Equal(got, lua.Grants()) {
			t.Errorf("%T allows %q, scripts know %q", block, got, lua.Grants())
		}
	}
}

// TestLuaWeight holds that the weight function of a script is what it adds to
// the priority, and that one which breaks costs no role.
func TestLuaWeight(t *testing.T) {
	a, _ := hosts(t)
	number := a.write(t, "number", "0", 0o644)
	a.write(t, "w.lua", `local file = require "file"
return {weight = function(ctx) return tonumber(file.read("number")) end}
`, 0o644)
	file := a.write(t, "keepalived.conf", `vrrp_script load {
 script "lua:w.lua"
 interval 0.1
}
vrrp_instance VI_1 {
 interface eth0
 version 3
 virtual_router_id 62
 priority 100
 advert_int 0.1
 virtual_ipaddress {
  192.0.2.62/24
 }
 track_script {
  load
 }
}
`, 0o644)
	p := a.start(t, "run", file)
	at := func(what string, effective int) {
		t.Helper()
		p.await(t, what, func(i *control.Instance) bool { return i.Role == "MASTER" && i.Effective == effective })
	}
	at("MASTER at 100", 100)
	netnstest.Must(t, os.WriteFile(number, []byte("-30"), 0o644))
	at("MASTER at 70", 70)
	netnstest.Must(t, os.WriteFile(number, []byte("oh"), 0o644)) // nil: an error
	at("MASTER at 100 again", 100)
	netnstest.Must(t, os.WriteFile(number, []byte("9"), 0o644))
	s := p.await(t, "MASTER at 109", func(i *control.Instance) bool { return i.Role == "MASTER" && i.Effective == 109 })
	if s.Scripts[0].Weight == nil || *s.Scripts[0].Weight != 9 {
		t.Errorf("status of the script: %+v", s.Scripts[0])
	}
}
