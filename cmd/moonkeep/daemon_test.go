package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// patience is how long a test waits for what should be there at once: the
// machine may be busy.
const patience = 30 * time.Second

var vip = netip.MustParsePrefix("192.0.2.100/24")

// host is one machine of a test: a namespace with eth0.
type host struct {
	*netnstest.Host
	dir string
}

// hosts makes two machines that are connected, 192.0.2.1 and 192.0.2.2.
func hosts(t *testing.T) (a, b *host) {
	t.Helper()
	left, right := netnstest.Pair(t, "eth0", "eth0")
	a, b = &host{left, t.TempDir()}, &host{right, t.TempDir()}
	a.give(t, "192.0.2.1/24")
	b.give(t, "192.0.2.2/24")
	return a, b
}

func (h *host) give(t *testing.T, prefix string) {
	t.Helper()
	_, err := h.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix(prefix), Device: "eth0"})
	netnstest.Must(t, err)
}

// has reports whether an address stands on eth0.
func (h *host) has(t *testing.T, p netip.Prefix) bool {
	t.Helper()
	list, err := h.Link.List("eth0")
	if err != nil {
		return false // the interface is away
	}
	return slices.ContainsFunc(list, func(a netspec.Address) bool { return a.Prefix == p })
}

// write writes a file into the host's directory and returns its path.
func (h *host) write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(h.dir, name)
	netnstest.Must(t, os.WriteFile(path, []byte(text), mode))
	netnstest.Must(t, os.Chmod(path, mode))
	return path
}

// conf is one instance of version 3 at 100 ms.
func conf(priority int, vips string, extra string) string {
	return fmt.Sprintf(`
global_defs {
	script_user root
}
vrrp_instance VI_1 {
	interface eth0
	version 3
	virtual_router_id 51
	priority %d
	advert_int 0.1
	virtual_ipaddress {
		%s
	}
%s
}
`, priority, vips, extra)
}

// output collects what a daemon logs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is a running moonkeep.
type process struct {
	*exec.Cmd
	dir  string
	log  *output
	done chan struct{}
}

// run starts a daemon in the host with the configuration. It is killed when
// the test ends.
func (h *host) run(t *testing.T, conf string, flags ...string) *process {
	t.Helper()
	return h.start(t, "run", h.write(t, "moonkeep.conf", conf, 0o644), flags...)
}

func (h *host) start(t *testing.T, name, file string, flags ...string) *process {
	t.Helper()
	p := &process{dir: filepath.Join(h.dir, name), log: new(output), done: make(chan struct{})}
	p.Cmd = self(append([]string{"run", "-c", file, "--run-dir", p.dir}, flags...)...)
	p.Stderr = p.log
	p.begin(t, h)
	return p
}

func (p *process) begin(t *testing.T, h *host) {
	t.Helper()
	netnstest.Must(t, h.Start(p.Cmd))
	p.watch(t)
}

// watch follows a daemon that was started.
func (p *process) watch(t *testing.T) {
	t.Helper()
	go func() {
		_ = p.Wait() // ProcessState says how it ended
		close(p.done)
	}()
	t.Cleanup(func() {
		p.signal(t, syscall.SIGKILL)
		<-p.done
		if t.Failed() {
			t.Logf("log of process %d:\n%s", p.Process.Pid, p.log)
		}
	})
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// stop ends the daemon in an orderly way.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	p.ended(t, 0)
}

// ended waits until the process has ended, and holds it to the exit status.
func (p *process) ended(t *testing.T, status int) {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		t.Fatalf("the daemon still runs:\n%s", p.log)
	}
	if got := p.ProcessState.ExitCode(); got != status {
		t.Fatalf("exit status %d, want %d:\n%s", got, status, p.log)
	}
}

// kill ends the daemon without notice.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGKILL)
	<-p.done
}

// status asks the daemon through the command line.
func (p *process) status() (control.Status, error) {
	var stdout, stderr bytes.Buffer
	var s control.Status
	if code := run([]string{"status", "--json", "--run-dir", p.dir}, &stdout, &stderr); code != 0 {
		return s, fmt.Errorf("exit status %d: %s", code, stderr.String())
	}
	return s, json.Unmarshal(stdout.Bytes(), &s)
}

// await waits until the daemon's first instance is as wanted.
func (p *process) await(t *testing.T, what string, ok func(*control.Instance) bool) control.Status {
	t.Helper()
	var s control.Status
	var err error
	eventually(t, what, func() bool {
		s, err = p.status()
		return err == nil && len(s.Instances) > 0 && ok(&s.Instances[0])
	}, func() string { return fmt.Sprintf("status %+v, %v\n%s", s, err, p.log) })
	return s
}

func (p *process) awaitRole(t *testing.T, role string) {
	t.Helper()
	p.await(t, role, func(i *control.Instance) bool { return i.Role == role })
}

