package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/config/source"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/lua"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// hostedConfig reads a configuration.
func hostedConfig(t *testing.T, text string) *config.Config {
	t.Helper()
	c, found := source.Read(filepath.Join(t.TempDir(), "a.yaml"), []byte(text))
	if found.Errors() {
		t.Fatal(found)
	}
	load.Defaults(c)
	return c
}

// hostedEdges are those of a daemon that runs plugins.
func hostedEdges(t *testing.T) *edges {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: plugins run as another user")
	}
	h, err := pluginhost.New(pluginhost.Options{Dir: filepath.Join(t.TempDir(), "plugins"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	e := &edges{log: slog.New(slog.DiscardHandler), lost: new(lua.Lost), pool: newLuaPool(), plugins: h}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := e.pool.close(ctx); err != nil {
			t.Error(err)
		}
		if err := h.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return e
}

// TestStandardCheckersRunAsPlugins is a configuration with several kinds of
// check, each of which answers through a process of its own.
func TestStandardCheckersRunAsPlugins(t *testing.T) {
	t.Parallel()
	e := hostedEdges(t)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/well" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer web.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	c := hostedConfig(t, fmt.Sprintf(`
virtual_servers:
  - address: "192.0.2.1:80"
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    connect_timeout: 5s
    real_servers:
      - address: %q
        checks:
          - HTTP_GET: {urls: [{path: /well, status_code: [200]}]}
          - HTTP_GET: {urls: [{path: /ill}]}
          - TCP_CHECK: {}
          - MISC_CHECK: {misc_path: "/bin/sh -c 'exit 9'", misc_dynamic: true}
      - address: %q
        checks:
          - TCP_CHECK: {}
          - MISC_CHECK: {misc_path: /bin/true, user: nobody}
vrrp_scripts:
  - {name: web, interval: 1s, timeout: 5s, plugin: {HTTP_GET: {connect_ip: 127.0.0.1, connect_port: %d, urls: [{path: /well}]}}}
  - {name: ill, interval: 1s, timeout: 5s, plugin: {HTTP_GET: {connect_ip: 127.0.0.1, connect_port: %[3]d, urls: [{path: /ill}]}}}
vrrp_instances:
  - {name: VI_1, interface: eth0, virtual_router_id: 51, track_scripts: [web, ill], virtual_ipaddresses: [192.0.2.1/32]}
`, web.Listener.Addr(), gone.Addr(), web.Listener.Addr().(*net.TCPAddr).Port))
	if missing := build.Unbuilt(c); len(missing) > 0 {
		t.Fatal(missing)
	}
	p, err := e.newProbes(c)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	answers := make(chan node.Answer, 16)
	p.Begin(func(_ uint32, list []node.Answer) {
		for _, a := range list {
			answers <- a
		}
	})
	asks := make([]node.Ask, 6)
	for i := range asks {
		asks[i] = node.Ask{Check: uint32(i), Seq: uint32(100 + i)}
	}
	p.Start(1, asks)
	want := []health.Verdict{health.OK, health.Failed, health.OK, health.OK, health.Failed, health.OK}
	for range asks {
		select {
		case a := <-answers:
			if a.Seq != 100+a.Check || a.Verdict != want[a.Check] {
				t.Errorf("check %d: %v %q, want %v", a.Check, a.Verdict, a.Message, want[a.Check])
			}
			if a.Check == 3 && (!a.Weighs || a.Weight != 7) {
				t.Errorf("exit status 9 of a dynamic check gives the weight %v %d, want 7", a.Weighs, a.Weight)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("not all probes were answered")
		}
	}
	// Four kinds of process: two for MISC_CHECK, which runs under two users.
	if n := len(e.plugins.Status()); n != 4 {
		t.Errorf("%d processes: %+v", n, e.plugins.Status())
	}

	x, err := e.newChecks(c)
	if err != nil {
		t.Fatal(err)
	}
	x.probes = p
	if r := x.Run(t.Context(), "web"); r.Result != node.OK {
		t.Errorf("vrrp_script web: %+v", r)
	}
	if r := x.Run(t.Context(), "ill"); r.Result != node.Failed {
		t.Errorf("vrrp_script ill: %+v", r)
	}
	// Without a result the one before stands for a while.
	end, cancel := context.WithCancel(t.Context())
	cancel()
	if r := x.Run(end, "web"); r.Result != node.OK || !strings.HasPrefix(r.Message, "as before") {
		t.Errorf("vrrp_script web without a result: %+v", r)
	}
}

// TestPluginsOfAConfiguration is what check says of plugins that would not run.
func TestPluginsOfAConfiguration(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: files must be root's to be trusted")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "OPEN"), []byte("#!/bin/sh\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "OPEN"), 0o777); err != nil {
		t.Fatal(err)
	}
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := hostedConfig(t, fmt.Sprintf(`
global: {plugin_directory: %s}
plugins: [{name: PINNED, path: /bin/true, sha256: %s}]
virtual_servers:
  - address: "192.0.2.1:80"
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    real_servers:
      - address: "192.0.2.11:80"
        checks:
          - plugin: {name: a/b}
          - SSL_GET: {urls: [{path: /}], verify: true, ca: /no/such/file}
          - SSL_GET: {urls: [{path: /x}], verify: true, ca: /no/such/file}
          - plugin: {name: PINNED}
          - plugin: {name: OPEN}
          - plugin: {name: ABSENT}
          - TCP_CHECK: {net_namespace: no-such-namespace}
`, dir, strings.Repeat("ab", 32)))
	var all []string
	for _, f := range checkPlugins(c) {
		if f.At.Line == 0 || f.Name != "bad-plugin" {
			t.Errorf("found %v at %v", f, f.At)
		}
		all = append(all, f.Text)
	}
	for i, want := range []string{
		`plugin "a/b": a name is no path`,
		"plugin SSL_GET for 192.0.2.11:80: ca: stat /no/such/file",
		"plugin PINNED (/bin/true) has another checksum than sha256 asks for",
		"can be written by everyone",
		"ABSENT does not exist",
		"network namespace no-such-namespace",
	} {
		if i >= len(all) || !strings.Contains(all[i], want) {
			t.Errorf("finding %d of %q: want %q", i, all, want)
		}
	}
}

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
	try(0, "misc_path", "plugin", "info", "MISC_CHECK")
	try(0, `"name": "misc_path"`, "plugin", "info", "MISC_CHECK", "--json")
	try(2, "there is no checker", "plugin", "info", "NO_SUCH", "--directory", dir)
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
