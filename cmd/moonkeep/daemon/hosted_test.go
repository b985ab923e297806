package daemon

import (
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
	return heldEdges(t, 0)
}

// heldEdges are hostedEdges that start no plugin for a time.
func heldEdges(t *testing.T, hold time.Duration) *edges {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: plugins run as another user")
	}
	h, err := pluginhost.New(pluginhost.Options{Dir: filepath.Join(t.TempDir(), "plugins"), Log: slog.New(slog.DiscardHandler), Hold: hold})
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
	// The node hears of each before it gives up, which a script's run does with the host.
	plan, _, err := pluginPlan(c)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range build.Probes(c) {
		k := plan.Checks[i]
		if x.Script == "" && (k.Last <= k.Patience || k.Last >= x.Patience) || x.Script != "" && k.Last != k.Patience {
			t.Errorf("%s is waited for for %s and answered after %s, and at the latest %s", k.Label, x.Patience, k.Patience, k.Last)
		}
	}
	p, err := e.newProbes(c, knownChecks{})
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
	if web, ill := p.identity("web"), p.identity("ill"); web == "" || ill == "" || web == ill {
		t.Errorf("the scripts check %q and %q", web, ill)
	}
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
global: {plugin_directory: %[1]s}
plugins: [{name: PINNED, path: /bin/true, sha256: %[2]s}]
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
          - TCP_CHECK: {net_namespace: /dev/null}
          - TCP_CHECK: {net_namespace: %[1]s/OPEN}
`, dir, strings.Repeat("ab", 32)))
	var all []string
	for _, f := range checkPlugins(c) {
		if f.At.Line() == 0 || f.Name != "bad-plugin" {
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
		"/dev/null is no network namespace",
		"/OPEN is no network namespace",
	} {
		if i >= len(all) || !strings.Contains(all[i], want) {
			t.Errorf("finding %d of %q: want %q", i, all, want)
		}
	}
}

// TestPluginFaultsAreWhereTheyAre: what is wrong with a plugin is found at its own
// block, though the text has the name of another one.
func TestPluginFaultsAreWhereTheyAre(t *testing.T) {
	t.Parallel()
	c := hostedConfig(t, `plugins:
  - {name: ONE, path: /bin/true}
  - {name: TWO, path: "/no/plugin ONE /file"}
virtual_servers:
  - address: "192.0.2.1:80"
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    real_servers:
      - {address: "192.0.2.11:80", checks: [{plugin: {name: TWO}}]}
`)
	found := checkPlugins(c)
	if len(found) != 1 || found[0].At.Line() != 3 || !strings.Contains(found[0].Text, "TWO") {
		t.Errorf("found %v, want one thing in line 3", found)
	}
}

// TestPluginTakesNoStandardName: a check of a plugin that is called as one of moonkeep's
// own neither hands those to a file of that name nor is one of them by itself. Where
// plugins names the file, it runs in their place.
func TestPluginTakesNoStandardName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		plugins string
		path    string // of TCP_CHECK
		found   string
	}{
		{"", "", "plugin TCP_CHECK: moonkeep has a check of its own that is called so: write TCP_CHECK"},
		{"{name: TCP_CHECK, open_files: 64}", "", "plugin TCP_CHECK: moonkeep has a check of its own that is called so: write TCP_CHECK"},
		{"{name: TCP_CHECK, path: /bin/true}", "/bin/true", ""},
	} {
		c := hostedConfig(t, fmt.Sprintf(`plugins: [%s]
virtual_servers:
  - address: "192.0.2.1:80"
    protocol: TCP
    lb_algo: rr
    lb_kind: NAT
    real_servers:
      - {address: "192.0.2.11:80", checks: [{plugin: {name: TCP_CHECK}}, TCP_CHECK]}
`, test.plugins))
		plan, _, err := pluginPlan(c)
		if (err == nil) != (test.found == "") || err != nil && !strings.Contains(err.Error(), test.found) {
			t.Errorf("plugins %s: found %v, want %q", test.plugins, err, test.found)
		}
		for _, p := range plan.Plugins {
			if p.Name == "TCP_CHECK" && p.Path != test.path {
				t.Errorf("plugins %s: TCP_CHECK is %q, want %q", test.plugins, p.Path, test.path)
			}
		}
		if test.found != "" {
			if found := checkPlugins(c); len(found) != 1 || found[0].At.Line() == 0 {
				t.Errorf("plugins %s: found %v", test.plugins, found)
			}
		}
	}
}
