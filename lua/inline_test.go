package lua

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// inline calls a check of Inline and returns its answer.
func inline(r *Runner, limit time.Duration) (v Verdict, err error) {
	told := make(chan struct{}, 2)
	r.Inline(context.Background(), limit, Subject{}, func(x Verdict, y error) {
		v, err = x, y
		told <- struct{}{}
	})
	<-told
	return v, err
}

// What Inline answers is what Check answers, call for call.
func TestInlineIsCheck(t *testing.T) {
	for _, source := range []string{
		`local n = 0 return function() n = n + 1 return n < 3, "call " .. n end`,
		`return function(ctx) return {ok = ctx.timeout > 0.5, message = "m", weight = 7} end`,
		`return function() error("no") end`,
		`local n = 0 return function() n = n + 1 if n == 2 then error("no") end return true, "call " .. n end`,
		`return function() while true do end end`,
		`return function() return 7 end`,
		`return {weight = function() return 1 end}`,
	} {
		options := Options{Limits: Limits{Instructions: 20_000}}
		one, two := runner(t, source, options), runner(t, source, options)
		for i := range 3 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			want, werr := one.Verdict(ctx, Subject{})
			cancel()
			got, err := inline(two, time.Second)
			if got.OK != want.OK || got.Message != want.Message || (got.Weight == nil) != (want.Weight == nil) || (err == nil) != (werr == nil) {
				t.Errorf("%s: call %d: %+v, %v; Check says %+v, %v", source, i, got, err, want, werr)
			}
			var a, b *Error
			if errors.As(err, &a) && errors.As(werr, &b) && a.Kind != b.Kind {
				t.Errorf("%s: call %d: %v, Check says %v", source, i, err, werr)
			}
		}
	}
}

