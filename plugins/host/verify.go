//go:build linux

package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/nsfile"
	"github.com/moonkeep/moonkeep/core/program"
)

// ErrChecksum is a file that is not the one that the configuration pins.
var ErrChecksum = errors.New("has another checksum than sha256 asks for")

// Error is what is wrong with a plugin, or with its checks. Its text is that of
// Err.
type Error struct {
	// Plugin is the name of the plugin.
	Plugin string
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Verify reports, as an error, why a plugin would not be started: its file is
// missing, is not executable for its user, can be changed by others than root
// (the error names the directory or file at fault), or has the wrong sum. It
// starts nothing.
func Verify(p Plugin) error {
	if err := p.validate(); err != nil {
		return err
	}
	if p.Path == "" {
		if _, _, err := program.Account(p.User, p.Group); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		return nil
	}
	f, err := open(p)
	if err != nil {
		return err
	}
	return f.Close()
}

// open opens the file of a plugin, and verifies what it opened: the sum is
// that of the very file that will be executed.
func open(p Plugin) (*os.File, error) {
	if p.Path == "" {
		// The program that runs, not whatever has its name by now.
		f, err := os.Open("/proc/self/exe")
		if err != nil {
			return nil, fmt.Errorf("%s: open this program: %w", p, err)
		}
		return f, nil
	}
	if !filepath.IsAbs(p.Path) {
		return nil, fmt.Errorf("%s: the path must be absolute", p)
	}
	if err := program.Trusted(p.Path); err != nil {
		return nil, fmt.Errorf("plugin %s: %w", p.Name, err)
	}
	if err := program.Inspect(p.Path, p.User, p.Group); err != nil {
		return nil, fmt.Errorf("plugin %s: %w", p.Name, err)
	}
	f, err := os.OpenFile(p.Path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	if p.SHA256 == "" {
		return f, nil
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: sum it up: %w", p, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, p.SHA256) {
		f.Close()
		return nil, fmt.Errorf("%s %w: it has %s; if the new file is right, write that", p, ErrChecksum, got)
	}
	return f, nil
}

// edition tells one state of a file from another without reading it.
type edition struct {
	dev, ino     uint64
	size         int64
	mtime, ctime syscall.Timespec
}

// editionOf is the edition of an open file.
func editionOf(f *os.File) (edition, error) {
	info, err := f.Stat()
	if err != nil {
		return edition{}, err
	}
	return editionIn(info), nil
}

func editionIn(info os.FileInfo) edition {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return edition{}
	}
	return edition{uint64(st.Dev), st.Ino, st.Size, st.Mtim, st.Ctim}
}

// replaced reports whether the file at a plugin's path is no longer what was
// started. A file that is gone was not replaced: what runs goes on.
func (p Plugin) replaced(was edition) bool {
	if p.Path == "" {
		return false
	}
	info, err := os.Stat(p.Path)
	return err == nil && editionIn(info) != was
}

// spaceID tells one network namespace from another while it is open. The zero value is
// the daemon's own.
type spaceID struct{ dev, ino uint64 }

// spaceOf is that of an open namespace.
func spaceOf(f *os.File) (spaceID, error) {
	info, err := f.Stat()
	if err != nil {
		return spaceID{}, fmt.Errorf("look at the network namespace %s: %w", f.Name(), err)
	}
	e := editionIn(info)
	return spaceID{e.dev, e.ino}, nil
}

// replaced reports whether a name is no longer the namespace's that was entered. One
// that has no name now was not replaced: what runs there goes on. A file that stands for
// no namespace will: ip netns add makes it first.
func (id spaceID) replaced(name string) bool {
	if name == "" {
		return false
	}
	info, err := os.Stat(nsfile.Path(name))
	if err != nil {
		return false
	}
	is := editionIn(info)
	return spaceID{is.dev, is.ino} != id
}

// isScript reports whether the kernel will hand the file to an interpreter,
// which then has to open it by itself.
func isScript(f *os.File) bool {
	var head [2]byte
	n, err := f.ReadAt(head[:], 0)
	return err == nil && n == 2 && head == [2]byte{'#', '!'}
}

// openNetNS opens a network namespace.
func openNetNS(name string) (*os.File, error) {
	f, err := nsfile.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("network namespace %s: %w; create it (ip netns add %s) or correct the name", name, err, filepath.Base(name))
	}
	if err != nil {
		return nil, fmt.Errorf("network namespace %s: %w", name, err)
	}
	return f, nil
}

// markCapability is what setting a firewall mark needs: CAP_NET_RAW is enough
// since Linux 5.17, and lets a process do less than CAP_NET_ADMIN.
func markCapability(release string) string {
	if since(release, 5, 17) {
		return "net_raw"
	}
	return "net_admin"
}

// release is that of the kernel, such as 6.1.0-9-amd64; empty when it is not known.
func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// since reports whether a kernel is of a version or a later one.
func since(release string, major, minor int) bool {
	var a, b int
	_, err := fmt.Sscanf(release, "%d.%d", &a, &b)
	return err == nil && (a > major || a == major && b >= minor)
}
