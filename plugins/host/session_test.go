//go:build linux

package host

import (
	"bufio"
	"context"
	"encoding/json"
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

// connecting is a plugin that connects to a socket as its option says: by itself, by a
// child, by one whose parent has ended, or by one that leaves as much as it may.
const connecting = `#!/usr/bin/python3
import json, os, socket, sys, time
def send(m): print(json.dumps(m), flush=True)
def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect("%s")
    s.recv(1)
def child(f):
    pid = os.fork()
    if pid == 0:
        try: f()
        finally: os._exit(0)
    return pid
def orphan():
    r, w = os.pipe()
    def inner(parent):
        while os.getppid() == parent: time.sleep(0.001)
        connect()
        os.write(w, b"x")
    def middle():
        me = os.getpid()
        child(lambda: inner(me))
    os.waitpid(child(middle), 0)
    os.read(r, 1)
def leave():
    for f in os.setsid, lambda: os.setpgid(0, 0):
        try: f()
        except OSError: pass
    connect()
ways = {"self": connect, "child": lambda: os.waitpid(child(connect), 0), "orphan": orphan, "leave": lambda: os.waitpid(child(leave), 0)}
send({"hello": {"protocol": 1, "name": "CONNECT"}})
do = {}
for line in sys.stdin:
    m = json.loads(line)
    for p in m.get("prepare", []):
        do[p["check"]] = p["options"]["do"]
        send({"prepared": [{"check": p["check"]}]})
    if "ping" in m: send({"pong": m["ping"]})
    for s in m.get("start", []):
        ways[do[s["check"]]]()
        send({"results": [{"check": s["check"], "probe": s["probe"], "verdict": "ok"}]})
`

// TestConfinedIsKnown: what a plugin's processes connect to can be told that they are
// some, with a pid namespace and without; and of others that they are none, also those of
// the same user.
func TestConfinedIsKnown(t *testing.T) {
	needRoot(t)
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Skip("needs /usr/bin/python3: something that forks and connects")
	}
	nobody, err := program.Who("nobody", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, prepare := range map[string]func() error{"pid namespace": nil, "none": noSpaces} {
		t.Run(name, func(t *testing.T) {
			dir := openDir(t)
			o := quick(t)
			o.OnThread = prepare
			s := newSite(t, o)
			// A daemon that has not started it tells it, too.
			other, err := New(Options{Dir: filepath.Join(t.TempDir(), "other")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := other.Close(context.Background()); err != nil {
					t.Error(err)
				}
			})
			known := make(chan bool, 1)
			path := filepath.Join(dir, "s")
			judge(t, path, func(who *unix.Ucred) {
				in := s.host.Confined(who.Uid, int(who.Pid))
				if other.Confined(who.Uid, int(who.Pid)) != in {
					t.Errorf("process %d of user %d: another daemon says %t", who.Pid, who.Uid, !in)
				}
				known <- in
			})
			file := filepath.Join(dir, "CONNECT")
			if err := os.WriteFile(file, fmt.Appendf(nil, connecting, path), 0o755); err != nil {
				t.Fatal(err)
			}
			p := Plan{Plugins: []Plugin{{Name: "CONNECT", Path: file, Processes: 8}}}
			ways := []string{"self", "child", "orphan", "leave"}
			for i, way := range ways {
				p.Checks = append(p.Checks, check(uint32(i), "CONNECT", way))
			}
			s.open(p)
			for i, way := range ways {
				answer := s.start(uint32(i))[0]
				select {
				case in := <-known:
					if !in {
						t.Errorf("%s: it is not known as a plugin's", way)
					}
				case <-time.After(patience):
					t.Fatalf("%s: nothing connects", way)
				}
				if a := s.wait(answer); a.Verdict != health.OK {
					t.Errorf("%s: %v %q", way, a.Verdict, a.Message)
				}
			}
			for _, uid := range []uint32{0, nobody.UID} {
				cmd := exec.Command("/usr/bin/python3", "-c", "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\ns.recv(1)", path)
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: nobody.GID}}
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				if <-known {
					t.Errorf("another process of user %d is a plugin's", uid)
				}
				if in := s.host.Confined(uid, cmd.Process.Pid); in != (uid == nobody.UID) {
					t.Errorf("one of user %d that has ended may be a plugin's: %t", uid, in)
				}
			}
		})
	}
}

