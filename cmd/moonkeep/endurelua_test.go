package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

var scriptsFlag = flag.Duration("scripts", 2*time.Second, "how long TestReloadsWithScripts runs")

// TestReloadsWithScripts reloads a daemon with two hundred Lua scripts once a second:
// it stays MASTER, all of them are asked by the new configuration, and its memory and
// its threads are at the end what they were after a tenth of the time.
func TestReloadsWithScripts(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	const scripts = 200
	bodies := []string{
		`local n = 0 return function() n = n + 1 return n > 0 end`,
		`local p = require "process" return function() return not p.running{cmdline = "no-such-line"} end`,
		`local s = require "store" return function() return s.add("n") > 0 end`,
		`local k = {} return function() k[#k + 1] = ("x"):rep(1000) .. #k return true end`,
		`local f = require "file" return function() return f.exists("/") end`,
		`local h = require "http" return function() return h.get("http://127.0.0.1:1/", {timeout = 0.1}) == nil end`,
	}
	var text, tracked strings.Builder
	for i := range scripts {
		a.write(t, fmt.Sprintf("s%d.lua", i), bodies[i%len(bodies)], 0o644)
		fmt.Fprintf(&text, "vrrp_script s%d {\nscript \"lua:s%d.lua\"\ninterval 0.2\ntimeout 5\n}\n", i, i)
		fmt.Fprintf(&tracked, "\t\ts%d weight 1\n", i)
	}
	file := func(priority int) string {
		return conf(priority, vip.String(), "\ttrack_script {\n"+tracked.String()+"\t}\n") + text.String()
	}
	p := a.run(t, file(40))
	p.awaitRole(t, "MASTER")
	began, reloads := time.Now(), 0
	var resident float64
	var threads int
	all := func(priority int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d scripts and MASTER at %d", scripts, priority+scripts), func() bool {
			s, err := p.status()
			if err != nil || len(s.Scripts) != scripts || s.Instances[0].Effective != priority+scripts {
				return false
			}
			for _, x := range s.Scripts {
				if x.Result != "ok" {
					return false
				}
			}
			return s.Instances[0].Role == "MASTER"
		}, p.log.String)
	}
	all(40)
	for tick := time.NewTicker(time.Second); time.Since(began) < *scriptsFlag; reloads++ {
		<-tick.C
		priority := 40 + reloads%2
		a.write(t, "moonkeep.conf", file(priority), 0o644)
		p.signal(t, syscall.SIGHUP)
		all(priority)
		if resident == 0 && time.Since(began) >= *scriptsFlag/10 {
			resident, threads = memory(t, p.Process.Pid), threadsOf(t, p.Process.Pid)
		}
	}
	late, after := memory(t, p.Process.Pid), threadsOf(t, p.Process.Pid)
	t.Logf("%d reloads: %.1f MiB and %d threads early, %.1f MiB and %d at the end", reloads, resident, threads, late, after)
	// A heap is collected when it is half as large again as what is in use.
	if late > resident*1.5+8 {
		t.Errorf("%.1f MiB resident at the end, %.1f early", late, resident)
	}
	if after > threads+24 { // the runtime keeps those that it needed at once
		t.Errorf("%d threads at the end, %d early", after, threads)
	}
	s, err := p.status()
	netnstest.Must(t, err)
	if c := s.Instances[0].Counters; c.BecameMaster != 1 || c.LeftMaster != 0 {
		t.Errorf("it was MASTER %d times and left that %d times", c.BecameMaster, c.LeftMaster)
	}
}

// threadsOf is how many threads a process has.
func threadsOf(t *testing.T, pid int) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	netnstest.Must(t, err)
	return len(list)
}
