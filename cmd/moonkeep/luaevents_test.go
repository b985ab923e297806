package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// recorder is a Lua file that writes down each event that it is called with, as
// JSON, a line a call.
const recorder = `local file, json = require "file", require "json"
local all = {}
for _, name in ipairs{"on_master", "on_backup", "on_fault", "on_stop", "on_change", "on_real_server", "on_quorum"} do
  all[name] = function(e)
    e.called = name
    file.append(e.args.to, json.encode(e, {list = true}) .. "\n")
  end
end
return all
`

// recorded is what recorder wrote.
func recorded(t *testing.T, path string) (events []map[string]any) {
	t.Helper()
	for line := range strings.Lines(read(path)) {
		var e map[string]any
		if !strings.HasSuffix(line, "\n") {
			break // it is just being written
		}
		netnstest.Must(t, json.Unmarshal([]byte(line), &e))
		events = append(events, e)
	}
	return events
}

// awaitEvent waits for a call of a function that comes behind the first calls, and
// compares the fields that are named; a nil is a field that may not be there. It
// returns the number of the call behind it.
func awaitEvent(t *testing.T, p *process, path string, from int, called string, fields map[string]any) int {
	t.Helper()
	var events []map[string]any
	at := -1
	eventually(t, called, func() bool {
		events = recorded(t, path)
		for i, e := range events {
			if i >= from && e["called"] == called {
				at = i
				return true
			}
		}
		return false
	}, func() string { return fmt.Sprint(events, p.log) })
	for name, want := range fields {
		if got := events[at][name]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s is %v (%T), want %v", called, name, got, got, want)
		}
	}
	if why, _ := events[at]["why"].(string); why == "" || strings.Contains(why, "\n") {
		t.Errorf("%s: why is %q", called, why)
	}
	if seq, _ := events[at]["seq"].(float64); seq < 1 {
		t.Errorf("%s: seq is %v", called, events[at]["seq"])
	}
	return at + 1
}

// TestLuaEvents: a real daemon tells a Lua file of its instance and one of its
// group of each change, with all that an event has, in order and each once.
func TestLuaEvents(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	a.write(t, "told.lua", recorder, 0o644)
	lever := filepath.Join(a.dir, "lever")
	a.write(t, "lever.lua", `local file = require "file" return function(ctx) return not file.exists(ctx.args.lever), "the lever" end`, 0o644)
	file := a.write(t, "moonkeep.conf", fmt.Sprintf(`global_defs {
 router_id lb-a
}
vrrp_script lever {
 script "lua:lever.lua lever=%s"
 interval 0.1
 fall 1
 rise 1
}
vrrp_instance VI_1 {
 interface eth0
 version 3
 virtual_router_id 63
 priority 100
 advert_int 0.1
 virtual_ipaddress {
  192.0.2.63/24
 }
 virtual_ipaddress_excluded {
  192.0.2.64/24
 }
 track_script {
  lever
 }
 notify "lua:told.lua to=%[2]s/instance allow=write"
}
vrrp_sync_group G {
 group {
  VI_1
 }
 notify "lua:told.lua to=%[2]s/group allow=write"
}
`, lever, a.dir), 0o644)
	p := a.start(t, "run", file)
	instance, group := filepath.Join(a.dir, "instance"), filepath.Join(a.dir, "group")
	both := []any{"192.0.2.63/24", "192.0.2.64/24"}
	i, g := 0, 0
	step := func(state, from string, more map[string]any) {
		t.Helper()
		function := "on_" + strings.ToLower(state)
		own := map[string]any{"instance": "VI_1", "group": nil, "sync_group": "G", "from": from, "to": state, "priority": 100., "addresses": both, "node": "lb-a", "peer": nil, "peer_priority": nil, "seconds": nil, "times": nil, "service": nil, "server": nil, "args": map[string]any{"to": instance}}
		for name, value := range more {
			own[name] = value
		}
		whole := map[string]any{"instance": nil, "group": "G", "sync_group": nil, "from": from, "to": state, "priority": 0., "node": "lb-a", "peer": nil, "args": map[string]any{"to": group}}
		for _, called := range []string{function, "on_change"} {
			i = awaitEvent(t, p, instance, i, called, own)
			g = awaitEvent(t, p, group, g, called, whole)
		}
	}
	step("MASTER", "BACKUP", nil)
	netnstest.Must(t, os.WriteFile(lever, nil, 0o644))
	step("FAULT", "MASTER", nil)
	netnstest.Must(t, os.Remove(lever))
	step("MASTER", "BACKUP", nil)
	c, _, err := daemon.OpenConfig(file, "")
	netnstest.Must(t, err)
	peer := netip.MustParseAddr("192.0.2.2")
	speak(t, b, peer, build.Node(c).Instances[0].Router.Append(nil, 200, peer, vrrp.Group(false)))
	step("BACKUP", "MASTER", map[string]any{"peer": "192.0.2.2", "peer_priority": 200.})
	step("MASTER", "BACKUP", map[string]any{"peer": "192.0.2.2", "peer_priority": 200.}) // it was heard once
	p.stop(t)
	step("STOP", "MASTER", map[string]any{"peer": "192.0.2.2", "peer_priority": 200.})
	last := 0.
	for _, e := range recorded(t, instance) {
		seq, _ := e["seq"].(float64)
		if seq < last {
			t.Errorf("change %v is told behind %v", seq, last)
		}
		last = seq
	}
}

