package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checkRun runs check in a folder with the given files.
func checkRun(t *testing.T, files map[string]string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var out, err strings.Builder
	status = run(append([]string{"check"}, args...), &out, &err)
	return status, out.String(), err.String()
}

// yamlNode is a node that this host can run, but for its interface.
func yamlNode(priority, more string) string {
	return "vrrp_instances:\n  - {name: A, interface: none0, virtual_router_id: 1, priority: " + priority + ", virtual_ipaddresses: [192.0.2.1/24]" + more + "}\n"
}

const hostLacks = "; this host lacks something that the configuration needs\n"

func TestCheck(t *testing.T) {
	const absent = ": this host has no interface \"none0\"; "
	for name, test := range map[string]struct {
		files  map[string]string
		args   []string
		status int
		stdout []string // beginnings and ends of lines, with … between
		stderr string
	}{
		"a warning": {
			map[string]string{"a.yaml": yamlNode("100", "")}, []string{"a.yaml"}, 0,
			[]string{"a.yaml:2:5: warning: vrrp_instance A" + absent + "…; run would refuse to start [no-interface]"},
			"1 file: 0 errors, 1 warning" + hostLacks,
		},
		"an error": {
			map[string]string{"a.yaml": yamlNode("300", "")}, []string{"a.yaml"}, 1,
			[]string{"a.yaml:2:65: error: vrrp_instance A: priority must be from 1 to 255, not 300 [out-of-range]"},
			"1 file: 1 error, 0 warnings; this cannot run\n",
		},
		"two nodes, in the order of the command line": {
			map[string]string{"a.yaml": yamlNode("100", ""), "b.yaml": yamlNode("100", "")}, []string{"b.yaml", "a.yaml"}, 0,
			[]string{
				"b.yaml:2:5: warning: vrrp_instance A" + absent + "… [no-interface]",
				"a.yaml:2:5: warning: vrrp_instance A" + absent + "… [no-interface]",
				"a.yaml:2:55: warning: vrrp_instance A: priority 100 is that of b.yaml too: … [peers-priority]",
			},
			"2 files: 0 errors, 3 warnings" + hostLacks,
		},
		"a missing file beside a good one": {
			map[string]string{"a.yaml": yamlNode("100", "")}, []string{"none.conf", "a.yaml"}, 1,
			[]string{
				"none.conf: error: read configuration: none.conf: file does not exist; create it or name another [unreadable-file]",
				"a.yaml:2:5: warning: vrrp_instance A" + absent + "… [no-interface]",
			},
			"2 files: 1 error, 1 warning; this cannot run\n",
		},
		"a Lua file with a mistake in it": {
			map[string]string{"a.yaml": yamlNode("100", ", notify: {lua: n.lua}"), "n.lua": "return {\n  on_master = function( end\n}\n"}, []string{"a.yaml"}, 1,
			[]string{
				"a.yaml:2:5: warning: … [no-interface]",
				"a.yaml:2:121: error: vrrp_instance A: notify: n.lua:2:… [bad-lua-file]",
			},
			"1 file: 1 error, 1 warning; this cannot run\n",
		},
		"a Lua file that calls what is not allowed": {
			map[string]string{"a.yaml": yamlNode("100", ", notify: {master: {lua: n.lua}, lua: {path: n.lua, allow: [exec]}}"), "n.lua": "local exec = require \"exec\"\nreturn {\n  on_master = function() exec.run{\"true\"} end,\n}\n"}, []string{"a.yaml"}, 0,
			[]string{
				"a.yaml:2:5: warning: … [no-interface]",
				"a.yaml:2:124: warning: n.lua:3 calls exec.run, which needs the grant exec, and that is not allowed here: it would fail; allow it, or see that it is not called [missing-grant]",
			},
			"1 file: 0 errors, 2 warnings; this host lacks something that the configuration needs\n",
		},
		"Lua files of services": {
			map[string]string{"a.yaml": yamlNode("100", "") + "virtual_servers:\n  - {address: '192.0.2.1:80', protocol: TCP, lb_algo: rr, lb_kind: NAT, quorum_up: {lua: n.lua}, real_servers: [{address: '192.0.2.2:80', weight_by: {lua: n.lua}, checks: [{LUA_CHECK: {path: n.lua}}]}]}\n",
				"n.lua": "return { check = function() return true end }\n"}, []string{"a.yaml"}, 1,
			[]string{
				"a.yaml:2:5: warning: … [no-interface]",
				"a.yaml:4:84: error: notify of VS TCP 192.0.2.1:80: it returns no function on_quorum; it has check [bad-lua-file]",
				"a.yaml:4:150: error: weight_by of 192.0.2.2:80 of virtual server TCP 192.0.2.1:80: it returns no function weight; it has check [bad-lua-file]",
			},
			"1 file: 2 errors, 1 warning; this cannot run\n",
		},
		"a Lua file without its function": {
			map[string]string{"a.yaml": yamlNode("100", ", notify: {lua: n.lua}"), "n.lua": "return { check = function() return true end }\n"}, []string{"a.yaml"}, 1,
			[]string{
				"a.yaml:2:5: warning: … [no-interface]",
				"a.yaml:2:121: error: notify of A: it returns no function on_change; it has check [bad-lua-file]",
			},
			"1 file: 1 error, 1 warning; this cannot run\n",
		},
		"keepalived.conf of binary garbage": {
			map[string]string{"k.conf": "\x7fELF\x01\x00\x00\x02"}, []string{"k.conf"}, 1,
			[]string{"k.conf:1:… error: …"}, "1 file: 1 error, 0 warnings; this cannot run\n",
		},
		"no file":             {nil, nil, 2, nil, "moonkeep: check needs a configuration file; `moonkeep check --help` says more\n"},
		"explain and a file":  {nil, []string{"--explain", "no-peer", "a"}, 2, nil, "moonkeep: check --explain NAME takes no file\n"},
		"an unknown flag":     {nil, []string{"--frob"}, 2, nil, "moonkeep: unknown flag: --frob; `moonkeep check --help` says which there are\n"},
		"explain":             {nil, []string{"--explain", "no-peer"}, 0, []string{"no-peer", "", "Nodes share addresses by …", "…", "…"}, ""},
		"explain the unknown": {nil, []string{"--explain", "frob"}, 2, nil, `moonkeep: no finding is called "frob"; moonkeep check --explain all lists the names` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := checkRun(t, test.files, test.args...)
			if status != test.status {
				t.Errorf("exit status %d, want %d", status, test.status)
			}
			lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
			if stdout == "" {
				lines = nil
			}
			if len(lines) != len(test.stdout) {
				t.Errorf("%d lines, want %d:\n%s", len(lines), len(test.stdout), stdout)
			}
			for i := range min(len(lines), len(test.stdout)) {
				if !matches(lines[i], test.stdout[i]) {
					t.Errorf("line\n%s\nwant\n%s", lines[i], test.stdout[i])
				}
			}
			if !matches(stderr, test.stderr) {
				t.Errorf("standard error\n%swant\n%s", stderr, test.stderr)
			}
		})
	}
}

