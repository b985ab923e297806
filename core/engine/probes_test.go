package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
)

// fakeProbes writes down what it is asked for, and answers when told to.
type fakeProbes struct {
	closed error // of Close

	mu    sync.Mutex
	tell  func(uint32, []node.Answer)
	gen   uint32
	asks  []node.Ask
	calls []string
}

func (p *fakeProbes) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, what)
}

func (p *fakeProbes) Begin(tell func(uint32, []node.Answer)) { p.note("begin"); p.tell = tell }

func (p *fakeProbes) Start(generation uint32, list []node.Ask) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.calls) == 0 {
		p.calls = append(p.calls, "start before begin")
	}
	p.gen = generation
	p.asks = append(p.asks, list...)
}

func (p *fakeProbes) Close() error { p.note("close"); return p.closed }

// answer answers all that was asked for, in one go.
func (p *fakeProbes) answer(v health.Verdict) int {
	p.mu.Lock()
	asks, gen := p.asks, p.gen
	p.asks = nil
	p.mu.Unlock()
	var list []node.Answer
	for _, a := range asks {
		list = append(list, node.Answer{Check: a.Check, Seq: a.Seq, Verdict: v, Message: "so it is"})
	}
	p.tell(gen, list)
	return len(list)
}

// serving is a plan with so many real servers.
func serving(p *fakeProbes, servers int) Plan {
	plan := planOf(instance("VI_1", 1, 100, "192.0.2.100/24"))
	v := node.Service{Name: "web", Tuple: "<web>", Quorum: 1}
	life := &health.Config{Interval: time.Second, Doubt: time.Second, Patience: 3 * time.Second, Fall: 1, Grace: time.Minute}
	for i := range servers {
		name := fmt.Sprint("s", i)
		v.Servers = append(v.Servers, node.Server{Name: name, Tuple: name, Weight: 1, Checks: []node.Check{{Kind: "TCP_CHECK", Identity: "1", Life: life}}})
	}
	plan.Node.Services = []node.Service{v}
	plan.Probes = p
	return plan
}

func standing(t *testing.T, r *running) (up, down int) {
	t.Helper()
	s, err := r.Services(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range s.Servers {
		if x.Up {
			up++
		} else {
			down++
		}
	}
	return up, down
}

// TestProbes: probes begin, answers come back, and status has all servers.
func TestProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProbes{}
		r := prepare(serving(p, 1000), Options{})
		r.begin()
		after(interval)
		if got := p.answer(health.Failed); got != 1000 {
			t.Fatalf("%d probes began, want 1000", got)
		}
		after(0)
		if up, down := standing(t, r); up != 0 || down != 1000 {
			t.Errorf("%d up and %d down", up, down)
		}
		after(time.Second)
		p.answer(health.OK)
		after(0)
		s, err := r.Services(context.Background())
		if err != nil || len(s.Services) != 1 || !s.Services[0].Quorum || len(s.Servers) != 1000 || s.Servers[999].Name != "s999" || s.Servers[999].Checks[0].Message != "so it is" {
			t.Errorf("%v %+v", err, s)
		}
		if s.Probes.Begun != 2000 || s.Probes.Answered != 2000 {
			t.Errorf("counts %+v", s.Probes)
		}
		r.stop(t)
		if !slices.Equal(p.calls, []string{"begin", "close"}) {
			t.Errorf("calls %q", p.calls)
		}
	})
}

// TestProbesReload: the new plan's begin before the old one's end; what the old
// one answers late still counts; a refused plan's are closed.
func TestProbesReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, refused := &fakeProbes{}, &fakeProbes{}, &fakeProbes{}
		r := prepare(serving(first, 10), Options{})
		r.begin()
		after(interval)
		first.closed = errors.New("it hangs")
		if err := r.Reload(context.Background(), serving(second, 10)); err != nil {
			t.Error(err)
		}
		after(0)
		if got := first.answer(health.Failed); got != 10 {
			t.Fatalf("%d probes had begun", got)
		}
		after(0)
		if up, down := standing(t, r); up != 0 || down != 10 {
			t.Errorf("what was under way does not count: %d up, %d down", up, down)
		}
		if r.log.count("it hangs") != 1 {
			t.Error("nobody is told that the old ones do not end")
		}
		after(time.Second)
		second.answer(health.OK)
		after(0)
		if up, _ := standing(t, r); up != 10 {
			t.Errorf("%d up", up)
		}
		r.kernel.on("watch eth0,eth9", func() error { return errors.New("no such interface") })
		bad := serving(refused, 1)
		bad.Interfaces = []string{"eth9"}
		if err := r.Reload(context.Background(), bad); err == nil {
			t.Error("the plan is not refused")
		}
		r.stop(t)
		for p, want := range map[*fakeProbes][]string{first: {"begin", "close"}, second: {"begin", "close"}, refused: {"close"}} {
			if !slices.Equal(p.calls, want) {
				t.Errorf("calls %q, want %q", p.calls, want)
			}
		}
	})
}

// TestAnswersWait: answers wait for room, adverts do not wait for them, and at
// the end nobody is left waiting.
func TestAnswersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProbes{}
		r := prepare(serving(p, 10), Options{})
		r.begin()
		after(interval)
		hold, held := make(chan struct{}), make(chan struct{})
		go func() { _ = r.ask(context.Background(), func(mono.Instant) { close(held); <-hold }) }()
		<-held
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.tell(p.gen, make([]node.Answer, (resultsLen+5)*perBatch))
		}()
		after(0)
		select {
		case <-done:
			t.Error("there was room for everything")
		default:
		}
		close(hold)
		after(0)
		select {
		case <-done:
		default:
			t.Error("the answers are not taken")
		}
		r.stop(t)
		p.tell(p.gen, make([]node.Answer, (resultsLen+5)*perBatch)) // returns
	})
}

// TestGather: answers that wait go to the node together, but not so many that adverts
// would wait for long, and none out of turn.
func TestGather(t *testing.T) {
	e := New(planOf(instance("VI_1", 1, 100, "192.0.2.100/24")), Options{})
	sizes := []int{1, perBatch - 2, perBatch, 1, 1}
	for i, n := range sizes {
		e.results <- &node.Probed{Generation: uint32(i), Answers: make([]node.Answer, n)}
	}
	next := uint32(0)
	for _, want := range [][]int{{1, perBatch - 2, perBatch}, {1, 1}} {
		together := e.gather(<-e.results).(*node.ProbedMany).List
		var got []int
		for _, p := range together {
			if got = append(got, len(p.Answers)); p.Generation != next {
				t.Errorf("batch %d where %d should be", p.Generation, next)
			}
			next++
		}
		if !slices.Equal(got, want) {
			t.Errorf("together %v, want %v", got, want)
		}
	}
	if alone := e.gather(&node.Probed{Answers: make([]node.Answer, perBatch)}).(*node.ProbedMany).List; len(alone) != 1 {
		t.Errorf("%d batches, want one", len(alone))
	}
}