// TestLuaReload: a Lua file that no longer compiles fails the reload, with its
// place, and the one before goes on; a good one counts from the reload on.
func TestLuaReload(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	say := func(word string) {
		a.write(t, "check.lua", "return function(ctx)\n  return true, \""+word+"\"\nend\n", 0o644)
	}
	said := func(p *process, word string) {
		t.Helper()
		eventually(t, "the check says "+word, func() bool {
			s, err := p.status()
			return err == nil && len(s.Scripts) == 1 && s.Scripts[0].Message == word
		}, p.log.String)
	}
	say("first")
	p := a.run(t, "vrrp_script s {\n script \"lua:check.lua\"\n interval 0.1\n}\n"+conf(100, vip.String(), " track_script {\n  s\n }"))
	p.awaitRole(t, "MASTER")
	said(p, "first")
	a.write(t, "check.lua", "return function(ctx)\n  return true,\nend\n", 0o644)
	mentions(t, "the reload", p.asks(t, 1, "reload"), "check.lua:3")
	before, err := p.status()
	netnstest.Must(t, err)
	time.Sleep(300 * time.Millisecond)
	after, err := p.status()
	netnstest.Must(t, err)
	if s := after.Scripts[0]; s.Message != "first" || s.State != "up" || after.Instances[0].Role != "MASTER" {
		t.Errorf("after a reload that failed: %+v, before %+v", s, before.Scripts[0])
	}
	say("second")
	p.asks(t, 0, "reload")
	said(p, "second")
	p.stop(t)
}

// TestGuestForkBombs: beside programs of checks and Lua scripts that fork without
// end, begun again and again, a daemon that may divide its control group goes on
// with its adverts, and each program is in a group of its own.
func TestGuestForkBombs(t *testing.T) {
	const root = "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/cgroup.controllers"); err != nil {
		t.Skip("needs " + root + "/cgroup.controllers: control groups of version 2 with the controllers pids and cpu")
	}
	a, b := hosts(t)
	netnstest.Must(t, os.WriteFile(root+"/cgroup.subtree_control", []byte("+pids +cpu"), 0))
	dir, err := os.MkdirTemp(root, "moonkeep")
	netnstest.Must(t, err)
	netnstest.Must(t, syscall.Setxattr(dir, "trusted.delegate", []byte("1"), 0))
	group, err := os.Open(dir)
	netnstest.Must(t, err)
	defer group.Close()
	const bomb = "while :; do (while :; do :; done) & done"
	a.write(t, "bomb.lua", `local exec = require "exec" return function() return exec.shell("`+bomb+`", {timeout = 0.15}) ~= nil end`, 0o644)
	a.write(t, "bomb.sh", "#!/bin/sh\n"+bomb+"\n", 0o755)
	var scripts, tracked strings.Builder
	for i := range 6 {
		what := "lua:" + a.dir + "/bomb.lua allow=exec"
		if i%2 == 0 {
			what = a.dir + "/bomb.sh"
		}
		fmt.Fprintf(&scripts, "vrrp_script bomb%d {\n script \"%s\"\n interval 0.2\n timeout 0.2\n weight 1\n}\n", i, what)
		fmt.Fprintf(&tracked, "  bomb%d\n", i)
	}
	file := a.write(t, "moonkeep.conf", scripts.String()+conf(150, vip.String(), " track_script {\n"+tracked.String()+" }"), 0o644)
	p := &process{dir: filepath.Join(a.dir, "run"), log: new(output), done: make(chan struct{})}
	p.Cmd = self("run", "-c", file, "--run-dir", p.dir)
	p.Stderr = p.log
	p.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
	p.begin(t, a)
	t.Cleanup(func() { netnstest.Must(t, os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0)) })
	p.awaitRole(t, "MASTER")
	// The guest may itself be starved by what runs beside it.
	capture, most := b.Capture(t, "eth0", 0x0800), 0
	for range 4 {
		n := 0
		for end := time.Now().Add(8 * time.Second); time.Now().Before(end); {
			const header = 14 + 20 // Ethernet, IPv4
			if frame := capture.Next(t, 100*time.Millisecond); len(frame) > header && frame[14+9] == vrrp.Protocol {
				n++
			}
		}
		if most = max(most, n); most >= 30 {
			break
		}
	}
	if t.Logf("%d adverts in 8 s", most); most < 30 {
		t.Errorf("at most %d adverts left in 8 s", most)
	}
	eventually(t, "programs in groups of their own", func() bool {
		cells, err := filepath.Glob(filepath.Join(dir, "programs", "*-*"))
		return err == nil && len(cells) > 0
	}, p.log.String)
}

