package program

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stalled is how many programs run at once; without care about half of them time
// out.
const stalled = 20

// stall is a daemon that is about to be stopped.
func stall() {
	s, err := NewStarter(Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	outcomes := make([]Outcome, stalled)
	var all sync.WaitGroup
	for i := range outcomes {
		all.Go(func() {
			outcomes[i] = s.Run(noContext, Spec{Argv: []string{"sh", "-c", "sleep 1.5; exit 3"}, Timeout: 3 * time.Second})
		})
	}
	fmt.Println("running")
	all.Wait()
	for _, o := range outcomes {
		fmt.Println(o)
	}
}

// TestStoodStill: a daemon that is stopped until after a program's time finds
// that it ended in time.
func TestStoodStill(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), stallEnv+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	r := bufio.NewScanner(out)
	if !r.Scan() || r.Text() != "running" {
		t.Fatalf("%q, %v", r.Text(), r.Err())
	}
	time.Sleep(500 * time.Millisecond) // the programs are there
	for _, step := range []struct {
		sig  syscall.Signal
		wait time.Duration
	}{{syscall.SIGSTOP, 3 * time.Second}, {syscall.SIGCONT, 0}} {
		if err := cmd.Process.Signal(step.sig); err != nil {
			t.Fatal(err)
		}
		time.Sleep(step.wait)
	}
	n := 0
	for ; r.Scan(); n++ {
		if !strings.Contains(r.Text(), "exit status 3") {
			t.Error(r.Text())
		}
	}
	if n != stalled {
		t.Errorf("%d programs, want %d", n, stalled)
	}
}
