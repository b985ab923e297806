package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestRealTime holds that every thread of the daemon runs in real time when the
// configuration asks for it, and no program that it starts.
func TestRealTime(t *testing.T) {
	h, _ := hosts(t)
	result := filepath.Join(h.dir, "stat")
	// Fields 40 and 41 of proc_pid_stat(5): real-time priority and policy.
	script := h.write(t, "notify", "#!/bin/sh\ncut -d' ' -f40,41 /proc/self/stat >"+result+".new && mv "+result+".new "+result+"\n", 0o755)
	p := h.run(t, conf(255, vip.String(), fmt.Sprintf("notify_master %q", script))+"global_defs {\nvrrp_rt_priority 5\n}\n")
	p.awaitRole(t, "MASTER")
	eventually(t, "the program has run", func() bool { _, err := os.Stat(result); return err == nil }, p.log.String)
	got, err := os.ReadFile(result)
	netnstest.Must(t, err)
	if strings.TrimSpace(string(got)) != "0 0" {
		t.Errorf("a program runs with priority and policy %s, want 0 0", got)
	}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", p.Process.Pid))
	netnstest.Must(t, err)
	ordinary := 0
	for _, task := range tasks {
		var tid int
		if _, err := fmt.Sscan(filepath.Base(task), &tid); err != nil {
			t.Fatal(err)
		}
		a, err := unix.SchedGetAttr(tid, 0)
		if err == nil && (a.Policy != unix.SCHED_RR || a.Priority != 5) {
			ordinary++
		}
	}
	if strings.Contains(p.log.String(), "CAP_SYS_NICE") {
		t.Skip("needs /sys/fs/cgroup/cpu/cpu.rt_runtime_us: this cgroup allows no real time")
	}
	if ordinary != 2 || len(tasks) < 5 {
		t.Errorf("%d of %d threads do not run in real time, want the one that starts programs and the one that starts plugins", ordinary, len(tasks))
	}
	p.stop(t)
}