// TestLuaSmoothing: a measured weight stays within its bounds, passes small changes
// by, and rises slowly after the check of its script was down.
func TestLuaSmoothing(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	number, lever := a.write(t, "number", "-100", 0o644), filepath.Join(a.dir, "lever")
	a.write(t, "w.lua", `local file = require "file"
return {
  check = function(ctx) return not ctx.args.lever or not file.exists(ctx.args.lever) end,
  weight = function(ctx) return ctx.args.lever and 40 or tonumber(file.read("number")) end,
}
`, 0o644)
	p := a.run(t, fmt.Sprintf(`vrrp_script load {
 script "lua:%[1]s/w.lua"
 interval 0.1
 smoothing {
  min -40
  max 0
  step 10
 }
}
vrrp_script slow {
 script "lua:%[1]s/w.lua lever=%[2]s"
 interval 0.1
 fall 1
 rise 1
 weight 1
 smoothing {
  min 0
  max 40
  slow_start 3
 }
}
vrrp_instance VI_1 {
 interface eth0
 version 3
 virtual_router_id 64
 priority 100
 advert_int 0.1
 virtual_ipaddress {
  192.0.2.64/24
 }
 track_script {
  load
  slow
 }
}
`, a.dir, lever))
	weights := func(what string, load, slow int) {
		t.Helper()
		eventually(t, what, func() bool {
			s, err := p.status()
			return err == nil && len(s.Scripts) == 2 && s.Scripts[0].Weight != nil && *s.Scripts[0].Weight == load && s.Scripts[1].Weight != nil && *s.Scripts[1].Weight == slow
		}, p.log.String)
	}
	weights("the least and the most", -40, 40)
	netnstest.Must(t, os.WriteFile(number, []byte("-35"), 0o644))
	time.Sleep(500 * time.Millisecond) // five measurements
	weights("no small step", -40, 40)
	netnstest.Must(t, os.WriteFile(number, []byte("-20"), 0o644))
	weights("a large step", -20, 40)
	netnstest.Must(t, os.WriteFile(lever, nil, 0o644))
	eventually(t, "the check down", func() bool {
		s, err := p.status()
		return err == nil && s.Scripts[1].State == "down"
	}, p.log.String)
	netnstest.Must(t, os.Remove(lever))
	seen := map[int]bool{}
	eventually(t, "all of the weight", func() bool {
		s, err := p.status()
		if err != nil || s.Scripts[1].State != "up" || s.Scripts[1].Weight == nil {
			return false
		}
		seen[*s.Scripts[1].Weight] = true
		return *s.Scripts[1].Weight == 40
	}, p.log.String)
	if len(seen) < 4 {
		t.Errorf("the weight rose by %v only", seen)
	}
	p.stop(t)
}

