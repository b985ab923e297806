package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var noContext = context.Background()

func timeout(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

func TestRunTellsHowItEnded(t *testing.T) {
	s := newStarter(t, Options{})
	for _, tt := range []struct {
		name, text string
		want       Outcome
		line       string
	}{
		{"success", "exit 0", Outcome{Kind: Exited}, "exit status 0"},
		{"failure", "echo first; echo why >&2; exit 3",
			Outcome{Kind: Exited, Code: 3, Output: []byte("first\nwhy\n")}, "exit status 3: why"},
		{"killed by another", "kill -9 $$", Outcome{Kind: Signaled, Signal: syscall.SIGKILL}, "ended by killed (signal 9)"},
		{"no input", "read x && exit 1; exit 0", Outcome{Kind: Exited}, "exit status 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := script(t, tt.text)
			o := s.Run(noContext, Spec{Argv: []string{path}, Timeout: 5 * time.Second})
			if o.Kind != tt.want.Kind || o.Code != tt.want.Code || o.Signal != tt.want.Signal || !bytes.Equal(o.Output, tt.want.Output) {
				t.Errorf("got %+v, want %+v", o, tt.want)
			}
			if o.String() != tt.line {
				t.Errorf("got %q, want %q", o, tt.line)
			}
			if o.OK() != (tt.want.Kind == Exited && tt.want.Code == 0) {
				t.Errorf("OK is %t", o.OK())
			}
			if o.Err != nil || o.Path != path || o.Pid == 0 || o.Took <= 0 {
				t.Errorf("got %+v", o)
			}
			select {
			case <-o.Gone:
			default:
				t.Error("it is not gone")
			}
			if exists(o.Pid) {
				t.Error("it was not reaped")
			}
		})
	}
}

func TestRunPassesArgumentsDirectoryAndCleanEnvironment(t *testing.T) {
	t.Setenv("LD_PRELOAD", "")
	t.Setenv("IFS", "x")
	t.Setenv("SECRET", "daemon's")
	t.Setenv("LC_TIME", "C")
	t.Setenv("HOME", "/root")
	s := newStarter(t, Options{})
	dir := t.TempDir()
	o := s.Run(noContext, Spec{
		Argv: []string{"sh", "-c", `pwd; echo "$1"; exec env`, "sh", "an argument"},
		Dir:  dir,
		Env:  []string{"MINE=1", "HOME=/elsewhere", "LD_LIBRARY_PATH=/tmp", "IFS=:"},
	})
	if !o.OK() {
		t.Fatal(o)
	}
	lines := strings.Split(strings.TrimSpace(string(o.Output)), "\n")
	if lines[0] != dir || lines[1] != "an argument" {
		t.Errorf("got directory %q and argument %q", lines[0], lines[1])
	}
	var names []string
	for _, l := range lines[2:] {
		name, _, _ := strings.Cut(l, "=")
		names = append(names, name)
	}
	for _, want := range []string{"MINE=1", "HOME=/elsewhere", "LC_TIME=C", "PATH=" + os.Getenv("PATH")} {
		if !slices.Contains(lines, want) {
			t.Errorf("%s is missing in %q", want, lines)
		}
	}
	for _, not := range []string{"LD_PRELOAD", "LD_LIBRARY_PATH", "IFS", "SECRET"} {
		if slices.Contains(names, not) {
			t.Errorf("%s got through", not)
		}
	}
}

func TestTimeoutEndsTheWholeGroup(t *testing.T) {
	s := newStarter(t, Options{})
	dir := t.TempDir()
	// The grandchild ignores SIGTERM: it dies because its leader did.
	path := script(t, fmt.Sprintf(`sh -c 'trap "" TERM; echo $$ >%[1]s/pid; while :; do sleep 1; done' &
while [ ! -s %[1]s/pid ]; do sleep 0.01; done
echo ready
wait`, dir))
	begin := time.Now()
	o := s.Run(noContext, Spec{Argv: []string{path}, Timeout: 400 * time.Millisecond})
	if took := time.Since(begin); o.Kind != TimedOut || took < 400*time.Millisecond || took > 400*time.Millisecond+prompt {
		t.Errorf("got %v after %s", o, took)
	}
	if want := "timed out after "; !strings.HasPrefix(o.String(), want) || !strings.HasSuffix(o.String(), ": ready") {
		t.Errorf("got %q", o)
	}
	<-o.Gone
	pid := readPid(t, dir+"/pid")
	eventually(t, "the grandchild's end", func() bool { return !alive(pid) })
}

