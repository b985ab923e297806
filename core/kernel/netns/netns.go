//go:build linux

// Package netns makes network namespaces and runs code and programs inside
// them.
//
// A namespace is held by a file descriptor only: it has no entry in /run/netns
// and is gone when the descriptor, the last process and the last socket in it
// are. The package configures nothing inside a namespace; that is
// core/kernel/link's business. core/kernel uses it to open its sockets where
// the daemon was started, core/lab and the tests use it to build hosts.
package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/nsfile"
)

// self is the namespace of the calling thread, not of the process: threads of
// one process may be in different ones.
const self = "/proc/thread-self/ns/net"

// NS is one network namespace. Its methods may be called by any goroutine.
type NS struct {
	file     *os.File
	dev, ino uint64
}

// New creates an empty namespace: its loopback interface is down. It needs
// CAP_SYS_ADMIN.
func New() (*NS, error) {
	runtime.LockOSThread()
	home, err := Current()
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer home.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("create a network namespace: %w", err)
	}
	ns, err := Current()
	if back := home.enter(); back != nil {
		// The thread stays locked to this goroutine, so that no other one
		// ever runs in the wrong namespace.
		return nil, errors.Join(err, fmt.Errorf("return from a new network namespace: %w", back))
	}
	runtime.UnlockOSThread()
	return ns, err
}

// Current is the namespace of the calling goroutine's thread. Outside of Do
// that is the one the process was started in.
func Current() (*NS, error) {
	ns, err := open(self)
	if err != nil {
		return nil, fmt.Errorf("open the current network namespace: %w", err)
	}
	return ns, nil
}

// open opens the namespace that a file stands for. os.Open would ask whether one can
// wait for the file, which takes four calls more.
func open(path string) (*NS, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for errors.Is(err, unix.EINTR) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return of(os.NewFile(uintptr(fd), path))
}

// of is the namespace of an open file.
func of(f *os.File) (*NS, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		f.Close()
		return nil, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return &NS{file: f, dev: uint64(st.Dev), ino: st.Ino}, nil
}

// here reports whether the calling thread is in the namespace.
func (n *NS) here() bool {
	var st unix.Stat_t
	return unix.Stat(self, &st) == nil && uint64(st.Dev) == n.dev && st.Ino == n.ino
}

// Open opens a namespace that ip-netns(8) knows by that name, or by the absolute path of
// a file that stands for it.
func Open(name string) (*NS, error) {
	f, err := nsfile.Open(name)
	var ns *NS
	if err == nil {
		ns, err = of(f)
	}
	if err != nil {
		return nil, fmt.Errorf("open the network namespace %s: %w", name, err)
	}
	return ns, nil
}

// Same reports whether two are one namespace.
func (n *NS) Same(m *NS) bool { return n.dev == m.dev && n.ino == m.ino }

// Exec replaces the process by a program in the namespace: all its threads are
// in it then, which those of a running process cannot be made to. It returns on
// an error only; the goroutine stays locked to its thread.
func (n *NS) Exec(program string, argv, env []string) error {
	runtime.LockOSThread()
	if err := n.enter(); err != nil {
		return fmt.Errorf("enter network namespace %d: %w", n.ino, err)
	}
	if err := unix.Exec(program, argv, env); err != nil {
		return fmt.Errorf("run %s in network namespace %d: %w", program, n.ino, err)
	}
	return nil
}

// Close lets go of the namespace. Sockets and programs in it go on.
func (n *NS) Close() error { return n.file.Close() }

// FD is the descriptor that refers to the namespace, valid until Close.
func (n *NS) FD() int { return int(n.file.Fd()) }

// Inode is the number by which lsns(8) and /proc/PID/ns/net name the
// namespace.
func (n *NS) Inode() uint64 { return n.ino }

// Lasting is a number that no other namespace gets until the next boot: an Inode is
// given to another one when its own is gone. A kernel before Linux 5.14 has no better
// number than that. It needs what Do needs.
func (n *NS) Lasting() (number uint64, err error) {
	err = n.Do(func() error {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open a socket in network namespace %d: %w", n.ino, err)
		}
		defer unix.Close(fd)
		number, err = unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
		switch {
		case errors.Is(err, unix.ENOPROTOOPT):
			number = n.ino
		case err != nil:
			return fmt.Errorf("ask for the number of network namespace %d: %w", n.ino, err)
		}
		return nil
	})
	return number, err
}

// Do runs f in the namespace, on the calling goroutine, which stays on one
// thread meanwhile. What f opens - sockets, files under /proc/sys/net, netlink
// connections - belongs to the namespace for good. Goroutines that f starts do
// not run in it. Calls may be nested.
//
// In the namespace where the thread already is, Do just calls f and needs no
// capability; otherwise it needs CAP_SYS_ADMIN. Its error is f's, or says that
// the namespace could not be entered, in which case f was not called, or left,
// in which case the goroutine stays locked to its thread, for no other
// goroutine may ever run on that.
func (n *NS) Do(f func() error) (err error) {
	runtime.LockOSThread()
	if n.here() { // mostly so
		defer runtime.UnlockOSThread()
		return f()
	}
	home, err := Current()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	if err := n.enter(); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace %d: %w", n.ino, err)
	}
	// Deferred, so that a panic or a test's FailNow leaves the namespace too.
	defer func() {
		if back := home.enter(); back != nil {
			err = errors.Join(err, fmt.Errorf("leave network namespace %d: %w", n.ino, back))
			return
		}
		runtime.UnlockOSThread()
	}()
	return f()
}

// Start starts the command in the namespace. It does not give it a mount
// namespace: the command sees the /sys of the host.
func (n *NS) Start(cmd *exec.Cmd) error { return n.Do(cmd.Start) }

func (n *NS) enter() error { return unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET) }
