package program

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"
)

// Resolve returns the absolute path of the file that Run would execute. A
// name without a slash is looked for in PATH; one with a slash is taken from
// the daemon's working directory, not from Spec.Dir, and need not exist.
// The error wraps ErrMissing.
func Resolve(argv0 string) (string, error) {
	if strings.Contains(argv0, "/") {
		path, err := filepath.Abs(argv0)
		if err != nil {
			return "", fmt.Errorf("find program %s: %w", argv0, err)
		}
		return path, nil
	}
	for _, dir := range filepath.SplitList(searchPath()) {
		if !filepath.IsAbs(dir) {
			continue // "" and "." would run what lies about in the working directory
		}
		path := filepath.Join(dir, argv0)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("program %q %w in PATH (%s); write its full path", argv0, ErrMissing, searchPath())
}

// Inspect says why the user could not run the program, or nil when nothing
// speaks against it. An empty user or group means what it means in a Spec. It
// goes by modes and owners; where there are access control lists it believes
// that they permit. The error names the path at fault and wraps one of
// ErrMissing, ErrDirectory, ErrNotExecutable, ErrFormat, ErrInterpreter,
// ErrPermission and ErrUser.
func Inspect(argv0, user, group string) error {
	path, err := Resolve(argv0)
	if err != nil {
		return err
	}
	who, err := identify(user, group)
	if err != nil {
		return fmt.Errorf("program %s: %w", path, err)
	}
	return inspect(path, who, 0)
}

// maxInterpreters is how deep scripts may be interpreters of scripts (the
// kernel's own limit).
const maxInterpreters = 4

func inspect(path string, who identity, depth int) error {
	err := walk(path, func(name string, info fs.FileInfo) error {
		if info.IsDir() && name != path && !who.may(modeExec, name, info) {
			return fmt.Errorf("program %s %w by %s: directory %s (mode %04o) lets it not pass; chmod o+x %s",
				path, ErrPermission, who, name, info.Mode().Perm(), name)
		}
		return nil
	})
	if err != nil {
		return describe("program "+path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return describe("program "+path, err)
	}
	mode := info.Mode()
	switch {
	case info.IsDir():
		return fmt.Errorf("program %s %w but a directory", path, ErrDirectory)
	case !mode.IsRegular():
		return fmt.Errorf("program %s %w that can be run (mode %s)", path, ErrDirectory, mode)
	case mode&0o111 == 0:
		return fmt.Errorf("program %s %w (mode %04o); chmod +x %s", path, ErrNotExecutable, mode.Perm(), path)
	case !who.may(modeExec, path, info):
		return fmt.Errorf("program %s %w by %s: mode %04o; chmod o+rx %s, or run it as its owner",
			path, ErrPermission, who, mode.Perm(), path)
	case noExec(path):
		return fmt.Errorf("program %s %w: its file system is mounted noexec; move it", path, ErrNotExecutable)
	}
	return inspectHead(path, info, who, depth)
}

// describe turns the error of a walk into one that says what to do.
func describe(what string, err error) error {
	var perr *fs.PathError
	if !errors.As(err, &perr) {
		return err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && what == "program "+perr.Path:
		return fmt.Errorf("%s %w; create it or correct the path", what, ErrMissing)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s %w: there is no %s", what, ErrMissing, perr.Path)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s %w: %s is below something that is not a directory", what, ErrMissing, perr.Path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s %w: the daemon cannot reach %s", what, ErrPermission, perr.Path)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// What a mode's three bits permit.
const (
	modeExec fs.FileMode = 1 // for a directory, to pass
	modeRead fs.FileMode = 4
)

// may goes by the mode.
func (w identity) may(bit fs.FileMode, name string, info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	mode := info.Mode().Perm()
	switch {
	case w.uid == 0:
		return true // it needs one execute bit of any kind, which inspect asks for
	case w.uid == st.Uid:
		mode >>= 6
	case w.has(st.Gid):
		mode >>= 3
	}
	if mode&bit != 0 {
		return true
	}
	size, err := syscall.Getxattr(name, "system.posix_acl_access", nil)
	return err == nil && size > 0
}

// noExec reports whether the file's mount forbids execution.
func noExec(path string) bool {
	const stNoExec = 0x8 // ST_NOEXEC of statvfs(3)
	var st syscall.Statfs_t
	return syscall.Statfs(path, &st) == nil && st.Flags&stNoExec != 0
}

// headSize is how much of a file the kernel looks at to see what it is.
const headSize = 256

// head returns the first bytes of a regular file, nothing of anything else.
// It reads as execve would. Should the file system hang, it hangs here, where
// nothing else is held up.
func head(path string) ([]byte, error) {
	// Not to block: opening a FIFO would wait for a writer.
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return nil, nil
	}
	buf := make([]byte, headSize)
	n, err := syscall.Pread(fd, buf, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return buf[:n], nil
}

// inspectHead looks at what kind of program the file is.
func inspectHead(path string, info fs.FileInfo, who identity, depth int) error {
	start, err := head(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil // a program may be executable and not readable for us
	case err != nil:
		return fmt.Errorf("program %s: look at its first line: %w", path, err)
	case len(start) == 0:
		return fmt.Errorf("program %s %w: it is empty", path, ErrFormat)
	}
	line, isScript := bytes.CutPrefix(start, []byte("#!"))
	if !isScript {
		if isText(start) {
			return fmt.Errorf("program %s %w: it is text whose first line does not say what runs it; begin it with, say, #!/bin/sh", path, ErrFormat)
		}
		return nil
	}
	if !who.may(modeRead, path, info) {
		return fmt.Errorf("program %s %w by %s: a script must be readable for who runs it (mode %04o); chmod o+r %s",
			path, ErrPermission, who, info.Mode().Perm(), path)
	}
	return inspectInterpreter(path, line, who, depth)
}

// inspectInterpreter looks at what a script's first line names.
func inspectInterpreter(path string, line []byte, who identity, depth int) error {
	first, _, _ := bytes.Cut(line, []byte("\n"))
	if bytes.HasSuffix(first, []byte("\r")) {
		return fmt.Errorf("program %s %w: its lines end as those of DOS do; convert it (sed -i 's/\\r$//' %s)", path, ErrInterpreter, path)
	}
	words := strings.Fields(string(first))
	switch {
	case len(words) == 0:
		return fmt.Errorf("program %s %w: its first line names none", path, ErrInterpreter)
	case !filepath.IsAbs(words[0]):
		return fmt.Errorf("program %s %w: %s is not an absolute path", path, ErrInterpreter, words[0])
	case depth >= maxInterpreters:
		return fmt.Errorf("program %s %w: too many scripts run by scripts", path, ErrInterpreter)
	}
	if err := inspect(words[0], who, depth+1); err != nil {
		return fmt.Errorf("program %s %w: %w", path, ErrInterpreter, err)
	}
	if name := throughEnv(words); name != "" {
		if _, err := Resolve(name); err != nil {
			return fmt.Errorf("program %s %w: %w", path, ErrInterpreter, err)
		}
	}
	return nil
}

// throughEnv returns the program that env(1) is asked to find, if it is that
// simple a line.
func throughEnv(words []string) string {
	if filepath.Base(words[0]) != "env" {
		return ""
	}
	words = words[1:]
	if len(words) > 0 && words[0] == "-S" {
		words = words[1:]
	}
	if len(words) == 0 || strings.HasPrefix(words[0], "-") || strings.ContainsAny(words[0], "=/") {
		return ""
	}
	return words[0]
}

// isText reports whether a file's head looks like something typed.
func isText(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r == 0 || r < ' ' && !unicode.IsSpace(r) })
}

// diagnose says why execve refused.
func diagnose(path string, spec Spec, cause error) error {
	who, err := identify(spec.User, spec.Group)
	if err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	if spec.Dir != "" {
		info, err := os.Stat(spec.Dir)
		switch {
		case err != nil:
			return fmt.Errorf("start %s: %w: %w", path, ErrDir, err)
		case !info.IsDir():
			return fmt.Errorf("start %s: %w: %s is not a directory", path, ErrDir, spec.Dir)
		case !who.may(modeExec, spec.Dir, info):
			return fmt.Errorf("start %s: %w: %s (mode %04o) lets %s not pass", path, ErrDir, spec.Dir, info.Mode().Perm(), who)
		}
	}
	if err := inspect(path, who, 0); err != nil {
		return err
	}
	switch {
	case cause == syscall.EPERM && who.credential() != nil:
		return fmt.Errorf("start %s: %w: the daemon (uid %d) may not become %s; run it as root, or with CAP_SETUID and CAP_SETGID: %w",
			path, ErrUser, os.Geteuid(), who, cause)
	case cause == syscall.ENOEXEC:
		return fmt.Errorf("start %s: it %w that this machine can run: %w", path, ErrFormat, cause)
	case cause == syscall.ETXTBSY:
		return fmt.Errorf("start %s: it is open for writing; replace programs by renaming a finished file: %w", path, cause)
	}
	return fmt.Errorf("start %s: %w", path, cause)
}