func TestIgnoredSigtermIsFollowedBySigkill(t *testing.T) {
	const grace = 400 * time.Millisecond
	s := newStarter(t, Options{Grace: grace})
	path := script(t, `trap "" TERM; echo ready; while :; do sleep 0.1; done`)
	begin := time.Now()
	o := s.Run(noContext, Spec{Argv: []string{path}, Timeout: 200 * time.Millisecond})
	if took := time.Since(begin); o.Kind != TimedOut || took > 200*time.Millisecond+prompt {
		t.Errorf("got %v after %s", o, took)
	}
	if string(o.Output) != "ready\n" {
		t.Errorf("got output %q", o.Output)
	}
	select {
	case <-o.Gone:
		t.Error("it is gone before the SIGKILL")
	default:
	}
	if !alive(o.Pid) {
		t.Error("it did not ignore SIGTERM")
	}
	<-o.Gone
	if took := time.Since(begin); took < 200*time.Millisecond+grace || took > 200*time.Millisecond+grace+prompt {
		t.Errorf("killed after %s", took)
	}
	if exists(o.Pid) {
		t.Error("it was not reaped")
	}
}

func TestContextEndsARun(t *testing.T) {
	s := newStarter(t, Options{})
	for _, tt := range []struct {
		name string
		ctx  func() (context.Context, context.CancelFunc)
		want Kind
	}{
		{"deadline", func() (context.Context, context.CancelFunc) { return timeout(50 * time.Millisecond) }, TimedOut},
		{"cancel", func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(noContext)
			time.AfterFunc(50*time.Millisecond, cancel)
			return ctx, cancel
		}, Canceled},
		{"before", func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(noContext)
			cancel()
			return ctx, cancel
		}, Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := tt.ctx()
			defer cancel()
			begin := time.Now()
			o := s.Run(ctx, Spec{Argv: []string{"sleep", "20"}, Timeout: 10 * time.Second})
			if o.Kind != tt.want || time.Since(begin) > 50*time.Millisecond+prompt {
				t.Errorf("got %v after %s, want kind %d", o, time.Since(begin), tt.want)
			}
		})
	}
}

func TestFloodOfOutputIsCapped(t *testing.T) {
	s := newStarter(t, Options{})
	// A megabyte, some of which is in the pipe when the program ends.
	o := s.Run(noContext, Spec{Argv: []string{"sh", "-c", "head -c 1000000 /dev/zero; exit 7"}, OutputCap: 1000, Timeout: 10 * time.Second})
	if o.Kind != Exited || o.Code != 7 || len(o.Output) != 1000 || !o.Truncated {
		t.Errorf("got %v, %d bytes, truncated %t", o, len(o.Output), o.Truncated)
	}
	o = s.Run(noContext, Spec{Argv: []string{"yes"}, Timeout: 100 * time.Millisecond})
	if o.Kind != TimedOut || len(o.Output) != DefaultOutputCap || !o.Truncated {
		t.Errorf("got %v, %d bytes, truncated %t", o, len(o.Output), o.Truncated)
	}
	o = s.Run(noContext, Spec{Argv: []string{"sh", "-c", "echo unseen; echo unseen >&2"}, OutputCap: -1})
	if !o.OK() || o.Output != nil {
		t.Errorf("got %v and %q", o, o.Output)
	}
}

