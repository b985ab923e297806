package daemon

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// DefaultRunDir is where the socket, the journal and the lock of the one
// daemon of a host live.
const DefaultRunDir = "/run/moonkeep"

// maxName is how long an abstract socket's name may be, its first zero byte
// not counted (unix(7)).
const maxName = 107

// foreignNameError says that a user who cannot run a daemon for us holds the
// name of the run directory: anybody may take any name, and must not be able
// to keep a daemon from starting by it.
type foreignNameError struct {
	path string
	uid  uint32
}

func (e *foreignNameError) Error() string {
	return fmt.Sprintf("user %d holds the name of the run directory %s: should the directory be deleted, nothing keeps a second daemon from starting in it", e.uid, e.path)
}

// abstractName is the name that stands for a run directory.
func abstractName(path string) (string, error) {
	abs, err := oneName(path)
	if err != nil {
		return "", err
	}
	// A network namespace has abstract names of its own in any case; its
	// number is there for those who read /proc/net/unix.
	var ns unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &ns); err != nil {
		return "", fmt.Errorf("name the run directory: read /proc/thread-self/ns/net: %w", err)
	}
	prefix := "moonkeep:" + strconv.FormatUint(ns.Ino, 10) + ":"
	if len(prefix)+len(abs) > maxName {
		abs = fmt.Sprintf("%x", sha256.Sum256([]byte(abs)))
	}
	return prefix + abs, nil
}

// oneName is the path by which a directory is known whatever it is called.
func oneName(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("name the run directory: %w", err)
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	return abs, nil
}

// tableName is the name of the table of nftables of a daemon with that run
// directory. Daemons of one namespace must not touch each other's.
func tableName(path string) (string, error) {
	own, err := oneName(path)
	if err != nil {
		return "", err
	}
	usual, err := oneName(DefaultRunDir)
	if err != nil || own == usual {
		return "moonkeep", err
	}
	return fmt.Sprintf("moonkeep_%x", sha256.Sum256([]byte(own)))[:len("moonkeep_")+8], nil
}

// holdName takes an abstract socket with the directory's name, or says who
// has it. Nobody talks over the socket. The kernel frees the name at the end
// of the process.
func holdName(path string) (*os.File, error) {
	name, err := abstractName(path)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open a socket with the name of the run directory: %w", err)
	}
	s := os.NewFile(uintptr(fd), "@"+name)
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + name})
	if err == nil {
		// It listens so that another can see whose it is.
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, unix.EADDRINUSE):
		return nil, errors.Join(taken(fd, name, path), s.Close())
	}
	return nil, errors.Join(fmt.Errorf("hold the name of the run directory, @%s: %w", name, err), s.Close())
}

// taken is the error for a name that somebody has. It uses the socket up.
func taken(fd int, name, path string) error {
	pid := "unknown"
	if unix.Connect(fd, &unix.SockaddrUnix{Name: "@" + name}) == nil {
		if peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			if peer.Uid != 0 && peer.Uid != uint32(os.Geteuid()) {
				return &foreignNameError{path, peer.Uid}
			}
			pid = strconv.Itoa(int(peer.Pid))
		}
	}
	return fmt.Errorf("another moonkeep runs in %s (pid %s), though its directory was deleted or is another's here: stop it, or give this one a --run-dir of its own", path, pid)
}
