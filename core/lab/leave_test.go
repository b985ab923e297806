//go:build linux

package lab

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// childEnv makes the test binary run a lab until it is killed: the value is
// the path of keepalived.
const childEnv = "MOONKEEP_LAB_TEST_CHILD"

func TestMain(m *testing.M) {
	if binary := os.Getenv(childEnv); binary != "" {
		if err := child(binary, os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	// Labs wait most of the time, so several may do so at once whatever the
	// number of processors. Who runs is then for the kernel to decide, which
	// knows that the clients' threads come first.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	runtime.GOMAXPROCS(16)
	go busy.run()
	code := m.Run()
	underTest.remove()
	os.Exit(code)
}

// child runs a lab on the files, prints its directory, and waits to be killed.
func child(binary string, files []string) error {
	var configs []config.Config
	for _, f := range files {
		configs = append(configs, config.Config{Files: []string{f}, Instances: []config.Instance{vi("VI_1", "eth0", "192.0.2.100/24")}})
	}
	plan, err := NewPlan(configs)
	if err != nil {
		return err
	}
	same := func(text []byte, _ func(string, string) (string, bool)) []byte { return text }
	l, err := New(Options{Plan: plan, Daemons: slices.Repeat([]Daemon{Keepalived{Binary: binary, Rewrite: same}}, len(files))})
	if err == nil {
		err = l.Boot()
	}
	if err == nil {
		err = l.Do(context.Background(), Step{Verb: Await, Node: "a", Subjects: []string{"VI_1"}})
	}
	if err != nil {
		return err
	}
	fmt.Println(l.dir.path)
	fmt.Println("ready")
	select {}
}

func (l *Lab) namespaces() []*netns.NS {
	all := []*netns.NS{l.net.fabric.ns, l.client.ns}
	for _, n := range l.nodes {
		all = append(all, n.host.ns)
	}
	return all
}

// started lists the processes that were started with tmp as their directory
// for temporary files.
func started(tmp string) []string {
	var out []string
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		if text, err := os.ReadFile(path); err == nil && strings.Contains("\x00"+string(text), "\x00TMPDIR="+tmp+"\x00") {
			out = append(out, filepath.Dir(path))
		}
	}
	return out
}

// mine lists the threads and open files of this process that refer to the
// namespaces. The kernel gives the number of a namespace that is gone to the
// next one, so other processes must not be asked.
func mine(inodes []string) []string {
	var out []string
	links, _ := filepath.Glob("/proc/self/task/[0-9]*/ns/net")
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, path := range append(links, fds...) {
		to, err := os.Readlink(path)
		if err == nil && slices.ContainsFunc(inodes, func(i string) bool { return to == "net:["+i+"]" }) {
			out = append(out, path)
		}
	}
	return out
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 5s: %s", what)
		}
	}
}

