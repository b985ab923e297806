package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPluginCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "BROKEN"), []byte("not a program"), 0o644); err != nil {
		t.Fatal(err)
	}
	try := func(status int, want string, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := run(args, &stdout, &stderr); got != status || !strings.Contains(stdout.String()+stderr.String(), want) {
			t.Errorf("%q: status %d, want %d and %q:\n%s%s", args, got, status, want, stdout.String(), stderr.String())
		}
	}
	try(1, "BROKEN", "plugin", "list", "--directory", dir)
	try(0, "HTTP_GET", "plugin", "list", "--directory", filepath.Join(dir, "none"), "--json")
	own := t.TempDir()
	if err := os.Symlink("/bin/true", filepath.Join(own, "TCP_CHECK")); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(conf, []byte("vrrp_instances: [{name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1/24]}]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const unused = "moonkeep has a checker of its own that is called so"
	try(1, unused, "plugin", "list", "--directory", own)
	try(1, unused, "plugin", "list", "--directory", own, "--config", conf)
	try(0, "misc_path", "plugin", "info", "MISC_CHECK")
	try(0, `"name": "misc_path"`, "plugin", "info", "MISC_CHECK", "--json")
	try(2, "there is no checker", "plugin", "info", "NO_SUCH", "--directory", dir)
	try(2, "did you mean BROKEN?", "plugin", "info", "BROKN", "--directory", dir)
	if os.Geteuid() != 0 {
		t.Skip("needs root: plugins run as another user")
	}
	try(1, "FAIL  its file is root's and can be run", "plugin", "test", filepath.Join(dir, "BROKEN"))
}

// linesPlugin is a plugin in a shell's language: what it does with a check's
// prepare and with its start is put in. $1 is what the message was.
const linesPlugin = `#!/bin/sh
echo '{"hello":{"protocol":1,"name":"TRIED","version":"1","doc":"a try","options":[{"name":"n","type":"int","doc":"a number","required":true}]}}'
number() { n=${1##*"\"$2\":"}; n=${n%%%%[,\}]*}; }
while read -r l; do
	case $l in *'"prepare":'*)
		rest=$l
		while case $rest in *'{"check":'*',"label"'*) true ;; *) false ;; esac; do
			rest=${rest#*'{"check":'}; id=${rest%%%%,*}; o=${rest#*'"options":'}; o=${o%%%%\}*}; why=
			%[1]s
			echo "{\"prepared\":[{\"check\":$id,\"error\":\"$why\"}]}"
		done ;;
	esac
	case $l in *'"ping":'*) number "$l" ping; echo "{\"pong\":$n}" ;; esac
	case $l in *'"start":'*)
		rest=${l##*'"start":'}
		while case $rest in *'"check":'*) true ;; *) false ;; esac; do
			rest=${rest#*'"check":'}; id=${rest%%%%,*}; rest=${rest#*'"probe":'}; n=${rest%%%%,*}
			%[2]s
			echo "{\"results\":[{\"check\":$id,\"probe\":$n,\"verdict\":\"ok\",\"message\":\"fine\"}]}"
		done ;;
	esac
done
%[3]s
`

// strict refuses options that are wrong.
const strict = `case $o in *no_such_option*) why=no_such_option ;; *'"no such value"'*) why="n is no number" ;; *'"n"'*) ;; *) why="n is missing" ;; esac`

// TestPluginTest holds that each thing that is wrong with a plugin is found, and
// nothing else.
func TestPluginTest(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: plugins run as another user")
	}
	for _, test := range []struct{ name, prepare, start, end, fails string }{
		{"good", strict, "", "", ""},
		{"careless", "", "", "", `it took the option no_such_option="x"
it did without the option n, which it calls required
it took the option n="no such value"`},
		{"vague", strict + "; why=${why:+wrong}", "", "", `it says "wrong", which does not name it`},
		{"slow", strict, "sleep 60", "", "a server that says nothing does not hold it up: it took 2"},
		{"queues", strict, "sleep 1", "", "it makes probes side by side: 4 probes of servers that say nothing took it more than 2"},
		{"litters", strict, "sleep 60 &", "", "it leaves no process behind: after 2 probes 2 processes more are there than before, such as sleep (process"},
		{"chats", strict, "echo hello", "", "does not hold it up: it failed: it broke the connection: the plugin wrote a line that is no message"},
		{"stubborn", strict, "", "while :; do :; done", "it ends when it is told to: process"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := rootsFile(t, "tried-"+test.name, fmt.Sprintf(linesPlugin, test.prepare, test.start, test.end))
			status, out, stderr := runLine("plugin", "test", path, "-o", "n=1", "--processes", "20")
			failed := strings.Count(out, "FAIL")
			if test.fails == "" && (status != 0 || failed > 0 || strings.Count(out, "ok  ") < 7) || test.fails != "" && (status != 1 || failed == 0 || !strings.Contains(out, test.fails)) {
				t.Errorf("status %d: %s%s\nwant %s", status, out, stderr, test.fails)
			}
		})
	}
	// What it must be given is asked for; then it makes a check of the target.
	t.Run("options", func(t *testing.T) {
		t.Parallel()
		path := rootsFile(t, "tried-options", fmt.Sprintf(linesPlugin, strict, "", ""))
		if status, out, stderr := runLine("plugin", "test", path); status != 0 || !strings.Contains(out, "-     no check is tried, for which --option has to say more: n is missing") {
			t.Errorf("status %d: %s%s", status, out, stderr)
		}
		if status, out, stderr := runLine("plugin", "test", path, "-o", "n=1", "--target", "127.0.0.1:1"); status != 0 || strings.Count(out, "ok: fine") != 2 {
			t.Errorf("status %d: %s%s", status, out, stderr)
		}
		if status, out, stderr := runLine("plugin", "test", "TCP_CHECK", "--target", "127.0.0.1:1"); status != 0 || !strings.Contains(out, "connection refused") {
			t.Errorf("status %d: %s%s", status, out, stderr)
		}
	})
}