// TestMeddling: a plugin that goes on connecting to the control socket is ended for it, also
// where a child does.
func TestMeddling(t *testing.T) {
	needRoot(t)
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Skip("needs /usr/bin/python3: something that forks and connects")
	}
	for name, prepare := range map[string]func() error{"pid namespace": nil, "none": noSpaces} {
		t.Run(name, func(t *testing.T) {
			dir := openDir(t)
			o := quick(t)
			o.OnThread = prepare
			s := newSite(t, o)
			path := filepath.Join(dir, "s")
			judge(t, path, func(who *unix.Ucred) { s.host.Confined(who.Uid, int(who.Pid)) })
			file := filepath.Join(dir, "CONNECT")
			if err := os.WriteFile(file, fmt.Appendf(nil, connecting, path), 0o755); err != nil {
				t.Fatal(err)
			}
			s.open(Plan{Plugins: []Plugin{{Name: "CONNECT", Path: file, Processes: 8}}, Checks: []Check{check(0, "CONNECT", "leave")}})
			for range mostMeddling {
				if a := s.probe(0); a.Verdict != health.OK {
					t.Fatalf("%v %q", a.Verdict, a.Message)
				}
			}
			s.start(0)
			s.eventually("it is ended for that", func() bool { return strings.Contains(s.status().Reason, "control socket") })
		})
	}
}

// judge listens on a socket, says who connects, and closes the connection.
func judge(t *testing.T, path string, say func(*unix.Ucred)) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			raw, err := c.(*net.UnixConn).SyscallConn()
			if err == nil {
				_ = raw.Control(func(fd uintptr) {
					if who, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
						say(who)
					}
				})
			}
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
}

// noSpaces takes from the thread that starts plugins what a pid namespace takes, as many
// containers do.
func noSpaces() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_SYS_ADMIN
	return unix.Capset(&header, &data[0])
}

// needSpaces skips the test where no pid namespace can be made.
func needSpaces(t *testing.T) {
	t.Helper()
	needRoot(t)
	if len(inReach([]int{unix.CAP_SYS_ADMIN})) == 0 {
		t.Skip("needs root: one with CAP_SYS_ADMIN, which makes pid namespaces")
	}
}

// TestForkedChildrenEnd is a plugin that may start processes, and leaves one
// behind in a session or a group of its own.
func TestForkedChildrenEnd(t *testing.T) {
	for name, prepare := range map[string]func() error{"pid namespace": nil, "none": noSpaces} {
		t.Run(name, func(t *testing.T) {
			if prepare == nil {
				needSpaces(t)
			}
			nothingLeft(t)
			o := quick(t)
			o.OnThread = prepare
			ended := make(chan bool, 2) // whether a cell was to end whole
			o.Cell = func() (int, func(bool)) { return 0, func(kill bool) { ended <- kill } }
			forkedChildrenEnd(t, o)
			want := []bool{true, true}
			if prepare == nil {
				want = nil // its namespace is
			}
			close(ended)
			var got []bool
			for kill := range ended {
				got = append(got, kill)
			}
			if !slices.Equal(got, want) {
				t.Errorf("cells ended %v, want %v", got, want)
			}
		})
	}
}