func TestWhoHoldsThePipeIsNotWaitedForAndNotKilled(t *testing.T) {
	s := newStarter(t, Options{})
	dir := t.TempDir()
	// What is left behind writes more than a pipe holds, then says that it
	// could.
	path := script(t, fmt.Sprintf(`sh -c 'echo $$ >%[1]s/pid; while [ ! -e %[1]s/go ]; do sleep 0.01; done
head -c 200000 /dev/zero && echo >%[1]s/written; sleep 20' &
echo started`, dir))
	begin := time.Now()
	o := s.Run(noContext, Spec{Argv: []string{path}, Timeout: 5 * time.Second})
	if !o.OK() || time.Since(begin) > time.Second || string(o.Output) != "started\n" {
		t.Errorf("got %v, output %q, after %s", o, o.Output, time.Since(begin))
	}
	pid := readPid(t, dir+"/pid")
	killLater(t, pid)
	if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the writing of 200000 bytes", func() bool {
		_, err := os.Stat(dir + "/written")
		return err == nil
	})
	if !alive(pid) {
		t.Error("what a program left running was killed")
	}
}

func TestPipesLeftBehindAreBounded(t *testing.T) {
	s := newStarter(t, Options{})
	dir := t.TempDir()
	const n = maxLingering + 3
	for i := range n {
		o := s.Run(noContext, Spec{Argv: []string{"sh", "-c", fmt.Sprintf("sleep 20 & echo $! >%s/%d", dir, i)}})
		if !o.OK() {
			t.Fatal(o)
		}
		killLater(t, readPid(t, fmt.Sprintf("%s/%d", dir, i)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lingering) != maxLingering {
		t.Errorf("%d pipes are kept, want %d", len(s.lingering), maxLingering)
	}
}

func TestUnendedProgramsAreBounded(t *testing.T) {
	s := newStarter(t, Options{Grace: 300 * time.Millisecond, MaxUnended: 1})
	stubborn := Spec{Argv: []string{script(t, `trap "" TERM; echo; while :; do sleep 0.05; done`)}, Timeout: 100 * time.Millisecond}
	first := s.Run(noContext, stubborn)
	if first.Kind != TimedOut {
		t.Fatal(first)
	}
	if o := s.Run(noContext, Spec{Argv: []string{"true"}}); o.Kind != NotStarted || !strings.Contains(o.String(), ErrTooMany.Error()) || o.Gone != nil {
		t.Errorf("got %+v", o)
	}
	<-first.Gone
	eventually(t, "room for a program", func() bool { return s.Run(noContext, Spec{Argv: []string{"true"}}).OK() })
}

func TestAFileBeingWrittenIsWaitedFor(t *testing.T) {
	s := newStarter(t, Options{})
	path := script(t, "exit 0")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	o := s.Run(noContext, Spec{Argv: []string{path}})
	if o.Kind != NotStarted || !strings.Contains(o.String(), "open for writing") {
		t.Errorf("got %v", o)
	}
	time.AfterFunc(20*time.Millisecond, func() { f.Close() })
	if o := s.Run(noContext, Spec{Argv: []string{path}}); !o.OK() {
		t.Errorf("got %v", o)
	}
}

// A start that hangs in the kernel delays the others, but not their results.
func TestAHungStartDoesNotHoldTheResult(t *testing.T) {
	s := newStarter(t, Options{})
	hung := &run{starter: s, path: "/none", spec: Spec{Argv: []string{"none"}}, forked: make(chan error)}
	s.starts <- hung // the thread cannot give its answer
	begin := time.Now()
	o := s.Run(noContext, Spec{Argv: []string{"true"}, Timeout: 50 * time.Millisecond})
	if o.Kind != TimedOut || o.Pid != 0 || o.Gone != nil || time.Since(begin) > 50*time.Millisecond+prompt {
		t.Errorf("got %+v", o)
	}
	if o.Err == nil || !strings.Contains(o.String(), "/true was not started in time") {
		t.Errorf("got %q", o)
	}
	if err := <-hung.forked; err == nil {
		t.Error("/none was started")
	}
	if o := s.Run(noContext, Spec{Argv: []string{"true"}}); !o.OK() {
		t.Errorf("got %v", o)
	}
}

// Whoever else waits for just any child takes the status; that is no success.
func TestALostStatusIsNoSuccess(t *testing.T) {
	s := newStarter(t, Options{})
	got := make(chan Outcome)
	dir := t.TempDir()
	path := script(t, fmt.Sprintf("echo $$ >%s/pid; sleep 0.1", dir))
	go func() { got <- s.Run(noContext, Spec{Argv: []string{path}}) }()
	pid := readPid(t, dir+"/pid")
	// The keeper would be the first to learn of the end; hold it up.
	s.mu.Lock()
	runs := slices.Collect(maps.Keys(s.runs))
	s.mu.Unlock()
	runs[0].mu.Lock()
	_, err := syscall.Wait4(pid, nil, 0, nil)
	runs[0].mu.Unlock()
	if err != nil {
		t.Error(err)
	}
	if o := <-got; o.OK() || o.Code != -1 || !strings.Contains(o.String(), "no child processes") {
		t.Errorf("got %v", o)
	}
}

func TestNothingIsLeftOpen(t *testing.T) {
	s := newStarter(t, Options{})
	open := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	all := func() {
		s.Run(noContext, Spec{Argv: []string{"true"}})
		s.Run(noContext, Spec{Argv: []string{"/none"}})
		s.Run(noContext, Spec{Argv: []string{"true"}, Dir: "/none"})
		if o := s.Run(noContext, Spec{Argv: []string{"sleep", "9"}, Timeout: time.Millisecond}); o.Gone != nil {
			<-o.Gone
		}
	}
	all()
	before := open()
	for range 10 {
		all()
	}
	eventually(t, "descriptors to be closed", func() bool { return open() <= before })
}

func TestManyAtOnce(t *testing.T) {
	s := newStarter(t, Options{})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			o := s.Run(noContext, Spec{Argv: []string{"sh", "-c", fmt.Sprintf("echo %d; exit %d", i, i)}, Timeout: 20 * time.Second})
			if o.Kind != Exited || o.Code != i || string(o.Output) != fmt.Sprintf("%d\n", i) {
				t.Errorf("run %d: %v %q", i, o, o.Output)
			}
			if exists(o.Pid) {
				t.Errorf("run %d was not reaped", i)
			}
		})
	}
	wg.Wait()
}

