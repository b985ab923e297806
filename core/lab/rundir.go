//go:build linux

package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// dirPattern is the name of a lab's directory among the temporary files.
const dirPattern = "moonkeep-lab-"

// runDir is the directory of one lab. It is locked as long as the lab lives,
// so that the next one can tell it from what a killed lab left.
type runDir struct {
	path string
	lock *os.File
}

// newRunDir removes what killed labs of this user left in base and makes a
// directory for this one. The mode lets daemons and checks that run as other
// users reach what is theirs.
func newRunDir(base string) (*runDir, error) {
	if err := sweep(base); err != nil {
		return nil, err
	}
	for {
		path, err := os.MkdirTemp(base, dirPattern)
		if err != nil {
			return nil, fmt.Errorf("make a directory for the lab: %w", err)
		}
		lock, err := lockDir(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EWOULDBLOCK) {
			continue // swept by another lab before it was locked
		}
		if err == nil {
			err = os.Chmod(path, 0o711)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("set up %s: %w", path, err), os.RemoveAll(path))
		}
		return &runDir{path: path, lock: lock}, nil
	}
}

// close removes the directory with everything in it.
func (d *runDir) close() error {
	return errors.Join(os.RemoveAll(d.path), d.lock.Close())
}

// lockDir locks the directory, which the path must still name afterwards.
func lockDir(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	held, err := f.Stat()
	if err == nil {
		var named fs.FileInfo
		if named, err = os.Lstat(path); err == nil && !os.SameFile(held, named) {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sweep removes the directories of labs of this user that are gone.
func sweep(base string) error {
	left, err := filepath.Glob(filepath.Join(base, dirPattern+"*"))
	if err != nil {
		return fmt.Errorf("look for what earlier labs left: %w", err)
	}
	for _, path := range left {
		var st unix.Stat_t
		if unix.Lstat(path, &st) != nil || int(st.Uid) != os.Getuid() {
			continue
		}
		lock, err := lockDir(path)
		if err != nil {
			continue // in use, or already gone
		}
		err = os.RemoveAll(path)
		lock.Close()
		if err != nil {
			return fmt.Errorf("remove what an earlier lab left: %w", err)
		}
	}
	return nil
}
