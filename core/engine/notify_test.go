package engine

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/notify"
	"github.com/moonkeep/moonkeep/core/program"
)

// TestAdvertsLeaveWhateverIsTold holds that a storm of changes, of which every
// program and function hangs and every line finds its FIFO full, moves no
// advert by anything.
func TestAdvertsLeaveWhateverIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	synctest.Test(t, func(t *testing.T) {
		plan := planOf(instance("VI_1", 1, 255, "192.0.2.100/24"), instance("VI_2", 2, 255, "192.0.2.101/24"))
		plan.Node.Instances[1].Interface = "eth1"
		plan.Interfaces = append(plan.Interfaces, "eth1")
		everything := &notify.Program{Argv: []string{"hang"}}
		target := notify.Target{Master: everything, Backup: everything, Fault: everything, Stop: everything, Any: everything, Lua: &notify.Lua{}}
		n, err := notify.New(notify.Options{
			Run: func(ctx context.Context, _ program.Spec) program.Outcome {
				<-ctx.Done()
				return program.Outcome{Kind: program.Canceled}
			},
			Lua: func(ctx context.Context, _ notify.Lua, _ node.Change, _ string, _ []netspec.Address) error {
				<-ctx.Done()
				return ctx.Err()
			},
			Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Plan: notify.Plan{
				Targets: map[notify.Key]*notify.Target{{Name: "VI_1"}: &target, {Name: "VI_2"}: &target},
				FIFOs:   []notify.FIFO{{Path: path, Routers: true}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		r := prepare(plan, Options{Notifier: n})
		r.begin()
		after(0)
		const flaps = 3000
		for i := range flaps {
			r.Event(&node.Link{Name: "eth1", Exists: true, Up: i%2 == 1, Index: 2, Primary: local})
			after(time.Millisecond)
		}
		sent := r.kernel.timed("send VI_1")
		if len(sent) < 30 {
			t.Errorf("%d adverts in 3 s, want 30", len(sent))
		}
		for i := range sent {
			if want := time.Duration(i) * interval; sent[i].at != want {
				t.Fatalf("advert %d left after %v, want %v", i, sent[i].at, want)
			}
		}
		if c := n.Counts(); c.FIFOs[0].Written+c.FIFOs[0].Dropped < flaps || c.FIFOs[0].Dropped == 0 || c.Dropped < flaps-2*notify.QueueBound {
			t.Errorf("%+v after %d changes, of which hardly any can have been told", c, flaps)
		}
		took, err := r.end()
		if err != nil || took > tellLimit+stopLimit {
			t.Errorf("the stop took %v: %v", took, err)
		}
	})
}

// TestToldAfterTheAddresses: who is told of a role finds the addresses as they
// are in it, however long the kernel takes; the loop does not wait for that.
func TestToldAfterTheAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slow = 5 * interval
		r := prepare(one(), Options{Notifier: &fakeNotifier{}})
		r.kernel.on("claim", func() error { time.Sleep(slow); return nil })
		r.begin()
		after(slow - interval/2)
		if made := r.kernel.made("notify VI_1 MASTER"); len(made) != 0 {
			t.Errorf("told before the addresses stood: %v", made)
		}
		if sent := r.kernel.timed("send VI_1"); len(sent) < 4 {
			t.Errorf("%d adverts while the kernel took its time", len(sent))
		}
		after(interval)
		equal(t, "told", r.kernel.made("notify VI_1 MASTER"), "notify VI_1 MASTER")
		r.stop(t)
	})
}