// TestSecureRuns holds that what others could change is not run as root, and
// is as somebody else.
func TestSecureRuns(t *testing.T) {
	needRoot(t)
	s := newStarter(t, Options{})
	path := script(t, "exit 0")
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		spec Spec
		runs bool
	}{
		"not asked for":  {Spec{}, true},
		"as the daemon":  {Spec{Secure: true}, false},
		"as root":        {Spec{Secure: true, User: "root"}, false},
		"as another one": {Spec{Secure: true, User: "nobody"}, true},
		"by a shell":     {Spec{Secure: true, Argv: []string{"/bin/sh", path}}, false},
	} {
		if tt.spec.Argv == nil {
			tt.spec.Argv = []string{path}
		}
		o := s.Run(noContext, tt.spec)
		if o.OK() != tt.runs || !tt.runs && !errors.Is(o.Err, ErrUntrusted) {
			t.Errorf("%s: got %v, want a run: %t", name, o, tt.runs)
		}
	}
	if !Root("", "") || !Root("root", "") || Root("nobody", "") || Root("nosuchuser", "") {
		t.Error("Root does not know who root is")
	}
	for _, name := range [][2]string{{"root:root", ""}, {"root", ":root"}, {"root", ":"}, {"root:", ""}} {
		if uid, gid, err := Account(name[0], name[1]); uid != 0 || gid != 0 || err != nil {
			t.Errorf("%q: got %d:%d, %v", name, uid, gid, err)
		}
	}
	if _, _, err := Account(":", ""); !errors.Is(err, ErrUser) {
		t.Errorf("a colon alone: %v", err)
	}
	if uid, gid, err := Account("root", "root"); uid != 0 || gid != 0 || err != nil {
		t.Errorf("Account: %d, %d, %v", uid, gid, err)
	}
}
