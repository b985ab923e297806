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

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// daemon is one running program with all its processes.
type daemon struct {
	ns    *netns.NS
	log   string
	cmd   *exec.Cmd
	begun time.Time
	ended chan error
}

// start starts the program of that name on the configuration.
func (s *settings) start(program string, ns *netns.NS, dir, text string) (*daemon, error) {
	conf := filepath.Join(dir, "keepalived.conf")
	d := &daemon{ns: ns, log: filepath.Join(dir, "log"), ended: make(chan error, 1)}
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return nil, err
	}
	out, err := os.Create(d.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	switch program {
	case ours:
		d.cmd = exec.Command(s.moonkeep, "run", "-c", conf, "--run-dir", filepath.Join(dir, "run"))
	default:
		// Only its checker: the other processes do nothing here.
		args := []string{"-n", "-l", "-G", "-C", "-f", conf}
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

// stopLimit is how long a program may take to end; keepalived takes its time
// over a large table.
const stopLimit = 60 * time.Second

// stop ends the program.
func (d *daemon) stop() error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop a daemon: %w", err)
	}
	select {
	case <-d.ended: // keepalived's status after SIGTERM is not always 0
		return nil
	case <-time.After(stopLimit):
	}
	pids, err := d.processes()
	for _, pid := range pids {
		if kerr := syscall.Kill(pid, syscall.SIGKILL); !errors.Is(kerr, syscall.ESRCH) {
			err = errors.Join(err, kerr)
		}
	}
	return errors.Join(fmt.Errorf("a daemon ran %v after SIGTERM", stopLimit), err)
}

// words are the last lines of the log.
func (d *daemon) words() string {
	b, err := os.ReadFile(d.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
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
		var t unix.Timespec
		if err := unix.ClockGettime(int32(^uint32(pid)<<3|scheduler), &t); err != nil {
			return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
		}
		sum += time.Duration(t.Nano())
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
