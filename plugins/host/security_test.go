//go:build linux

package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/plugins/checker"
)

// attackOthers does to the daemon, for want of another checker whose number it knows, what
// the kernel lets a process do to any other of its user. What is not refused whoever it
// were is won; so is what it may not do to itself.
func attackOthers() map[string]error {
	call := func(nr uintptr, args ...uintptr) error {
		args = append(args, 0, 0, 0)
		_, _, e := unix.RawSyscall6(nr, args[0], args[1], args[2], 0, 0, 0)
		if e == 0 || e == unix.ESRCH || e == unix.EINVAL || e == unix.EFAULT || e == unix.ENOTTY {
			return nil
		}
		return e
	}
	other, self := uintptr(1<<22), uintptr(os.Getpid())
	var r [2]int
	if err := unix.Pipe2(r[:], unix.O_CLOEXEC); err != nil {
		return map[string]error{"but have no pipe": nil}
	}
	defer unix.Close(r[0])
	defer unix.Close(r[1])
	fd := uintptr(r[0])
	out := map[string]error{
		"limit another":             call(unix.SYS_PRLIMIT64, other, unix.RLIMIT_NOFILE),
		"schedule another":          call(unix.SYS_SCHED_SETSCHEDULER, other),
		"set another's parameters":  call(unix.SYS_SCHED_SETPARAM, other),
		"set another's attributes":  call(unix.SYS_SCHED_SETATTR, other),
		"choose another's CPUs":     call(unix.SYS_SCHED_SETAFFINITY, other),
		"slow another":              call(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, other, 19),
		"slow everybody":            call(unix.SYS_SETPRIORITY, unix.PRIO_USER, 1<<22, 19),
		"slow another's files":      call(unix.SYS_IOPRIO_SET, 1, other),
		"have another signalled":    call(unix.SYS_FCNTL, fd, unix.F_SETOWN, other),
		"have another signalled ex": call(unix.SYS_FCNTL, fd, unix.F_SETOWN_EX),
		"choose that signal":        call(unix.SYS_FCNTL, fd, 10, 9),
		"signal another by ioctl":   call(unix.SYS_IOCTL, fd, 0x8901),
		"signal by ioctl of BSD":    call(unix.SYS_IOCTL, fd, 0x8902),
	}
	for what, err := range map[string]error{
		"limits":   call(unix.SYS_PRLIMIT64, self, unix.RLIMIT_NOFILE),
		"limits 0": call(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE),
		"nice":     call(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, 0, 19),
		"flags":    call(unix.SYS_FCNTL, fd, unix.F_GETFL),
		"CPUs":     call(unix.SYS_SCHED_SETAFFINITY, self),
	} {
		if err != nil {
			out["but not set its own "+what] = nil
		}
	}
	if os.Getpid() == 1 { // what raise is in musl
		if err := unix.Tgkill(1, unix.Gettid(), 0); err != nil {
			out["but not signal its thread"] = nil
		}
		if _, _, e := unix.RawSyscall(unix.SYS_TKILL, uintptr(unix.Gettid()), 0, 0); e != 0 {
			out["but not raise"] = nil
		}
	}
	return out
}

