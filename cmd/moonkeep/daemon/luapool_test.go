package daemon

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/engine/turns"
)

// TestPoolQueue: a turn of quick checks that is stuck while there is no room fills
// the queue with no more than one goroutine that is to help.
func TestPoolQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newLuaPool()
		free := make(chan struct{})
		for range poolWidth - 1 {
			p.submit(func() { <-free })
		}
		told := make(chan []int, 10)
		turns.Run(3, p.submit, func(i int, tell func(int)) { <-free; tell(i) }, func(list []int) { told <- list })
		time.Sleep(time.Second)
		p.mu.Lock()
		waiting := len(p.queue) - p.at
		p.mu.Unlock()
		if waiting != 1 {
			t.Errorf("%d wait in the queue for three checks", waiting)
		}
		close(free)
		for n := 0; n < 3; {
			n += len(<-told)
		}
		if err := p.close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