// TestGuestLuaServers: in a daemon that balances, Lua checks take servers out and
// bring them back, a measured weight stays within its bounds, and the functions of
// servers and of the quorum are told.
func TestGuestLuaServers(t *testing.T) {
	needIPVS(t)
	d := newDirector(t)
	d.write(t, "told.lua", recorder, 0o644)
	d.write(t, "lever.lua", `local file = require "file"
return function(ctx)
  local at = ctx.server:match("%.(%d+):80$")
  if ctx.service ~= "10.9.0.1:80" then error("odd service: " .. ctx.service) end
  return {ok = not file.exists("down" .. at), message = "the lever of " .. at, weight = at == "1" and 1e9 - 1 or nil}
end`, 0o644)
	load := d.write(t, "load", "20", 0o644)
	d.write(t, "load.lua", `local file = require "file" return {weight = function() return tonumber(file.read("load")) end}`, 0o644)
	file := d.write(t, "a.yaml", fmt.Sprintf(`global: {router_id: lb-a}
virtual_servers:
  - address: 10.9.0.1:80
    protocol: TCP
    lb_algo: wrr
    lb_kind: NAT
    delay_loop: 500ms
    quorum_up: {lua: told.lua, allow: [write], args: {to: %[1]s/quorum}}
    quorum_down: {lua: told.lua, allow: [write], args: {to: %[1]s/quorum}}
    real_servers:
      - address: 10.2.0.1:80
        checks: [{LUA_CHECK: {path: lever.lua, retry: 0, delay_loop: 500ms}}]
        notify_up: {lua: told.lua, allow: [write], args: {to: %[1]s/server}}
        notify_down: {lua: told.lua, allow: [write], args: {to: %[1]s/server}}
      - address: 10.2.0.2:80
        weight: 7
        checks: [{LUA_CHECK: {path: lever.lua, retry: 0, delay_loop: 500ms}}]
        weight_by: {lua: load.lua}
        smoothing: {min: 5, max: 50, step: 3}
`, d.dir), 0o644)
	p := d.start(t, "run", file)
	weight := func(server string, want string) {
		t.Helper()
		var table []string
		eventually(t, server+" with weight "+want, func() bool {
			table = d.saved(t)
			for _, line := range table {
				if strings.Contains(line, " -r "+server+":80 ") {
					return strings.HasSuffix(line, " -w "+want)
				}
			}
			return want == "none"
		}, func() string { return strings.Join(table, "\n") + p.log.String() })
	}
	weight("10.2.0.1", "999999999")
	weight("10.2.0.2", "20")
	netnstest.Must(t, os.WriteFile(load, []byte("100000"), 0o644))
	weight("10.2.0.2", "50")
	netnstest.Must(t, os.WriteFile(load, []byte("oh"), 0o644)) // who fails to measure changes nothing
	netnstest.Must(t, os.WriteFile(filepath.Join(d.dir, "down1"), nil, 0o644))
	weight("10.2.0.1", "none")
	weight("10.2.0.2", "50")
	netnstest.Must(t, os.WriteFile(load, []byte("-3"), 0o644))
	weight("10.2.0.2", "5")
	server, quorum := filepath.Join(d.dir, "server"), filepath.Join(d.dir, "quorum")
	fields := func(server any, from, to string, file string) map[string]any {
		return map[string]any{"service": "TCP 10.9.0.1:80", "server": server, "from": from, "to": to, "node": "lb-a", "instance": nil, "group": nil, "peer": nil, "args": map[string]any{"to": file}}
	}
	begun := awaitEvent(t, p, quorum, 0, "on_quorum", fields(nil, "DOWN", "UP", quorum))
	s := awaitEvent(t, p, server, 0, "on_real_server", fields("10.2.0.1:80", "UP", "DOWN", server))
	netnstest.Must(t, os.WriteFile(filepath.Join(d.dir, "down2"), nil, 0o644))
	weight("10.2.0.2", "none")
	q := awaitEvent(t, p, quorum, begun, "on_quorum", fields(nil, "UP", "DOWN", quorum))
	netnstest.Must(t, os.Remove(filepath.Join(d.dir, "down1")))
	awaitEvent(t, p, server, s, "on_real_server", fields("10.2.0.1:80", "DOWN", "UP", server))
	awaitEvent(t, p, quorum, q, "on_quorum", fields(nil, "DOWN", "UP", quorum))
	weight("10.2.0.1", "999999999")
	p.stop(t)
}
