//go:build linux

package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/health"
)

// netNS makes a network namespace, which lasts as long as the test.
func netNS(t *testing.T) *os.File {
	t.Helper()
	var f *os.File
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and not back: the thread ends with this
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			f, err = os.Open("/proc/thread-self/ns/net")
		}
		done <- err
	}()
	if err := <-done; errors.Is(err, unix.EPERM) {
		t.Skipf("needs root (CAP_SYS_ADMIN) to make network namespaces: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestFollowsItsNamespaceLater: where a name has no namespace yet when a reload finds that
// it is another's than before - ip netns add makes the name first - what runs goes on, and
// the move is tried again after a while, and at once with the next reload.
func TestFollowsItsNamespaceLater(t *testing.T) {
	needRoot(t)
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprintf("reloaded %v", again), func(t *testing.T) {
			path, name := filepath.Join(openDir(t), "SH"), filepath.Join(t.TempDir(), "red")
			script(t, path, "answers")
			become := func(f *os.File) {
				t.Helper()
				if err := os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()), name+".new"); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(name+".new", name); err != nil {
					t.Fatal(err)
				}
			}
			is := func(s *site, f *os.File) bool {
				var is, want unix.Stat_t
				if err := unix.Fstat(int(f.Fd()), &want); err != nil {
					t.Fatal(err)
				}
				// It may have ended since.
				return unix.Stat(fmt.Sprintf("/proc/%d/ns/net", s.status().Pid), &is) == nil && is.Ino == want.Ino
			}
			first, second := netNS(t), netNS(t)
			become(first)
			o := quick(t)
			if o.Retry = 5 * pace; again {
				o.Retry, o.RetryMost = time.Hour, time.Hour
			}
			c := check(0, "SH", "a")
			c.NetNS = name
			plan := Plan{Checks: []Check{c}, Plugins: []Plugin{{Name: "SH", Path: path, Processes: 20}}}
			s := newSite(t, o)
			s.open(plan)
			s.eventually("it is in the first", func() bool { return is(s, first) })
			if err := os.Symlink("/proc/self/ns/uts", name+".new"); err != nil { // one of another kind
				t.Fatal(err)
			}
			if err := os.Rename(name+".new", name); err != nil {
				t.Fatal(err)
			}
			s.open(plan)
			tries := uint64(2)
			if again {
				tries = 1
			}
			s.eventually("it cannot be in what is none", func() bool { return s.status().Failures >= tries })
			if a := s.probe(0); a.Verdict != health.OK || !is(s, first) {
				t.Errorf("what runs does not go on: %+v", a)
			}
			become(second)
			if again {
				s.open(plan)
			}
			s.eventually("it is in the second", func() bool { return is(s, second) })
			if a := s.probe(0); a.Verdict != health.OK {
				t.Errorf("where it is now: %+v", a)
			}
			started := s.status().Starts
			time.Sleep(20 * pace)
			if got := s.status().Starts; got != started {
				t.Errorf("once it is there it is started again: %d starts, then %d", started, got)
			}
		})
	}
}

// TestOtherLimitsAtOnce: a reload that has a plugin run in another way starts its new
// process at once, also while the next try to move it to another network namespace, which
// has gone wrong, is far off.
func TestOtherLimitsAtOnce(t *testing.T) {
	needRoot(t)
	path, name := filepath.Join(openDir(t), "SH"), filepath.Join(t.TempDir(), "red")
	script(t, path, "answers")
	space := netNS(t)
	become := func(make func(path string) error) {
		t.Helper()
		if err := make(name + ".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Fatal(err)
		}
	}
	right := func(path string) error {
		return os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), space.Fd()), path)
	}
	o := quick(t)
	o.Retry, o.RetryMost = time.Hour, time.Hour
	c := check(0, "SH", "a")
	c.NetNS = name
	plan := Plan{Checks: []Check{c}, Plugins: []Plugin{{Name: "SH", Path: path, Processes: 20}}}
	s := newSite(t, o)
	become(right)
	s.open(plan)
	s.recovers(0)
	become(func(path string) error { return os.Symlink("/proc/self/ns/uts", path) }) // one of another kind
	s.open(plan)
	s.eventually("it cannot be in what is none", func() bool { return s.status().Failures > 0 })
	become(right)
	before := s.status()
	plan.Plugins[0].OpenFiles = 100
	s.open(plan)
	s.eventually("a process with the other limit", func() bool { st := s.status(); return st.Starts == before.Starts+1 && st.Pid != before.Pid })
	if a := s.probe(0); a.Verdict != health.OK {
		t.Errorf("%+v", a)
	}
}
