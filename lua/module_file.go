package lua

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// maxTail is how many lines file.tail returns at most, and tailOctets how much
// of the end of a file it looks at.
const (
	maxTail    = 1000
	tailOctets = 256 << 10
)

func fileModule() Module {
	path := arg("path", "string", "a relative one counts from the script's folder")
	done := ret("boolean", "true")
	return Module{
		Name: "file",
		Doc:  "Files. Only regular files are read and written: a pipe or a device may keep its reader waiting for ever.",
		Functions: []Function{
			{Name: "exists", Doc: "whether there is something at the path; nil and a reason when that cannot be known", Params: []Value{path}, Returns: []Value{ret("boolean", "whether")}, Fails: true, call: fileExists, accept: acceptPath},
			{Name: "read", Doc: "the text of a file of at most 1 MiB; the environment and the memory of processes, in /proc, are not for scripts", Params: []Value{path}, Returns: []Value{ret("string", "the text")}, Fails: true, call: fileRead, accept: acceptPath},
			{Name: "tail", Doc: "the last lines of a file, from its last 256 KiB; without their line ends", Params: []Value{path, opt("lines", "integer", "10 unless given, at most 1,000")}, Returns: []Value{ret("string[]", "the lines, oldest first")}, Fails: true, call: fileTail, accept: func(c call) { c.path(1); c.tailLines() }},
			{Name: "age", Doc: "the time since a file was written", Params: []Value{path}, Returns: []Value{ret("number", "the time").in("s")}, Fails: true, call: fileAge, accept: acceptPath},
			{Name: "size", Doc: "the size of a file", Params: []Value{path}, Returns: []Value{ret("integer", "the size").in("octets")}, Fails: true, call: fileSize, accept: acceptPath},
			{Name: "space", Doc: "the room on the file system that a path is on, as df tells it", Params: []Value{path}, Returns: []Value{ret("file.Space", "the room")}, Fails: true, call: fileSpace, accept: acceptPath},
			{Name: "write", Doc: "replaces a file as a whole, so that no reader ever sees half of it; it keeps its owner and mode, and a new one gets mode 0644. A symbolic link is replaced, and not followed", Params: []Value{path, arg("text", "string", "what to write")}, Returns: []Value{done}, Fails: true, Grant: GrantWrite, Acts: true, call: fileWrite, accept: acceptPath},
			{Name: "append", Doc: "adds to the end of a file; a new one gets mode 0644", Params: []Value{path, arg("text", "string", "what to write")}, Returns: []Value{done}, Fails: true, Grant: GrantWrite, Acts: true, call: fileAppend, accept: acceptPath},
			{Name: "remove", Doc: "removes a file; one that is not there is removed, too", Params: []Value{path}, Returns: []Value{done}, Fails: true, Grant: GrantWrite, Acts: true, call: fileRemove, accept: acceptPath},
		},
		Classes: []Class{{Name: "file.Space", Doc: "The room on a file system.", Fields: []Value{
			arg("size", "integer", "all of it").in("octets"),
			arg("free", "integer", "what an ordinary user may still write").in("octets"),
			arg("used", "number", "what is used of what an ordinary user may use").in("%"),
			arg("inodes", "integer", "how many files it can hold; 0 when it has no such number"),
			arg("inodes_free", "integer", "how many more"),
			arg("inodes_used", "number", "the share that is used; 0 when there is no such number").in("%"),
		}}},
	}
}

// fileExists is file.exists(path).
func fileExists(c call) int {
	_, err := os.Stat(c.path(1))
	switch {
	case err == nil:
		return c.push(lua.LTrue)
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return c.push(lua.LFalse)
	default:
		// It may or may not be there; the script must not take that for no.
		return c.fail("%v", err)
	}
}

