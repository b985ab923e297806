package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// tracked is an instance with two checks, of which one weighs and one faults.
// A check passes while its file is there.
func tracked(dir string) string {
	var b strings.Builder
	for _, name := range []string{"heavy", "vital"} {
		weight := ""
		if name == "heavy" {
			weight = "weight -20"
		}
		fmt.Fprintf(&b, "vrrp_script %s {\n\tscript \"/usr/bin/test -e %s/%s\"\n\tinterval 0.2\n\tfall 1\n\trise 1\n\t%s\n}\n", name, dir, name, weight)
	}
	return b.String() + conf(100, vip.String(), "\ttrack_script {\n\t\theavy\n\t\tvital\n\t}")
}

func TestTrackers(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	lever := func(name string) string { return filepath.Join(a.dir, name) }
	a.write(t, "heavy", "", 0o644)
	a.write(t, "vital", "", 0o644)
	p := a.run(t, tracked(a.dir))
	effective := func(role string, priority int) func(*control.Instance) bool {
		return func(i *control.Instance) bool { return i.Role == role && i.Effective == priority }
	}
	p.await(t, "MASTER at 100", effective("MASTER", 100))
	a.holds(t, vip, true)

	netnstest.Must(t, os.Remove(lever("heavy")))
	s := p.await(t, "MASTER at 80", effective("MASTER", 80))
	if got, want := s.Instances[0].Arithmetic(), "100 - 20 (script heavy is down) = 80"; got != want {
		t.Errorf("priority %s, want %s", got, want)
	}
	netnstest.Must(t, os.Remove(lever("vital")))
	p.awaitRole(t, "FAULT")
	a.holds(t, vip, false)
	a.write(t, "heavy", "", 0o644)
	a.write(t, "vital", "", 0o644)
	p.await(t, "MASTER at 100 again", effective("MASTER", 100))
	a.holds(t, vip, true)
	p.stop(t)
}

// TestCheckDir holds that the files of --check-dir have the last word.
func TestCheckDir(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	dir := t.TempDir()
	a.write(t, "heavy", "", 0o644) // vital's program says no
	set := func(name string) { netnstest.Must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644)) }
	clear := func(name string) { netnstest.Must(t, os.Remove(filepath.Join(dir, name))) }
	set("vital.pass")
	p := a.run(t, tracked(a.dir), "--check-dir", dir)
	p.awaitRole(t, "MASTER")
	set("vital.fail") // stronger than pass
	s := p.await(t, "FAULT", func(i *control.Instance) bool { return i.Role == "FAULT" })
	if c := s.Scripts[1]; c.Name != "vital" || c.Message != "told to fail by --check-dir" {
		t.Errorf("status of the check: %+v", c)
	}
	clear("vital.fail")
	p.awaitRole(t, "MASTER")
	clear("vital.pass")
	p.awaitRole(t, "FAULT")
	p.stop(t)
}

// TestNeverEndingCheck holds that a check which does not end, and ignores that
// it is told to, fails its check and holds up nothing.
func TestNeverEndingCheck(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	a.write(t, "hang.sh", "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n", 0o755)
	p := a.run(t, fmt.Sprintf("vrrp_script hang {\n\tscript %q\n\tinterval 1\n\ttimeout 1\n\tfall 1\n\tweight -30\n}\n", filepath.Join(a.dir, "hang.sh"))+
		conf(100, vip.String(), "\ttrack_script {\n\t\thang\n\t}"))
	s := p.await(t, "MASTER at 70", func(i *control.Instance) bool { return i.Role == "MASTER" && i.Effective == 70 })
	if c := s.Scripts[0]; c.Result != "timed out" {
		t.Errorf("status of the check: %+v", c)
	}
	p.stop(t)
}

// TestLuaCheck holds that a Lua check counts, and that status says how long it
// took.
func TestLuaCheck(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	a.write(t, "chk.lua", `local file = require "file"
return {check = function(ctx) if file.exists(ctx.args.path) then return true end return false, "no lever" end}
`, 0o644)
	a.write(t, "lever", "", 0o644)
	yaml := a.write(t, "node.yaml", fmt.Sprintf(`vrrp_scripts:
  - {name: chk, lua: chk.lua, args: {path: %q}, interval: 200ms, fall: 1, weight: -20}
vrrp_instances:
  - name: VI_1
    interface: eth0
    version: 3
    virtual_router_id: 51
    advert_int: 100ms
    virtual_ipaddresses: [%s]
    track_scripts: [{name: chk}]
`, filepath.Join(a.dir, "lever"), vip), 0o644)
	p := a.start(t, "run", yaml)
	s := p.await(t, "MASTER at 100 with a passed check", func(i *control.Instance) bool {
		s, err := p.status()
		return i.Role == "MASTER" && i.Effective == 100 && err == nil && s.Scripts[0].Result == "ok"
	})
	if c := s.Scripts[0]; c.Took <= 0 || c.Took > patience.Seconds() {
		t.Errorf("the check took %v s", c.Took)
	}
	netnstest.Must(t, os.Remove(filepath.Join(a.dir, "lever")))
	s = p.await(t, "MASTER at 80", func(i *control.Instance) bool { return i.Role == "MASTER" && i.Effective == 80 })
	if c := s.Scripts[0]; c.Message != "no lever" {
		t.Errorf("status of the check: %+v", c)
	}
	p.stop(t)
}

// TestLuaNotify holds that a Lua file hears of the changes of its instance, up
// to the one that a reload makes by removing it.
func TestLuaNotify(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	changes := filepath.Join(a.dir, "changes")
	a.write(t, "notify.lua", `local file = require "file"
return {on_change = function(e) file.append(e.args.path, e.instance .. " " .. e.from .. " " .. e.to .. "\n") end}
`, 0o644)
	instance := func(name string, vrid int) string {
		return fmt.Sprintf(`  - name: %s
    interface: eth0
    version: 3
    virtual_router_id: %d
    advert_int: 100ms
    virtual_ipaddresses: [192.0.2.%d/24]
    notify: {lua: {path: notify.lua, allow: [write], args: {path: %q}}}
`, name, vrid, vrid, changes)
	}
	file := a.write(t, "node.yaml", "vrrp_instances:\n"+instance("VI_1", 101)+instance("VI_2", 102), 0o644)
	p := a.start(t, "run", file)
	told := func(lines ...string) {
		t.Helper()
		var text []byte
		eventually(t, strings.Join(lines, ", "), func() bool {
			text, _ = os.ReadFile(changes) // not there at first
			for _, line := range lines {
				if !strings.Contains(string(text), line+"\n") {
					return false
				}
			}
			return true
		}, func() string { return string(text) + p.log.String() })
	}
	told("VI_1 INIT BACKUP", "VI_1 BACKUP MASTER", "VI_2 BACKUP MASTER")
	a.write(t, "node.yaml", "vrrp_instances:\n"+instance("VI_1", 101), 0o644)
	p.signal(t, syscall.SIGHUP)
	told("VI_2 MASTER FAULT")
	p.stop(t)
	told("VI_1 MASTER STOP")
}