// eventually waits until ok. The last function describes what there is instead.
func eventually(t *testing.T, what string, ok func() bool, otherwise func() string) time.Duration {
	t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > patience {
			t.Fatalf("not within %v: %s; %s", patience, what, otherwise())
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(begin)
}

func nothing() string { return "" }

// holds waits until the host has the address or has it no more.
func (h *host) holds(t *testing.T, p netip.Prefix, want bool) time.Duration {
	t.Helper()
	return eventually(t, fmt.Sprintf("%v stands: %v", p, want), func() bool { return h.has(t, p) == want }, nothing)
}

// TestFailover takes a pair through a crash, the return, and an orderly stop.
func TestFailover(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	master := a.run(t, conf(150, vip.String(), ""))
	master.awaitRole(t, "MASTER")
	backup := b.run(t, conf(100, vip.String(), ""))
	backup.await(t, "backup that hears its master", func(i *control.Instance) bool {
		return i.Role == "BACKUP" && i.HeardPriority != nil && *i.HeardPriority == 150
	})
	a.holds(t, vip, true)

	master.kill(t)
	b.holds(t, vip, true)
	if !a.has(t, vip) {
		t.Error("the killed daemon took its address away: nothing was tested below")
	}

	// It starts again in the same run directory: what it left is removed,
	// nobody refuses it, and it preempts.
	master = a.run(t, conf(150, vip.String(), ""))
	eventually(t, "a line about the address left behind", func() bool {
		return strings.Contains(master.log.String(), "removing 192.0.2.100/24 from eth0: an earlier run left it behind")
	}, master.log.String)
	master.awaitRole(t, "MASTER")
	a.holds(t, vip, true)
	b.holds(t, vip, false)

	begin := time.Now()
	master.stop(t)
	took := time.Since(begin)
	a.holds(t, vip, false)
	b.holds(t, vip, true)
	t.Logf("an orderly stop took %v", took)
	eventually(t, "a line in the backup's log that the master resigned", func() bool { return strings.Contains(backup.log.String(), "resigned (priority 0)") }, backup.log.String)
	backup.stop(t)
	b.holds(t, vip, false)
	if s, err := os.ReadFile(filepath.Join(backup.dir, "owned.json")); err != nil || !strings.Contains(string(s), `"addresses":[]`) {
		t.Errorf("the journal after an orderly stop is %q, %v, want no addresses", s, err)
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	second, third := netip.MustParsePrefix("192.0.2.101/24"), netip.MustParsePrefix("192.0.2.102/24")
	p := a.run(t, conf(150, vip.String()+"\n"+second.String(), ""))
	p.awaitRole(t, "MASTER")
	a.holds(t, second, true)

	a.write(t, "moonkeep.conf", conf(150, vip.String()+"\n"+third.String(), ""), 0o644)
	p.signal(t, syscall.SIGHUP)
	a.holds(t, third, true)
	a.holds(t, second, false)
	if !a.has(t, vip) {
		t.Error("the address that stays went")
	}
	s := p.await(t, "still the same master", func(i *control.Instance) bool { return i.Role == "MASTER" && len(i.Addresses) == 2 })
	if n := s.Instances[0].Counters.LeftMaster; n != 0 || s.ReloadError != "" {
		t.Errorf("it left MASTER %d times, reload error %q", n, s.ReloadError)
	}

	a.write(t, "moonkeep.conf", "vrrp_instance VI_1 {\n\tpriority many\n}\n", 0o644)
	p.signal(t, syscall.SIGHUP)
	eventually(t, "reload_error in the status", func() bool {
		s, err := p.status()
		return err == nil && s.ReloadError != "" && s.Instances[0].Role == "MASTER"
	}, p.log.String)
	// The log is written behind the status.
	eventually(t, "the line of a broken file in the log", func() bool { return strings.Contains(p.log.String(), "moonkeep.conf:2:") }, p.log.String)
	if !a.has(t, vip) || !a.has(t, third) {
		t.Errorf("a broken file must change nothing:\n%s", p.log)
	}

	a.write(t, "moonkeep.conf", conf(150, vip.String(), ""), 0o644)
	p.signal(t, syscall.SIGHUP)
	a.holds(t, third, false)
	eventually(t, "no reload_error any more", func() bool {
		s, err := p.status()
		return err == nil && s.ReloadError == ""
	}, p.log.String)
	p.stop(t)
}

// TestReloadAtOnce covers a SIGHUP that comes while the daemon starts.
func TestReloadAtOnce(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	p := a.run(t, conf(150, vip.String(), ""))
	eventually(t, "the lock", func() bool {
		text, err := os.ReadFile(filepath.Join(p.dir, "lock"))
		return err == nil && len(text) > 0
	}, p.log.String)
	for range 20 {
		p.signal(t, syscall.SIGHUP)
		time.Sleep(time.Millisecond)
	}
	p.awaitRole(t, "MASTER")
	for range 20 { // and whoever asks meanwhile is answered
		p.signal(t, syscall.SIGHUP)
		for range 5 {
			_, err := p.status()
			netnstest.Must(t, err)
		}
	}
	p.stop(t)
}

// TestRepairs holds that what others take away comes back.
func TestRepairs(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	p := a.run(t, conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	a.holds(t, vip, true)

	best := patience
	for range 3 {
		netnstest.Must(t, a.Link.Remove(netspec.Address{Prefix: vip, Device: "eth0"}))
		best = min(best, a.holds(t, vip, true))
	}
	t.Logf("a deleted address came back after %v", best)
	if best > 100*time.Millisecond {
		t.Errorf("a deleted address came back after %v at best, want 100 ms", best)
	}

	netnstest.Must(t, a.Link.Delete("eth0"))
	p.awaitRole(t, "FAULT")
	netnstest.Connect(t, a.Host, "eth0", b.Host, "eth0")
	a.give(t, "192.0.2.1/24")
	p.awaitRole(t, "MASTER")
	a.holds(t, vip, true)
	p.stop(t)
}
