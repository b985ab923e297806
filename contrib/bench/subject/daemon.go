//go:build linux

package subject

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

// Part is what of keepalived runs; its other processes do nothing in a benchmark.
type Part string

// The parts, as keepalived's options name them. A moonkeep runs whole.
const (
	VRRP     Part = "-P"
	Checkers Part = "-C"
)

// Daemon is one running program with all its processes.
type Daemon struct {
	// Begun is when it was started.
	Begun time.Time

	ns    *netns.NS
	dir   string
	cmd   *exec.Cmd
	ended chan error
	over  bool // what ended says was heard
}

// Start starts the program of that name in the namespace, which is its alone, on
// a keepalived.conf of that text. All its files are in dir, which is made when it
// is missing.
func (p *Programs) Start(name string, part Part, ns *netns.NS, dir, text string) (*Daemon, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	d := &Daemon{ns: ns, dir: dir, ended: make(chan error, 1)}
	if err := d.Configure(text); err != nil {
		return nil, err
	}
	log, err := os.Create(d.log())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	switch name {
	case Moonkeep:
		d.cmd = exec.Command(p.Moonkeep, "run", "-c", d.conf(), "--run-dir", filepath.Join(dir, "run"))
	default:
		args := []string{"-n", "-l", "-G", string(part), "-f", d.conf()}
		for _, pid := range []struct{ flag, name string }{{"-p", "ka.pid"}, {"-r", "vrrp.pid"}, {"-c", "check.pid"}, {"-b", "bfd.pid"}} {
			args = append(args, pid.flag, filepath.Join(dir, pid.name))
		}
		d.cmd = exec.Command(p.Keepalived, args...)
	}
	d.cmd.Stdout, d.cmd.Stderr = log, log
	// A session of its own, so that the terminal's signals reach us alone.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	d.Begun = time.Now()
	if err := ns.Start(d.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { d.ended <- d.cmd.Wait() }()
	return d, nil
}

func (d *Daemon) conf() string { return filepath.Join(d.dir, "keepalived.conf") }

func (d *Daemon) log() string { return filepath.Join(d.dir, "log") }

// Configure writes the configuration, which is read at the next reload.
func (d *Daemon) Configure(text string) error { return os.WriteFile(d.conf(), []byte(text), 0o644) }

// Reload asks it to read its configuration again.
func (d *Daemon) Reload() error {
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	return nil
}

// Lives says why it has ended, when it has.
func (d *Daemon) Lives() error {
	select {
	case err := <-d.ended:
		d.over = true
		return fmt.Errorf("it has ended: %w", err)
	default:
		return nil
	}
}

// Stop asks it to end and returns how long that took.
func (d *Daemon) Stop(limit time.Duration) (time.Duration, error) {
	start := time.Now()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("stop a daemon: %w", err)
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-d.ended: // keepalived's status after SIGTERM is not always 0
		d.over = true
		return time.Since(start), nil
	case <-timer.C:
		return 0, fmt.Errorf("a daemon runs %v after SIGTERM", limit)
	}
}

// Kill ends every process that is left in the namespace, unless the daemon has
// ended in another way. A nil daemon was never started.
func (d *Daemon) Kill() error {
	if d == nil || d.over {
		return nil
	}
	pids, err := d.processes()
	for _, pid := range pids {
		if kerr := syscall.Kill(pid, syscall.SIGKILL); !errors.Is(kerr, syscall.ESRCH) {
			err = errors.Join(err, kerr)
		}
	}
	<-d.ended
	d.over = true
	return err
}

// Words are the last lines of what it has logged.
func (d *Daemon) Words() string {
	b, err := os.ReadFile(d.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// processes are those in the namespace: the program and what it started.
func (d *Daemon) processes() (pids []int, err error) {
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
		return nil, errors.New("no process of the daemon is left; see its log " + d.log())
	}
	return pids, nil
}

// CPU is the CPU time of all processes, with that of threads that have ended.
func (d *Daemon) CPU() (sum time.Duration, err error) {
	pids, err := d.processes()
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		const scheduler = 2 // clock_getcpuclockid(3)
		var t unix.Timespec
		switch err := unix.ClockGettime(int32(^uint32(pid)<<3|scheduler), &t); {
		case err == nil:
			sum += time.Duration(t.Nano())
		case !errors.Is(err, unix.EINVAL): // what the clock of a process is that has ended meanwhile
			return 0, fmt.Errorf("read the CPU time of process %d: %w", pid, err)
		}
	}
	return sum, nil
}

// Memory is what of all processes is in memory, in bytes. What several share
// counts for each in rss, for its part in pss.
func (d *Daemon) Memory() (rss, pss int64, err error) {
	pids, err := d.processes()
	if err != nil {
		return 0, 0, err
	}
	for _, pid := range pids {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) { // it has ended meanwhile
			continue
		}
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