// fileRead is file.read(path).
func fileRead(c call) int {
	file, err := c.open(c.path(1), os.O_RDONLY)
	if err != nil {
		return c.fail("%v", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return c.fail("%v", err)
	}
	// The size is a hint: files of /proc say that they have none.
	var text bytes.Buffer
	text.Grow(int(min(info.Size(), maxString)) + bytes.MinRead)
	n, err := io.Copy(&text, io.LimitReader(file, maxString+1))
	c.s.meter.charge(c.l, 2*int(n)+4*bytes.MinRead)
	if err != nil {
		return c.fail("%v", err)
	}
	if n > maxString {
		return c.fail("read %s: it is larger than %d KiB", file.Name(), maxString>>10)
	}
	return c.push(lua.LString(text.String()))
}

// fileAge is file.age(path).
func fileAge(c call) int {
	info, err := os.Stat(c.path(1))
	if err != nil {
		return c.fail("%v", err)
	}
	return c.push(lua.LNumber(time.Since(info.ModTime()).Seconds()))
}

// fileSize is file.size(path).
func fileSize(c call) int {
	info, err := os.Stat(c.path(1))
	if err != nil {
		return c.fail("%v", err)
	}
	return c.push(lua.LNumber(info.Size()))
}

// fileSpace is file.space(path). The shares are those of df: what is kept for root
// counts neither as used nor as free.
func fileSpace(c call) int {
	path := c.path(1)
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return c.fail("look for the room on the file system of %s: %v", path, err)
	}
	share := func(used, free uint64) lua.LNumber {
		if used+free == 0 {
			return 0
		}
		return lua.LNumber(100 * float64(used) / float64(used+free))
	}
	c.s.meter.charge(c.l, costTable+6*costItem)
	block, tb := float64(fs.Frsize), c.l.NewTable()
	tb.RawSetString("size", lua.LNumber(float64(fs.Blocks)*block))
	tb.RawSetString("free", lua.LNumber(float64(fs.Bavail)*block))
	tb.RawSetString("used", share(fs.Blocks-fs.Bfree, fs.Bavail))
	tb.RawSetString("inodes", lua.LNumber(fs.Files))
	tb.RawSetString("inodes_free", lua.LNumber(fs.Ffree))
	tb.RawSetString("inodes_used", share(fs.Files-fs.Ffree, fs.Ffree))
	return c.push(tb)
}

// fileAppend is file.append(path, text).
func fileAppend(c call) int {
	text := c.l.CheckString(2)
	file, err := c.open(c.path(1), os.O_WRONLY|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return c.fail("%v", err)
	}
	_, err = file.WriteString(text)
	return c.written(errors.Join(err, file.Close()))
}

// fileWrite is file.write(path, text): the file is replaced as a whole, so
// that no reader ever sees half of it.
func fileWrite(c call) int {
	path, text := c.path(1), c.l.CheckString(2)
	old, err := os.Stat(path)
	if err == nil && !old.Mode().IsRegular() {
		return c.fail("write %s: it is not a regular file", path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return c.fail("%v", err)
	}
	mode := os.FileMode(0o644)
	if old != nil {
		mode = 0o600 // until it has the owner and the mode of the one that it replaces
	}
	// The name is this call's own: others may write the same file, and somebody
	// who may make links in the folder must not choose what is overwritten.
	part := fmt.Sprintf("%s.moonkeep-%016x", path, rand.Uint64())
	file, err := openRegular(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return c.fail("%v", err)
	}
	_, err = file.WriteString(text)
	if err == nil && old != nil {
		err = keepOwner(file, old)
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(part))
	}
	return c.written(err)
}

// keepOwner gives a file the mode and the owner of the one that it replaces.
func keepOwner(file *os.File, old os.FileInfo) error {
	now, err := file.Stat()
	if err != nil {
		return err
	}
	was, ok := old.Sys().(*syscall.Stat_t)
	is, okNow := now.Sys().(*syscall.Stat_t)
	if ok && okNow && (was.Uid != is.Uid || was.Gid != is.Gid) {
		if err := file.Chown(int(was.Uid), int(was.Gid)); err != nil {
			return err
		}
	}
	return file.Chmod(old.Mode().Perm())
}

// written is the result of what changes a file.
func (c call) written(err error) int {
	if err != nil {
		return c.fail("%v", err)
	}
	return c.push(lua.LTrue)
}

// fileRemove is file.remove(path).
func fileRemove(c call) int {
	path := c.path(1)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return c.written(nil)
	case err == nil && info.IsDir():
		return c.fail("remove %s: it is a folder", path)
	case err != nil:
		return c.fail("%v", err)
	}
	return c.written(os.Remove(path))
}

// acceptPath raises the errors of a path.
func acceptPath(c call) { c.path(1) }

// tailLines is how many lines file.tail is to return.
func (c call) tailLines() int {
	want := c.l.OptInt(2, 10)
	if want < 1 || want > maxTail {
		c.l.ArgError(2, fmt.Sprintf("want 1 to %d lines", maxTail))
	}
	return want
}

