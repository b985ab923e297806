//go:build linux

package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
)

// TestLimitsOfDaemon: a daemon that may not raise its own limits, as in a
// container, starts plugins with what it has.
func TestLimitsOfDaemon(t *testing.T) {
	s := newSite(t, quick(t))
	p := s.host.opts.own("GOOD")
	p.OpenFiles = 1 << 40 // more than any kernel lets even root have
	s.open(Plan{Checks: []Check{check(0, "GOOD", "ok")}, Plugins: []Plugin{p}})
	if a := s.probe(0); a.Verdict != health.OK {
		t.Fatal(a.Message)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", s.status().Pid))
	if err != nil {
		t.Fatal(err)
	}
	var has syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &has); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprint(has.Max); !strings.Contains(string(b), want) {
		t.Errorf("limits without %s:\n%s", want, b)
	}
}

// TestLeaves: a process that ends the conversation and stays is ended.
func TestLeaves(t *testing.T) {
	nothingLeft(t)
	s := newSite(t, quick(t))
	s.open(Plan{Checks: []Check{check(0, "HOSTILE", "ok"), check(1, "HOSTILE", "leave"), check(2, "HOSTILE", "silent")}})
	if a := s.probe(0); a.Verdict != health.OK {
		t.Fatal(a.Message)
	}
	unanswered := pending(s, 2, 1)
	if a := s.probe(1); a.Verdict != health.Unknown || !strings.Contains(a.Message, "it ended the conversation") {
		t.Errorf("%v %q", a.Verdict, a.Message)
	}
	unanswered("it ended the conversation")
	s.recovers(0)
}

// TestReplacedWhileStopped: an upgrade does not wait for a process that is
// stopped, nor for what it was asked.
func TestReplacedWhileStopped(t *testing.T) {
	needRoot(t)
	path := filepath.Join(openDir(t), "SH")
	script(t, path, "first")
	o := quick(t)
	o.Silence = time.Minute
	s := newSite(t, o)
	slow := check(1, "SH", "b")
	slow.Limit, slow.Patience = 200*time.Millisecond, 400*time.Millisecond
	plan := Plan{Checks: []Check{check(0, "SH", "a"), slow}, Plugins: []Plugin{{Name: "SH", Path: path, Processes: 20}}}
	s.open(plan)
	if a := s.probe(0); a.Message != "first" {
		t.Fatalf("%+v", a)
	}
	old := s.status().Pid
	if err := syscall.Kill(old, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	waiting := s.start(1)[0]
	time.Sleep(5 * pace)
	script(t, path, "second")
	s.open(plan)
	s.eventually("the new process", func() bool { return s.status().Version == "second" })
	if a := s.probe(0); a.Verdict != health.OK || a.Message != "second" {
		t.Errorf("%+v", a)
	}
	if a := s.wait(waiting); a.Verdict != health.Unknown {
		t.Errorf("what was asked of the old one: %+v", a)
	}
	s.eventually("the end of the old process", func() bool { return syscall.Kill(old, 0) == syscall.ESRCH })
	if st := s.status(); st.Old != 0 || st.Starts != 2 || st.Failures != 0 {
		t.Errorf("%+v", st)
	}
}

// TestReplacedWhileStarting: reloads while a process starts neither start more
// than they must nor leave it with an old file.
func TestReplacedWhileStarting(t *testing.T) {
	needRoot(t)
	path := filepath.Join(openDir(t), "SH")
	slowly := func(word string) {
		script(t, path, word)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".new", []byte(strings.Replace(string(b), "#!/bin/sh\n", "#!/bin/sh\nsleep 0.5\n", 1)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	slowly("first")
	s := newSite(t, quick(t))
	plan := Plan{Checks: []Check{check(0, "SH", "a")}, Plugins: []Plugin{{Name: "SH", Path: path, Processes: 20}}}
	s.open(plan)
	s.eventually("its process", func() bool { return len(processesWith(path)) > 0 || len(children()) > 0 })
	time.Sleep(100 * time.Millisecond) // the file is open, and has not said anything yet
	for range 5 {
		s.open(plan)
	}
	slowly("second")
	for range 5 {
		s.open(plan)
	}
	s.eventually("the new file", func() bool { return s.status().Version == "second" })
	if a := s.probe(0); a.Verdict != health.OK || a.Message != "second" {
		t.Errorf("%+v", a)
	}
	s.eventually("one process", func() bool { return s.status().Old == 0 && len(children()) == 1 })
	if st := s.status(); st.Starts > 3 || st.Failures != 0 {
		t.Errorf("%+v", st)
	}
}

// TestVanished: a plugin whose directory is gone goes on; it cannot be started
// again until that is back, which no reload is needed for.
func TestVanished(t *testing.T) {
	needRoot(t)
	dir := filepath.Join(openDir(t), "plugins")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "SH")
	script(t, path, "first")
	o := quick(t)
	o.RetryMost = 200 * time.Millisecond
	s := newSite(t, o)
	s.open(Plan{Checks: []Check{check(0, "SH", "a")}, Plugins: []Plugin{{Name: "SH", Path: path, Processes: 20}}})
	s.recovers(0)
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if a := s.probe(0); a.Verdict != health.OK {
		t.Errorf("%+v", a)
	}
	if err := syscall.Kill(s.status().Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.eventually("that it cannot be started", func() bool { return strings.Contains(s.status().Reason, "does not exist") })
	if a := s.probe(0); a.Verdict != health.Unknown {
		t.Errorf("%+v", a)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	s.recovers(0)
}

// TestDiesDuringReload: thousands of probes are under way when the process dies
// while a reload drops half of the checks; each is answered once.
func TestDiesDuringReload(t *testing.T) {
	s := newSite(t, quick(t))
	const n = 10000
	p := waiting(n)
	s.open(p)
	s.recovers(0)
	unanswered := pending(s, 1, n)
	pid := s.status().Pid
	go func() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}()
	s.open(Plan{Checks: p.Checks[:n/2]})
	s.open(p)
	unanswered("")
	if took := s.recovers(0); took > recovery {
		t.Errorf("recovered in %s", took)
	}
}

// TestNoFiles: a daemon that has no file left starts no process, and does when
// it has some again; what runs goes on.
func TestNoFiles(t *testing.T) {
	nothingLeft(t)
	o := quick(t)
	o.RetryMost = 200 * time.Millisecond
	s := newSite(t, o)
	s.open(Plan{Checks: []Check{check(0, "GOOD", "ok"), check(1, "GOOD", "exit")}})
	s.recovers(0)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	few := before
	few.Cur = uint64(openFiles(t)) // all are in use, and one more to count them
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	again := func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
	}
	defer again()
	if a := s.probe(0); a.Verdict != health.OK {
		t.Errorf("%+v", a)
	}
	if a := s.probe(1); a.Verdict != health.Unknown {
		t.Errorf("%+v", a)
	}
	s.eventually("a start that fails", func() bool { return strings.Contains(s.status().Reason, "too many open files") })
	if a := s.probe(0); a.Verdict != health.Unknown {
		t.Errorf("%+v", a)
	}
	again()
	if took := s.recovers(0); took > recovery {
		t.Errorf("recovered in %s", took)
	}
}
