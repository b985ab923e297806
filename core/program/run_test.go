package program

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
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
	if took := time.Since(begin); o.Kind != TimedOut || took < 400*time.Millisecond || took > 500*time.Millisecond {
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
	if took := time.Since(begin); o.Kind != TimedOut || took > 300*time.Millisecond {
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
	if took := time.Since(begin); took < 200*time.Millisecond+grace || took > 200*time.Millisecond+grace+200*time.Millisecond {
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
			if o.Kind != tt.want || time.Since(begin) > 150*time.Millisecond {
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

func TestCloseEndsWhatRuns(t *testing.T) {
	s, err := NewStarter(Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := script(t, fmt.Sprintf(`trap "" TERM; echo $$ >%s/pid; while :; do sleep 0.1; done`, dir))
	got := make(chan Outcome)
	go func() { got <- s.Run(noContext, Spec{Argv: []string{path}}) }()
	pid := readPid(t, filepath.Join(dir, "pid"))
	ctx, cancel := timeout(time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
	if exists(pid) {
		t.Error("it was not reaped")
	}
	if o := <-got; o.Kind != Canceled && o.Kind != Signaled {
		t.Errorf("got %v", o)
	}
	if o := s.Run(noContext, Spec{Argv: []string{"true"}}); o.Kind != NotStarted || !strings.Contains(o.String(), "closed") {
		t.Errorf("got %v", o)
	}
	if err := s.Close(ctx); err != nil {
		t.Error(err)
	}
}

// A stopped process with its tracer gone is no D state, but what Close cannot
// wait for looks the same from here: a program that no signal has ended yet.
func TestCloseNamesWhatDoesNotEnd(t *testing.T) {
	s, err := NewStarter(Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan Outcome)
	dir := t.TempDir()
	path := script(t, fmt.Sprintf("echo $$ >%s/pid; exec sleep 20", dir))
	go func() { got <- s.Run(noContext, Spec{Argv: []string{path}}) }()
	pid := readPid(t, dir+"/pid")
	// Close's SIGKILL does not find the process, as if it had no effect.
	s.mu.Lock()
	for r := range s.runs {
		r.mu.Lock()
		r.leader = 0
		r.mu.Unlock()
	}
	s.mu.Unlock()
	ctx, cancel := timeout(50 * time.Millisecond)
	defer cancel()
	err = s.Close(ctx)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%s (process %d)", path, pid)) {
		t.Errorf("got %v", err)
	}
	if o := <-got; o.Kind != Canceled {
		t.Errorf("got %v", o)
	}
	<-s.thread
	s.keepers.Wait()
	// The parent-death signal came from the end of the Starter's thread.
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || status.Signal() != syscall.SIGTERM {
		t.Errorf("got status %v, error %v", status, err)
	}
	if err := s.devNull.Close(); err != nil {
		t.Error(err)
	}
}

func TestProgramsDieWithTheDaemon(t *testing.T) {
	dir := t.TempDir()
	cmd := daemon(t, script(t, fmt.Sprintf("echo $$ >%s/pid\nexec sleep 60", dir)))
	pid := readPid(t, dir+"/pid")
	killLater(t, pid)
	time.Sleep(50 * time.Millisecond) // threads that might end have the time
	if !alive(pid) {
		t.Fatal("the program died before the daemon")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the daemon ended well")
	}
	eventually(t, "the program's end", func() bool { return !alive(pid) })
}

func TestProgramsOutliveOtherThreads(t *testing.T) {
	s := newStarter(t, Options{})
	path := script(t, "echo; sleep 0.3")
	got := make(chan Outcome, 1)
	go func() { got <- s.Run(noContext, Spec{Argv: []string{path}}) }()
	time.Sleep(100 * time.Millisecond)
	// A thread ends with a goroutine that locked it. These take all threads
	// that are free; the one that started the program must not be among them.
	var wg sync.WaitGroup
	all := make(chan struct{})
	for range 50 {
		wg.Go(func() {
			runtime.LockOSThread()
			<-all
		})
	}
	time.Sleep(20 * time.Millisecond)
	close(all)
	wg.Wait()
	if o := <-got; !o.OK() {
		t.Errorf("got %v", o)
	}
}

func BenchmarkRun(b *testing.B) {
	s := newStarter(b, Options{})
	for _, bb := range []struct {
		name string
		spec Spec
	}{
		{"true", Spec{Argv: []string{"/bin/true"}, Timeout: time.Second}},
		{"true without output", Spec{Argv: []string{"/bin/true"}, Timeout: time.Second, OutputCap: -1}},
		{"true as nobody", Spec{Argv: []string{"/bin/true"}, Timeout: time.Second, User: "nobody"}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			if bb.spec.User != "" {
				needRoot(b)
			}
			b.ReportAllocs()
			for b.Loop() {
				if o := s.Run(noContext, bb.spec); !o.OK() {
					b.Fatal(o)
				}
			}
		})
	}
	b.Run("bare fork and exec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			pid, err := syscall.ForkExec("/bin/true", []string{"true"}, nil)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
