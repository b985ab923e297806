package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{Notifier: &fakeNotifier{}})
		r.begin()
		after(interval / 2)
		before := len(r.kernel.made())
		took, err := r.end()
		// It waits as long as a silent backup may take, and no longer.
		if err != nil || took < interval || took > 2*interval {
			t.Errorf("the stop took %v and returned %v, want %v to %v and nil", took, err, interval, 2*interval)
		}
		made := r.kernel.made()[before:]
		equal(t, "calls of the stop", made, "send VI_1 0", "hush VI_1 192.0.2.100", "release VI_1 192.0.2.100", "notify VI_1 INIT", "drain", "close")
	})
}

// TestStopTellsOfSlowReleases holds that what is told behind a release is delivered
// too when that takes longer than usual, before the engine ends.
func TestStopTellsOfSlowReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{Notifier: &fakeNotifier{}})
		r.kernel.on("release", func() error { time.Sleep(stopLimit * 3 / 2); return nil })
		r.begin()
		after(interval / 2)
		before := len(r.kernel.made())
		if _, err := r.end(); err != nil {
			t.Error(err)
		}
		made := r.kernel.made()[before:]
		equal(t, "calls of the stop", made, "send VI_1 0", "hush VI_1 192.0.2.100", "release VI_1 192.0.2.100", "notify VI_1 INIT", "drain", "close")
	})
}

// TestHurryAtOnce holds that a stop which is hastened at once waits for nobody, in
// whatever order the loop sees the two.
func TestHurryAtOnce(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			r := prepare(one(), Options{})
			r.begin()
			after(interval / 2)
			r.Hurry() // before a stop it means nothing
			after(0)
			begin := time.Now()
			r.cancel()
			r.Hurry()
			if err := <-r.err; err != nil || time.Since(begin) > interval/10 {
				t.Errorf("the stop took %v and returned %v", time.Since(begin), err)
			}
		})
	}
}

// TestAskGivesUp: who asks a loop that does not answer waits no longer than it
// wants to, and nothing happens afterwards.
func TestAskGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{}) // nobody answers yet
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		called := false
		if err := r.ask(ctx, func(mono.Instant) { called = true }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
		r.begin()
		after(interval / 2)
		if _, _, err := r.Status(t.Context()); err != nil || called {
			t.Errorf("%v; what was given up was done afterwards: %v", err, called)
		}
		r.stop(t)
	})
}

// TestStopHandsOver holds that a master keeps its addresses until the peer
// that it heard has taken over or must have, and no longer than the limit.
func TestStopHandsOver(t *testing.T) {
	tests := []struct {
		name     string
		interval time.Duration
		heard    time.Duration // after the stop; 0 is never
		min, max time.Duration // when the addresses are released
	}{
		{"silent peer", time.Second, 0, 900 * time.Millisecond, stopLimit - 1},
		{"peer takes over", time.Second, 100 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond},
		{"peer that is slower than a stop may be", 10 * time.Second, 0, stopLimit, stopLimit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := instance("VI_1", 1, 255, "192.0.2.100/24")
				in.Router.Interval = tt.interval
				r := prepare(planOf(in), Options{})
				r.begin()
				after(0)
				r.Packets(fill(r.NewPacket(), &in, 50))
				after(time.Second / 2)
				if tt.heard > 0 {
					time.AfterFunc(tt.heard, func() { r.Packets(fill(r.NewPacket(), &in, 50)) })
				}
				begin := time.Since(r.kernel.start)
				if _, err := r.end(); err != nil {
					t.Error(err)
				}
				released := r.kernel.timed("release")
				if len(released) != 1 {
					t.Fatalf("released %d times, want once", len(released))
				}
				if after := released[0].at - begin; after < tt.min || after > tt.max {
					t.Errorf("released %v after the stop, want %v to %v", after, tt.min, tt.max)
				}
			})
		})
	}
}

