package program

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

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

// A process that hangs in the kernel cannot be had at will; a SIGKILL that does
// not reach its process looks the same from here.
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
	eventually(t, "the process is known", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		known := false
		for r := range s.runs {
			r.mu.Lock()
			known = r.leader != 0
			r.leader = 0
			r.mu.Unlock()
		}
		return known
	})
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
