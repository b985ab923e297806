package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// A script knows the daemon that runs it, publishes measurements, keeps values
// across reloads, and steers the node when that was granted.
func TestScriptsKnowTheirDaemon(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	order := filepath.Join(a.dir, "order")
	a.write(t, "s.lua", `
local node, metric, store, file = require "node", require "metric", require "store", require "file"
return function(ctx)
  metric.gauge("runs", store.add("runs"), {labels = {kind = "test"}})
  local vi, why = node.instance("VI_1")
  if not vi then return true, why end
  local order = file.read(ctx.args.order) or ""
  if order == "failover\n" then
    local ok, why = node.failover("VI_1")
    return true, "failover: " .. tostring(ok) .. " " .. tostring(why)
  elseif order == "maintenance\n" then
    node.maintenance(true)
  end
  return true, vi.role .. " of " .. node.status().router_id .. " with " .. #node.trackers() .. " tracker"
end`, 0o644)
	text := func(priority, extra string) string {
		return strings.Replace(conf(150, vip.String(), "track_script { s }\n"), "priority 150", "priority "+priority, 1) +
			"vrrp_script s {\nscript \"lua:s.lua allow=control order=" + order + "\"\ninterval 0.05\n" + extra + "}\n"
	}
	p := a.run(t, text("150", "")+"global_defs {\nrouter_id lb-a\n}\n")
	says := func(what, message string) (s control.Status) {
		return p.await(t, what, func(*control.Instance) bool {
			s, err := p.status()
			return err == nil && len(s.Scripts) == 1 && strings.Contains(s.Scripts[0].Message, message)
		})
	}
	says("a script that knows its node", "MASTER of lb-a with 1 tracker")
	s, err := p.status()
	netnstest.Must(t, err)
	if len(s.Metrics) != 1 || s.Metrics[0].Script != "script s" || s.Metrics[0].Name != "runs" || s.Metrics[0].Value < 2 || s.Metrics[0].Labels["kind"] != "test" {
		t.Errorf("published: %+v", s.Metrics)
	}
	runs := s.Metrics[0].Value
	a.write(t, "moonkeep.conf", text("140", "weight 0\n")+"global_defs {\nrouter_id lb-a\n}\n", 0o644)
	p.asks(t, 0, "reload")
	p.await(t, "140", func(i *control.Instance) bool { return i.Base == 140 })
	eventually(t, "runs that go on", func() bool {
		s, err = p.status()
		return err == nil && len(s.Metrics) == 1 && s.Metrics[0].Value > runs
	}, p.log.String)
	if s.Metrics[0].Value > runs+1000 || s.Metrics[0].Value < runs {
		t.Errorf("%g runs after the reload, %g before", s.Metrics[0].Value, runs)
	}
	netnstest.Must(t, os.WriteFile(order, []byte("failover\n"), 0o644))
	says("an answer to a failover", "failover: nil VI_1: ")
	netnstest.Must(t, os.WriteFile(order, []byte("maintenance\n"), 0o644))
	p.await(t, "maintenance", func(i *control.Instance) bool { return i.Maintenance })
}

// TestScriptsLookAtProcesses: in another network namespace the kernel tells of
// no processes; scripts find them nevertheless, and the log says how.
func TestScriptsLookAtProcesses(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	path := filepath.Join(a.dir, "mk-looked")
	b, err := os.ReadFile("/bin/sleep")
	netnstest.Must(t, err)
	netnstest.Must(t, os.WriteFile(path, b, 0o755))
	a.write(t, "looks.lua", `local process = require "process" return function() return process.running{name = "mk-looked"} end`, 0o644)
	p := a.run(t, "vrrp_script looks {\n\tscript \"lua:"+a.dir+"/looks.lua\"\n\tinterval 0.1\n\tfall 1\n\trise 1\n\tweight -20\n}\n"+conf(100, vip.String(), "\ttrack_script {\n\t\tlooks\n\t}"))
	p.await(t, "MASTER at 80 without a process", standing("MASTER", 80))
	end := begin(t, path, "60")
	p.await(t, "MASTER at 100 with one", standing("MASTER", 100))
	end()
	p.await(t, "MASTER at 80 without it", standing("MASTER", 80))
	if !strings.Contains(p.log.String(), "look at processes five times a second at most: the kernel tells of processes in its first network namespace only") {
		t.Errorf("the log does not say how scripts find processes:\n%s", p.log)
	}
	p.stop(t)
}
