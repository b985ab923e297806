package daemon

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/node"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// TestKept: what a reload takes over of the plan before is what it would build anew, and it is
// nearly all of it where nearly nothing has changed.
func TestKept(t *testing.T) {
	exported := cmp.Exporter(func(reflect.Type) bool { return true })
	path := filepath.Join(t.TempDir(), "keepalived.conf")
	read := func(text string, earlier *config.Config) *config.Config {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, found, err := openLayers([]string{path}, "", nil, earlier)
		if err != nil || found.Errors() {
			t.Fatal(err, found)
		}
		return c
	}
	of := func(c *config.Config, before knownChecks) (node.Config, []pluginhost.Check) {
		t.Helper()
		p, _, err := pluginPlanFrom(c, hostedFiles{}, before, nil)
		if err != nil {
			t.Fatal(err)
		}
		return build.NodeKeeping(c, before.kept), p.Checks
	}
	const global, all = "global_defs {\n    router_id x\n}\n", 600
	servers := manyServers(all)
	first := servers[strings.Index(servers, "virtual_server 10.9.0.2 "):strings.Index(servers, "virtual_server 10.9.0.3 ")]
	files := strings.ReplaceAll(strings.Replace(first, "10.9.0.2", "10.9.9.9", 1), "TCP_CHECK {", "SSL_GET {\n            url {\n                path /\n            }\n")
	member := func(protocol, server string) string {
		return "virtual_server group g {\n    protocol " + protocol + "\n    real_server " + server + " 80 {\n        TCP_CHECK {\n        }\n    }\n}\n"
	}
	const group = "virtual_server_group g {\n    10.8.0.1 80\n}\n"
	tcp, udp := member("TCP", "10.34.0.1"), member("UDP", "10.34.0.2")
	for name, test := range map[string]struct {
		old, now string
		kept     int // checks
	}{
		"another order in a group": {group + tcp + udp + servers, group + udp + tcp + servers, all},
		"no first one of a group":  {group + tcp + udp + servers, group + udp + servers, all},
		"nothing":                  {servers, servers, all},
		"a line above all":         {servers, servers, all},
		"a weight":                 {servers, strings.Replace(servers, "weight 10", "weight 20", 1), all - 10},
		"no first one":             {servers, strings.Replace(servers, first, "", 1), all - 10},
		"one more at the front":    {strings.Replace(servers, first, "", 1), servers, all - 10},
		"another order":            {servers, strings.Replace(servers, first, "", 1) + first, all},
		"one twice":                {servers, servers + strings.Replace(first, "10.32.0.11", "10.33.0.1", 1), all - 10},
		"one that was twice":       {servers + first, servers, 0},
		"what is for all":          {servers, strings.Replace(servers, "virtual", "global_defs {\n    checker_log_all_failures\n}\nvirtual", 1), 0},
		"checks with files":        {servers + files, servers + files, all},
		"a shorter way to check":   {servers, strings.Replace(servers, "delay_loop 300", "delay_loop 3", 1), all - 10},
	} {
		earlier := read(global+test.old, nil)
		was, checks := of(earlier, knownChecks{})
		now := global + test.now
		if name == "a line above all" {
			now = "# above\n" + now
		}
		c := read(now, earlier)
		got, list := of(c, knownChecks{build.KeptOf(c, earlier, &was), checks})
		want, fresh := of(c, knownChecks{})
		if d := cmp.Diff(want, got, exported); d != "" {
			t.Errorf("%s: the node differs (-want +got): %s", name, d)
		}
		if d := cmp.Diff(fresh, list, exported); d != "" {
			t.Errorf("%s: the checks differ (-want +got): %s", name, d)
		}
		before, kept := map[*pluginhost.Subject]bool{}, 0
		for _, k := range checks {
			before[k.Subject] = true
		}
		for _, k := range list {
			if before[k.Subject] {
				kept++
			}
		}
		if kept != test.kept {
			t.Errorf("%s: %d checks are taken over, want %d", name, kept, test.kept)
		}
	}
}