// The attacks of a hostile plugin. Each says what it got away with.
func init() {
	actions["attack"] = func(context.Context, checker.Target) checker.Result {
		daemon := os.Getenv(attackEnv)
		if daemon == "" {
			// In a pid namespace the parent has no number; /proc has.
			b, _ := os.ReadFile("/proc/self/stat")
			_, after, _ := strings.Cut(string(b), ") ")
			if f := strings.Fields(after); len(f) > 1 {
				daemon = f[1]
			}
		}
		var won []string
		try := func(what string, err error) {
			if err == nil {
				won = append(won, what)
			}
		}
		open := func(path string, flag int) error {
			f, err := os.OpenFile(path, flag, 0)
			if err == nil {
				f.Close()
			}
			return err
		}
		if daemon == "" || daemon == "0" {
			won = append(won, "could not find the daemon")
		}
		try("read the daemon's memory", open("/proc/"+daemon+"/mem", os.O_RDONLY))
		try("read the daemon's environment", open("/proc/"+daemon+"/environ", os.O_RDONLY))
		_, err := os.ReadDir("/proc/" + daemon + "/fd")
		try("see the daemon's files", err)
		try("read /etc/shadow", open("/etc/shadow", os.O_RDONLY))
		var pid int
		_, _ = fmt.Sscan(daemon, &pid)
		try("trace the daemon", unix.PtraceSeize(pid))
		_, err = unix.ProcessVMReadv(pid, []unix.Iovec{{}}, []unix.RemoteIovec{{}}, 0)
		try("read the daemon's memory by a call", err)
		try("signal the daemon", syscall.Kill(pid, 0))
		try("signal another checker", func() error {
			// As one whose number nobody has shows as well: it is refused, not looked for.
			if err := syscall.Kill(1<<22, 0); !errors.Is(err, syscall.EPERM) {
				return nil
			}
			return syscall.Kill(pid, 0)
		}())
		if err := syscall.Kill(os.Getpid(), 0); err != nil {
			won = append(won, "but not signal itself")
		}
		for what, err := range attackOthers() {
			try(what, err)
		}
		try("signal everybody", func() error {
			if err := syscall.Kill(-1, 0); !errors.Is(err, syscall.ESRCH) && !errors.Is(err, syscall.EPERM) {
				return nil
			}
			return syscall.EPERM
		}())
		for _, path := range strings.Fields(os.Getenv("ATTACK_SOCKETS")) {
			c, err := net.Dial("unix", path)
			if err == nil {
				c.Close()
			}
			try("connect to "+path, err)
		}
		sockets, _ := filepath.Glob(socketGlob)
		for _, path := range sockets {
			c, err := net.Dial("unix", path)
			if err == nil {
				c.Close()
			}
			try("connect to "+path, err)
		}
		for _, dir := range []string{"/tmp", "/dev/shm"} {
			if landlocked() { // else the modes say who may
				attackDir(dir, try)
			}
		}
		try("become root", syscall.Setuid(0))
		try("make a user namespace", unix.Unshare(unix.CLONE_NEWUSER))
		try("start a program", exec.Command("true").Run())
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
		if err == nil {
			unix.Close(fd)
		}
		try("open a raw socket", err)
		for what, err := range attackMemory() {
			try(what, err)
		}
		return checker.Result{Verdict: checker.OK, Message: strings.Join(won, ", ")}
	}
}

// landlocked reports whether the kernel can restrict what files a process writes.
func landlocked() bool {
	_, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return e == 0
}

// attackDir makes what takes no right to write a file, whose size is limited too.
func attackDir(dir string, try func(what string, err error)) {
	path := filepath.Join(dir, fmt.Sprint("moonkeep-attack-", time.Now().UnixNano()))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		f.Close()
		try("rename in "+dir, errors.Join(os.Rename(path, path+"2"), os.Remove(path+"2")))
	}
	try("create in "+dir, err)
	try("mkdir in "+dir, os.Mkdir(path, 0o700))
	os.Remove(path)
	try("link in "+dir, os.Symlink("/", path))
	os.Remove(path)
}

// attackMemory takes memory that no limit counts, or that is left when the
// process has ended. What it got it gives back.
func attackMemory() map[string]error {
	won := make(map[string]error)
	for what, make := range map[string]func() error{
		"make a System V segment": func() error {
			id, err := unix.SysvShmGet(unix.IPC_PRIVATE, 4096, 0o600)
			if err == nil {
				_, err = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
			}
			return err
		},
		"make a System V queue": func() error {
			id, _, e := unix.Syscall(unix.SYS_MSGGET, unix.IPC_PRIVATE, 0o600, 0)
			if e != 0 {
				return e
			}
			if _, _, e = unix.Syscall(unix.SYS_MSGCTL, id, unix.IPC_RMID, 0); e != 0 {
				return e
			}
			return nil
		},
		"map shared memory": func() error {
			b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
			if err == nil {
				err = unix.Munmap(b)
			}
			return err
		},
		"map a stack": func() error {
			b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_GROWSDOWN)
			if err == nil {
				err = unix.Munmap(b)
			}
			return err
		},
		"fill a file in memory": func() error {
			fd, err := unix.MemfdCreate("attack", unix.MFD_CLOEXEC)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.Ftruncate(fd, 4096)
		},
	} {
		won[what] = make()
	}
	return won
}

// attackEnv and socketGlob tell the attacker more than it would know.
const (
	attackEnv  = "MOONKEEP_HOST_TEST_ATTACK"
	socketGlob = "/tmp/TestHostilePluginGetsNothing*/*/control.sock"
)

