package lua

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// fileExists is file.exists(path).
func (s *state) fileExists(l *lua.LState) int {
	s.meter.live(l)
	_, err := os.Stat(s.path(l, 1))
	switch {
	case err == nil:
		l.Push(lua.LTrue)
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		l.Push(lua.LFalse)
	default:
		// It may or may not be there; the script must not take that for no.
		return s.failed(l, "%v", err)
	}
	return 1
}

// fileRead is file.read(path).
func (s *state) fileRead(l *lua.LState) int {
	s.meter.live(l)
	file, err := openRegular(s.path(l, 1), os.O_RDONLY, 0)
	if err != nil {
		return s.failed(l, "%v", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return s.failed(l, "%v", err)
	}
	// The size is a hint: files of /proc say that they have none.
	var text bytes.Buffer
	text.Grow(int(min(info.Size(), maxString)) + bytes.MinRead)
	n, err := io.Copy(&text, io.LimitReader(file, maxString+1))
	s.meter.charge(l, 2*int(n)+4*bytes.MinRead)
	if err != nil {
		return s.failed(l, "%v", err)
	}
	if n > maxString {
		return s.failed(l, "read %s: it is larger than %d KiB", file.Name(), maxString>>10)
	}
	l.Push(lua.LString(text.String()))
	return 1
}

// fileAge is file.age(path).
func (s *state) fileAge(l *lua.LState) int {
	s.meter.live(l)
	info, err := os.Stat(s.path(l, 1))
	if err != nil {
		return s.failed(l, "%v", err)
	}
	l.Push(lua.LNumber(time.Since(info.ModTime()).Seconds()))
	return 1
}

// fileSize is file.size(path).
func (s *state) fileSize(l *lua.LState) int {
	s.meter.live(l)
	info, err := os.Stat(s.path(l, 1))
	if err != nil {
		return s.failed(l, "%v", err)
	}
	l.Push(lua.LNumber(info.Size()))
	return 1
}

// fileAppend is file.append(path, text).
func (s *state) fileAppend(l *lua.LState) int {
	const name = "file.append"
	s.need(l, name, GrantWrite)
	s.act(l, name)
	text := l.CheckString(2)
	file, err := openRegular(s.path(l, 1), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return s.failed(l, "%v", err)
	}
	_, err = file.WriteString(text)
	return s.written(l, errors.Join(err, file.Close()))
}

// fileWrite is file.write(path, text): the file is replaced as a whole, so
// that no reader ever sees half of it.
func (s *state) fileWrite(l *lua.LState) int {
	const name = "file.write"
	s.need(l, name, GrantWrite)
	s.act(l, name)
	path, text := s.path(l, 1), l.CheckString(2)
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return s.failed(l, "write %s: it is not a regular file", path)
	}
	// A leftover of a daemon that died here is overwritten.
	part := path + ".moonkeep-new"
	file, err := openRegular(part, os.O_WRONLY|os.O_TRUNC|os.O_CREATE, 0o644)
	if err != nil {
		return s.failed(l, "%v", err)
	}
	_, err = file.WriteString(text)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(part))
	}
	return s.written(l, err)
}

func (s *state) written(l *lua.LState, err error) int {
	if err != nil {
		return s.failed(l, "%v", err)
	}
	l.Push(lua.LTrue)
	return 1
}

// openRegular opens a regular file. It neither waits for the other end of a
// pipe nor reads from a device, which may never end.
func openRegular(path string, flags int, mode os.FileMode) (*os.File, error) {
	file, err := os.OpenFile(path, flags|syscall.O_NONBLOCK, mode)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: it is not a regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
