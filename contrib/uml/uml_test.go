//go:build linux

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program builds uml; with the race detector a test binary cannot be the first
// process of a guest itself.
func program(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"linux.uml", "busybox"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s: boots a guest", program)
		}
	}
	path := filepath.Join(t.TempDir(), "uml")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

func TestGuest(t *testing.T) {
	uml, dir := program(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "host"), []byte("of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		argv   []string
		limit  time.Duration // until it is told to end; 0: never
		status int
		stdout string
		stderr []string // substrings; none: it says nothing
	}{
		{
			name: "files and environment",
			argv: []string{"sh", "-c", `cat host; printf ' and ' >>host; cat host; printf '\026\r\n\0%s %s' "$UML_TEST" "$(id -u)"; pwd`},
			// Every byte as it was written, as through a pipe.
			stdout: "of the hostof the host and \x16\r\n\x00given 0" + dir + "\n",
		},
		{
			name:   "network",
			argv:   []string{"sh", "-c", "ip link add vrf9 type vrf table 9 && ip -6 addr add fd00::1/64 dev lo nodad && unshare -rn true && ip netns add n && echo fine; exit 3"},
			stdout: "fine\n", status: 3,
		},
		{
			name: "meter",
			argv: []string{"bash", "-c", `exec 7<>$UML_METER
				for i in 1 2; do echo >&7; read -u 7 n[$i]; for ((k = 0; k < 10000; k++)); do :; done; done
				(( n[1] > 0 && n[2] - n[1] > 1000000 )) && echo counts || echo "${n[@]}"`},
			stdout: "counts\n",
		},
		{name: "much output", argv: []string{"sh", "-c", "yes 123456789 | head -n 100000"}, stdout: strings.Repeat("123456789\n", 100_000)},
		{name: "killed", argv: []string{"sh", "-c", "kill -TERM $$"}, status: 143},
		{name: "panic", argv: []string{"sh", "-c", "echo before; sleep 0.2; echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger"}, status: noGuest,
			stdout: "before\n", stderr: []string{"(signal: aborted) before sh did", "the guest's console ended with:", "Kernel panic"}},
		{name: "hangs", argv: []string{"sleep", "600"}, limit: 4 * time.Second, status: noGuest, stderr: []string{"the guest was ended: terminated signal received"}},
		{name: "no program", argv: []string{"no-such-program"}, status: noGuest, stderr: []string{"no-such-program"}},
		{name: "no executable", argv: []string{"./host"}, status: noGuest, stderr: []string{"find the program to run", "permission denied"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			temp := t.TempDir()
			cmd := exec.Command(uml, tt.argv...)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "UML_TEST=given", "TMPDIR="+temp)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if tt.limit > 0 {
				timer := time.AfterFunc(tt.limit, func() { cmd.Process.Signal(syscall.SIGTERM) })
				defer timer.Stop()
			}
			if exit := (*exec.ExitError)(nil); !errors.As(cmd.Wait(), &exit) && tt.status != 0 || exit != nil && exit.ExitCode() != tt.status {
				t.Errorf("it ended with %v, want %d", exit, tt.status)
			}
			if got := stdout.String(); got != tt.stdout {
				t.Errorf("output %.200q, want %.200q", got, tt.stdout)
			}
			if len(tt.stderr) == 0 && stderr.Len() > 0 {
				t.Error("it said something on its own")
			}
			for _, s := range tt.stderr {
				if !strings.Contains(stderr.String(), s) {
					t.Errorf("%q is missing", s)
				}
			}
			if t.Failed() {
				t.Logf("it said:\n%s", &stderr)
			}
			if left, err := filepath.Glob(filepath.Join(temp, "*")); err != nil || len(left) > 0 {
				t.Errorf("it left %s behind (%v)", left, err)
			}
		})
	}
}

// TestLimit holds that a test binary's own limit bounds the guest, later than
// the binary.
func TestLimit(t *testing.T) {
	for _, argv := range [][]string{{"x", "-test.timeout=10m0s"}, {"x", "-test.v", "-test.timeout=10m0s"}} {
		if d, ok := limit(argv); !ok || d != 10*time.Minute {
			t.Errorf("%q: limit %s (%t)", argv, d, ok)
		}
	}
	for _, argv := range [][]string{{"x"}, {"-test.timeout=1s"}, {"x", "-test.timeout=0s"}, {"x", "-test.timeout=soon"}} {
		if d, ok := limit(argv); ok {
			t.Errorf("%q: limit %s, want none", argv, d)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"true"}, &stdout, &stderr); status != noGuest {
		t.Errorf("status %d, want %d", status, noGuest)
	}
	if !strings.Contains(stderr.String(), "(Debian: user-mode-linux)") {
		t.Errorf("it does not say what to install: %s", &stderr)
	}
}

func TestTail(t *testing.T) {
	var tl tail
	for range 1000 {
		if n, err := tl.Write([]byte("0123456789012345678901234567890123456789\n")); n != 41 || err != nil {
			t.Fatal(n, err)
		}
	}
	tl.Write([]byte("the end\r\n"))
	if got := tl.String(); len(got) > 16<<10 || len(got) < 16<<10-50 || !strings.HasSuffix(got, "6789\nthe end") {
		t.Errorf("kept %d bytes, the last of them %q", len(got), got[len(got)-20:])
	}
}
