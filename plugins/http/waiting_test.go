package http

import (
	"context"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// TestWaitingIsSmall: a probe that waits for a head has room for a head, and none for a
// body: where servers are slow thousands wait.
func TestWaitingIsSmall(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const n = 400
	asked := make(chan struct{}, n)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				_, _ = c.Read(make([]byte, 1))
				asked <- struct{}{}
				// The rest, and its end; this side counts below, too.
				for b := make([]byte, 64); err == nil; {
					_, err = c.Read(b)
				}
			})
		}
	})
	c := New()
	options, err := checker.NewOptions([]byte(`{"urls":[{"path":"/"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var probed sync.WaitGroup
	turns := make([]checker.Turn, n)
	for i := range turns {
		p, err := c.Prepare(checker.Target{Address: l.Addr().(*net.TCPAddr).AddrPort(), Timeout: time.Minute}, options)
		if err != nil {
			t.Fatal(err)
		}
		probed.Add(1)
		turns[i] = checker.Turn{Probe: p, Do: func() { defer probed.Done(); p.Probe(ctx) }}
	}
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	c.Run(turns)
	for range n {
		<-asked
	}
	// The server's side has a part in it.
	if each := (heap() - before) / n; each > 11<<10 {
		t.Errorf("each has %d bytes while it waits", each)
	}
	cancel()
	probed.Wait()
	l.Close()
	served.Wait()
}
