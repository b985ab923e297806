package engine

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// fakeWatcher finds a number in file f.
type fakeWatcher struct {
	value int64
	err   error // of Close

	mu              sync.Mutex
	started, closed int
	tell            func(node.Event)
}

func (w *fakeWatcher) Start(tell func(node.Event)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.started++
	w.tell = tell
	tell(&node.FileRead{File: "f", Value: w.value})
}

func (w *fakeWatcher) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed++
	return w.err
}

func (w *fakeWatcher) calls() [2]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return [2]int{w.started, w.closed}
}

// watching is a plan of one instance that tracks f.
func watching(w *fakeWatcher, priority uint8) Plan {
	p := planOf(instance("VI_1", 1, priority, "192.0.2.100/24"))
	p.Node.Files = []node.File{{Name: "f"}}
	p.Node.Instances[0].Files = []node.TrackFile{{Name: "f", Weight: 1}}
	p.Watcher = w
	return p
}

func effective(t *testing.T, r *running) int {
	t.Helper()
	s, _, err := r.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return int(s.Instances[0].Effective)
}

// TestWatcher: each plan's watcher is started when the plan is in force, and
// closed when it is no longer.
func TestWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, refused := &fakeWatcher{value: 5}, &fakeWatcher{value: -5}, &fakeWatcher{}
		r := prepare(watching(first, 100), Options{})
		r.begin()
		after(interval / 2)
		if got := effective(t, r); got != 105 {
			t.Errorf("priority %d, want 105", got)
		}
		first.tell(&node.FileRead{File: "f", Value: 7})
		after(0)
		if got := effective(t, r); got != 107 {
			t.Errorf("priority %d, want 107", got)
		}
		first.err = errors.New("it hangs")
		if err := r.Reload(context.Background(), watching(second, 100)); err != nil {
			t.Errorf("error %v: the plan is in force", err)
		}
		after(0)
		if got := effective(t, r); got != 95 || r.log.count("it hangs") != 1 {
			t.Errorf("priority %d, want 95; told %d times of the first watcher, want once", got, r.log.count("it hangs"))
		}
		r.kernel.on("watch eth0,eth9", func() error { return errors.New("no such interface") })
		bad := watching(refused, 100)
		bad.Interfaces = []string{"eth9"}
		if err := r.Reload(context.Background(), bad); err == nil {
			t.Error("the plan is not refused")
		}
		if got := refused.calls(); got != [2]int{0, 1} {
			t.Errorf("the watcher of a refused plan was started and closed %v times", got)
		}
		if f, s := first.calls(), second.calls(); f != [2]int{1, 1} || s != [2]int{1, 0} {
			t.Errorf("started and closed: %v and %v, want 1 1 and 1 0", f, s)
		}
		second.err = errors.New("it hangs as well")
		if _, err := r.end(); err == nil || !strings.Contains(err.Error(), "it hangs as well") {
			t.Errorf("stop: %v", err)
		}
		late := &fakeWatcher{}
		if err := r.Reload(context.Background(), watching(late, 100)); !errors.Is(err, ErrStopped) {
			t.Errorf("reload after the end: %v", err)
		}
		if s, l := second.calls(), late.calls(); s != [2]int{1, 1} || l != [2]int{0, 1} {
			t.Errorf("at the end started and closed: %v and %v, want 1 1 and 0 1", s, l)
		}
		second.tell(&node.FileRead{File: "f", Value: 7}) // must not hang
	})
}

// TestWatcherUnused: a run that cannot begin closes it.
func TestWatcherUnused(t *testing.T) {
	for _, call := range []string{"held", "sessions"} {
		synctest.Test(t, func(t *testing.T) {
			w := &fakeWatcher{}
			r := prepare(watching(w, 100), Options{Stale: []netspec.Address{{Device: "eth0"}}})
			r.kernel.bfd = true // so that naming none is a call, too
			r.kernel.on(call, func() error { return errors.New("it is broken") })
			r.begin()
			if err := <-r.err; err == nil || w.calls() != [2]int{0, 1} {
				t.Errorf("%s: error %v, started and closed %v times, want 0 1", call, err, w.calls())
			}
		})
	}
}
