package engine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

type writer func([]byte) (int, error)

func (f writer) Write(p []byte) (int, error) { return f(p) }

// TestAdvertsLeave holds the first promise of the engine: whatever hangs, an
// advert leaves each interval.
func TestAdvertsLeave(t *testing.T) {
	tests := []struct {
		name string
		// hang arranges for something to block until free is closed.
		hang func(p *Plan, o *Options, k **fakeKernel, free chan struct{})
	}{
		{"nothing", func(*Plan, *Options, **fakeKernel, chan struct{}) {}},
		{"claim", func(_ *Plan, _ *Options, k **fakeKernel, free chan struct{}) {
			(*k).on("claim", func() error { <-free; return nil })
		}},
		{"announce", func(_ *Plan, _ *Options, k **fakeKernel, free chan struct{}) {
			(*k).on("announce", func() error { <-free; return nil })
		}},
		{"log", func(_ *Plan, o *Options, _ **fakeKernel, free chan struct{}) {
			o.Log = slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) { <-free; return len(p), nil }), nil))
		}},
		{"journal", func(_ *Plan, o *Options, _ **fakeKernel, free chan struct{}) {
			o.Journal = func([]netspec.Address, netspec.Routing) error { <-free; return nil }
		}},
		{"check", func(p *Plan, _ *Options, _ **fakeKernel, free chan struct{}) {
			p.Node.Scripts = []node.Script{{Name: "slow", Interval: time.Second, Rise: 1, Fall: 1}}
			p.Node.Instances[0].Scripts = []node.TrackScript{{Name: "slow", Weight: -20}}
			p.Checks = fakeChecks(func(context.Context, string) node.Checked { <-free; return node.Checked{} })
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				free := make(chan struct{})
				k := newKernel()
				plan, opts := one(), Options{}
				tt.hang(&plan, &opts, &k, free)
				r := prepare(plan, opts)
				k.sink, r.kernel = r.Engine, k
				r.begin()
				after(3 * time.Second)
				sent := k.timed("send")
				if len(sent) < 30 {
					t.Errorf("%d adverts in 3 s, want 30", len(sent))
				}
				for i := range sent {
					if want := time.Duration(i) * interval; sent[i].at != want {
						t.Fatalf("advert %d left after %v, want %v", i, sent[i].at, want)
					}
				}
				close(free)
				r.stop(t)
			})
		})
	}
}

func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{})
		r.begin()
		after(0)
		equal(t, "calls at the start", r.kernel.made(),
			"watch eth0 eth0", "send VI_1 255", "claim VI_1 192.0.2.100", "announce VI_1 192.0.2.100 5")
		r.stop(t)
	})
}

// TestNoAnnounceAfterFailedClaim holds that clients are not sent to an address
// that does not stand here, until it does.
func TestNoAnnounceAfterFailedClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{})
		failures := 1
		r.kernel.on("claim", func() error {
			if failures--; failures >= 0 {
				return errors.Join(errors.New("add 192.0.2.100/24: permission denied"), errors.New("add 192.0.2.101/24: no"))
			}
			return nil
		})
		r.begin()
		after(0)
		equal(t, "calls after a failed claim", r.kernel.made("claim", "announce"), "claim VI_1 192.0.2.100")
		if r.log.count("permission denied; add 192.0.2.101/24: no") != 1 {
			t.Errorf("the log does not tell once, on one line, why the claim failed:\n%s", r.log.all())
		}
		after(time.Second)
		equal(t, "calls after the retry", r.kernel.made("claim", "announce"),
			"claim VI_1 192.0.2.100", "claim VI_1 192.0.2.100", "announce VI_1 192.0.2.100 5")
		r.stop(t)
	})
}

// TestSendFailed holds that trouble with sending is told when it begins and
// when it ends, not with each advert.
func TestSendFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{})
		var down atomic.Bool
		r.kernel.on("send", func() error {
			if down.Load() {
				return errors.New("network is down")
			}
			return nil
		})
		r.begin()
		for range 2 {
			after(interval / 2)
			down.Store(true)
			after(time.Second)
			down.Store(false)
			after(time.Second)
		}
		if n := r.log.count("adverts cannot be sent: network is down"); n != 2 {
			t.Errorf("the failure was told %d times, want once each of 2 times", n)
		}
		if n := r.log.count("adverts leave again"); n != 2 {
			t.Errorf("the recovery was told %d times, want once each of 2 times", n)
		}
		r.stop(t)
	})
}

// silent is a kernel that notes nothing, for measuring.
type silent struct{ *fakeKernel }

func (silent) Send(_ []node.Action, errs []error) { clear(errs) }

// driven is an engine whose loop the caller drives, with a backup and a master.
func driven() (e *Engine, backup *node.Instance) {
	plan := planOf(instance("B", 1, 100, "192.0.2.100/24"), instance("M", 2, 255, "192.0.2.101/24"))
	e = New(plan, Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	e.kernel = silent{newKernel()}
	e.node = node.New(0, plan.Node)
	e.carry(e.node.Step(0, &node.Link{Name: "eth0", Exists: true, Up: true, Index: 1, Primary: local}))
	return e, &plan.Node.Instances[0]
}

// receive takes one advert the way of the real ones.
func (e *Engine) receive(in *node.Instance) {
	e.Packets(fill(e.NewPacket(), in, 200))
	e.open()
}

func TestAllocations(t *testing.T) {
	e, in := driven()
	if n := testing.AllocsPerRun(1000, func() { e.receive(in) }); n != 0 {
		t.Errorf("receiving an advert allocates %v times", n)
	}
	if heard := e.node.Status(0).Instances[0].Counts.Received; heard < 1000 {
		t.Errorf("%d adverts arrived at the router, want 1000: nothing was measured", heard)
	}
	e, _ = driven()
	now := mono.Instant(0)
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(interval)
		e.carry(e.node.Tick(now))
	}); n != 0 {
		t.Errorf("sending an advert allocates %v times", n)
	}
	if sent := e.node.Status(now).Instances[1].Counts.Sent; sent < 1000 {
		t.Errorf("%d adverts left, want 1000: nothing was measured", sent)
	}
}

func BenchmarkReceive(b *testing.B) {
	e, in := driven()
	b.ReportAllocs()
	for b.Loop() {
		e.receive(in)
	}
}

func BenchmarkSend(b *testing.B) {
	e, _ := driven()
	now := mono.Instant(0)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(interval)
		e.carry(e.node.Tick(now))
	}
}
