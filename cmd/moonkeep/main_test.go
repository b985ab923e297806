package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/moonkeep/moonkeep/plugins/checker"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// programEnv makes the test binary be moonkeep, so that tests can start it as
// a process of its own, and it can start itself.
const programEnv = "MOONKEEP_TEST_IS_PROGRAM"

func TestMain(m *testing.M) {
	if pluginhost.IsLaunch() {
		pluginhost.Launch()
	}
	if os.Getenv(checker.CookieKey) != "" {
		serveChecker(os.Args)
	}
	if os.Getenv(programEnv) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
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
