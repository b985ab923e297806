package engine

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
)

// prompt answers probes from a goroutine of its own, all that wait at once, as
// an edge would that costs nothing.
type prompt struct {
	mu   sync.Mutex
	wake chan struct{}
	list []node.Answer
	gen  uint32
}

func (p *prompt) Begin(tell func(uint32, []node.Answer)) {
	go func() {
		for range p.wake {
			p.mu.Lock()
			list, gen := p.list, p.gen
			p.list = nil
			p.mu.Unlock()
			tell(gen, list)
		}
	}()
}

func (p *prompt) Start(gen uint32, list []node.Ask) {
	p.mu.Lock()
	p.gen = gen
	for _, a := range list {
		p.list = append(p.list, node.Answer{Check: a.Check, Seq: a.Seq, Verdict: health.OK, Message: "connected", Took: time.Millisecond})
	}
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *prompt) Close() error { close(p.wake); return nil }

// BenchmarkProbes runs an engine for some seconds with so many checks a second
// and tells what processor time one costs, with how much memory, and how late
// they began.
func BenchmarkProbes(b *testing.B) {
	for _, checks := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(checks), func(b *testing.B) {
			life := &health.Config{Interval: time.Second, Doubt: time.Second, Warmup: time.Second, Patience: 3 * time.Second, Fall: 2, Grace: time.Minute}
			var plan Plan
			for i := range checks / 10 {
				v := node.Service{Name: fmt.Sprint("v", i), Tuple: "<v>", Quorum: 1}
				for k := range 10 {
					v.Servers = append(v.Servers, node.Server{Name: fmt.Sprint(k), Tuple: "<s>", Weight: 1, Checks: []node.Check{{Kind: "TCP_CHECK", Identity: "1", Life: life}}})
				}
				plan.Node.Services = append(plan.Node.Services, v)
			}
			plan.Node.Instances = []node.Instance{instance("VI_1", 1, 100, netip.MustParsePrefix("192.0.2.100/24").String())}
			plan.Probes = &prompt{wake: make(chan struct{}, 1)}
			e := New(plan, Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
			k := newKernel()
			k.sink = e
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- e.Run(ctx, k) }()
			time.Sleep(1500 * time.Millisecond)
			before, begun := processor(b), counts(b, e).Begun
			const span = 3 * time.Second
			time.Sleep(span)
			used, p := processor(b)-before, counts(b, e)
			cancel()
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
			done := float64(p.Begun - begun)
			b.ReportMetric(float64(used.Nanoseconds())/done, "cpu-ns/check")
			b.ReportMetric(done/span.Seconds(), "checks/s")
			b.ReportMetric(float64(p.MostLate.Microseconds())/1000, "most-late-ms")
			b.ReportMetric(0, "ns/op") // says nothing
		})
	}
}

func counts(b *testing.B, e *Engine) node.ProbeCounts {
	s, err := e.Services(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	return s.Probes
}

// processor is the processor time of this process.
func processor(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
