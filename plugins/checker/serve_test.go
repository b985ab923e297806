package checker

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestProgramsOfACheckerHearSignals holds that what a checker runs, as
// MISC_CHECK does, ends when it is told to: a checker lives through signals that
// are for its host, and its programs must not inherit that.
func TestProgramsOfACheckerHearSignals(t *testing.T) {
	if os.Getenv(LivenessKey) != "" {
		beChecker()
	}
	host, checker, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer checker.Close()
	defer host.Close()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), LivenessKey+"=3")
	cmd.ExtraFiles = []*os.File{host}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// beChecker runs programs that send themselves signals, and ends the process.
func beChecker() {
	if err := follow(nil); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	code := 0
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP} {
		if err := unix.Kill(os.Getpid(), sig); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		name := strings.TrimPrefix(unix.SignalName(sig), "SIG")
		out, err := exec.Command("/bin/sh", "-c", "kill -"+name+" $$; echo goes on").CombinedOutput()
		if err == nil || len(out) > 0 {
			fmt.Printf("a program that gets SIG%s: %v, %q\n", name, err, out)
			code = 1
		}
	}
	os.Exit(code)
}
