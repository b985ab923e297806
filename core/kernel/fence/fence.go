//go:build linux

// Package fence keeps the programs that the daemon starts in control groups of
// their own, so that one that forks without end takes neither the processes nor
// the processors of the daemon: all groups together have a number of processes and
// the share of the processors that the daemon has.
//
// Each run of a program has a group, its cell. A new program then competes with
// the other cells, not with each process of a fork bomb; the daemon's thread that
// starts it is suspended until it runs, and would wait for all of them. And what is
// to end ends whole, whatever sessions it has made.
//
// It needs cgroup v2 of Linux 5.14, and the group of the daemon to be its own to
// divide: systemd's Delegate=, from version 251 on. Without that there is no fence, and
// what a service manager bounds holds for the daemon and its programs together.
//
// It starts no program: who does puts it into a cell. cmd/moonkeep/daemon makes the
// fence, before any program is started.
package fence

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// Limit is how many processes, and threads, may be behind the fence. Each check
	// has one run at a time, of some few processes; a host can do with that many
	// more.
	Limit = 2048
	// CellLimit is how many one program may have.
	CellLimit = 512
	// mostLeft is how many cells are remembered that could not be removed, since
	// something lives on in them, to try again. Beyond it the oldest stay until the
	// daemon's group ends.
	mostLeft = 256
)

const (
	mount    = "/sys/fs/cgroup"
	inner    = "daemon"
	programs = "programs"
)

// ErrNone says that the control group is not the daemon's to divide.
var ErrNone = errors.New("the control group of the daemon is not delegated to it")

// Fence is the group of programs.
type Fence struct {
	dir  string
	warn func(error)
	// Share says that the programs have a share of the processors of their own.
	Share bool

	mu     sync.Mutex
	n      uint64   // of cells, so far
	left   []string // cells to be removed, oldest first
	warned bool
}

// Open moves the process into a group below its own, and makes another one for
// programs beside it. The error is ErrNone where that is not to be had, or says
// what is in the way of it; nothing is fenced then. warn is called once when a cell
// cannot be made: programs are started without one then.
func Open(warn func(error)) (*Fence, error) {
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
	// Of Linux 5.14; to begin programs in a group came before it, with 5.7.
	if _, err := os.Stat(filepath.Join(dir, "cgroup.kill")); err != nil {
		return nil, ErrNone
	}
	if err := begins(); err != nil {
		return nil, err
	}
	return divide(dir, Limit, warn)
}

// begins reports, as an error, that no program can begin in a group: it takes
// clone3, which some filters of system calls do without, for they cannot see what
// it is to do.
func begins() error {
	if _, _, e := unix.RawSyscall(unix.SYS_CLONE3, 0, 0, 0); e == unix.ENOSYS {
		return errors.New("a filter of system calls refuses clone3, with which a program begins in a control group: RestrictNamespaces= of systemd does that, leave it out")
	}
	return nil // the kernel has told that nothing is no argument
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
func divide(dir string, limit int, warn func(error)) (*Fence, error) {
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
	f := &Fence{dir: filepath.Join(dir, programs), warn: warn, Share: write("+cpu", "cgroup.subtree_control") == nil}
	if err := write("+pids", programs, "cgroup.subtree_control"); err != nil {
		return nil, err
	}
	if f.Share {
		if err := write("+cpu", programs, "cgroup.subtree_control"); err != nil {
			return nil, err
		}
	}
	return f, write(strconv.Itoa(limit), programs, "pids.max")
}

// Path is the directory of the group; empty when there is no fence.
func (f *Fence) Path() string {
	if f == nil {
		return ""
	}
	return f.dir
}

// Cell is the group of one run of a program. A nil one is that of the daemon.
type Cell struct {
	fence *Fence
	dir   *os.File
}

// Cell makes a group for one run of a program, nil where there is no fence or none
// can be made.
func (f *Fence) Cell() *Cell {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	f.n++
	path := filepath.Join(f.dir, fmt.Sprintf("%d-%d", os.Getpid(), f.n))
	f.mu.Unlock()
	c, err := f.cell(path)
	if err != nil {
		f.mu.Lock()
		first := !f.warned
		f.warned = true
		f.mu.Unlock()
		if first {
			f.warn(err)
		}
		return nil
	}
	return c
}

func (f *Fence) cell(path string) (*Cell, error) {
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, fmt.Errorf("make a control group for a program: %w", err)
	}
	err := os.WriteFile(filepath.Join(path, "pids.max"), []byte(strconv.Itoa(CellLimit)), 0)
	var dir *os.File
	if err == nil {
		dir, err = os.Open(path)
	}
	if err != nil {
		return nil, fmt.Errorf("make a control group for a program: %w", errors.Join(err, os.Remove(path)))
	}
	return &Cell{f, dir}, nil
}

// FD is the descriptor for SysProcAttr.CgroupFD, until End; 0 for the nil cell.
func (c *Cell) FD() int {
	if c == nil {
		return 0
	}
	return int(c.dir.Fd())
}

// End is called once, when the program has ended. kill ends what it has left
// behind; else that lives on where it is.
func (c *Cell) End(kill bool) {
	if c == nil {
		return
	}
	path := c.dir.Name()
	if kill {
		_ = os.WriteFile(filepath.Join(path, "cgroup.kill"), []byte("1"), 0) // the kernel has it: see Open
	}
	_ = c.dir.Close() // of a directory that was only opened
	c.fence.remove(path)
}

// remove removes a cell, and those that could not be removed before.
func (f *Fence) remove(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = slices.DeleteFunc(append(f.left, path), func(path string) bool {
		err := os.Remove(path)
		return err == nil || errors.Is(err, os.ErrNotExist)
	})
	if n := len(f.left) - mostLeft; n > 0 {
		f.left = slices.Delete(f.left, 0, n)
	}
}
