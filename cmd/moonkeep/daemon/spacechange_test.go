package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// TestSpacesStayUntilWatched: no namespace is closed before all is watched, for its
// kernel clears only then what an earlier run left.
func TestSpacesStayUntilWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &daemon{watching: make(chan struct{}), unnamed: make(chan struct{}, 1)}
		d.reloading.Lock() // what comes of it is another's
		d.lookAtSpaces()
		ctx, end := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			defer close(over)
			d.watchSpaces(ctx)
		}()
		time.Sleep(time.Minute)
		if len(d.unnamed) != 1 {
			t.Error("it looks for namespaces to be closed before all is watched")
		}
		close(d.watching)
		time.Sleep(time.Minute)
		if len(d.unnamed) != 0 {
			t.Error("it does not look for namespaces to be closed")
		}
		end()
		<-over
		d.watchSpaces(ctx) // it ends also when nothing is ever watched
	})
}

// TestToldNothingAfterTheEnd: once the kernels are closed nothing is told of open ones,
// which would be an orderly stop taken for a kill. One that could not be left counts.
func TestToldNothingAfterTheEnd(t *testing.T) {
	for name, stops := range map[string]bool{"stops": true, "runs on": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := make(chan []string, 10)
				s := &spaces{}
				s.others.Store(&map[string]*space{"red": {Kernel: &kernel.Kernel{}, name: "red"}})
				s.tell = func(open []string) { told <- open }
				s.using.RLock()
				defer s.using.RUnlock()
				closed := make(chan error, 1)
				go func() {
					time.Sleep(closeLimit / 2)
					if stops {
						closed <- s.Close()
					}
				}()
				names, more, err := s.retire(nil, nil)
				if len(names) != 1 || err == nil || !strings.Contains(err.Error(), "stays there") || more == stops {
					t.Errorf("closed: %v, more %v, %v", names, more, err)
				}
				switch {
				case !stops && (len(told) != 1 || !slices.Equal(<-told, []string{"", "red"})):
					t.Error("not told that the namespace is open")
				case stops && len(told) != 0:
					t.Errorf("told of %v after the end", <-told)
				}
				if stops && <-closed == nil {
					t.Error("closed while a kernel was used")
				}
			})
		})
	}
}

// gone collects what the node is told is gone.
type gone struct {
	engine.Sink
	all chan *node.Gone
}

func (g gone) Event(e node.Event) {
	if x, is := e.(*node.Gone); is {
		g.all <- x
	}
}

// TestLeftLate: a namespace that another replaces while somebody uses it is left as soon
// as that is over, or at the end. What was claimed is claimed anew in any case.
func TestLeftLate(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*spaces) error{
		"while it runs": func(s *spaces) error {
			_, more, err := s.retire(slices.Collect(maps.Keys(*s.others.Load())), nil)
			if more {
				err = errors.Join(err, errors.New("there is more to be left"))
			}
			return errors.Join(err, s.Close())
		},
		"at the end": (*spaces).Close,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := netnstest.New(t)
			first, _ := netnstest.Pair(t, "eth0", "eth0")
			second, _ := netnstest.Pair(t, "eth0", "eth0")
			red := filepath.Join(t.TempDir(), "red")
			become := func(h *netnstest.Host, name string) {
				t.Helper()
				if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				netnstest.Must(t, os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.FD()), name))
			}
			become(first, red)
			var s *spaces
			own.Run(t, func() error {
				home, err := kernel.Open(struct{ engine.Sink }{}, kernel.Options{})
				if err == nil {
					s, err = joinSpaces(home)
				}
				return err
			})
			sink := gone{all: make(chan *node.Gone, 10)}
			netnstest.Must(t, s.open(red, sink, kernel.Options{}))
			a := netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.100/24"), Device: netspec.Within(red, "eth0")}
			errs := make([]error, 1)
			s.Claim([]engine.Holding{{Instance: "static", Addresses: []netspec.Address{a}}}, errs)
			netnstest.Must(t, errs[0])
			has := func(h *netnstest.Host) bool {
				list, err := h.Link.List("eth0")
				netnstest.Must(t, err)
				return slices.ContainsFunc(list, func(x netspec.Address) bool { return x.Prefix == a.Prefix })
			}
			if !has(first) {
				t.Fatal("the address does not stand")
			}

			become(second, red)
			netnstest.Must(t, s.open(red, sink, kernel.Options{}))
			// Two names of what has come are one too many also while it waits.
			blue := filepath.Join(filepath.Dir(red), "blue")
			become(second, blue)
			if err := s.open(blue, sink, kernel.Options{}); err == nil || !strings.Contains(err.Error(), "the same as "+red) {
				t.Errorf("a second name of a namespace: %v", err)
			}
			s.using.RLock()
			names, err := s.exchange(nil, func(string, *kernel.Kernel) error { return nil })
			s.using.RUnlock()
			if !slices.Equal(names, []string{red}) || err == nil || !strings.Contains(err.Error(), "stays there") {
				t.Errorf("exchanged while it is used: %v, %v", names, err)
			}
			if len(sink.all) == 0 {
				t.Fatal("not told that the address is gone")
			}
			if g := <-sink.all; g.Instance != "static" || !g.Left || !slices.ContainsFunc(g.Addresses, a.Same) {
				t.Errorf("told %+v", g)
			}
			if !has(first) {
				t.Error("the address is gone although the namespace is used")
			}
			netnstest.Must(t, end(s))
			if has(first) {
				t.Error("the address stays in the namespace that was left")
			}
		})
	}
}
