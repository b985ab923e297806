//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// launcher owns the thread that starts one node's daemons. The kernel kills
// them when that thread ends, so it lives as long as the lab.
type launcher struct {
	work chan func()
	done chan struct{}
}

func newLauncher(ns *netns.NS) (*launcher, error) {
	l := &launcher{work: make(chan func()), done: make(chan struct{})}
	entered := make(chan error, 1)
	go func() {
		defer close(l.done)
		err := ns.Do(func() error {
			entered <- nil
			for f := range l.work {
				f()
			}
			return nil
		})
		if err != nil {
			select {
			case entered <- err:
			default: // it could not leave the namespace; its thread ends with it
			}
		}
	}()
	if err := <-entered; err != nil {
		<-l.done
		return nil, err
	}
	return l, nil
}

// start starts the command in the namespace, in a session of its own so that
// the terminal's signals reach the lab alone.
func (l *launcher) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	result := make(chan error)
	l.work <- func() { result <- cmd.Start() }
	return <-result
}

func (l *launcher) close() {
	close(l.work)
	<-l.done
}

// process is one running daemon.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it was reaped
	err  error         // valid after done
	// expected is set before the lab ends it.
	expected atomic.Bool
}

// launch starts the command and reaps it; ended is called from the waiter when
// it ends though nobody meant it to.
func launch(l *launcher, cmd *exec.Cmd, ended func(error)) (*process, error) {
	if err := l.start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
		if !p.expected.Load() {
			ended(p.err)
		}
	}()
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop asks the daemon to end and waits until it has, at most for limit.
func (p *process) stop(ctx context.Context, limit time.Duration) error {
	p.expected.Store(true)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the daemon: %w", err)
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return fmt.Errorf("stop the daemon: it still runs %s after SIGTERM", limit)
	}
}

// inside lists the processes in the namespace, without this one, whose threads
// come and go.
func inside(ns *netns.NS) ([]int, error) {
	want := fmt.Sprintf("net:[%d]", ns.Inode())
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var out []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// A process that ended meanwhile has no namespace to read.
		if got, err := os.Readlink("/proc/" + e.Name() + "/ns/net"); err == nil && got == want {
			out = append(out, pid)
		}
	}
	return out, nil
}

// killPatience is how long SIGKILL may take to empty a namespace.
const killPatience = 5 * time.Second

// killAll ends every process in the namespace at once and calls now at the
// moment of the first signal. They are stopped before they are killed: a
// parent that saw its child die would tidy up or start another.
func killAll(ns *netns.NS, now func()) error {
	end := time.Now().Add(killPatience)
	for round := 0; ; round++ {
		pids, err := inside(ns)
		if err != nil {
			return err
		}
		if round == 0 {
			now()
		}
		if len(pids) == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("kill the node's processes: %v still run after %s", pids, killPatience)
		}
		for _, signal := range []syscall.Signal{unix.SIGSTOP, unix.SIGKILL} {
			for _, pid := range pids {
				if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, unix.ESRCH) {
					return fmt.Errorf("kill process %d of the node: %w", pid, err)
				}
			}
		}
		time.Sleep(time.Millisecond)
	}
}
