package daemon

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
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
	// A network namespace has abstract names of its own in any case.
	prefix, err := soleSpace()
	if err != nil {
		return "", err
	}
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
	s, held, err := bindName(name)
	if err != nil || !held {
		return s, err
	}
	return nil, taken(name, path)
}

// taken is the error for a name that somebody has.
func taken(name, path string) error {
	pid := "unknown"
	if peer, err := holder(name); err == nil {
		if peer.Uid != 0 && peer.Uid != uint32(os.Geteuid()) {
			return &foreignNameError{path, peer.Uid}
		}
		pid = strconv.Itoa(int(peer.Pid))
	}
	return fmt.Errorf("another moonkeep runs in %s (pid %s), though its directory was deleted or is another's here: stop it, or give this one a --run-dir of its own", path, pid)
}
