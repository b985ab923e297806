package daemon

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
)

// DefaultRunDir is where the socket, the journal and the lock of the one
// daemon of a host live.
const DefaultRunDir = "/run/moonkeep"

// maxName is how long an abstract socket's name may be, its first zero byte
// not counted (unix(7)).
const maxName = 107

// abstractName is the name that stands for a run directory.
func abstractName(path string) (string, error) {
	abs, err := oneName(path)
	if err != nil {
		return "", err
	}
	// A network namespace has abstract names of its own in any case.
	prefix, err := namePrefix()
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

// holdName takes an abstract socket with the directory's name, or says which daemon has
// it. It is a strangerError when that may be none.
func holdName(path string) (*heldName, error) {
	name, err := abstractName(path)
	if err != nil {
		return nil, err
	}
	h, other, err := takeName(name, newAsker())
	if err != nil || other == nil {
		return h, err
	}
	return nil, fmt.Errorf("another moonkeep runs in %s (pid %d), though its directory was deleted or is another's here: stop it, or give this one a --run-dir of its own", path, other.Pid)
}