// fileTail is file.tail(path [, lines]).
func fileTail(c call) int {
	want := c.tailLines()
	file, err := c.open(c.path(1), os.O_RDONLY)
	if err != nil {
		return c.fail("%v", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return c.fail("%v", err)
	}
	from := max(0, info.Size()-tailOctets)
	if _, err := file.Seek(from, io.SeekStart); err != nil {
		return c.fail("%v", err)
	}
	text, err := io.ReadAll(io.LimitReader(file, tailOctets))
	c.s.meter.charge(c.l, 3*len(text)+costTable)
	if err != nil {
		return c.fail("%v", err)
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	if from > 0 && len(lines) > 1 {
		lines = lines[1:] // the first began before what was read
	}
	lines = lines[max(0, len(lines)-want):]
	list := c.l.NewTable()
	if len(text) > 0 {
		for _, line := range lines {
			list.Append(lua.LString(line))
		}
	}
	return c.push(list)
}

// open opens a regular file for the time of the call, a new one with mode 0644.
// Some regular files of /proc have nothing to read until something happens.
func (c call) open(path string, flags int) (*os.File, error) {
	file, err := openRegular(path, flags, 0o644)
	if err != nil {
		return nil, err
	}
	deadline, _ := c.s.meter.ctx.Deadline()
	_ = file.SetDeadline(deadline) // fails for a file that nobody can wait for
	return file, nil
}

// openRegular opens a regular file. It neither waits for the other end of a
// pipe nor opens a device: that may act, as with a watchdog, and reading may never
// end. So what there is is held, looked at, and only then opened.
func openRegular(path string, flags int, mode os.FileMode) (*os.File, error) {
	held, err := openAt(path, path, oPath, 0)
	if errors.Is(err, fs.ErrNotExist) && flags&os.O_CREATE != 0 {
		return regular(openAt(path, path, flags|syscall.O_NONBLOCK|syscall.O_NOCTTY, mode))
	}
	if err != nil {
		return nil, err
	}
	defer held.Close()
	if flags&os.O_EXCL != 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.EEXIST}
	}
	if info, err := held.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, cmp.Or(err, fmt.Errorf("open %s: it is not a regular file", path))
	}
	if flags&os.O_CREATE != 0 {
		return openHeld(held, path, flags, mode)
	}
	same := fmt.Sprintf("/proc/self/fd/%d", held.Fd())
	return regular(openAt(same, path, flags|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0))
}

// openHeld opens by its path a file that is held and may be created. With the link in
// /proc the kernel would not refuse a file of somebody else in a folder where everybody
// may make files (fs.protected_regular).
func openHeld(held *os.File, path string, flags int, mode os.FileMode) (*os.File, error) {
	// What has taken its place since may be a link to a device.
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	file, err := regular(openAt(target, path, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_NOCTTY, mode))
	if err != nil {
		return nil, err
	}
	before, err := held.Stat()
	now, errNow := file.Stat()
	if err = errors.Join(err, errNow); err == nil && !os.SameFile(before, now) {
		err = fmt.Errorf("open %s: it was replaced meanwhile", path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// oPath opens nothing, and holds what is at a path (open(2), O_PATH).
const oPath = 0x200000

// openAt opens a path for which messages have a name.
func openAt(path, name string, flags int, mode os.FileMode) (*os.File, error) {
	for {
		fd, err := syscall.Open(path, flags|syscall.O_CLOEXEC, uint32(mode.Perm()))
		switch {
		case err == nil:
			return os.NewFile(uintptr(fd), name), nil
		case !errors.Is(err, syscall.EINTR):
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// regular closes a file that was opened and is none for scripts.
func regular(file *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	path := file.Name()
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: it is not a regular file", path)
	}
	if err == nil && ofProcess(file) {
		err = fmt.Errorf("open %s: the environment and the memory of processes are not for scripts; env.get reads a variable that the configuration names", path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// ofProcess reports whether a file is the environment or the memory of a process,
// or that of all of them, the kernel's: that of the daemon, or of whom it was started
// by, holds what the configuration names to few.
func ofProcess(file *os.File) bool {
	raw, err := file.SyscallConn()
	if err != nil {
		return true // nobody knows; the safe answer
	}
	private := true
	_ = raw.Control(func(fd uintptr) {
		var on syscall.Statfs_t
		if err := syscall.Fstatfs(int(fd), &on); err != nil || on.Type != procMagic {
			private = err != nil
			return
		}
		path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		private = err != nil || privateInProc(path)
	})
	return private
}

// privateInProc reports that by the link to an open file of /proc. That of a process
// or a thread that has ended says so, and what was opened before can be read still.
func privateInProc(link string) bool {
	name := strings.TrimSuffix(filepath.Base(link), " (deleted)")
	return slices.Contains([]string{"environ", "mem", "auxv", "kcore"}, name)
}

// procMagic is the type of the file system /proc (statfs(2)).
const procMagic = 0x9fa0
