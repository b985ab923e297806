package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/control"
)

// runDir is a daemon's directory: the lock, the control socket and the
// journal of what it owns.
type runDir struct {
	path string
	lock *os.File
	name *heldName // see holdName; nil when the name is somebody else's
	// warnings are for the log: what did not work out and does not matter
	// enough to refuse the start.
	warnings []string
	// netNamespace is the global net_namespace of the configuration.
	netNamespace string
	// indexes are those that interfaces had while something on them was in the
	// journal, by name.
	indexes map[string][]int
}

// openRunDir makes the directory when it is missing and takes its lock, and
// its name too, since a lock goes away with a directory that is deleted. The
// kernel gives both back when the process ends, however it ends, so that
// nothing stale can refuse a start.
func openRunDir(path string) (_ *runDir, err error) {
	if err := control.CheckDir(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("make the run directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock of the run directory: %w", err)
	}
	d := &runDir{path: path, lock: f, indexes: make(map[string][]int)}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder := make([]byte, 32)
		n, _ := f.Read(holder) // only for the message
		return nil, fmt.Errorf("another moonkeep runs in %s (pid %s): stop it, or give this one a --run-dir of its own", path, cmp.Or(string(holder[:n]), "unknown"))
	}
	if d.name, err = holdName(path); err != nil {
		var stranger *strangerError
		if !errors.As(err, &stranger) {
			return nil, err
		}
		d.warnings = append(d.warnings, fmt.Sprintf("%s holds the name of the run directory %s: should the directory be deleted, nothing keeps a second daemon from starting in it", stranger.who, path))
	}
	// The pid is for the message above: a full disk is no reason not to run.
	err = f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintf(f, "%d", os.Getpid())
	}
	if err != nil {
		d.warnings = append(d.warnings, fmt.Sprintf("the pid could not be written into the lock of the run directory: %v", err))
	}
	return d, nil
}

// Close gives the lock and the name back.
func (d *runDir) Close() error {
	if d.name == nil {
		return d.lock.Close()
	}
	return errors.Join(d.lock.Close(), d.name.Close())
}
