package checker

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
)

// many is a Runner that does one probe after the other; the last of all waits.
type many struct {
	goon chan struct{}
	late bool // nothing is done before the last lot
	kept []Turn
	most int // of a lot
}

func (*many) Info() Info { return Info{Name: "MANY", Version: "1", Doc: "d"} }

func (m *many) Prepare(t Target, _ Options) (Probe, error) {
	if t.Address.Port() == 1 {
		return waits(m.goon), nil
	}
	return says{Verdict: OK}, nil
}

func (*many) Light() bool { return true }

func (m *many) Run(list []Turn) []Turn {
	m.most = max(m.most, len(list))
	m.kept = append(m.kept, list...)
	if _, last := list[len(list)-1].Probe.(waits); m.late && !last {
		return nil
	}
	for _, t := range m.kept {
		t.Do()
	}
	m.kept = nil
	return nil
}

type waits chan struct{}

func (w waits) Probe(context.Context) Result {
	<-w
	return Result{Verdict: OK}
}

// TestResultsLeaveMeanwhile holds that what has come, and a sign of life, need not
// wait until thousands of probes have begun, and leaves in messages with a bound.
func TestResultsLeaveMeanwhile(t *testing.T) {
	t.Run("as they come", func(t *testing.T) { leaveMeanwhile(t, false, 0) })
	t.Run("at the end", func(t *testing.T) { leaveMeanwhile(t, true, 0) })
	t.Run("with a ping", func(t *testing.T) { leaveMeanwhile(t, false, 7) })
}

func leaveMeanwhile(t *testing.T, late bool, ping uint32) {
	const n = 3*maxBatch - 1 // the last waits in the third lot
	first, starts := &checkerpb.FromHost{}, &checkerpb.FromHost{Ping: ping}
	for i := range uint32(n) {
		p := &checkerpb.Prepare{Check: i, Target: &checkerpb.Target{Address: "192.0.2.1", Port: 80}}
		if i == n-1 {
			p.Target.Port = 1
		}
		first.Prepare = append(first.Prepare, p)
		starts.Start = append(starts.Start, &checkerpb.Start{Check: i, Probe: i + 1, TimeoutUs: 60e6})
	}
	in := make(chan *checkerpb.FromHost, 2)
	in <- first
	m := &many{goon: make(chan struct{}), late: late}
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan *checkerpb.FromPlugin, 64)
	ended := make(chan error, 1)
	go func() {
		ended <- Converse(ctx, m, func() (*checkerpb.FromHost, error) {
			select {
			case next := <-in:
				return next, nil
			case <-ctx.Done():
				return nil, io.EOF
			}
		}, func(m *checkerpb.FromPlugin) error {
			out <- m
			return nil
		})
	}()
	limit := time.After(20 * time.Second)
	prepared, got, pong := 0, 0, ping == 0
	take := func(until func() bool) {
		t.Helper()
		for !until() {
			select {
			case m := <-out:
				prepared += len(m.GetPrepared())
				got += len(m.GetResults())
				pong = pong || m.GetPong() != 0
				if len(m.GetResults()) > maxBatch {
					t.Errorf("a message has %d results", len(m.GetResults()))
				}
			case <-limit:
				t.Fatalf("%d results have left, the pong %v", got, pong)
			}
		}
	}
	take(func() bool { return prepared == n })
	time.Sleep(5 * pace) // what was to be sent for these has left
	in <- starts
	func() {
		defer close(m.goon)
		take(func() bool { return got >= 2*maxBatch && pong })
	}()
	take(func() bool { return got == n })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if m.most > maxBatch {
		t.Errorf("%d probes were to begin at once", m.most)
	}
}
