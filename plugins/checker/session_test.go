package checker_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/checker/checkertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// odd is a checker whose option says what its probes do.
type odd struct {
	closed  atomic.Int32
	waiting atomic.Int32
}

func (o *odd) Info() checker.Info {
	return checker.Info{Name: "ODD", Version: "1", Options: []checker.Option{
		{Name: "do", Type: "string", Required: true, Doc: "what to do"},
		{Name: "n", Type: "int", Doc: "a number"}, {Name: "b", Type: "bool", Doc: "a truth"}, {Name: "d", Type: "duration", Doc: "a time"},
	}}
}

func (o *odd) Prepare(t checker.Target, options checker.Options) (checker.Probe, error) {
	p := &oddProbe{odd: o, target: t}
	if err := options.Decode(&p.in); err != nil {
		return nil, err
	}
	switch p.in.Do {
	case "panic-early":
		panic("boom")
	case "refuse":
		return nil, errors.New("do is wrong")
	case "nothing":
		return nil, nil
	}
	return p, nil
}

type oddProbe struct {
	odd    *odd
	runs   int
	target checker.Target
	in     struct {
		Do string           `json:"do"`
		N  int              `json:"n"`
		B  bool             `json:"b"`
		D  checker.Duration `json:"d"`
	}
}

func (p *oddProbe) Close() { p.odd.closed.Add(1) }

func (p *oddProbe) Probe(ctx context.Context) checker.Result {
	w := 7
	switch p.in.Do {
	case "panic":
		panic("boom")
	case "panic-twice":
		if p.runs++; p.runs != 3 {
			panic("boom")
		}
	case "wait":
		p.odd.waiting.Add(1)
		defer p.odd.waiting.Add(-1)
		<-ctx.Done()
		return checker.Result{Verdict: checker.Failed, Message: context.Cause(ctx).Error()}
	case "log":
		checker.Log(ctx).With("a", 1).WithGroup("g").Warn("look", "b", "two")
	case "strange":
		return checker.Result{Verdict: 9, Message: "bad \xff text", Weight: &w}
	case "long":
		return checker.Result{Verdict: checker.OK, Message: strings.Repeat("ä", 5000)}
	}
	r := checker.Result{Verdict: checker.OK, Message: p.target.Address.String(), Weight: &w}
	if checker.WantDetails(ctx) {
		r.Details = []checker.Detail{{Name: "n", Text: "x"}}
	}
	return r
}

var target = checker.Target{Address: netip.MustParseAddrPort("[fe80::1%lo]:80"), BindTo: netip.MustParseAddr("127.0.0.1"), Timeout: time.Second}

func TestProbesComeBack(t *testing.T) {
	r := checkertest.Probe(t, &odd{}, target, map[string]any{"do": "ok"})
	if r.Verdict != checker.OK || r.Message != "[fe80::1%lo]:80" || r.Weight == nil || *r.Weight != 7 || len(r.Details) != 1 {
		t.Errorf("came back as %+v", r)
	}
}

func TestOddProbes(t *testing.T) {
	for _, test := range []struct {
		do      string
		verdict checker.Verdict
		message string
	}{
		{"panic", checker.Unknown, "the checker panicked: boom"},
		{"wait", checker.Failed, "context deadline exceeded"},
		{"strange", checker.Unknown, "verdict 9"},
		{"long", checker.OK, "ää"},
	} {
		h := checkertest.Start(t, &odd{})
		c, err := h.Prepare(target, map[string]any{"do": test.do})
		if err != nil {
			t.Fatal(err)
		}
		r := c.Probe(100 * time.Millisecond)
		if r.Verdict != test.verdict || !strings.Contains(r.Message, test.message) || len(r.Message) > 1024 {
			t.Errorf("%s: %v %q", test.do, r.Verdict, r.Message)
		}
		if err := h.Ping(); err != nil {
			t.Errorf("%s: after it: %v", test.do, err)
		}
		h.Close()
	}
}