func forkedChildrenEnd(t *testing.T, o Options) {
	s := newSite(t, o)
	s.open(Plan{
		Checks:  []Check{check(0, "GOOD", "fork"), check(1, "GOOD", "ok")},
		Plugins: []Plugin{{Name: "GOOD", Processes: 4}},
	})
	if a := s.probe(0); a.Verdict != health.OK {
		t.Fatal(a.Message)
	}
	if n := len(processesWith(sleepTime)); n != 1 {
		t.Fatalf("%d children", n)
	}
	if err := syscall.Kill(s.status().Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.recovers(1)
	noForked := func() bool { return len(processesWith(sleepTime)) == 0 }
	s.eventually("the child to end with its plugin", noForked)
	if a := s.probe(0); a.Verdict != health.OK {
		t.Fatal(a.Message)
	}
	s.close()
}

// TestLeftBehind: what plugins started without a pid namespace outlives a daemon that is
// killed, and is ended by the next one; nobody else is, who has their user or number.
func TestLeftBehind(t *testing.T) {
	dir := openDir(t)
	pids := killedDaemon(t, dir, noSpacesEnv+"=1")
	s := &site{t: t}
	s.eventually("the plugins are gone", func() bool { return living(pids) == 0 })
	left := processesWith(sleepTime)
	if len(left) != 1 {
		t.Fatalf("%d processes are left: the test shows nothing", len(left))
	}
	where, err := numbered()
	if err != nil {
		t.Fatal(err)
	}
	// One without the mark of a confined plugin, and one of which another boot's note tells.
	var others []int
	for name, file := range map[string]string{"unlimited": where, "0": "another boot"} {
		other := exec.Command("sh", "-c", "ulimit -f "+name+"; exec sleep 1000")
		other.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		started := make(chan error)
		go func() {
			runtime.LockOSThread() // for good: the thread ends with the goroutine
			started <- errors.Join(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), other.Start())
		}()
		if err := <-started; err != nil {
			t.Fatal(err)
		}
		defer func() {
			_ = other.Process.Kill()
			_ = other.Wait()
		}()
		pid := other.Process.Pid
		if name == "0" {
			s.eventually("it is as confined as a plugin", func() bool { in, err := confined(pid); return err == nil && in })
		}
		k, err := kinOf(pid)
		if err != nil {
			t.Fatal(err)
		}
		note := fmt.Appendln(nil, "65534", k.began, file)
		if err := os.WriteFile(filepath.Join(dir, "plugins", fmt.Sprint(leftSession, pid)), note, 0o600); err != nil {
			t.Fatal(err)
		}
		others = append(others, pid)
	}
	for name, text := range map[string]string{leftSession + "0": "0 0 " + where, leftSession: "\n"} {
		if err := os.WriteFile(filepath.Join(dir, "plugins", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// What is no note keeps no daemon from starting.
	strange := filepath.Join(dir, "plugins", leftSession)
	if err := errors.Join(unix.Mkfifo(strange+"77", 0o600), os.MkdirAll(strange+"78/x", 0o700), os.Symlink("/dev/zero", strange+"79")); err != nil {
		t.Fatal(err)
	}
	h, err := New(Options{Dir: filepath.Join(dir, "plugins")})
	if err != nil {
		t.Fatal(err)
	}
	s.eventually("what was left is ended", func() bool { return len(processesWith(sleepTime)) == 0 })
	if n := living(others); n != len(others) {
		t.Errorf("%d of %d other processes are left", n, len(others))
	}
	if err := os.RemoveAll(strange + "78"); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestHostKilled is a daemon that is killed: nothing of its plugins is left
// two seconds later, whatever they do against it.
func TestHostKilled(t *testing.T) {
	needSpaces(t)
	pids := killedDaemon(t, openDir(t))
	begin := time.Now()
	left := func() int { return living(pids) + len(processesWith(sleepTime)) }
	for left() > 0 {
		if time.Since(begin) > 2*time.Second {
			t.Fatalf("2 s after the daemon was killed %d processes are left", left())
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("all gone after %s", time.Since(begin))
}

// living counts those of some processes that have not ended.
func living(pids []int) (n int) {
	for _, pid := range pids {
		if k, err := kinOf(pid); err == nil && !k.ended {
			n++
		}
	}
	return n
}

// killedDaemon kills a daemon in the directory, and returns the processes of its plugins.
func killedDaemon(t *testing.T, dir string, env ...string) (pids []int) {
	t.Helper()
	needRoot(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(append(os.Environ(), daemonEnv+"="+dir), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&pids); err != nil {
		t.Fatal(err)
	}
	if len(pids) != 4 {
		t.Fatalf("plugins %v", pids)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	return pids
}

// daemonEnv makes the test binary a daemon with plugins in the directory it
// names. It prints their process ids and waits.
const daemonEnv = "MOONKEEP_HOST_TEST_DAEMON"

// noSpacesEnv has that daemon make no pid namespaces.
const noSpacesEnv = "MOONKEEP_HOST_TEST_NO_SPACES"

func daemon() {
	fatal := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	o := Options{Dir: filepath.Join(os.Getenv(daemonEnv), "plugins")}
	if os.Getenv(noSpacesEnv) != "" {
		o.OnThread = noSpaces
	}
	h, err := New(o)
	fatal(err)
	plan := Plan{
		Checks:  []Check{check(0, "GOOD", "fork"), check(1, "STUBBORN", "ok"), check(2, "GOOD-plain", "ok"), check(3, "GOOD-stopped", "ok")},
		Plugins: []Plugin{{Name: "GOOD", Processes: 4}, {Name: "GOOD-plain", Plain: true}},
	}
	for _, c := range plan.Checks {
		r, err := h.Open(Plan{Checks: []Check{c}, Plugins: plan.Plugins})
		fatal(err)
		defer r.Close()
		got, err := h.Probe(context.Background(), c, plan.Plugins...)
		fatal(err)
		if got.Verdict != checker.OK {
			fatal(errors.New(got.Message))
		}
	}
	var pids []int
	for _, s := range h.Status() {
		pids = append(pids, s.Pid)
		if s.Name == "GOOD-stopped" {
			fatal(syscall.Kill(s.Pid, syscall.SIGSTOP))
		}
	}
	fatal(json.NewEncoder(os.Stdout).Encode(pids))
	select {}
}
