//go:build linux

// Package nsfile finds and opens the files that stand for network namespaces: what a
// net_namespace names is the same for all who go there. It enters none; core/kernel/netns
// does, and plugins/host has the processes of checkers do it.
package nsfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// dir is where ip-netns(8) has its names.
const dir = "/run/netns"

// Path is the file of a namespace: one in /run/netns, or that of an absolute path.
func Path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// Open opens the namespace that has a name. What stands for none is not opened: a pipe
// would wait for who writes, and a device may do something.
func Open(name string) (*os.File, error) {
	path := Path(name)
	handle, err := open(path, unix.O_PATH)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(handle)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(handle, &fs); err != nil {
		return nil, &os.PathError{Op: "statfs", Path: path, Err: err}
	}
	if fs.Type != unix.NSFS_MAGIC {
		return nil, fmt.Errorf("%s is no network namespace", path)
	}
	// The very file that was looked at, whatever has its name by now.
	fd, err := open(fmt.Sprintf("/proc/self/fd/%d", handle), unix.O_RDONLY)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

func open(path string, flags int) (fd int, err error) {
	for {
		if fd, err = unix.Open(path, flags|unix.O_CLOEXEC, 0); !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}
