package program

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Trusted returns nil when nobody but root can change what the path leads to:
// the file, every directory on the way, and the same for every symbolic link
// met. The error names the one element at fault, its owner, its mode and the
// command that puts it right, and wraps ErrUntrusted or ErrMissing. It is
// what keepalived's enable_script_security asks of programs that root runs.
//
// Links are followed and do not count by themselves, so /bin being a link to
// usr/bin is no fault. In a directory with the sticky bit others cannot
// replace a file that is root's, so that /tmp by itself is none either.
func Trusted(argv0 string) error { return trusted(argv0, identity{}) }

// TrustedCommand is Trusted for a command line that a user runs: it looks at
// the script too that an interpreter is to run, and what belongs to the user
// or to a group of his counts as root's, since he gains nothing by changing
// it. An empty user is root. The error wraps ErrUser also; argv must not be
// empty.
func TrustedCommand(argv []string, user, group string) error {
	var who identity
	if user != "" {
		var err error
		if who, err = identify(user, group); err != nil {
			return fmt.Errorf("program %s: %w", argv[0], err)
		}
	}
	if err := trusted(argv[0], who); err != nil {
		return err
	}
	if script := Script(argv); script != "" {
		return trusted(script, who)
	}
	return nil
}

// trusted is Trusted for a user; the zero identity is root.
func trusted(argv0 string, who identity) error {
	path, err := Resolve(argv0)
	if err != nil {
		return err
	}
	err = walk(path, func(name string, info fs.FileInfo) error {
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return nil
		}
		bad := func(why, cure string) error {
			return fmt.Errorf("program %s %w: %s %s (owner %d, group %d, mode %04o); %s %s",
				path, ErrUntrusted, name, why, st.Uid, st.Gid, st.Mode&0o7777, cure, name)
		}
		link := info.Mode()&fs.ModeSymlink != 0
		sticky := info.IsDir() && info.Mode()&fs.ModeSticky != 0
		strange := st.Uid != 0 && st.Uid != who.uid
		switch {
		case strange && link:
			return bad("is a link that is not "+who.owns(), "chown -h root")
		case strange:
			return bad("is not "+who.owns(), "chown root")
		case link || sticky:
		case st.Mode&0o002 != 0:
			return bad("can be written by everyone", "chmod o-w")
		case st.Mode&0o020 != 0 && st.Gid != 0 && (who.uid == 0 || !who.has(st.Gid)):
			return bad("can be written by its group", "chmod g-w")
		}
		return nil
	})
	if err != nil {
		return describe("program "+path, err)
	}
	return nil
}

// owns says whose a file must be.
func (w identity) owns() string {
	if w.uid == 0 {
		return "root's"
	}
	return "root's or that of " + w.String()
}

// maxLinks bounds the symbolic links on one path, as the kernel does.
const maxLinks = 40

// walk calls visit for each element of an absolute path from the root on, for
// each symbolic link itself and then for the elements of what it points to.
// It stops at the first error, of visit or of the file system.
func walk(path string, visit func(name string, info fs.FileInfo) error) error {
	at := "/"
	rest := elements(path)
	links := 0
	info, err := os.Lstat(at)
	if err != nil {
		return err
	}
	if err := visit(at, info); err != nil {
		return err
	}
	for len(rest) > 0 {
		name := filepath.Join(at, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		if err := visit(name, info); err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = name
			continue
		}
		if links++; links > maxLinks {
			return &fs.PathError{Op: "follow", Path: name, Err: syscall.ELOOP}
		}
		target, err := os.Readlink(name)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(elements(target), rest...)
	}
	return nil
}

// elements splits a path, and keeps "..", which means something only where a
// walk has come to.
func elements(path string) []string {
	var list []string
	for e := range strings.SplitSeq(path, "/") {
		if e != "" && e != "." {
			list = append(list, e)
		}
	}
	return list
}
