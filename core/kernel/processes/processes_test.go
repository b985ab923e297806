//go:build linux

package processes

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/track"
)

// TestMain also is the program that the tests count: given MOONKEEP_WORKER it
// does what that says and waits.
func TestMain(m *testing.M) {
	if how := os.Getenv("MOONKEEP_WORKER"); how != "" {
		work(how)
		return
	}
	goleak.VerifyTestMain(m)
}

func init() {
	if os.Getenv("MOONKEEP_WORKER") == "headless" {
		runtime.LockOSThread() // main to the first thread
	}
}

// work waits for the end of standard input, or does something at each line of
// it first.
func work(how string) {
	if how == "headless" {
		begun := make(chan struct{})
		go func() {
			line := make([]byte, 1)
			_, _ = os.Stdin.Read(line)
			close(begun)
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
		<-begun
		unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // of this thread alone
	}
	line := make([]byte, 64)
	for {
		n, err := os.Stdin.Read(line)
		if n == 0 || err != nil {
			return
		}
		switch how {
		case "rename":
			name, _ := unix.ByteSliceFromString(strings.TrimSpace(string(line[:n])))
			// The test looks at the process' name, which is that of its first thread.
			if err := os.WriteFile(fmt.Sprintf("/proc/self/task/%d/comm", os.Getpid()), name[:len(name)-1], 0); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		case "exec":
			err := unix.Exec(strings.TrimSpace(string(line[:n])), []string{"execed"}, os.Environ())
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// worker is a process of the test's own.
type worker struct {
	t   *testing.T
	cmd *exec.Cmd
	in  *os.File
}

// program copies the test's binary under another name, for a name of our own
// that no other process has.
func program(t *testing.T, name string) string {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	path := filepath.Join(t.TempDir(), name)
	if os.Link(self, path) == nil {
		return path
	}
	b, err := os.ReadFile(self)
	must(t, err)
	must(t, os.WriteFile(path, b, 0o755))
	return path
}

func start(t *testing.T, path, how string, args ...string) *worker {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stderr = r, os.Stderr
	cmd.Env = append(os.Environ(), "MOONKEEP_WORKER="+how)
	must(t, cmd.Start())
	r.Close()
	x := &worker{t, cmd, w}
	t.Cleanup(x.end)
	return x
}

func (x *worker) say(line string) {
	x.t.Helper()
	_, err := x.in.WriteString(line + "\n")
	must(x.t, err)
}

// end ends the process and takes its exit status.
func (x *worker) end() {
	x.in.Close()
	if x.cmd.ProcessState == nil {
		if err := x.cmd.Wait(); err != nil {
			x.t.Error(err)
		}
	}
}

// counting is a watcher with what it told.
type counting struct {
	t    *testing.T
	w    *Watcher
	told chan Count
	last Count
}

func count(t *testing.T, p track.Pattern, where func() (*connector, error)) *counting {
	t.Helper()
	x := &counting{t: t, w: New(map[string]track.Pattern{"p": p}, new(Feed)), told: make(chan Count, 1000)}
	x.w.listen = func() (*follower, error) { return new(Feed).follow(nil, where) }
	x.w.Start(func(_ string, c Count) { x.told <- c })
	t.Cleanup(func() { must(t, x.w.Close()) })
	return x
}

// nowhere is for tests of looks at /proc.
func nowhere() (*connector, error) { return nil, unix.EPROTONOSUPPORT }

// want waits until so many are counted, and returns how long that took.
func (x *counting) want(what string, n int) time.Duration {
	x.t.Helper()
	begin := time.Now()
	for limit := time.After(8 * time.Second); x.last.Method == "" || x.last.Count != n; {
		select {
		case x.last = <-x.told:
			if x.last.Failure != "" {
				x.t.Fatalf("%s: %s", what, x.last.Failure)
			}
		case <-limit:
			x.t.Fatalf("%s: %d counted, want %d (%s)", what, x.last.Count, n, x.last.Method)
		}
	}
	return time.Since(begin)
}

// TestLife counts processes that begin, change and end, as events tell of them
// and as a look at all of /proc finds them.
func TestLife(t *testing.T) {
	t.Run("events", func(t *testing.T) {
		c, err := listen()
		if err != nil {
			t.Skipf("needs root, in the first network namespace: %v", err)
		}
		c.close()
		if late := life(t, listen, "the kernel's process events"); late > 4*time.Second {
			t.Errorf("the changes were noticed after %v together: not by events", late)
		}
	})
	t.Run("network namespace", func(t *testing.T) {
		host := netnstest.New(t)
		life(t, func() (c *connector, err error) {
			derr := host.Do(func() error { c, err = listen(); return nil })
			return c, errors.Join(err, derr)
		}, "a look at /proc every second (the kernel tells of processes in its first network namespace only)")
	})
}

// life returns how long it took to notice six changes.
func life(t *testing.T, where func() (*connector, error), method string) (late time.Duration) {
	path, other := program(t, "mk-counted"), program(t, "mk-other")
	x := count(t, track.Pattern{Name: "mk-counted"}, where)
	x.want("before", 0)
	if x.last.Method != method {
		t.Errorf("counted by %q, want %q", x.last.Method, method)
	}
	a := start(t, path, "rename")
	late += x.want("one begins", 1)
	b := start(t, path, "exec")
	late += x.want("another begins", 2)
	a.say("mk-renamed")
	late += x.want("one has another name", 1)
	a.say("mk-counted")
	late += x.want("and has its own again", 2)
	b.say(other)
	late += x.want("the other runs another program", 1)
	a.end()
	return late + x.want("one ends", 0)
}

// TestZombie: what has ended and was not waited for does not run.
func TestZombie(t *testing.T) {
	path := program(t, "mk-zombie")
	for name, where := range map[string]func() (*connector, error){"looks": nowhere, "events": listen} {
		x := count(t, track.Pattern{Name: "mk-zombie"}, where)
		a := start(t, path, "wait")
		x.want(name+": it runs", 1)
		a.in.Close()
		x.want(name+": it is a zombie", 0)
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", a.cmd.Process.Pid)); err != nil || !strings.Contains(string(stat), ") Z ") {
			t.Errorf("%s: it is no zombie: %s %v", name, stat, err)
		}
		a.end()
	}
}

// TestHeadless: a process whose first thread has ended runs on while others do, and
// nobody is told in between that it does not.
func TestHeadless(t *testing.T) {
	path := program(t, "mk-headless")
	c, err := listen()
	if err != nil {
		t.Skipf("needs root, in the first network namespace: %v", err)
	}
	c.close()
	x := count(t, track.Pattern{Name: "mk-headless"}, listen)
	a := start(t, path, "headless")
	x.want("it runs", 1)
	a.say("")
	stat := fmt.Sprintf("/proc/%d/stat", a.cmd.Process.Pid)
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		b, err := os.ReadFile(stat)
		must(t, err)
		if strings.Contains(string(b), ") Z ") {
			break
		}
		if time.Since(begin) > 5*time.Second {
			t.Fatalf("the first thread does not end: %s", b)
		}
	}
	select {
	case told := <-x.told:
		t.Errorf("told while other threads run: %+v", told)
	case <-time.After(300 * time.Millisecond):
	}
	a.in.Close()
	if late := x.want("it ends", 0); late > 4*time.Second {
		t.Errorf("its end was noticed after %v", late)
	}
	a.end()
}

// TestCommandLine counts by path and arguments.
func TestCommandLine(t *testing.T) {
	path := program(t, "mk-with-a-name-that-is-long")
	start(t, path, "wait", "-c", "one")
	start(t, path, "wait", "-c", "two", "-v")
	wait := func(p track.Pattern, n int) {
		t.Helper()
		x := count(t, p, nowhere)
		x.want(fmt.Sprintf("%+v", p), n)
	}
	name := filepath.Base(path)
	wait(track.Pattern{Name: name}, 2)
	wait(track.Pattern{Name: name, Full: true}, 2)
	wait(track.Pattern{Name: path}, 2)
	wait(track.Pattern{Name: path, Match: track.ExactArgs, Args: []string{"-c", "one"}}, 1)
	wait(track.Pattern{Name: name, Match: track.PartialArgs, Args: []string{"-c", "two"}}, 1)
	wait(track.Pattern{Name: name, Match: track.InitialArgs, Args: []string{"-c", "t"}}, 1)
	wait(track.Pattern{Name: name, Match: track.PartialArgs, Args: []string{"-c"}}, 2)
	wait(track.Pattern{Name: name, Match: track.ExactArgs}, 0)
}

// TestKernelThread: threads of the kernel are counted by their name.
func TestKernelThread(t *testing.T) {
	comm, err := os.ReadFile("/proc/2/comm")
	if err != nil || string(comm) != "kthreadd\n" {
		t.Skipf("needs /proc/2 to be kthreadd: %q %v", comm, err)
	}
	x := count(t, track.Pattern{Name: "kthreadd"}, nowhere)
	x.want("by name", 1)
	x = count(t, track.Pattern{Name: "kthreadd", Full: true}, nowhere)
	x.want("by command line", 0)
}

// TestSeveral: each pattern has its own count.
func TestSeveral(t *testing.T) {
	one, two := program(t, "mk-several-1"), program(t, "mk-several-2")
	start(t, one, "wait")
	start(t, two, "wait")
	start(t, two, "wait")
	w := New(map[string]track.Pattern{"a": {Name: "mk-several-1"}, "b": {Name: "mk-several-2"}, "c": {Name: two}, "none": {Name: "mk-several-3"}}, new(Feed))
	must(t, w.lookAround())
	if want := []int{1, 2, 2, 0}; !reflect.DeepEqual(w.counts, want) {
		t.Errorf("%v run %v times, want %v", w.names, w.counts, want)
	}
	must(t, w.lookAround())
	w.update(map[int]bool{os.Getpid(): true, 1: false})
	if want := []int{1, 2, 2, 0}; !reflect.DeepEqual(w.counts, want) {
		t.Errorf("after repeats %v run %v times, want %v", w.names, w.counts, want)
	}
	must(t, w.Close())
}

// TestStrangeProc: where processes cannot be seen, that is a failure and no
// count.
func TestStrangeProc(t *testing.T) {
	dir := t.TempDir()
	w := New(map[string]track.Pattern{"p": {Name: "x"}}, new(Feed))
	w.root = dir
	fails := func(what, want string) {
		t.Helper()
		var told []Count
		w.tell = func(_ string, c Count) { told = append(told, c) }
		w.told = false
		w.look(w.lookAround)
		if len(told) != 1 || !strings.Contains(told[0].Failure, want) {
			t.Errorf("%s: told %+v, want a failure about %q", what, told, want)
		}
	}
	fails("nothing is mounted", "shows no processes")
	must(t, os.Symlink("7", filepath.Join(dir, "self")))
	fails("it is empty", "does not show all")
	must(t, os.Mkdir(filepath.Join(dir, "7"), 0o755))
	fails("process 1 is hidden", "hidepid")
	must(t, os.Mkdir(filepath.Join(dir, "1"), 0o755))
	fails("process 1 cannot be read", "hidepid")
	must(t, os.WriteFile(filepath.Join(dir, "1", "stat"), []byte("1 (x) S"+strings.Repeat(" 1", 30)), 0o644))
	must(t, w.lookAround())
	if w.counts[0] != 1 {
		t.Errorf("%d counted, want 1", w.counts[0])
	}
	must(t, os.RemoveAll(filepath.Join(dir, "7")))
	fails("we do not show", "does not show all")
}

func TestParseStat(t *testing.T) {
	rest := func(state string, threads int) string {
		return state + strings.Repeat(" 0", 16) + fmt.Sprintf(" %d 0 0", threads)
	}
	tests := []struct {
		text, comm string
		runs       bool
	}{
		{"5 (nginx) " + rest("S", 1), "nginx", true},
		{"5 (nginx) " + rest("R", 1), "nginx", true},
		{"5 (nginx) " + rest("D", 1), "nginx", true},
		{"5 (nginx) " + rest("T", 1), "nginx", true},
		{"5 (nginx) " + rest("Z", 1), "", false},
		{"5 (nginx) " + rest("Z", 2), "nginx", true},
		{"5 (nginx) " + rest("X", 1), "", false},
		{"5 (a) Z (b) " + rest("S", 1), "a) Z (b", true},
		{"5 () " + rest("S", 1), "", true},
		{"5 (nginx) S", "", false},
		{"5 nginx S", "", false},
		{")(", "", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if comm, runs := parseStat(tt.text); comm != tt.comm || runs != tt.runs {
			t.Errorf("%q is %q, %v; want %q, %v", tt.text, comm, runs, tt.comm, tt.runs)
		}
	}
}

func TestParseCommand(t *testing.T) {
	for text, want := range map[string][]string{
		"":               nil,
		"a\x00":          {"a"},
		"a":              {"a"},
		"a\x00b c\x00":   {"a", "b c"},
		"a\x00\x00":      {"a", ""},
		"a\x00\x00b\x00": {"a", "", "b"},
	} {
		if got := parseCommand(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// TestHung: a look that does not end makes the counts of no use, until it ends.
func TestHung(t *testing.T) {
	var told []Count
	w := New(map[string]track.Pattern{"p": {Name: "x"}}, new(Feed))
	w.tell = func(_ string, c Count) { told = append(told, c) }
	w.report(nil, "late", true)
	if told != nil {
		t.Errorf("told %+v though nobody looks", told)
	}
	w.looking = true
	w.report(nil, "late", true)
	w.looking = false
	w.report([]int{3}, "", false)
	w.report(nil, "late", true)
	must(t, w.Close())
	w.report([]int{4}, "", false)
	if want := []Count{{Failure: "late"}, {Count: 3}}; !reflect.DeepEqual(told, want) {
		t.Errorf("told %+v, want %+v", told, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
