package engine

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
)

// quickFake makes some checks quickly, and those called slow not.
type quickFake struct {
	fakeChecks
	quick func(script string, tell func(node.Checked))
}

func (f quickFake) IsQuick(script string) bool { return script != "slow" }

func (f quickFake) Quick(_ context.Context, script string, tell func(node.Checked)) {
	f.quick(script, tell)
}

// batched runs scripts that are due together, and returns a channel of what is
// told, as lists.
func batched(t *testing.T, checks Checks, scripts ...string) (told chan []string, e *Engine) {
	t.Helper()
	e = New(Plan{Checks: checks}, Options{})
	e.runCtx = t.Context()
	var due []node.Action
	for _, s := range scripts {
		due = append(due, node.Action{Kind: node.Run, Script: s})
	}
	e.check(due)
	told = make(chan []string, 100)
	go func() {
		defer close(told)
		for {
			select {
			case ev := <-e.inbox:
				switch ev := ev.(type) {
				case *node.Checked:
					told <- []string{ev.Script}
				case *node.CheckedMany:
					var list []string
					for _, c := range ev.List {
						list = append(list, c.Script)
					}
					told <- list
				}
			case <-e.done:
				return
			}
		}
	}()
	t.Cleanup(func() {
		e.runs.Wait()
		close(e.done)
		for range told {
			t.Error("something was told twice")
		}
	})
	return told, e
}

func next(t *testing.T, told chan []string) []string {
	t.Helper()
	select {
	case list := <-told:
		return list
	case <-time.After(10 * time.Second):
		t.Fatal("nothing is told")
		return nil
	}
}

// Quick checks that are due together are told together; others run beside them.
func TestBatch(t *testing.T) {
	slow := fakeChecks(func(context.Context, string) node.Checked { time.Sleep(50 * time.Millisecond); return node.Checked{} })
	told, _ := batched(t, quickFake{slow, func(_ string, tell func(node.Checked)) { tell(node.Checked{}) }}, "a", "slow", "b", "c")
	if got := next(t, told); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("first %q, want a, b and c together", got)
	}
	if got := next(t, told); !slices.Equal(got, []string{"slow"}) {
		t.Errorf("then %q, want slow", got)
	}
}

// What is not quick begins at once, however many quick ones are due with it.
func TestBatchWaitsForNoQuickOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		after := time.Duration(-1)
		slow := fakeChecks(func(context.Context, string) node.Checked { after = time.Since(begin); return node.Checked{} })
		e := New(Plan{Checks: quickFake{slow, func(_ string, tell func(node.Checked)) {
			time.Sleep(1500 * time.Microsecond)
			tell(node.Checked{})
		}}}, Options{})
		e.runCtx = t.Context()
		go func() {
			for {
				select {
				case <-e.inbox:
				case <-e.done:
					return
				}
			}
		}()
		var due []node.Action
		for i := range 300 {
			due = append(due, node.Action{Kind: node.Run, Script: fmt.Sprint(i)})
		}
		e.check(append(due, node.Action{Kind: node.Run, Script: "slow"}))
		e.runs.Wait()
		close(e.done)
		if after != 0 {
			t.Errorf("it began after %v", after)
		}
	})
}

// One that takes its time, or is given up by another goroutine, keeps neither
// what was before it nor what comes after it.
func TestBatchHelps(t *testing.T) {
	free := make(chan struct{})
	told, _ := batched(t, quickFake{nil, func(script string, tell func(node.Checked)) {
		switch script {
		case "long":
			<-free
		case "stuck":
			go func() { <-free; tell(node.Checked{}) }()
			<-free
			return
		}
		tell(node.Checked{})
	}}, "a", "stuck", "b", "long", "c", "long too")
	var got []string
	for len(got) < 4 {
		got = append(got, next(t, told)...)
	}
	if want := []string{"a", "b", "c", "long too"}; !slices.Equal(got, want) {
		t.Errorf("%q is told while some take their time, want %q", got, want)
	}
	close(free)
	got = append(next(t, told), next(t, told)...)
	slices.Sort(got)
	if want := []string{"long", "stuck"}; !slices.Equal(got, want) {
		t.Errorf("%q is told at last, want %q", got, want)
	}
}

// Each of many is told once, however they interleave.
func TestBatchEach(t *testing.T) {
	var scripts []string
	for i := range 300 {
		scripts = append(scripts, fmt.Sprint(i))
	}
	told, _ := batched(t, quickFake{nil, func(script string, tell func(node.Checked)) {
		if len(script) == 2 {
			time.Sleep(time.Millisecond)
		}
		tell(node.Checked{})
	}}, scripts...)
	seen := map[string]int{}
	for len(seen) < len(scripts) {
		for _, s := range next(t, told) {
			if seen[s]++; seen[s] > 1 {
				t.Errorf("script %s is told %d times", s, seen[s])
			}
		}
	}
}
