package control

import (
	"errors"
	"fmt"
	"path/filepath"
)

// SocketName is the socket's name in the run directory.
const SocketName = "control.sock"

// maxSocketPath is how many bytes the path of a unix socket may have on Linux:
// sun_path has 108, the last of which is zero (unix(7)).
const maxSocketPath = 107

// CheckDir refuses a run directory in which there can be no control socket.
func CheckDir(dir string) error {
	if dir == "" {
		return errors.New("the run directory has no name: give --run-dir a directory, or leave it out")
	}
	if n := len(filepath.Join(dir, SocketName)); n > maxSocketPath {
		return fmt.Errorf("the name of the run directory %s is too long by %d: the path of a socket, here with /%s at its end, has at most %d bytes; give a shorter --run-dir",
			dir, n-maxSocketPath, SocketName, maxSocketPath)
	}
	return nil
}
