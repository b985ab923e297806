package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUsage holds that wrong use is exit status 2 with a message.
func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"nonsense":                       "nonsense",
		"run --nonsense":                 "--nonsense",
		"run extra":                      "extra",
		"run --log-level loud":           "use debug, info, warn or error",
		"run --set router_id":            "write KEY=VALUE",
		"run --set router_idd=x":         "router_idd",
		"run --log-format xml":           "use text or json",
		"status extra":                   "extra",
		"status --run-dir":               "--run-dir",
		"version extra":                  "extra",
		"run -c x --check-dir y z --log": "--log",
	} {
		var stdout, stderr bytes.Buffer
		if code := run(strings.Fields(args), &stdout, &stderr); code != 2 {
			t.Errorf("moonkeep %s: exit status %d, want 2", args, code)
		}
		if text := stderr.String(); !strings.HasPrefix(text, "moonkeep: ") || !strings.Contains(text, want) {
			t.Errorf("moonkeep %s says %q, want %q in it", args, text, want)
		}
	}
}

func TestStatusWithoutDaemon(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	var stdout, stderr bytes.Buffer
	if code := run([]string{"status", "--run-dir", dir}, &stdout, &stderr); code != 2 {
		t.Errorf("exit status %d, want 2", code)
	}
	if text := stderr.String(); !strings.Contains(text, "no daemon answers in "+dir) || stdout.Len() > 0 {
		t.Errorf("it says %q and prints %q", text, stdout.String())
	}
}

// TestRunRefuses holds that what cannot run is refused with exit status 1, and
// with what is wrong, where, and what to do.
func TestRunRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// Whether this host has an eth0 does not matter: all mistakes are told.
	good := conf(100, vip.String(), "")
	script := func(line string) string {
		return "vrrp_script chk {\n\t" + line + "\n\tinterval 1\n}\n" + conf(100, vip.String(), "\ttrack_script {\n\t\tchk\n\t}")
	}
	plain := file("plain.sh", "#!/bin/sh\n", 0o644)
	luaConf := func(name, text string) string {
		return "vrrp_scripts: [{name: chk, lua: " + file(name, text, 0o644) + ", interval: 1s}]\n" +
			"vrrp_instances: [{name: V, interface: eth0, virtual_router_id: 51, virtual_ipaddresses: [192.0.2.100/24], track_scripts: [{name: chk}]}]\n"
	}
	tests := []struct {
		name, path string
		want       []string
	}{
		{"missing file", filepath.Join(dir, "none.conf"), []string{"none.conf", "create it or name another"}},
		{"folder without a configuration", t.TempDir(), []string{"no file with one of the endings .yaml .yml .toml .json is in"}},
		{"empty file", file("empty.conf", "", 0o644), []string{"empty.conf:1:1", "needs a vrrp_instance or a virtual_server"}},
		{"binary garbage", file("garbage.conf", "\x7fELF\x02\x01\x01\x00\xff\xfe{}{}{\x00\x80\n}}}", 0o644), []string{"garbage.conf:1"}},
		{"unknown interface", file("iface.conf", strings.ReplaceAll(good, "interface eth0", "interface nope0"), 0o644),
			[]string{"iface.conf:", `no interface \"nope0\"`, "there are"}},
		{"missing script", file("script.conf", script(`script "/nowhere/chk.sh"`), 0o644), []string{"script.conf:", "/nowhere/chk.sh", "chk"}},
		{"script that is not executable", file("plain.conf", script(`script "`+plain+`"`), 0o644), []string{"plain.conf:", plain}},
		{"virtual_router_id 300", file("number.conf", strings.ReplaceAll(good, "virtual_router_id 51", "virtual_router_id 300"), 0o644),
			[]string{"number.conf:", "virtual_router_id", "300", "255"}},
		{"the same VRID twice", file("vrid.conf", good+strings.ReplaceAll(conf(100, "192.0.2.101/24", ""), "VI_1", "VI_2"), 0o644),
			[]string{"vrid.conf:23:20", "virtual_router_id 51 is already used on eth0 by vrrp_instance VI_1"}},
		{"Lua that does not compile", file("lua1.yaml", luaConf("bad.lua", "return {\n  check = function( end\n}\n"), 0o644), []string{"lua1.yaml:1", "bad.lua:2"}},
		{"Lua that never ends", file("lua2.yaml", luaConf("loop.lua", "while true do end\n"), 0o644), []string{"loop.lua"}},
		{"Lua without the function", file("lua3.yaml", luaConf("none.lua", "return {on_master = function() end}\n"), 0o644), []string{"none.lua", "check"}},
		{"YAML mistake", file("bad.yaml", "vrrp_instances:\n  - name: V\n    prioritty: 100\n", 0o644), []string{"bad.yaml:3:5", "prioritty", "priority"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			runDir := filepath.Join(t.TempDir(), "run")
			if code := run([]string{"run", "-c", tt.path, "--run-dir", runDir}, &stdout, &stderr); code != 1 {
				t.Errorf("exit status %d, want 1", code)
			}
			text := stderr.String()
			for _, want := range append(tt.want, "level=ERROR") {
				if !strings.Contains(text, want) {
					t.Errorf("the message lacks %q:\n%s", want, text)
				}
			}
			if strings.Contains(text, "goroutine ") {
				t.Errorf("a stack is no message:\n%s", text)
			}
		})
	}
}
