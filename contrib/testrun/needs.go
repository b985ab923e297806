package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// lacks knows what a machine does not have.
type lacks interface {
	// root reports whether the tests do not run as root.
	root() bool
	// program reports whether no program of that name is installed.
	program(name string) bool
	// file reports whether the absolute path does not exist.
	file(path string) bool
}

// need is the shape of a skip reason: "needs WHAT[, WHAT...]", where WHAT is
// root, the name of a program, or the absolute path of a file or device of the
// kernel. A colon, a bracket or "to" begins the explanation.
var need = regexp.MustCompile(`^needs ([^\s:,(]+(?:, ?[^\s:,(]+)*)(?:$|:| \(| to )`)

// unjustified says why a skip for this reason is wrong on this machine, or
// returns "" when something that the reason names is really missing.
func unjustified(reason string, m lacks) string {
	needs := needed(reason)
	if needs == nil {
		return fmt.Sprintf("%q does not begin with \"needs root\", \"needs PROGRAM\" or \"needs /PATH\"", reason)
	}
	for _, what := range needs {
		switch {
		case what == "root" && m.root(),
			strings.HasPrefix(what, "/") && m.file(what),
			what != "root" && !strings.Contains(what, "/") && m.program(what):
			return ""
		}
	}
	return fmt.Sprintf("this machine has what %q asks for", reason)
}

// needed returns what a skip reason names, nil when it has another form.
func needed(reason string) []string {
	match := need.FindStringSubmatch(reason)
	if match == nil {
		return nil
	}
	var list []string
	for what := range strings.SplitSeq(match[1], ",") {
		list = append(list, strings.TrimSpace(what))
	}
	return list
}

// machine is the machine that this process runs on.
type machine struct{}

func (machine) root() bool { return os.Geteuid() != 0 }

// program also looks where a user's PATH may not: daemons live in sbin.
func (machine) program(name string) bool {
	if _, err := exec.LookPath(name); err == nil {
		return false
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return false
		}
	}
	return true
}

func (machine) file(path string) bool {
	_, err := os.Stat(path)
	return err != nil
}

// raceDetector says why the race detector cannot be used, or returns "". It
// needs a C compiler that finds the C library.
func raceDetector() string {
	out, err := exec.Command("go", "env", "CC").Output()
	if err != nil {
		return fmt.Sprintf("ask go for the C compiler: %v", err)
	}
	cc := strings.Fields(string(out))
	if len(cc) == 0 {
		return "go knows no C compiler"
	}
	compile := exec.Command(cc[0], append(cc[1:], "-x", "c", "-o", os.DevNull, "-")...)
	compile.Stdin = strings.NewReader("#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n")
	if out, err := compile.CombinedOutput(); err != nil {
		return strings.TrimSpace(fmt.Sprintf("the C compiler %s does not work: %v\n%s", cc[0], err, out))
	}
	return ""
}
