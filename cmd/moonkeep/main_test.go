package main

import (
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/plugins/checker"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// programEnv makes the test binary be moonkeep, so that tests can start it as
// a process of its own, and it can start itself.
const programEnv = "MOONKEEP_TEST_IS_PROGRAM"

// waitEnv has the test's program do nothing for a minute, under another name.
const waitEnv = "MOONKEEP_TEST_WAIT"

func TestMain(m *testing.M) {
	if pluginhost.IsLaunch() {
		pluginhost.Launch()
	}
	if os.Getenv(checker.CookieKey) != "" {
		daemon.ServeChecker(os.Args)
	}
	if file := os.Getenv(measureEnv); file != "" {
		os.Exit(measure(file, os.Args[1:]))
	}
	if os.Getenv(waitEnv) != "" {
		time.Sleep(time.Minute) // as whom the test calls it
		return
	}
	if os.Getenv(programEnv) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	// Tests of daemons wait most of the time, so several may do so at once whatever
	// the number of processors. The flag overrides it.
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// builtProgram names a moonkeep that was built from this tree already, as `make
// test` does.
const builtProgram = "MOONKEEP_PROGRAM"

// plainProgram returns the path of moonkeep without the race detector: where it
// is measured, and where only the amount of work counts.
func plainProgram(t *testing.T) string {
	t.Helper()
	if path := os.Getenv(builtProgram); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "moonkeep")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// self is the command line of moonkeep with the arguments.
func self(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), programEnv+"=1")
	return cmd
}

// Who gives a file to check as to run is told how.
func TestFlagErrors(t *testing.T) {
	for args, want := range map[string]string{
		"check -c a.conf": "unknown shorthand flag: 'c' in -c: the file stands by itself: moonkeep check FILE",
		"run --loud":      "unknown flag: --loud; `moonkeep run --help` says which there are",
	} {
		var stderr strings.Builder
		if code := run(strings.Fields(args), io.Discard, &stderr); code != int(exitUsage) || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: status %d, %q", args, code, stderr.String())
		}
	}
}