// A lab that is killed leaves no process and no namespace, and the next lab
// removes its directory.
func TestKilledLabLeavesNothing(t *testing.T) {
	binary := needKeepalived(t)
	tmp := t.TempDir()
	plan := planOf(t, conf(150, ""), conf(100, ""))
	cmd := exec.Command(os.Args[0], plan.Nodes[0].File, plan.Nodes[1].File)
	cmd.Env = append(os.Environ(), childEnv+"="+binary, "TMPDIR="+tmp)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for in := bufio.NewScanner(out); in.Scan() && in.Text() != "ready"; {
		lines = append(lines, in.Text())
	}
	if len(lines) != 1 {
		t.Fatalf("the child said %q: %v", lines, cmd.Wait())
	}
	dir := lines[0]
	if n := len(started(tmp)); n != 5 {
		t.Errorf("%d processes while the lab runs, want its own and two for each keepalived", n)
	}
	if err := sweep(tmp); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("a running lab's directory was swept: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	// Its descriptors are gone with it, and so are the namespaces with the last
	// process in them.
	eventually(t, "no process is left", func() bool { return len(started(tmp)) == 0 })
	d, err := newRunDir(tmp)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// fake is a daemon that is a shell script.
type fake string

func (f fake) Prepare(s Site) ([]string, error) { return []string{"prepared " + s.Node.Name}, nil }
func (f fake) Command(Site) *exec.Cmd           { return exec.Command("/bin/sh", "-c", string(f)) }

// build makes a lab of two nodes with fake daemons, not started.
func build(t *testing.T, script string) (*Lab, *recorder) {
	t.Helper()
	netnstest.New(t) // skips without root
	t.Setenv("TMPDIR", t.TempDir())
	plan, err := NewPlan([]config.Config{
		file("x", vi("VI_1", "eth0", "192.0.2.100/24")), file("y", vi("VI_1", "eth0", "192.0.2.100/24")),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{t: t, plan: plan}
	l, err := New(Options{Plan: plan, Daemons: []Daemon{fake(script), fake(script)}, Tell: r.tell})
	if err != nil {
		t.Fatal(err)
	}
	return l, r
}

func TestCloseLeavesNothing(t *testing.T) {
	l, _ := build(t, "sleep 1000 & exec sleep 1000")
	if err := l.Boot(); err != nil {
		t.Fatal(err)
	}
	var inodes []string
	for _, ns := range l.namespaces() {
		inodes = append(inodes, fmt.Sprint(ns.Inode()))
	}
	eventually(t, "both daemons have a child", func() bool {
		a, _ := inside(l.nodes[0].host.ns)
		b, _ := inside(l.nodes[1].host.ns)
		return len(a) == 2 && len(b) == 2
	})
	before := time.Now()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(before); took > time.Second {
		t.Errorf("closing took %s", took)
	}
	if left := append(started(os.TempDir()), mine(inodes)...); len(left) > 0 {
		t.Errorf("these still refer to the namespaces: %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestFailedNewLeavesNothing(t *testing.T) {
	netnstest.New(t) // skips without root
	t.Setenv("TMPDIR", t.TempDir())
	bad := vi("VI_1", "eth0", "192.0.2.100/24")
	c := file("x", bad)
	c.Scripts = []config.Script{{Name: "a/b"}}
	plan, err := NewPlan([]config.Config{file("y", bad), c})
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Options{Plan: plan, Daemons: []Daemon{fake(""), fake("")}})
	if err == nil || !strings.Contains(err.Error(), `build node b: -: the lab needs a check whose name has no slash, not "a/b"`) {
		t.Errorf("error %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestDaemonEndsByItself(t *testing.T) {
	l, r := build(t, "echo first; echo the reason >&2; exit 3")
	if err := l.Boot(); err != nil {
		t.Fatal(err)
	}
	for _, n := range l.nodes {
		<-n.proc.done
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Do(ctx, Step{Verb: Wait, For: time.Minute}); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that was called off: %v", err)
	}
	// The waiters tell when they come to it.
	var ended []string
	for begin := time.Now(); len(ended) < len(l.nodes) && time.Since(begin) < 5*time.Second; time.Sleep(time.Millisecond) {
		ended = ended[:0]
		for _, e := range r.told(l) {
			if e.Kind == Ended {
				ended = append(ended, fmt.Sprint(e.Node, " ", e.Text))
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(ended)
	if want := []string{"0 exit status 3\nfirst\nthe reason", "1 exit status 3\nfirst\nthe reason"}; !slices.Equal(ended, want) {
		t.Errorf("told %q, want %q", ended, want)
	}
}

// kill and crash end a daemon without a chance to tidy up, stop with one; what
// was meant is not reported as an end.
func TestEndings(t *testing.T) {
	l, r := build(t, "exec sleep 1000")
	defer l.Close()
	note := filepath.Join(t.TempDir(), "tidied")
	l.nodes[0].daemon = fake(fmt.Sprintf(`trap "touch %s; exit" TERM; while :; do sleep 0.01; done`, note))
	if err := l.Boot(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // for the trap
	state := filepath.Join(l.nodes[0].site.RunDir, "state")
	if err := touch(state); err != nil {
		t.Fatal(err)
	}
	exists := func(path string) bool { _, err := os.Stat(path); return err == nil }
	r.play(l, "kill a; kill a; start a; start a")
	if exists(note) || !exists(state) {
		t.Errorf("after kill: tidied up %t, run directory kept %t; want false, true", exists(note), exists(state))
	}
	time.Sleep(100 * time.Millisecond)
	r.play(l, "crash a; start a")
	if exists(note) || exists(state) {
		t.Errorf("after crash and start: tidied up %t, run directory kept %t; want false, false", exists(note), exists(state))
	}
	time.Sleep(100 * time.Millisecond)
	r.play(l, "stop a; stop a")
	if !exists(note) {
		t.Error("stop did not let the daemon tidy up")
	}
	var notes []string
	for _, e := range r.told(l) {
		switch e.Kind {
		case Ended:
			t.Errorf("told as an end by itself: %+v", e)
		case Noted:
			notes = append(notes, e.Text)
		}
	}
	want := []string{"prepared a", "prepared b", "a: no daemon is running", "a: the daemon is running already", "a: no daemon is running"}
	if !slices.Equal(notes, want) {
		t.Errorf("notes %q, want %q", notes, want)
	}
}

func TestService(t *testing.T) {
	l, r := build(t, "exec sleep 1000")
	defer l.Close()
	get := func(addr string) (string, error) {
		var body []byte
		err := l.client.ns.Do(func() error {
			// http.Get would dial on a goroutine of its own, outside.
			conn, err := net.DialTimeout("tcp4", addr, 5*time.Second)
			if err != nil {
				return err
			}
			defer conn.Close()
			fmt.Fprintf(conn, "GET / HTTP/1.0\r\n\r\n")
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			body, err = io.ReadAll(answer.Body)
			return err
		})
		return string(body), err
	}
	for _, up := range []bool{true, false, true} {
		if !up {
			r.play(l, "service down b; service down b")
			if _, err := get("192.0.2.12:80"); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("service down: %v, want connection refused", err)
			}
			r.play(l, "service up b; service up b")
			continue
		}
		if body, err := get("192.0.2.12:80"); body != "ok b\n" || err != nil {
			t.Errorf("service up: %q, %v", body, err)
		}
	}
}

func TestVerdict(t *testing.T) {
	dir := t.TempDir()
	files := func() string {
		all, _ := filepath.Glob(filepath.Join(dir, "*"))
		for i := range all {
			all[i] = filepath.Base(all[i])
		}
		return strings.Join(all, " ")
	}
	for _, pass := range []bool{false, false, true, false} {
		if err := verdict(dir, "chk", pass); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]string{true: "chk.pass", false: "chk.fail"}[pass]; files() != want {
			t.Errorf("files %q, want %q", files(), want)
		}
	}
}

func TestMoonkeepPrepare(t *testing.T) {
	dir := t.TempDir()
	s := Site{Node: Node{Name: "a", Config: config.Config{Scripts: []config.Script{
		{Name: "here", Argv: []string{"/bin/true"}},
		{Name: "gone", Argv: []string{"/nowhere/chk.sh", "-v"}},
		{Name: "lua", Lua: "/nowhere/chk.lua"},
	}}}, CheckDir: dir}
	notes, err := Moonkeep{}.Prepare(s)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`a: the program of check gone is not on this machine (/nowhere/chk.sh -v); it passes until "fail a gone"`}
	if !slices.Equal(notes, want) {
		t.Errorf("notes %q, want %q", notes, want)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1 || filepath.Base(files[0]) != "gone.pass" {
		t.Errorf("files %v, want gone.pass", files)
	}
}
