package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
)

// TestQuietly: long work begins when no advert is due meanwhile, and in the end
// also if there is never such a moment.
func TestQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{})
		r.begin()
		after(10 * interval)
		work := func(takes time.Duration) (waited, left time.Duration) {
			t.Helper()
			began := time.Now()
			err := r.quietly(context.Background(), takes, func(now mono.Instant) {
				waited, left = time.Since(began), r.node.Urgent().Sub(now)
			})
			if err != nil {
				t.Fatal(err)
			}
			return waited, left
		}
		for range 20 {
			if waited, left := work(interval / 2); left <= interval/2 || waited > interval {
				t.Errorf("after %v, %v before something is due", waited, left)
			}
			after(interval / 7)
		}
		if waited, _ := work(2 * interval); waited < quietLimit || waited > quietLimit+2*interval {
			t.Errorf("without a quiet moment it begins after %v", waited)
		}
		if waited, _ := work(shortWork); waited > 0 {
			t.Errorf("short work waits %v", waited)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := r.quietly(ctx, 2*interval, func(mono.Instant) {}); err == nil {
			t.Error("what is called off is done")
		}
		r.stop(t)
	})
	c := node.Config{Services: []node.Service{{Servers: make([]node.Server, 30_000)}, {Servers: make([]node.Server, 7_000)}}}
	for what, got := range map[string]time.Duration{"added": takes(&node.Config{}, &c), "removed": takes(&c, &node.Config{})} {
		if got < 30*time.Millisecond || got > 100*time.Millisecond {
			t.Errorf("37,000 servers that are %s take %v", what, got)
		}
	}
}
