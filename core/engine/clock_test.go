package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// postbox is a kernel that keeps the payloads of adverts.
type postbox struct {
	*fakeKernel
	mu   sync.Mutex
	sent [][]byte
}

func (k *postbox) send(a *node.Action) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.sent = append(k.sent, bytes.Clone(a.Payload))
	return nil
}

// TestClock: adverts carry the time of the wall clock from the first on, and of
// one that was set from the next on.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := one()
		plan.Node.Instances[0].Router.HMAC = vrrp.HMAC{
			Mode: vrrp.HMACEnforce, Active: 1, Keys: []vrrp.Key{{ID: 1, Secret: bytes.Repeat([]byte{7}, 32)}},
		}
		r := prepare(plan, Options{})
		k := &postbox{fakeKernel: r.kernel}
		ctx, cancel := context.WithCancel(context.Background())
		r.cancel = cancel
		begin := time.Now()
		go func() { r.err <- r.Run(ctx, k) }()
		after(time.Second + interval/2)
		k.mu.Lock()
		sent := k.sent
		k.mu.Unlock()
		if len(sent) != 11 {
			t.Fatalf("%d adverts, want 11", len(sent))
		}
		for i, p := range sent {
			want := begin.Add(time.Duration(i) * interval)
			got := binary.BigEndian.Uint64(p[len(p)-24:])
			if sec := uint32(got >> 32); sec != uint32(want.Unix()) {
				t.Errorf("advert %d carries second %d, want %d", i, sec, want.Unix())
			}
		}
		r.stop(t)
	})
}

// TestLook: the node is told when the wall clock does not go with the monotonic
// one any more, and only then.
func TestLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{})
		r.node = node.New(0, node.Config{})
		now := r.look()
		want := time.Now().UnixNano() - int64(now)
		if r.wall != want {
			t.Fatalf("the wall clock at instant zero is %d, want %d", r.wall, want)
		}
		for _, tt := range []struct {
			off  int64
			kept bool
		}{{int64(time.Hour), false}, {-int64(time.Hour), false}, {clockStep + 1, false}, {clockStep, true}, {-clockStep, true}, {0, true}} {
			r.wall = want + tt.off
			r.look()
			if kept := r.wall == want+tt.off; kept != tt.kept || !kept && r.wall != want {
				t.Errorf("off by %v: %d, want it kept %v", time.Duration(tt.off), r.wall-want, tt.kept)
			}
		}
	})
}

// TestSuspended: what the machine slept is time that has passed, which is no step
// of the wall clock; and a step of that is no sleep.
func TestSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slept := time.Hour // before the start
		r := prepare(one(), Options{Slept: func() time.Duration { return slept }})
		r.node = node.New(0, node.Config{})
		first := r.look()
		wall := r.wall
		slept += 10 * time.Second
		r.wall -= int64(10 * time.Second) // as it went on meanwhile
		if d := r.look().Sub(first); d != 10*time.Second || r.wall != wall-int64(10*time.Second) {
			t.Errorf("after a sleep of 10s: the clock went on by %v, the wall clock was set by %v", d, time.Duration(r.wall-wall)+10*time.Second)
		}
		at := r.look()
		r.wall += int64(time.Minute)
		if d := r.look().Sub(at); d != 0 {
			t.Errorf("after a step of the wall clock: the clock went on by %v", d)
		}
	})
}

// TestSuspendedMaster: a master that slept longer than backups wait listens
// before it speaks.
func TestSuspendedMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept atomic.Int64
		r := prepare(planOf(instance("VI_1", 1, 100, "192.0.2.100/24")), Options{Slept: func() time.Duration { return time.Duration(slept.Load()) }})
		r.begin()
		after(2 * time.Second)
		slept.Store(int64(time.Minute))
		r.asks <- func(mono.Instant) { r.wall -= int64(time.Minute) } // in the loop, whose it is
		r.opts.Alarm.Ring()
		after(interval / 2)
		if s, _, err := r.Status(t.Context()); err != nil || s.Instances[0].Role != vrrp.Backup || !strings.Contains(s.Instances[0].Why, "slept 1m0") {
			t.Errorf("after a sleep of a minute it is %v because %q, %v", s.Instances[0].Role, s.Instances[0].Why, err)
		}
		r.stop(t)
	})
}

// TestSuspendedBackup: the alarm of a node that slept is set anew, as its own clock
// stood still meanwhile.
func TestSuspendedBackup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept atomic.Int64
		in := instance("VI_1", 1, 100, "192.0.2.100/24")
		r := prepare(planOf(in), Options{Slept: func() time.Duration { return time.Duration(slept.Load()) }})
		r.begin()
		after(0)
		r.Packets(fill(r.NewPacket(), &in, 200))
		after(interval / 10)
		slept.Store(int64(time.Minute))
		r.asks <- func(mono.Instant) { r.wall -= int64(time.Minute) }
		r.opts.Alarm.Ring()
		r.Packets(fill(r.NewPacket(), &in, 200))
		after(interval / 10)
		r.Packets(fill(r.NewPacket(), &in, 0)) // the master leaves
		after(interval)
		if s, _, err := r.Status(t.Context()); err != nil || s.Instances[0].Role != vrrp.Master {
			t.Errorf("an interval after the master left it is %v, %v", s.Instances[0].Role, err)
		}
		r.stop(t)
	})
}

// Send implements Kernel.
func (k *postbox) Send(adverts []node.Action, errs []error) { sendEach(k.send, adverts, errs) }
