//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// What the programs and their hosts are called in tables.
const (
	ours   = "moonkeep"
	theirs = "keepalived"
	floor  = "floor"
)

const (
	masterPriority = 200
	backupPriority = 100
)

// configuration is the keepalived.conf of a side, which both programs read.
// With extra the last virtual router has one more address.
func configuration(side, n int, interval time.Duration, extra bool) string {
	state, priority := "MASTER", masterPriority
	if side == backupSide {
		state, priority = "BACKUP", backupPriority
	}
	var b strings.Builder
	// The second burst of announcements comes soon, so that it is over when a
	// pair is measured.
	b.WriteString("global_defs {\n    router_id bench\n    vrrp_version 3\n    vrrp_garp_master_delay 1\n}\n")
	for i := range n {
		fmt.Fprintf(&b, "vrrp_instance VI_%d {\n    state %s\n    interface %s\n    virtual_router_id %d\n    priority %d\n    advert_int %s\n",
			i, state, device(i), vrid(i), priority, strconv.FormatFloat(interval.Seconds(), 'f', -1, 64))
		fmt.Fprintf(&b, "    virtual_ipaddress {\n        %s/32\n    }\n", vip(i))
		if extra && i == n-1 {
			fmt.Fprintf(&b, "    virtual_ipaddress_excluded {\n        %s/32\n    }\n", extraVIP())
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// daemon is one running program with all its processes.
type daemon struct {
	ns    *netns.NS
	conf  string
	log   string
	cmd   *exec.Cmd
	begun time.Time
	ended chan error
}

// start starts the program of that name on the configuration.
func (s *settings) start(program string, ns *netns.NS, dir, text string) (*daemon, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	d := &daemon{ns: ns, conf: filepath.Join(dir, "keepalived.conf"), log: filepath.Join(dir, "log"), ended: make(chan error, 1)}
	if err := os.WriteFile(d.conf, []byte(text), 0o644); err != nil {
		return nil, err
	}
	out, err := os.Create(d.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	switch program {
	case ours:
		d.cmd = exec.Command(s.moonkeep, "run", "-c", d.conf, "--run-dir", filepath.Join(dir, "run"))
	default:
		args := []string{"-n", "-l", "-G", "-P", "-f", d.conf}
		for _, pid := range []struct{ flag, name string }{{"-p", "ka.pid"}, {"-r", "vrrp.pid"}, {"-c", "check.pid"}, {"-b", "bfd.pid"}} {
			args = append(args, pid.flag, filepath.Join(dir, pid.name))
		}
		d.cmd = exec.Command(s.keepalived, args...)
	}
	d.cmd.Stdout, d.cmd.Stderr = out, out
	// A session of its own, so that the terminal's signals reach us alone.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	d.begun = time.Now()
	if err := ns.Start(d.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	go func() { d.ended <- d.cmd.Wait() }()
	return d, nil
}

// stopLimit is how long a program may take to end.
const stopLimit = 30 * time.Second

// stop asks the program to end and returns how long that took.
func (d *daemon) stop() (time.Duration, error) {
	start := time.Now()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("stop a daemon: %w", err)
	}
	select {
	case <-d.ended: // keepalived's status after SIGTERM is not always 0
		took := time.Since(start)
		d.cmd = nil
		return took, nil
	case <-time.After(stopLimit):
		return 0, fmt.Errorf("a daemon runs %v after SIGTERM", stopLimit)
	}
}

// kill ends every process that is left in the namespace.
func (d *daemon) kill() error {
	if d == nil || d.cmd == nil {
		return nil
	}
	pids, err := d.processes()
	for _, pid := range pids {
		if kerr := syscall.Kill(pid, syscall.SIGKILL); !errors.Is(kerr, syscall.ESRCH) {
			err = errors.Join(err, kerr)
		}
	}
	<-d.ended
	d.cmd = nil
	return err
}

// processes are those in the namespace: the program and what it started.
func (d *daemon) processes() (pids []int, err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	want := fmt.Sprintf("net:[%d]", d.ns.Inode())
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// One that ended meanwhile has no namespace to read.
		if got, err := os.Readlink("/proc/" + e.Name() + "/ns/net"); err == nil && got == want {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		return nil, errors.New("no process of the daemon is left; see its log " + d.log)
	}
	return pids, nil
}

// cpu is the CPU time of all processes, with that of threads that have ended.
func (d *daemon) cpu() (sum time.Duration, err error) {
	pids, err := d.processes()
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		const scheduler = 2 // clock_getcpuclockid(3)
		t, err := cpuClock(int32(^uint32(pid)<<3 | scheduler))
		if err != nil {
			return 0, fmt.Errorf("process %d: %w", pid, err)
		}
		sum += t
	}
	return sum, nil
}

// memory is what of all processes is in memory, in bytes. What several share
// counts for each in rss, for its part in pss.
func (d *daemon) memory() (rss, pss int64, err error) {
	pids, err := d.processes()
	if err != nil {
		return 0, 0, err
	}
	for _, pid := range pids {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, 0, fmt.Errorf("ask for a daemon's memory: %w", err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
			f := strings.Fields(lines.Text())
			if len(f) < 2 || f[0] != "Rss:" && f[0] != "Pss:" {
				continue
			}
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0, 0, fmt.Errorf("ask for a daemon's memory: %w", err)
			}
			if f[0] == "Rss:" {
				rss += kib << 10
			} else {
				pss += kib << 10
			}
		}
	}
	return rss, pss, nil
}
