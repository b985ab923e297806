package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestLuaReadmeByHand: whoever copies the scripts of lua/README.md that have names, and the
// command lines there, has no error: a check that says no is none.
func TestLuaReadmeByHand(t *testing.T) {
	readme, err := os.ReadFile("../../lua/README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, block := range regexp.MustCompile("(?s)```lua\n-- ([a-z_/]+\\.lua)\n(.*?)```").FindAllSubmatch(readme, -1) {
		path := filepath.Join(dir, string(block[1]))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, block[2], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	// The script would restart an nginx that does not run, and this machine's is none of
	// the test's.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	nginx := &exec.Cmd{Path: self, Args: []string{"nginx: master process"}, Env: append(os.Environ(), waitEnv+"=1")}
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(nginx.Process.Kill(), nginx.Wait()) }() // it says that it was killed
	for until := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		// It is a copy of the test until it has begun.
		if line, err := os.ReadFile("/proc/" + strconv.Itoa(nginx.Process.Pid) + "/cmdline"); err == nil && strings.HasPrefix(string(line), "nginx: master process\x00") {
			break
		}
		if time.Now().After(until) {
			t.Fatal("the stand-in for nginx does not begin")
		}
	}
	elsewhere := strings.NewReplacer("/tmp/changes", filepath.Join(dir, "changes"), "/usr/share/moonkeep/lua", filepath.Join(dir, "definitions"))
	lines := regexp.MustCompile("(?m)(?:^    |`)moonkeep (lua [^`\n]+)").FindAllSubmatch(readme, -1)
	if len(lines) < 7 {
		t.Fatalf("%d lines were found", len(lines))
	}
	for _, line := range lines {
		status, stdout, stderr := runLine(shellWords(elsewhere.Replace(string(line[1])))...)
		if status != 0 && (status != 1 || !strings.HasPrefix(stdout, "failed: ") || !strings.Contains(string(line[1]), "http://")) {
			t.Errorf("moonkeep %s: status %d\n%s%s", line[1], status, stdout, stderr)
		}
	}
	if text, err := os.ReadFile("changes"); err != nil || strings.Count(string(text), "VI_1 is MASTER") != 2 {
		t.Errorf("the notify script wrote %q, %v", text, err)
	}
}
