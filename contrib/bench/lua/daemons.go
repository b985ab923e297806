//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// target is the program whose process all checks look for: a copy of sleep.
const target = "kbsvc"

// settled is after what time a daemon has done what it does once: become MASTER,
// and, moonkeep, given back the memory that reading the configuration took.
const settled = 7 * time.Second

// way is a way to ask whether the program runs.
type way struct {
	name   string
	daemon string
	script string // of a vrrp_script
}

// daemons measures the ways beside each other.
func daemons(s settings, out io.Writer) error {
	dir, err := os.MkdirTemp("", "moonkeep-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// Scripts may run as another user.
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		err = errors.Join(err, os.WriteFile(path, []byte(text), mode))
		return path
	}
	lua := write("running.lua", `local process = require "process" return function() return process.running{name = "`+target+`"} end`+"\n", 0o644)
	grep := write("psgrep.sh", "#!/bin/bash\nps aux | grep -v grep | grep -q "+target+"\n", 0o755)
	program := filepath.Join(dir, target)
	if err != nil {
		return err
	}
	if err := exec.Command("cp", "/bin/sleep", program).Run(); err != nil {
		return fmt.Errorf("copy sleep: %w", err)
	}
	wanted := exec.Command(program, "3600")
	if err := wanted.Start(); err != nil {
		return err
	}
	defer func() { _ = wanted.Process.Kill(); _ = wanted.Wait() }() // it says that it was killed
	ways := []way{
		{"moonkeep, no check at all", s.moonkeep, ""},
		{"moonkeep, Lua: process.running", s.moonkeep, "lua:" + lua},
	}
	if _, err := os.Stat(s.keepalived); err == nil {
		ways = append(ways,
			way{"keepalived, no check at all", s.keepalived, ""},
			way{"keepalived, killall -0", s.keepalived, "/usr/bin/killall -0 " + target},
			way{"keepalived, pgrep -x", s.keepalived, "/usr/bin/pgrep -x " + target},
			way{"keepalived, ps and grep", s.keepalived, grep},
		)
	} else {
		fmt.Fprintf(out, "no %s here: moonkeep is measured alone\n", s.keepalived)
	}
	shares, idle := map[string]float64{}, map[string]float64{}
	fmt.Fprintf(out, "| %d checks a second | %% of a processor | without the idle daemon | times that of Lua | idle subtracted |\n|---|---|---|---|---|\n", s.checks)
	for _, w := range ways {
		var all []float64
		for range s.runs {
			share, err := measure(s, w, dir)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			all = append(all, share)
		}
		slices.Sort(all)
		shares[w.name] = all[len(all)/2]
		if w.script == "" {
			idle[w.daemon] = shares[w.name]
			fmt.Fprintf(out, "| %s | %.3f | - | - | - |\n", w.name, shares[w.name])
			continue
		}
		own, ratio, net := shares[w.name]-idle[w.daemon], "-", "-"
		if base := shares[ways[1].name]; base > 0 && w.daemon == s.keepalived {
			ratio = fmt.Sprintf("%.0f", shares[w.name]/base)
			if lua := base - idle[s.moonkeep]; lua > 0 {
				net = fmt.Sprintf("%.0f", own/lua)
			}
		}
		fmt.Fprintf(out, "| %s | %.3f | %.3f | %s | %s |\n", w.name, shares[w.name], own, ratio, net)
	}
	fmt.Fprintln(out, "\nThe figures are of the whole daemon with the programs that it starts, and with the\nadverts of one instance each 0.2 s; the median of some turns.")
	return nil
}

// measure runs a daemon with the checks, and returns the share of a processor
// in per cent that it and its children took.
func measure(s settings, w way, dir string) (float64, error) {
	var text strings.Builder
	text.WriteString("global_defs {\n router_id bench\n script_user root\n}\n")
	for i := range s.checks {
		if w.script != "" {
			fmt.Fprintf(&text, "vrrp_script s%d {\n script %q\n interval 1\n weight 1\n}\n", i, w.script)
		}
	}
	text.WriteString("vrrp_instance VI_1 {\n state MASTER\n interface eth0\n virtual_router_id 51\n version 3\n priority 100\n advert_int 0.2\n virtual_ipaddress {\n  10.0.0.100/24\n }\n track_script {\n")
	for i := range s.checks {
		if w.script != "" {
			fmt.Fprintf(&text, "  s%d\n", i)
		}
	}
	text.WriteString(" }\n}\n")
	conf := filepath.Join(dir, "conf")
	if err := os.WriteFile(conf, []byte(text.String()), 0o644); err != nil {
		return 0, err
	}
	program, err := filepath.Abs(w.daemon)
	if err != nil {
		return 0, err
	}
	command := "exec " + program + " run -c " + conf + " --run-dir " + filepath.Join(dir, "run")
	if w.daemon == s.keepalived {
		command = "exec " + program + " -n -P -l -f " + conf + " -p " + dir + "/k.pid -r " + dir + "/v.pid"
	}
	cmd := exec.Command("/bin/sh", "-c", "set -e; ip link set lo up; ip link add eth0 type veth peer name peer0; ip link set peer0 up; ip link set eth0 up; ip address add 10.0.0.1/24 dev eth0; "+command)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()                          // how it ended is of no interest
	}()
	time.Sleep(settled)
	before, err := family(cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	time.Sleep(s.window)
	after, err := family(cmd.Process.Pid)
	if err != nil {
		text, _ := os.ReadFile(log.Name())
		return 0, fmt.Errorf("the daemon has ended: %w\n%s", err, text)
	}
	return 100 * (after - before).Seconds() / time.Since(begin).Seconds(), nil
}

// spent is the processor time of a process that lives. /proc counts it in
// hundredths of a second, its clock in nanoseconds.
func spent(pid int) (time.Duration, error) {
	var ts syscall.Timespec
	// As clock_getcpuclockid(3) makes it.
	clock := uintptr(^pid<<3 | 2)
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, fmt.Errorf("the processor time of process %d: %w", pid, errno)
	}
	return time.Duration(ts.Nano()), nil
}

// family is the processor time of a process, of its children that live, and of
// all that have ended and were waited for.
func family(pid int) (time.Duration, error) {
	sum, err := spent(pid)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// cutime and cstime are the fields 16 and 17; the name ends at the last
	// parenthesis, and field 3 follows.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if fields[0] == "Z" {
		return 0, fmt.Errorf("process %d is a zombie", pid)
	}
	var ticks int64
	for _, f := range fields[13:15] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	sum += time.Duration(ticks) * (time.Second / 100)
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return sum, nil // it has just ended
	}
	for _, word := range strings.Fields(string(children)) {
		child, err := strconv.Atoi(word)
		if err != nil {
			return 0, err
		}
		if more, err := family(child); err == nil {
			sum += more
		}
	}
	return sum, nil
}
