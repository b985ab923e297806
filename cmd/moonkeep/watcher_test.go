package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

func standing(role string, priority int) func(*control.Instance) bool {
	return func(i *control.Instance) bool { return i.Role == role && i.Effective == priority }
}

// TestTrackFile takes a daemon through what a tracked file can be.
func TestTrackFile(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	load, manual := filepath.Join(a.dir, "later", "load"), filepath.Join(a.dir, "manual")
	text := fmt.Sprintf("track_file load {\n\tfile %s\n\tweight 2\n}\ntrack_file manual {\n\tfile %s\n\tweight 0\n\tinit_file 3 overwrite\n}\n", load, manual) +
		conf(100, vip.String(), "\ttrack_file {\n\t\tload\n\t\tmanual\n\t}")
	a.write(t, "manual", "0\n", 0o644)
	p := a.run(t, text)
	s := p.await(t, "FAULT by init_file", standing("FAULT", 100))
	if f := s.Instances[0].Faults; len(f) != 1 || f[0] != "file manual is 3" {
		t.Errorf("faults %q", f)
	}
	a.write(t, "manual", "0\n", 0o644)
	p.await(t, "MASTER at 100", standing("MASTER", 100))
	netnstest.Must(t, os.Mkdir(filepath.Dir(load), 0o755))
	netnstest.Must(t, os.WriteFile(load, []byte("-15"), 0o644))
	s = p.await(t, "MASTER at 70", standing("MASTER", 70))
	if got, want := s.Instances[0].Arithmetic(), "100 - 30 (file load is -15) = 70"; got != want {
		t.Errorf("priority %s, want %s", got, want)
	}
	netnstest.Must(t, os.WriteFile(load, []byte("-127"), 0o644))
	p.await(t, "FAULT by a product of -254", standing("FAULT", 100))
	netnstest.Must(t, os.WriteFile(load, []byte("500"), 0o644))
	p.await(t, "MASTER at 254", standing("MASTER", 254))
	netnstest.Must(t, os.WriteFile(load, []byte("many"), 0o644))
	s = p.await(t, "FAULT by rubbish", func(i *control.Instance) bool { return i.Role == "FAULT" })
	if f := s.Files[0]; !strings.Contains(f.Error, `"many"`) || f.Value != nil || s.Files[1].Value == nil {
		t.Errorf("status of the files: %+v", s.Files)
	}
	// The log is written behind the status.
	eventually(t, "a line in the log that a file is of no use", func() bool { return strings.Contains(p.log.String(), "file load is unusable") }, p.log.String)
	netnstest.Must(t, os.Remove(load))
	p.await(t, "MASTER without the file", standing("MASTER", 100))

	// A reload leaves what is tracked already as it is, and looks elsewhere.
	other := filepath.Join(a.dir, "other")
	netnstest.Must(t, os.WriteFile(other, []byte("4"), 0o644))
	a.write(t, "moonkeep.conf", strings.Replace(text, load, other, 1), 0o644)
	p.signal(t, syscall.SIGHUP)
	s = p.await(t, "MASTER at 108", standing("MASTER", 108))
	if n := s.Instances[0].Counters.LeftMaster; n != 2 {
		t.Errorf("it left MASTER %d times, want 2: not by the reload", n)
	}
	netnstest.Must(t, os.WriteFile(load, []byte("1"), 0o644))
	netnstest.Must(t, os.WriteFile(other, []byte("5"), 0o644))
	p.await(t, "MASTER at 110", standing("MASTER", 110))
	p.stop(t)
}

// TestInitFileRefused: what cannot be written refuses the start, for the file
// would count as 0.
func TestInitFileRefused(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	text := fmt.Sprintf("track_file load {\n\tfile %s/no/load\n\tinit_file 1\n}\n", a.dir) + conf(100, vip.String(), "\ttrack_file {\n\t\tload\n\t}")
	p := a.run(t, text)
	p.ended(t, 1)
	if !strings.Contains(p.log.String(), "/no/load: no such file or directory") {
		t.Errorf("the log does not say why:\n%s", p.log)
	}
}

// TestInitFileOfAFailedStart: a start that comes to nothing leaves files as they were,
// however late that shows.
func TestInitFileOfAFailedStart(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	file := filepath.Join(a.dir, "load")
	netnstest.Must(t, os.WriteFile(file, []byte("3"), 0o644))
	text := fmt.Sprintf("track_file load {\n\tfile %s\n\tweight 1\n\tinit_file 7 overwrite\n}\n", file) + conf(100, vip.String(), "\ttrack_file {\n\t\tload\n\t}")
	// What is in the way of the control socket shows when all else is made.
	netnstest.Must(t, os.MkdirAll(filepath.Join(a.dir, "run", control.SocketName, "in the way"), 0o755))
	p := a.run(t, text)
	p.ended(t, 1)
	mentions(t, "the log", p.log.String(), "remove the control socket of an earlier run")
	if got, err := os.ReadFile(file); err != nil || string(got) != "3" {
		t.Errorf("the file is %q (%v) after the start that failed, want 3", got, err)
	}
}

