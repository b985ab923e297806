package main

import (
	"os"
	"os/exec"
	"testing"
)

// programEnv makes the test binary be moonkeep, so that tests can start it as
// a process of its own, and it can start itself.
const programEnv = "MOONKEEP_TEST_IS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programEnv) != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// self is the command line of moonkeep with the arguments.
func self(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), programEnv+"=1")
	return cmd
}