// TestStopThoughAllHangs holds that a stop ends in bounded time, and says what
// could not be done.
func TestStopThoughAllHangs(t *testing.T) {
	tests := []struct {
		name   string
		hang   func(r *running, o *Options, free chan struct{})
		limit  time.Duration
		want   string // in the error; "" is none
		closed bool
	}{
		{"claim", func(r *running, _ *Options, free chan struct{}) {
			r.kernel.on("claim", func() error { <-free; return nil })
		}, 2*stopLimit + 2*interval, "addresses could not be released in time", false},
		{"release", func(r *running, _ *Options, free chan struct{}) {
			r.kernel.on("release", func() error { <-free; return nil })
		}, 2*stopLimit + 2*interval, "addresses could not be released in time", false},
		{"watch", func(r *running, _ *Options, free chan struct{}) {
			r.kernel.on("watch", func() error { <-free; return nil })
		}, 2*stopLimit + 2*interval, "addresses could not be released in time", false},
		{"journal", func(_ *running, o *Options, free chan struct{}) {
			o.Journal = func([]netspec.Address, netspec.Routing) error { <-free; return nil }
		}, stopLimit + 2*interval, "journal of owned addresses could not be written in time", true},
		{"notifications", func(_ *running, o *Options, _ chan struct{}) {
			o.Notifier = &fakeNotifier{drain: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		}, tellLimit + 2*interval, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				free := make(chan struct{})
				var opts Options
				r := prepare(one(), opts)
				tt.hang(r, &opts, free)
				hooked := r.kernel
				r = prepare(one(), opts)
				hooked.sink, r.kernel = r.Engine, hooked
				r.begin()
				after(time.Second)
				took, err := r.end()
				if took > tt.limit {
					t.Errorf("the stop took %v, want %v at most", took, tt.limit)
				}
				switch {
				case tt.want == "" && err != nil:
					t.Errorf("error %v", err)
				case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
					t.Errorf("error %v, want one with %q", err, tt.want)
				}
				if closed := slices.Contains(r.kernel.made(), "close"); closed != tt.closed {
					t.Errorf("the kernel was closed: %v, want %v", closed, tt.closed)
				}
				if tt.name == "notifications" && r.log.count("notifications were still under way") != 1 {
					t.Error("the log does not tell of the notifications")
				}
				close(free)
			})
		})
	}
}

// TestWatchFails holds that a node of which an interface cannot be used ends,
// and that masters on its other interfaces give up what they took meanwhile.
func TestWatchFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{})
		r.kernel.on("watch", func() error {
			r.Event(&node.Link{Name: "eth0", Exists: true, Up: true, Index: 1, Primary: local})
			time.Sleep(time.Second)
			return errors.New("open VRRP socket on eth9: permission denied")
		})
		r.begin()
		err := <-r.err
		if err == nil || !strings.Contains(err.Error(), "watch the interfaces: open VRRP socket on eth9: permission denied") {
			t.Errorf("error %v", err)
		}
		if made := r.kernel.made("send VI_1 0", "release", "close"); !slices.Equal(made, []string{"send VI_1 0", "release VI_1 192.0.2.100", "close"}) {
			t.Errorf("at the end: %q, want an advert of priority 0, a release, close", made)
		}
		r.cancel()
	})
}

// TestPanic holds that a broken machine does not go on holding addresses.
func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := instance("VI_1", 1, 255, "192.0.2.100/24")
		in.Excluded = []netspec.Address{address("192.0.2.101/24")}
		r := prepare(planOf(in), Options{})
		r.begin()
		after(interval)
		r.Event(nil) // no event at all: Step panics
		err := <-r.err
		for _, part := range []string{"internal error, giving all addresses up", "has no case in Step", "node.(*Node).Step", "engine.(*Engine).loop"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("the error lacks %q: %v", part, err)
			}
		}
		equal(t, "releases", r.kernel.made("release", "close"), "release VI_1 192.0.2.100,192.0.2.101", "close")
		if _, _, err := r.Status(context.Background()); !errors.Is(err, ErrStopped) {
			t.Errorf("Status after a panic: %v, want ErrStopped", err)
		}
		r.cancel()
	})
}

