//go:build linux

package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// A plugin may make files in the directory of its socket. They stay empty, and are
// room all the same in a file system that others need: so it has the directory only
// until the host is connected, and may make some few until then.
const (
	maxFiles   = 16
	watchFiles = 20 * time.Millisecond
)

// errFiles is more of them, or a directory, where files are made out of sight.
var errFiles = fmt.Errorf("it made more than %d files, or a directory, in the directory for its socket", maxFiles)

// crowded reports whether there are more files than there may be, or a directory, which a
// kernel without landlock lets it make; not in a directory that cannot be read.
func (p *process) crowded() bool {
	d, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", p.dir.Fd()))
	if err != nil {
		return false
	}
	defer d.Close()
	all, err := d.ReadDir(maxFiles + 1)
	return (err == nil || errors.Is(err, io.EOF)) && (len(all) > maxFiles || slices.ContainsFunc(all, os.DirEntry.IsDir))
}

// watch ends the process when it makes too many files, until quit is closed.
func (s *starter) watch(quit <-chan struct{}) {
	t := time.NewTicker(watchFiles)
	defer t.Stop()
	for {
		select {
		case <-quit:
			return
		case <-s.proc.done:
			return
		case <-t.C:
			if s.proc.crowded() {
				s.filled.Store(true)
				s.proc.kill()
				return
			}
		}
	}
}

// enclose takes the directory from the plugin, which needs it no more.
func (s *starter) enclose() error {
	dir := s.spec.dir
	if s.proc.given { // so that it can make none meanwhile
		if err := os.Lchown(dir, os.Geteuid(), os.Getegid()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("take the directory for sockets back: %w", err)
		}
	}
	d, err := os.Open(dir)
	if errors.Is(err, os.ErrNotExist) { // somebody has wiped it
		return nil
	}
	if err != nil {
		return fmt.Errorf("take the directory for sockets back: %w", err)
	}
	names, err := d.Readdirnames(maxFiles + 1)
	d.Close()
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("take the directory for sockets back: %w", err)
	}
	if len(names) > maxFiles {
		return errFiles
	}
	for _, name := range append(names, "") { // the directory last
		err := os.Remove(filepath.Join(dir, name))
		switch {
		case errors.Is(err, unix.ENOTEMPTY):
			return errFiles
		case err != nil && !errors.Is(err, os.ErrNotExist):
			return fmt.Errorf("remove what is in the directory for sockets: %w", err)
		}
	}
	return nil
}
