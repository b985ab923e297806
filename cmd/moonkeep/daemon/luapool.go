package daemon

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/lua"
)

// poolWidth is how many Lua checks run at a time. Most wait for a server; those
// that compute are kept short by their budget.
const poolWidth = 256

// luaPool runs Lua checks, at most poolWidth at a time; the others wait in
// order. Its queue is as long as there are checks, each of which has one run
// under way at most, and a second one for a moment after a reload. What waits
// too long for its turn says so when it has it. Goroutines begin with work and
// end with it; close ends them.
type luaPool struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	queue  []func()
	at     int // of the next in queue
	width  int // goroutines now
	closed bool
	work   sync.WaitGroup
}

func newLuaPool() *luaPool {
	p := &luaPool{}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// submit has f called, now or in its turn. After close it is not called.
func (p *luaPool) submit(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.queue = append(p.queue, f)
	if p.width < poolWidth {
		p.width++
		p.work.Go(p.drain)
	}
}

// drain calls what waits until nothing does.
func (p *luaPool) drain() {
	for {
		p.mu.Lock()
		if p.at == len(p.queue) || p.closed {
			p.width--
			p.queue, p.at = p.queue[:0], 0
			p.mu.Unlock()
			return
		}
		f := p.queue[p.at]
		p.queue[p.at] = nil
		if p.at++; p.at > len(p.queue)/2 && p.at > poolWidth {
			p.queue = append(p.queue[:0], p.queue[p.at:]...)
			p.at = 0
		}
		p.mu.Unlock()
		f()
	}
}

// close ends what runs and drops what waits. The error says that something does
// not end in time.
func (p *luaPool) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	done := make(chan struct{})
	go func() {
		p.work.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.New("a Lua check does not end")
	}
}

// serverWeight is the weight that IPVS takes, and what is odd about the one that a
// script measured: a check whose weight makes no sense has its verdict all the
// same. A weight that is not zero does not become that by being rounded, which
// would take the server out.
func serverWeight(w float64) (int32, string) {
	switch {
	case w < 0:
		return 0, fmt.Sprintf("the weight is %v; 0 is taken, the least that there is", w)
	case w > balance.MostWeight:
		return balance.MostWeight, fmt.Sprintf("the weight is %v; %d is taken, the most that there is", w, balance.MostWeight)
	case w > 0 && w < 1:
		return 1, ""
	}
	return int32(math.Round(w)), ""
}

// run runs a check until end at the latest. One that is quick answers in its turn
// on this goroutine, or another when it does not end in time.
func (k *luaCheck) run(p *luaPool, end time.Time, tell func(node.Answer)) {
	begin := time.Now()
	if !begin.Before(end) {
		tell(node.Answer{Verdict: health.Unknown, Message: fmt.Sprintf("it waited %v for its turn: too many Lua checks take too long", k.limit)})
		return
	}
	if k.quick {
		call := k.runner.Inline
		if k.measures {
			call = k.runner.InlineWeight
		}
		call(p.ctx, end.Sub(begin), k.about, func(v lua.Verdict, err error) { tell(k.answer(p, v, err, time.Since(begin), end.Sub(begin))) })
		return
	}
	ctx, cancel := context.WithDeadline(p.ctx, end)
	defer cancel()
	var v lua.Verdict
	var err error
	if k.measures {
		var weight float64
		weight, err = k.runner.WeightOf(ctx, k.about)
		v.OK, v.Weight = err == nil, &weight
	} else {
		v, err = k.runner.Verdict(ctx, k.about)
	}
	tell(k.answer(p, v, err, time.Since(begin), end.Sub(begin)))
}

// answer is what came of a run that had so much time.
func (k *luaCheck) answer(p *luaPool, v lua.Verdict, err error, took, limit time.Duration) node.Answer {
	ans := node.Answer{Message: v.Message, Took: took}
	if w := v.Weight; w != nil && v.OK {
		ans.Weighs = true
		var odd string
		if ans.Weight, odd = serverWeight(*w); odd != "" && ans.Message == "" {
			ans.Message = odd
		}
	}
	switch {
	case p.ctx.Err() != nil || errors.Is(err, lua.ErrStuck) || k.measures && err != nil:
		ans.Verdict = health.Unknown
	case (err != nil || !v.OK) && stoodStill(took, limit):
		ans.Verdict, ans.Message = health.Unknown, fmt.Sprintf("the daemon stood still: it took %s of %s", took.Round(time.Millisecond), limit.Round(time.Millisecond))
		return ans
	case err != nil:
		// A script that is wrong fails its server, as keepalived's programs do
		// that cannot be run.
		ans.Verdict = health.Failed
	case v.OK:
		ans.Verdict = health.OK
	default:
		ans.Verdict = health.Failed
	}
	if err != nil {
		ans.Message = err.Error()
	}
	return ans
}