// TestHostilePluginGetsNothing is a plugin that tries to get at the daemon.
// The same attacks by root, without confinement, show that they would work.
func TestHostilePluginGetsNothing(t *testing.T) {
	dir := t.TempDir() // root's alone, like a run directory's socket
	l, err := net.Listen("unix", filepath.Join(dir, "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	if err := os.Chmod(filepath.Join(dir, "control.sock"), 0o600); err != nil {
		t.Fatal(err)
	}
	for d := dir; d != os.TempDir(); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := newSite(t, quick(t))
	s.open(Plan{
		Checks:  []Check{check(0, "GOOD", "attack"), check(1, "GOOD-root", "attack")},
		Plugins: []Plugin{{Name: "GOOD-root", Plain: true, User: "root"}},
	})
	if a := s.probe(0); a.Verdict != health.OK || a.Message != "" {
		t.Errorf("a hostile plugin could: %s", a.Message)
	}
	a := s.probe(1)
	possible := []string{"read the daemon's memory", "connect to " + dir, "/etc/shadow", "start a program",
		"make a System V segment", "make a System V queue", "map shared memory", "map a stack", "fill a file in memory"}
	if landlocked() {
		possible = append(possible, "create in /tmp", "rename in /tmp", "mkdir in /tmp", "link in /tmp")
	}
	for _, what := range possible {
		if !strings.Contains(a.Message, what) {
			t.Errorf("even root, unconfined, could not %s: the test shows nothing; could: %s", what, a.Message)
		}
	}
}

// TestIdentity is who a plugin is, what it may, and what it sees.
func TestIdentity(t *testing.T) {
	t.Setenv("MOONKEEP_TEST_SECRET", "x")
	t.Setenv("LC_ALL", "C.UTF-8")
	s := newSite(t, quick(t))
	marked := check(2, "GOOD", "ids")
	marked.Target.Fwmark = 7
	also := check(5, "GOOD", "ids") // as in a host of SMTP_CHECK
	also.Marks, also.LowPort = true, true
	s.open(Plan{
		Checks: []Check{
			check(0, "GOOD", "ids"), check(1, "GOOD", "env"), marked, also,
			check(3, "GOOD-plain", "ids"), check(4, "GOOD-caps", "ids"),
		},
		Plugins: []Plugin{
			{Name: "GOOD-plain", Plain: true, User: "daemon"},
			{Name: "GOOD-caps", Allow: []string{"net_bind_service"}},
		},
	})
	nobody, err := program.Who("nobody", "")
	if err != nil {
		t.Fatal(err)
	}
	none := "0000000000000000"
	has := func(number uint32, wants ...string) {
		t.Helper()
		a := s.probe(number)
		for _, w := range wants {
			if !strings.Contains(a.Message+" ", w+" ") {
				t.Errorf("check %d: %q lacks %q", number, a.Message, w)
			}
		}
	}
	who := fmt.Sprintf("Uid=%d,%[1]d,%[1]d,%[1]d Gid=%d,%[2]d,%[2]d,%[2]d Groups=%[2]d", nobody.UID, nobody.GID)
	has(0, who, "CapEff="+none, "CapBnd="+none, "CapAmb="+none, "NoNewPrivs=1", "Seccomp=2")
	mark := fmt.Sprintf("CapEff=%016x", 1<<capabilities[markCapability(release())])
	has(2, who, mark, "NoNewPrivs=1")
	has(5, who, fmt.Sprintf("CapEff=%016x", 1<<capabilities[markCapability(release())]|1<<capabilities["net_bind_service"]))
	has(3, "Uid=1,1,1,1", "CapEff="+none, "NoNewPrivs=0", "Seccomp=0")
	has(4, who, "CapEff=0000000000000400", "CapAmb=0000000000000400")
	if n := len(s.host.Status()); n != 5 {
		t.Errorf("%d processes", n)
	}
	a := s.probe(1)
	for name := range strings.FieldsSeq(a.Message) {
		known := []string{"PATH", "LC_ALL", "LANG", "TZ", "GOMEMLIMIT", checker.CookieKey, checker.LivenessKey}
		if raceDetector {
			known = append(known, "GORACE")
		}
		if !slices.Contains(known, name) && !strings.HasPrefix(name, "PLUGIN_") && !strings.HasPrefix(name, "LC_") {
			t.Errorf("a plugin sees the variable %s", name)
		}
	}
	if !strings.Contains(a.Message, "LC_ALL") {
		t.Errorf("a plugin does not see the language: %s", a.Message)
	}
}

// TestDropBounding: a launcher without CAP_SETPCAP drops nothing and goes on where
// nothing could be gained, and else says what it lacks; what is out of reach already
// needs no dropping.
func TestDropBounding(t *testing.T) {
	needRoot(t)
	for _, tt := range []struct {
		name       string
		out        bool // of reach already
		privileged bool
		want       string
	}{
		{"a user", false, false, ""},
		{"root", false, true, "which takes CAP_SETPCAP"},
		{"root, with nothing in reach", true, true, ""},
	} {
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // for good: the thread ends with the goroutine
			done <- func() error {
				if tt.out {
					if err := dropBounding(nil, true); err != nil {
						return fmt.Errorf("with CAP_SETPCAP: %w", err)
					}
				}
				header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
				var data [2]unix.CapUserData
				if err := unix.Capget(&header, &data[0]); err != nil {
					return err
				}
				data[0].Effective &^= 1 << unix.CAP_SETPCAP
				if err := unix.Capset(&header, &data[0]); err != nil {
					return err
				}
				return dropBounding(nil, tt.privileged)
			}()
		}()
		err := <-done
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}
