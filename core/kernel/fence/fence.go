//go:build linux

// Package fence keeps the programs that the daemon starts in a control group of
// their own, so that one that forks without end takes neither the processes nor
// the processors of the daemon: the group has a number of processes, and all of
// it together has the share of the processors that the daemon has.
//
// It needs cgroup v2, and the group of the daemon to be its own to divide:
// systemd's Delegate=, or that of a container. Without that there is no fence, and
// what a service manager bounds holds for the daemon and its programs together.
//
// It starts no program: who does puts it behind the fence by FD. cmd/moonkeep
// makes the fence, before any program is started.
package fence

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Limit is how many processes, and threads, may be behind the fence. Each check
// has one run at a time, of some few processes; a host can do with that many more.
const Limit = 2048

const (
	mount    = "/sys/fs/cgroup"
	inner    = "daemon"
	programs = "programs"
)

// ErrNone says that the control group is not the daemon's to divide.
var ErrNone = errors.New("the control group of the daemon is not delegated to it")

// Fence is the group of programs.
type Fence struct {
	dir *os.File
	// Share says that the programs have a share of the processors of their own.
	Share bool
}

// Open moves the process into a group below its own, and makes another one for
// programs beside it. The error is ErrNone where that is not to be had, or says
// what is in the way of it; nothing is fenced then.
func Open() (*Fence, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("look for the control group: %w", err)
	}
	own, ok := unified(string(text))
	if !ok {
		return nil, ErrNone
	}
	dir := filepath.Join(mount, own)
	if filepath.Base(dir) == inner { // of the daemon before this one, or of DelegateSubgroup=
		dir = filepath.Dir(dir)
	}
	if !delegated(dir) {
		return nil, ErrNone
	}
	return divide(dir, Limit)
}

// unified is the process's group in cgroup v2, from /proc/self/cgroup.
func unified(text string) (string, bool) {
	for line := range strings.Lines(text) {
		if path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return path, true
		}
	}
	return "", false
}

// delegated reports whether systemd has said that a group is left to who is in it.
func delegated(dir string) bool {
	for _, name := range []string{"trusted.delegate", "user.delegate"} {
		var value [8]byte
		if n, err := unix.Getxattr(dir, name, value[:]); err == nil && string(value[:n]) == "1" {
			return true
		}
	}
	return false
}

// divide makes the groups below one that is ours.
func divide(dir string, limit int) (*Fence, error) {
	write := func(value string, path ...string) error {
		name := filepath.Join(append([]string{dir}, path...)...)
		if err := os.WriteFile(name, []byte(value), 0); err != nil {
			return fmt.Errorf("divide the control group: %w", err)
		}
		return nil
	}
	for _, name := range []string{inner, programs} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("divide the control group: %w", err)
		}
	}
	// A group whose processes are divided has none itself.
	if err := write("0", inner, "cgroup.procs"); err != nil {
		return nil, err
	}
	if err := write("+pids", "cgroup.subtree_control"); err != nil {
		return nil, err
	}
	f := &Fence{Share: write("+cpu", "cgroup.subtree_control") == nil}
	if err := write(strconv.Itoa(limit), programs, "pids.max"); err != nil {
		return nil, err
	}
	var err error
	if f.dir, err = os.Open(filepath.Join(dir, programs)); err != nil {
		return nil, fmt.Errorf("divide the control group: %w", err)
	}
	return f, nil
}

// FD is the descriptor of the group, for SysProcAttr.CgroupFD, until Close; 0 when
// there is no fence.
func (f *Fence) FD() int {
	if f == nil {
		return 0
	}
	return int(f.dir.Fd())
}

// Path is the directory of the group; empty when there is no fence.
func (f *Fence) Path() string {
	if f == nil {
		return ""
	}
	return f.dir.Name()
}

// Close lets go of the group. What is in it stays there.
func (f *Fence) Close() error {
	if f == nil {
		return nil
	}
	return f.dir.Close()
}