// TestPanicInPacket holds the same for a packet, which the loop does not judge while
// it waits: who brought it goes on.
func TestPanicInPacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(planOf(instance("VI_1", 1, 255, "192.0.2.100/24")), Options{})
		r.begin()
		after(interval)
		r.Packets(nil) // one that is none: Step panics
		r.Packets(nil)
		err := <-r.err
		for _, part := range []string{"internal error, giving all addresses up", "nil pointer", "node.(*Node).Step", "engine.(*Engine).Packets"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("the error lacks %q: %v", part, err)
			}
		}
		equal(t, "releases", r.kernel.made("release", "close"), "release VI_1 192.0.2.100", "close")
		r.cancel()
	})
}

// TestPacketsAtOnce: while the loop waits for nothing but its alarm, a packet is judged
// before whoever brought it goes on; during work of the loop, after that.
func TestPacketsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := instance("A", 1, 100, "192.0.2.100/24")
		r := prepare(planOf(in), Options{})
		r.begin()
		after(time.Second)
		synctest.Wait()
		r.Packets(fill(r.NewPacket(), &in, 200))
		if r.kernel.made("hush") == nil {
			t.Error("the loop had to judge the packet")
		}
		begun, end := make(chan struct{}), make(chan struct{})
		go r.ask(context.Background(), func(mono.Instant) { close(begun); <-end })
		<-begun
		r.Packets(fill(r.NewPacket(), &in, 0)) // the other master leaves
		at := time.Now()
		close(end)
		after(10 * interval)
		for _, c := range r.kernel.timed("claim") {
			if took := r.kernel.start.Add(c.at).Sub(at); took > 0 && took < interval {
				r.stop(t)
				return
			}
		}
		t.Errorf("it is not MASTER within its skew of the other's end: %v", r.kernel.timed("claim"))
		r.stop(t)
	})
}

// TestPanicWhileAsked holds that who asked is not left waiting.
func TestPanicWhileAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{})
		r.begin()
		after(interval)
		bad := one()
		bad.Node.Instances[0].Scripts = []node.TrackScript{{Name: "there is none"}}
		if err := r.Reload(context.Background(), bad); !errors.Is(err, ErrStopped) {
			t.Errorf("Reload: %v, want ErrStopped", err)
		}
		if err := <-r.err; err == nil || !strings.Contains(err.Error(), "internal error") {
			t.Errorf("Run: %v, want an internal error", err)
		}
		r.cancel()
	})
}

// TestStopBeforeBegin holds that a node which is told to stop at once neither
// waits nor claims.
func TestStopBeforeBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := instance("VI_1", 1, 100, "192.0.2.100/24")
		r := prepare(planOf(in), Options{})
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := r.Run(ctx, r.kernel); err != nil {
			t.Error(err)
		}
		if made := r.kernel.made("send", "claim"); len(made) > 0 {
			t.Errorf("it did %q", made)
		}
	})
}

// TestRoleAfterLoss holds the end of a backup's patience through the engine's
// own clock: no advert for three intervals and the skew.
func TestRoleAfterLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := instance("VI_1", 1, 100, "192.0.2.100/24")
		r := prepare(planOf(in), Options{})
		r.begin()
		after(0)
		var last time.Duration
		for range 20 {
			r.Packets(fill(r.NewPacket(), &in, 200))
			last = time.Since(r.kernel.start)
			after(interval)
		}
		if made := r.kernel.made("send"); len(made) > 0 {
			t.Fatalf("a backup that hears its master sent %q", made)
		}
		after(time.Second)
		want := last + in.Router.Version.MasterDown(100, interval, 3)
		sent := r.kernel.timed("send")
		if len(sent) == 0 || sent[0].at != want {
			t.Errorf("adverts %v, want the first at %v", sent, want)
		}
		if s, _, err := r.Status(context.Background()); err != nil || s.Instances[0].Role != vrrp.Master {
			t.Errorf("status %+v, %v, want MASTER", s, err)
		}
		r.stop(t)
	})
}