// A call of Inline ends at its limit, and with its parent.
func TestInlineEnds(t *testing.T) {
	r := runner(t, "return function() while true do end end", Options{Limits: Limits{Instructions: 1 << 40}})
	begin := time.Now()
	_, err := inline(r, 100*time.Millisecond)
	if took := time.Since(begin); !errors.Is(err, ErrTimeout) || took < 100*time.Millisecond || took > 3*time.Second {
		t.Errorf("after %v: %v, want a timeout after 100 ms", took, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	said := make(chan error, 1)
	r.Inline(ctx, time.Minute, Subject{}, func(_ Verdict, err error) { said <- err })
	if err := <-said; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was cancelled", err)
	}
}

// A call that is stuck is given up while Inline does not return, and the script
// goes on with a state of its own. When it ends after all nothing remains.
func TestInlineStuck(t *testing.T) {
	lost := new(Lost)
	r := runner(t, "return function() for i = 1, 300 do end return true end", Options{Lost: lost})
	if _, err := inline(r, time.Second); err != nil {
		t.Fatal(err)
	}
	// A defect of the runtime: something that looks at no clock.
	free, ended := make(chan struct{}), make(chan struct{})
	r.state.meter.yield = func() { <-free }
	r.state.meter.slice = 0
	said := make(chan error, 2)
	go func() {
		defer close(ended)
		r.Inline(context.Background(), 50*time.Millisecond, Subject{}, func(_ Verdict, err error) { said <- err })
	}()
	select {
	case err := <-said:
		if !errors.Is(err, ErrTimeout) {
			t.Errorf("%v, want a timeout", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nobody gave it up")
	}
	if n := lost.n.Load(); n != 1 {
		t.Errorf("%d calls are lost, want 1", n)
	}
	if v, err := inline(r, time.Second); err != nil || !v.OK {
		t.Errorf("the call after it: %v, %v", v, err)
	}
	close(free)
	<-ended
	if n := lost.n.Load(); n != 0 || len(said) != 0 {
		t.Errorf("%d calls are lost and %d told again after it ended", n, len(said))
	}
}

// A context that is made of the limit of a call ends with it, and needs no
// goroutine.
func TestLimitedContext(t *testing.T) {
	parent, cancel := context.WithCancel(context.Background())
	defer cancel()
	d := &limited{parent: parent, at: time.Now().Add(50 * time.Millisecond)}
	child, stop := context.WithCancel(d)
	defer stop()
	select {
	case <-child.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the child does not end")
	}
	if child.Err() != context.DeadlineExceeded || d.Err() != context.DeadlineExceeded {
		t.Errorf("%v and %v, want that the deadline has passed", child.Err(), d.Err())
	}
	d = &limited{parent: parent, at: time.Now().Add(time.Hour)}
	if d.Err() != nil {
		t.Errorf("%v before its end", d.Err())
	}
	child, stop = context.WithCancel(d)
	defer stop()
	d.end()
	if <-child.Done(); child.Err() != context.Canceled || d.Err() != context.Canceled {
		t.Errorf("%v and %v after the call, want that it was cancelled", child.Err(), d.Err())
	}
	d = &limited{parent: parent, at: time.Now().Add(time.Hour)}
	if cancel(); d.Err() != context.Canceled {
		t.Errorf("%v after the parent's end", d.Err())
	}
}

// Quick are scripts that wait for nobody.
func TestQuick(t *testing.T) {
	for source, want := range map[string]bool{
		`return function() return true end`: true,
		`local p = require "process" local f = require "file" return function() return p.running{name = "x"} and f.exists("/") end`: true,
		`local t = require "time" return function() return t.now() > 0 end`:                                                         true,
		`local t = require "time" return function() t.sleep(1) return true end`:                                                     false,
		`local h = require "http" return function() return true end`:                                                                false,
		`local r = require "client.redis" return function() return true end`:                                                        false,
	} {
		if got := runner(t, source, Options{}).Quick(); got != want {
			t.Errorf("%s: quick is %v", source, got)
		}
	}
}

// What InlineWeight answers is what WeightOf answers, call for call, and a verdict
// may be followed by a weight from where it is told.
func TestInlineWeight(t *testing.T) {
	for _, source := range []string{
		`local n = 0 return {weight = function(ctx) n = n + 1 return n + #ctx.server end}`,
		`local n = 0 return {weight = function() n = n + 1 if n == 2 then error("no") end return n end}`,
		`return {weight = function() return "7" end}`,
		`return {weight = function() while true do end end}`,
		`return function() return true end`,
	} {
		options := Options{Limits: Limits{Instructions: 20_000}}
		one, two := runner(t, source, options), runner(t, source, options)
		about := Subject{Server: "192.0.2.1:80"}
		for i := range 3 {
			want, werr := one.WeightOf(within(t, time.Second), about)
			var v Verdict
			var err error
			two.InlineWeight(t.Context(), time.Second, about, func(x Verdict, y error) { v, err = x, y })
			if (err == nil) != (werr == nil) || err != nil && err.Error()[strings.Index(err.Error(), ".lua"):] != werr.Error()[strings.Index(werr.Error(), ".lua"):] {
				t.Errorf("%s: call %d: %v, WeightOf says %v", source, i, err, werr)
			}
			if err == nil && (!v.OK || v.Weight == nil || *v.Weight != want) || err != nil && (v.OK || v.Weight != nil) {
				t.Errorf("%s: call %d: %+v, WeightOf says %v", source, i, v, want)
			}
		}
	}
	r := runner(t, `local n = 0 return {check = function() n = n + 1 return true end, weight = function() return n end}`, Options{})
	var got *float64
	r.Inline(t.Context(), time.Second, Subject{}, func(v Verdict, err error) {
		if !v.OK || err != nil {
			t.Fatal(v, err)
		}
		r.InlineWeight(t.Context(), time.Second, Subject{}, func(v Verdict, err error) { got = v.Weight })
	})
	if got == nil || *got != 1 {
		t.Errorf("a weight after a verdict: %v", got)
	}
}

// When the process stood still until after the end of a call, the call has the time to
// end that it would have had; once.
func TestInlineAfterAPause(t *testing.T) {
	r := runner(t, "return function() return true end", Options{})
	if _, err := inline(r, time.Second); err != nil {
		t.Fatal(err)
	}
	r.turn <- struct{}{}
	s := r.state
	s.phase.Store(phaseRunning)
	said := make(chan error, 1)
	before := time.Now().Add(-time.Minute)
	c := &inlined{r: r, s: s, ctx: &limited{parent: context.Background(), at: before}, until: before, tell: func(_ Verdict, err error) { said <- err }}
	w := &watch{calls: map[*inlined]bool{c: true}, timer: time.NewTimer(time.Hour), at: before}
	w.fire()
	if !w.calls[c] || len(said) != 0 || !w.at.After(time.Now().Add(-giveUpAfter)) {
		t.Errorf("it was given up at once: %v calls, the next look at %v", len(w.calls), w.at)
	}
	w.at, c.until = before, before
	w.fire()
	if w.calls[c] || len(said) != 1 {
		t.Fatal("it was not given up the second time")
	}
	if err := <-said; !errors.Is(err, ErrTimeout) {
		t.Errorf("%v, want a timeout", err)
	}
	s.abandoned()
}