// TestPanicsAreLoggedOnce: the verdict tells each panic, the log the stack of the first
// of a row.
func TestPanicsAreLoggedOnce(t *testing.T) {
	h := checkertest.Start(t, &odd{})
	c, err := h.Prepare(target, map[string]any{"do": "panic-twice"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 1, 1, 2} { // lines after a panic, another, a success, a panic
		c.Probe(time.Minute)
		if err := h.Ping(); err != nil { // after which its lines are here
			t.Fatal(err)
		}
		if lines := h.Logs(); len(lines) != want {
			t.Fatalf("%d lines, want %d: %q", len(lines), want, lines)
		}
	}
}

func TestPreparingFails(t *testing.T) {
	h := checkertest.Start(t, &odd{})
	for _, test := range []struct {
		options map[string]any
		want    string
	}{
		{map[string]any{"do": "panic-early"}, "panicked while it prepared: boom"},
		{map[string]any{"do": "refuse"}, "do is wrong"},
		{map[string]any{"do": "nothing"}, "prepared nothing"},
		{nil, "option do is missing: what to do"},
		{map[string]any{"dp": "ok", "n": "1"}, `there is no option "dp", and option do is missing: what to do`},
		{map[string]any{"do": "ok", "n": "1.5"}, `option n is "1.5" where a number is expected`},
		{map[string]any{"do": "ok", "b": "yes"}, `option b is "yes" where true or false is expected`},
		{map[string]any{"do": "ok", "x": "yes"}, `there is no option "x"`},
	} {
		if _, err := h.Prepare(target, test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v, want %q", test.options, err, test.want)
		}
	}
	// What a configuration can write as a text only.
	if _, err := h.Prepare(target, map[string]any{"do": "ok", "n": "12", "b": "true", "d": "3"}); err != nil {
		t.Error(err)
	}
	if _, err := h.Prepare(target, map[string]any{"do": "ok", "d": "3ms"}); err != nil {
		t.Error(err)
	}
}

func TestCancelAndRelease(t *testing.T) {
	o := &odd{}
	h := checkertest.Start(t, o)
	c, err := h.Prepare(target, map[string]any{"do": "wait"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan checker.Result)
	probe := func() {
		go func() { done <- c.Probe(time.Minute) }()
		for o.waiting.Load() == 0 { // only what has begun can be cancelled
			time.Sleep(time.Millisecond)
		}
	}
	probe()
	if r := c.Probe(time.Second); r.Message != "the probe before this one has not returned" {
		t.Errorf("a second probe at once came back as %+v", r)
	}
	c.Cancel()
	if r := <-done; r.Message != "context canceled" {
		t.Errorf("a cancelled probe came back as %+v", r)
	}
	probe()
	c.Release()
	<-done
	if r := c.Probe(time.Second); r.Message != "there is no such check" {
		t.Errorf("a released check answers %+v", r)
	}
	h.Close()
	if n := o.closed.Load(); n != 1 {
		t.Errorf("closed %d times", n)
	}
}

func TestLogsReachTheHost(t *testing.T) {
	h := checkertest.Start(t, &odd{})
	c, err := h.Prepare(target, map[string]any{"do": "log"})
	if err != nil {
		t.Fatal(err)
	}
	c.Probe(time.Second)
	if err := h.Ping(); err != nil { // what was logged comes no later
		t.Fatal(err)
	}
	if logs := h.Logs(); len(logs) != 1 || logs[0] != "WARN look a 1 g.b two" {
		t.Errorf("logged %q", logs)
	}
}

func TestThousandsOfProbesAreBatched(t *testing.T) {
	h := checkertest.Start(t, &odd{})
	const n = 500
	results := make(chan checker.Result, n)
	for range n {
		go func() {
			c, err := h.Prepare(target, map[string]any{"do": "ok"})
			if err != nil {
				results <- checker.Result{Message: err.Error()}
				return
			}
			results <- c.Probe(10 * time.Second)
		}()
	}
	for range n {
		if r := <-results; r.Verdict != checker.OK {
			t.Fatal(r.Message)
		}
	}
}
