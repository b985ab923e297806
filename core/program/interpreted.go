package program

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// interpreter matches programs that are given the real one as an argument.
var interpreter = regexp.MustCompile(`^(ba|da|a|z|k)?sh$|^python[0-9.]*$|^perl$|^ruby$|^lua[0-9.]*$`)

// Script returns the file that an interpreter's command line names to be run:
// /etc/check.sh of "/bin/sh -x /etc/check.sh". It is empty when argv[0] is no
// interpreter that is known, when the program is given as text (-c, -e), and
// for a relative path, which counts from the directory that the program will
// run in.
func Script(argv []string) string {
	if len(argv) == 0 || !interpreter.MatchString(filepath.Base(argv[0])) {
		return ""
	}
	rest := argv[1:]
	i := slices.IndexFunc(rest, func(a string) bool { return !strings.HasPrefix(a, "-") })
	if i < 0 || !filepath.IsAbs(rest[i]) || slices.Contains(rest[:i], "-c") || slices.Contains(rest[:i], "-e") && !isShell(argv[0]) {
		return ""
	}
	return rest[i]
}

// isShell tells shells, whose -e takes no text, from the other interpreters.
func isShell(argv0 string) bool { return strings.HasSuffix(filepath.Base(argv0), "sh") }

// Runnable reports whether the program of a command line is on this machine,
// and the script if it is an interpreter. It does not ask who may run it;
// InspectCommand does.
func Runnable(argv []string) bool {
	if len(argv) == 0 {
		return false
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		return false
	}
	script := Script(argv)
	if script == "" {
		return true
	}
	info, err := os.Stat(script)
	return err == nil && !info.IsDir()
}

// InspectCommand is Inspect for a command line: it looks at the script too
// that an interpreter is to run. Such a script needs no execute bit, but must
// be readable for the user. The error is as Inspect's; argv must not be empty.
func InspectCommand(argv []string, user, group string) error {
	if err := Inspect(argv[0], user, group); err != nil {
		return err
	}
	script := Script(argv)
	if script == "" {
		return nil
	}
	who, err := identify(user, group)
	if err != nil {
		return fmt.Errorf("program %s: %w", script, err)
	}
	err = walk(script, func(name string, info fs.FileInfo) error {
		if info.IsDir() && name != script && !who.may(modeExec, name, info) {
			return fmt.Errorf("program %s %w by %s: directory %s (mode %04o) lets it not pass; chmod o+x %s",
				script, ErrPermission, who, name, info.Mode().Perm(), name)
		}
		return nil
	})
	if err != nil {
		return describe("program "+script, err)
	}
	info, err := os.Stat(script)
	switch {
	case err != nil:
		return describe("program "+script, err)
	case info.IsDir():
		return fmt.Errorf("program %s %w but a directory", script, ErrDirectory)
	case !who.may(modeRead, script, info):
		return fmt.Errorf("program %s %w by %s: %s must be able to read it (mode %04o); chmod o+r %s",
			script, ErrPermission, who, argv[0], info.Mode().Perm(), script)
	}
	return nil
}