// TestInitFileOfARefusedReload: a reload that is refused leaves files as they were,
// and one that is not does not.
func TestInitFileOfARefusedReload(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	p := a.run(t, conf(100, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	file := filepath.Join(a.dir, "load")
	text := fmt.Sprintf("track_file load {\n\tfile %s\n\tweight 1\n\tinit_file 7\n}\n", file) + conf(100, vip.String(), "\ttrack_file {\n\t\tload\n\t}")
	a.write(t, "moonkeep.conf", text+in("OTHER", "\tnet_namespace "+a.named(t, "own")), 0o644)
	p.signal(t, syscall.SIGHUP)
	eventually(t, "reload refused", func() bool { return strings.Contains(p.log.String(), "reload refused") }, p.log.String)
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of a refused reload is there: %v", err)
	}
	a.write(t, "moonkeep.conf", text, 0o644)
	p.signal(t, syscall.SIGHUP)
	p.await(t, "MASTER at 107", standing("MASTER", 107))
	p.stop(t)
}

// TestTrackProcess counts a process from inside a network namespace, where the
// kernel does not tell of processes.
func TestTrackProcess(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	sleep := filepath.Join(a.dir, "mk-tracked")
	b, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Skipf("needs /bin/sleep: %v", err)
	}
	netnstest.Must(t, os.WriteFile(sleep, b, 0o755))
	text := fmt.Sprintf("vrrp_track_process web {\n\tprocess %s 1001\n\tweight 0\n}\nvrrp_track_process spare {\n\tprocess mk-tracked\n\tquorum 2\n\tquorum_max 2\n\tterminate_delay 1\n\tweight -20\n}\n", sleep) +
		conf(100, vip.String(), "\ttrack_process {\n\t\tweb\n\t\tspare\n\t}")
	p := a.run(t, text)
	s := p.await(t, "FAULT without a process", standing("FAULT", 80))
	if f := s.Instances[0].Faults; len(f) != 1 || f[0] != "process web is down" {
		t.Errorf("faults %q", f)
	}
	first, second := begin(t, sleep, "1001"), begin(t, sleep, "1002")
	s = p.await(t, "MASTER with two", standing("MASTER", 100))
	for _, x := range s.Processes {
		if x.Count == nil || *x.Count == 0 || !strings.Contains(x.Method, "first network namespace only") || len(x.TrackedBy) != 1 {
			t.Errorf("status of the process: %+v", x)
		}
	}
	gone := time.Now()
	second()
	p.await(t, "MASTER with one", standing("MASTER", 80))
	if took := time.Since(gone); took < time.Second {
		t.Errorf("the loss counted after %v, before terminate_delay", took)
	}
	first()
	p.awaitRole(t, "FAULT")
	a.holds(t, vip, false)
	p.stop(t)
}

// begin starts a program that ends when told.
func begin(t *testing.T, path string, args ...string) (end func()) {
	t.Helper()
	cmd := exec.Command(path, args...)
	netnstest.Must(t, cmd.Start())
	ended := false
	end = func() {
		if !ended {
			ended = true
			netnstest.Must(t, cmd.Process.Kill())
			_ = cmd.Wait() // it was killed
		}
	}
	t.Cleanup(end)
	return end
}

// TestInterfaceDelay: a short loss of the link moves nothing.
func TestInterfaceDelay(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	p := a.run(t, "interface_up_down_delays {\n\teth0 0.15 0.1\n}\n"+conf(100, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	const most = 5
	for try, left := 1, uint64(0); try <= most; try++ {
		begin := time.Now()
		netnstest.Must(t, b.Link.SetDown("eth0"))
		eventually(t, "a line about the loss", func() bool { return strings.Count(p.log.String(), "interface eth0 is down, which counts in") == try }, p.log.String)
		netnstest.Must(t, b.Link.SetUp("eth0"))
		took := time.Since(begin)
		time.Sleep(400 * time.Millisecond)
		s := p.await(t, "MASTER", func(i *control.Instance) bool { return i.Role == "MASTER" })
		n := s.Instances[0].Counters.LeftMaster - left
		if left += n; n == 0 {
			break
		}
		if took < 50*time.Millisecond || try == most { // else a busy machine has made it a long one
			t.Errorf("it left MASTER %d times over a loss of %v", n, took)
		}
	}
	netnstest.Must(t, b.Link.SetDown("eth0"))
	p.awaitRole(t, "FAULT")
	netnstest.Must(t, b.Link.SetUp("eth0"))
	p.awaitRole(t, "MASTER")
	p.stop(t)
}
