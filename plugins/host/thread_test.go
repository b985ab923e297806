//go:build linux

package host

import (
	"context"
	"errors"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/plugins/checker"
)

func init() {
	actions["nice"] = func(context.Context, checker.Target) checker.Result {
		raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
		if err != nil {
			return checker.Result{Verdict: checker.Failed, Message: err.Error()}
		}
		return checker.Result{Verdict: checker.OK, Message: strconv.Itoa(20 - raw)}
	}
}

// TestOnThread holds that plugins inherit how the kernel runs them from the
// thread that starts them, which was prepared, and from no other one.
func TestOnThread(t *testing.T) {
	o := quick(t)
	o.OnThread = func() error { return unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 7) }
	s := newSite(t, o)
	s.open(Plan{Plugins: []Plugin{{Name: "GOOD"}}, Checks: []Check{check(1, "GOOD", "nice")}})
	if a := s.probe(1); a.Verdict != health.OK || a.Message != "7" {
		t.Errorf("a plugin answers %v %q, want nice value 7", a.Verdict, a.Message)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	prepared := 0
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := unix.Getpriority(unix.PRIO_PROCESS, tid); err == nil && 20-raw == 7 {
			prepared++
		}
	}
	if prepared != 1 {
		t.Errorf("%d of %d threads were prepared, want the one that starts plugins", prepared, len(tasks))
	}
}

// TestOnThreadFails holds that there is no host when its thread cannot be
// prepared.
func TestOnThreadFails(t *testing.T) {
	o := quick(t)
	refused := errors.New("refused")
	o.OnThread = func() error { return refused }
	if h, err := New(o); !errors.Is(err, refused) || h != nil {
		t.Errorf("a host %v, error %v", h, err)
	}
}
