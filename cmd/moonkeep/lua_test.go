package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/lua"
)

// luaDir makes a folder with files.
func luaDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLuaRun(t *testing.T) {
	dir := luaDir(t, map[string]string{
		"s.lua": `
local exec, log, time = require "exec", require "log", require "time"
return {
  check = function(ctx)
    log.info("asked")
    if ctx.args.loop then while true do end end
    if ctx.args.sleep then time.sleep(ctx.args.sleep) end
    if ctx.args.exec then return exec.run({"true"}).status == 0 end
    if ctx.server then return ctx.server == "192.0.2.11:80" and ctx.service == "192.0.2.1:80" end
    return ctx.args.n == 3 and ctx.args.on == true, "n is " .. type(ctx.args.n)
  end,
  weight = function(ctx) return ctx.server and #ctx.server or 7 end,
  on_master = function(e) assert(e.instance == "VI_9" and e.priority == 50 and e.from == "BACKUP" and e.to == "MASTER") end,
}`,
		"bad.lua": "return {\n  check = function( end\n}\n",
		"all.lua": "return { on_change = function(e) assert(e.to == 'FAULT') end }",
	})
	file := filepath.Join(dir, "s.lua")
	for _, tt := range []struct {
		args   []string
		status int
		out    string // a regular expression
		err    string
	}{
		{[]string{file, "--arg", "n=3", "--arg", "on=true"}, 0, `^ok: n is number\ncheck took [\d.]+(µs|ms), \d+ instructions, some \d+ KiB\n$`, "info: asked\n"},
		{[]string{file, "--arg", "n=three"}, 1, `^failed: n is string\n`, ""},
		{[]string{file, "--arg", "loop=1"}, 2, `^limit: .*2000000 instructions`, ""},
		{[]string{file, "--arg", "sleep=5", "--timeout", "50ms"}, 2, `^timeout: `, ""},
		{[]string{file, "--arg", "exec=1"}, 2, `^error: .*s.lua:8: exec.run: not allowed.*allow: \[exec\]; here: --grant exec\n`, ""},
		{nil, 2, `^$`, "lua run needs a Lua file"},
		{[]string{file, "--arg", "exec=1", "--grant", "exec"}, 0, `^ok\n`, ""},
		{[]string{file, "weight"}, 0, `^ok: weight 7\n`, ""},
		{[]string{file, "weight", "--server", "192.0.2.11:80"}, 0, `^ok: weight 13\n`, ""},
		{[]string{file, "--server", "192.0.2.11:80", "--service", "192.0.2.1:80"}, 0, `^ok\n`, ""},
		{[]string{file, "on_master", "--service", "192.0.2.1:80"}, 2, `^$`, "--server and --service go with check and weight"},
		{[]string{file, "on_master", "--event", "instance=VI_9", "--event", "priority=50"}, 0, `^ok\n`, ""},
		{[]string{file, "on_master"}, 2, `^error: `, ""},
		{[]string{filepath.Join(dir, "all.lua"), "on_fault"}, 2, `^error: it returns no function on_fault; it has on_change; here: on_change --event to=FAULT\n`, ""},
		{[]string{filepath.Join(dir, "all.lua"), "on_change", "--event", "to=FAULT"}, 0, `^ok\n`, ""},
		{[]string{file, "on_fault"}, 2, `^error: it returns no function on_fault; it has check, on_master, weight\n`, ""},
		{[]string{filepath.Join(dir, "bad.lua")}, 2, `^error: .*bad.lua:2`, ""},
		{[]string{filepath.Join(dir, "none.lua")}, 2, `^error: .*no such file`, ""},
		{[]string{file, "--arg", "n"}, 2, `^$`, "write NAME=VALUE"},
		{[]string{file, "--event", "x=1"}, 2, `^$`, "--event goes with a function that begins with on_"},
		{[]string{file, "on_master", "--event", "x=1"}, 2, `^$`, `there is no field "x"`},
		{[]string{file, "--grant", "exce"}, 2, `^error: .*no grant "exce"`, ""},
		{[]string{file, "--timeout", "0s"}, 2, `^$`, "--timeout"},
	} {
		var out, errs bytes.Buffer
		status := run(append([]string{"lua", "run"}, tt.args...), &out, &errs)
		if status != tt.status || !regexp.MustCompile(tt.out).MatchString(out.String()) || !strings.Contains(errs.String(), tt.err) {
			t.Errorf("%q: status %d, want %d\n%s\nwant %s\nerrors %s", tt.args, status, tt.status, out.String(), tt.out, errs.String())
		}
	}
	var out, errs bytes.Buffer
	if status := run([]string{"lua", "run", file, "--json", "--arg", "n=3"}, &out, &errs); status != 1 {
		t.Errorf("status %d", status)
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["result"] != "failed" || got["message"] != "n is number" || got["weight"] != nil || got["memory"].(float64) <= 0 || got["seconds"].(float64) <= 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestLuaTestCommand(t *testing.T) {
	dir := luaDir(t, map[string]string{
		"c.lua": `local file, log = require "file", require "log" return function() log.warn("looked") return not file.exists("/maintenance") end`,
		"c_test.lua": `
local test, stub, check = require "test", require "stub", require "c"
return {
  up = function() stub.file.exists(false) test.equal(check(), true) end,
  down = function() stub.file.exists("/maintenance", true) test.equal(check(), true) end,
}`,
	})
	var out, errs bytes.Buffer
	if status := run([]string{"lua", "test", dir}, &out, &errs); status != 1 {
		t.Errorf("status %d, %s", status, errs.String())
	}
	path := filepath.Join(dir, "c_test.lua")
	want := "TAP version 13\n1..2\nok 1 - " + path + ": up\nnot ok 2 - " + path + ": down\n  ---\n  message: \"got false, want true\"\n  at: \"" + path + ":5\"\n  log:\n    - \"warn looked\"\n  ...\n# 1 passed, 1 failed\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	out.Reset()
	if status := run([]string{"lua", "test", dir, "--run", ":up$", "--json"}, &out, &errs); status != 0 {
		t.Errorf("status %d, %s", status, errs.String())
	}
	var got luaTested
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Passed != 1 || got.Failed != 0 || got.Tests[0].Name != "up" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, args := range [][]string{{t.TempDir()}, {dir, "--run", "nothing"}, {dir, "--run", "("}, {filepath.Join(dir, "none")}} {
		if status := run(append([]string{"lua", "test"}, args...), &out, &errs); status != 2 {
			t.Errorf("%q: status %d", args, status)
		}
	}
}

func TestLuaRepl(t *testing.T) {
	s, err := lua.NewSession(t.TempDir(), lua.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := repl(t.Context(), s, 1e9, strings.NewReader("1 + 1\n\nx = {\n 5 }\nx[1]\nx x\nexit\n7\n"), &out); err != nil {
		t.Fatal(err)
	}
	var helped bytes.Buffer
	if err := repl(t.Context(), s, 1e9, strings.NewReader("help\nhelp file\nhelp exec.run\nhelp none\nhelp file.none\n"), &helped); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"> bytes    ", "file.age(path: string): number | nil, string\n", "timeout?: number, in s: ", "needs the grant exec\n", "error: there is no none;", "there is no file.none;"} {
		if !strings.Contains(helped.String(), want) {
			t.Errorf("help has no %q:\n%s", want, helped.String())
		}
	}
	if got := out.String(); !strings.HasPrefix(got, "> 2\n> > >> > 5\n> error: repl:1") || strings.Contains(got, "7") {
		t.Errorf("got %q", got)
	}
}

func TestLuaDefinitions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	var out, errs bytes.Buffer
	if status := run([]string{"lua", "definitions", dir}, &out, &errs); status != 0 {
		t.Fatal(errs.String())
	}
	text, err := os.ReadFile(filepath.Join(dir, "http.lua"))
	if err != nil || !strings.Contains(string(text), "function http.get(url, options) end") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestLuaReadme holds that the configurations which lua/README.md shows are
// read without an error, and the commands exist.
func TestLuaReadme(t *testing.T) {
	text, err := os.ReadFile("../../lua/README.md")
	if err != nil {
		t.Fatal(err)
	}
	const rest = "    interface: eth0\n    virtual_router_id: 1\n    virtual_ipaddresses: [192.0.2.1]\n"
	n := 0
	for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if strings.HasPrefix(block, "virtual_servers") {
			n++
			parsed(t, "a.yaml", block)
			continue
		}
		name := regexp.MustCompile(`name: (\w+)`).FindStringSubmatch(block)[1]
		if strings.Contains(block, "    # ...\n") {
			block = strings.Replace(block, "    # ...\n", rest+"    track_scripts: ["+name+"]\n", 1)
		} else {
			block += "vrrp_instances:\n  - name: A\n" + rest + "    track_scripts: [" + name + "]\n"
		}
		n++
		parsed(t, "a.yaml", block)
	}
	for _, block := range strings.Split(string(text), "```\nvrrp_script")[1:] {
		block, _, _ = strings.Cut(block, "```")
		block = "vrrp_script" + strings.Replace(block, "    # ...\n", "interface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1\n}\ntrack_script {\nnginx\n}\n", 1)
		n++
		parsed(t, "a.conf", block)
	}
	if n != 4 {
		t.Errorf("%d configurations, want 4", n)
	}
	for _, m := range commandLine.FindAllStringSubmatch(string(text), -1) {
		if why := wrong(strings.Fields(strings.TrimSpace(m[1]))); why != "" {
			t.Errorf("moonkeep %s: %s", m[1], why)
		}
	}
}

func parsed(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join(luaDir(t, map[string]string{name: text}), name)
	_, found, err := daemon.OpenConfig(path, "")
	// What is not acted on is told of services as a whole.
	found = slices.DeleteFunc(found, func(f config.Finding) bool { return f.Name == "not-acted-on" })
	if err != nil || len(found) > 0 {
		t.Errorf("%v %v\n%s", err, found, text)
	}
}
