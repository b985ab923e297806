package program

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// helperEnv makes the test binary a daemon that starts the program which the
// variable names and then waits to be killed.
const helperEnv = "PROGRAM_TEST_DAEMON"

// unprivilegedEnv makes it run a program as itself and one as root, and print
// how they came out.
const unprivilegedEnv = "PROGRAM_TEST_UNPRIVILEGED"

// stallEnv makes it run programs that end in time, and print how they came out.
const stallEnv = "PROGRAM_TEST_STALL"

// protectEnv makes it run a program while it is spared when memory is short.
const protectEnv = "PROGRAM_TEST_PROTECT"

// The first thread of a process does not end with the goroutine that is locked to it, as
// that of a Starter is to: the main goroutine keeps it.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	if os.Getenv(protectEnv) != "" {
		protect()
		os.Exit(0)
	}
	if os.Getenv(unprivilegedEnv) != "" {
		s, err := NewStarter(Options{})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(s.Run(noContext, Spec{Argv: []string{"true"}, User: "nobody"}))
		fmt.Println(s.Run(noContext, Spec{Argv: []string{"true"}, User: "root"}))
		os.Exit(0)
	}
	if os.Getenv(stallEnv) != "" {
		stall()
		os.Exit(0)
	}
	if path := os.Getenv(helperEnv); path != "" {
		s, err := NewStarter(Options{})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		o := s.Run(noContext, Spec{Argv: []string{path}})
		fmt.Fprintln(os.Stderr, "the program ended before the daemon:", o)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// newStarter returns a Starter that is closed at the test's end; Close must
// then find everything ended within a second.
func newStarter(t testing.TB, o Options) *Starter {
	t.Helper()
	s, err := NewStarter(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := timeout(time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// script writes an executable sh script that everybody may run.
func script(t testing.TB, text string) string {
	t.Helper()
	return file(t, "script.sh", 0o755, "#!/bin/sh\n"+text)
}

// file writes a file into a directory of its own that everybody may enter.
func file(t testing.TB, name string, mode os.FileMode, text string) string {
	t.Helper()
	path := filepath.Join(openDir(t), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// openDir is t.TempDir, passable for other users.
func openDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// readPid waits for a file with a process id in it.
func readPid(t testing.TB, path string) int {
	t.Helper()
	var pid int
	eventually(t, "a process id in "+path, func() bool {
		b, err := os.ReadFile(path)
		if err != nil || !strings.HasSuffix(string(b), "\n") {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		return err == nil
	})
	return pid
}

// alive reports whether the process exists and is no zombie.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(b), ") ")
	return after != "" && after[0] != 'Z' && after[0] != 'X'
}

// exists reports whether there is such a process, be it a zombie.
func exists(pid int) bool { return syscall.Kill(pid, 0) == nil }

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 5 s in vain for %s", what)
		}
	}
}

// killLater makes sure that a process that a test left alone on purpose ends.
func killLater(t testing.TB, pid int) {
	t.Cleanup(func() {
		if alive(pid) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Errorf("end process %d: %v", pid, err)
			}
		}
	})
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it runs programs as another user")
	}
}

// daemon starts the test binary as a daemon that runs path.
func daemon(t testing.TB, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), helperEnv+"="+path)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// prompt is how late a run may return: settle, and what a busy machine needs.
const prompt = settle + 150*time.Millisecond