// matches compares a text with one in which an ellipsis stands for anything.
func matches(got, want string) bool {
	start, rest, open := strings.Cut(want, "…")
	got, ok := strings.CutPrefix(got, start)
	if !ok || !open {
		return ok && got == ""
	}
	for {
		middle, more, again := strings.Cut(rest, "…")
		if !again {
			return strings.HasSuffix(got, middle)
		}
		_, got, ok = strings.Cut(got, middle)
		if !ok {
			return false
		}
		rest = more
	}
}

func TestCheckJSON(t *testing.T) {
	status, stdout, stderr := checkRun(t, map[string]string{"a.yaml": yamlNode("<>", "")}, "--json", "a.yaml", "none.yaml")
	var got []map[string]any
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"file": "a.yaml", "line": 2.0, "column": 65.0, "severity": "error", "name": "wrong-type",
		"text": `vrrp_instance A: priority must be a whole number from 1 to 255, not "<>"`,
	}
	if status != 1 || len(got) != 2 || stderr != "2 files: 2 errors, 0 warnings; this cannot run\n" {
		t.Fatalf("%d: %d findings: %s%s", status, len(got), stdout, stderr)
	}
	for k, v := range want {
		if got[0][k] != v {
			t.Errorf("%s is %v, want %v", k, got[0][k], v)
		}
	}
	if len(got[0]) != len(want) || got[1]["line"] != 0.0 || got[1]["name"] != "unreadable-file" {
		t.Errorf("%s", stdout)
	}
	status, stdout, _ = checkRun(t, map[string]string{"a.conf": ""}, "--json", "a.conf")
	if status != 1 || !strings.HasPrefix(stdout, "[\n") {
		t.Errorf("%d: %s", status, stdout)
	}
}

// TestCheckAndRunReadAlike holds that run refuses what check calls an error
// or run's refusal, with the same words.
func TestCheckAndRunReadAlike(t *testing.T) {
	status, stdout, _ := checkRun(t, map[string]string{"a.yaml": yamlNode("100", "")}, "a.yaml")
	if status != 0 {
		t.Fatalf("check: %d: %s", status, stdout)
	}
	text, _, ok := strings.Cut(strings.TrimPrefix(stdout, "a.yaml:2:5: warning: "), "; run would refuse to start")
	if !ok {
		t.Fatal(stdout)
	}
	var out, log strings.Builder
	if status := run([]string{"run", "-c", "a.yaml", "--run-dir", t.TempDir(), "--log-format", "json"}, &out, &log); status != 1 {
		t.Errorf("run: %d", status)
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), strings.Trim(string(quoted), `"`)) || !strings.Contains(log.String(), `"ERROR"`) {
		t.Errorf("run does not say %s but\n%s", text, log.String())
	}
}
