package lua

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A call that is stuck inside one function that cannot be stopped - here the
// daemon's own log - is given up: the caller has its answer in time, the state
// is not used again, and when too many are stuck nothing more is run.
func TestStuckCallsAreGivenUpAndBounded(t *testing.T) {
	release := make(chan struct{})
	lost := new(Lost)
	stuck := func() *Runner {
		return runner(t, `
local log = require "log"
local calls = 0
return function() calls = calls + 1 if calls == 2 then log.info "x" end return true, calls end`,
			Options{Lost: lost, Log: func(level, string) { <-release }})
	}
	r := stuck()
	if _, _, err := r.Check(within(t, time.Second)); err != nil {
		t.Fatal(err)
	}
	for n := range maxLost {
		if n > 0 {
			r = stuck()
			if _, _, err := r.Check(within(t, time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		_, _, err := r.Check(within(t, 20*time.Millisecond))
		if took := time.Since(start); !errors.Is(err, ErrTimeout) || took > 20*time.Millisecond+raceSlack*promised+200*time.Millisecond {
			t.Fatalf("%v after %v", err, took)
		}
		if lost.n.Load() != int32(n)+1 {
			t.Fatalf("%d lost, want %d", lost.n.Load(), n+1)
		}
	}
	for until := time.Now().Add(10 * stuckAfter); lost.stuck.Load() < maxLost && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
	if _, _, err := r.Check(within(t, time.Second)); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "not run: 16 earlier calls of Lua scripts") {
		t.Errorf("one more call of a runner that is stuck itself: %v", err)
	}
	if _, _, err := stuck().Check(within(t, 5*time.Second)); err != nil {
		t.Errorf("the first call of another: %v", err)
	}
	close(release)
	for until := time.Now().Add(2 * time.Second); lost.n.Load() > 0 && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
	if lost.n.Load() != 0 || lost.stuck.Load() != 0 {
		t.Errorf("%d still lost after they ended", lost.n.Load())
	}
	if _, message, err := r.Check(within(t, time.Second)); err != nil || message != "1" {
		t.Errorf("afterwards: %q, %v; want a fresh state", message, err)
	}
}

// A script that is stuck each time it runs keeps no other from running: its own
// runner is refused, with the verdict that it would have, and then sooner all runners
// of its file that are stuck, too.
func TestWhoIsStuckKeepsNoOtherFromRunning(t *testing.T) {
	release := make(chan struct{})
	options := Options{Lost: new(Lost), Log: func(level, string) { <-release }}
	script, err := Compile(filepath.Join(write(t, map[string]string{"s.lua": `return function() require("log").info "x" return true end`}), "s.lua"))
	if err != nil {
		t.Fatal(err)
	}
	var runners []*Runner
	for range maxOfScript/maxOwn + 1 {
		r, err := script.NewRunner(options)
		if err != nil {
			t.Fatal(err)
		}
		runners = append(runners, r)
	}
	for _, r := range runners[:maxOfScript/maxOwn] {
		for range maxOwn {
			if _, _, err := r.Check(within(t, 10*time.Millisecond)); !errors.Is(err, ErrTimeout) {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		_, _, err := r.Check(within(t, 10*time.Second))
		if took := time.Since(begin); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "of it did not end") || took > 5*time.Second {
			t.Errorf("the call after %d that are stuck: %v after %v", maxOwn, err, took)
		}
		if _, err := inline(r, 10*time.Second); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "of it did not end") {
			t.Errorf("the same inline: %v", err)
		}
	}
	for until := time.Now().Add(10 * stuckAfter); options.Lost.stuck.Load() < maxOfScript && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
	last := runners[len(runners)-1]
	if _, _, err := last.Check(within(t, 10*time.Millisecond)); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "given up") {
		t.Errorf("the first call of another runner of the script: %v", err)
	}
	if _, _, err := last.Check(within(t, time.Second)); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "of this file did not end") {
		t.Errorf("its second: %v", err)
	}
	if _, _, err := runner(t, "return function() return true end", options).Check(within(t, 5*time.Second)); err != nil {
		t.Errorf("another script: %v", err)
	}
	close(release)
	for until := time.Now().Add(5 * time.Second); options.Lost.n.Load() > 0 && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
	for _, r := range runners {
		if _, _, err := r.Check(within(t, 5*time.Second)); err != nil {
			t.Errorf("when they have ended: %v", err)
		}
	}
}

// A file whose runners are stuck all at once, before any of them counts, keeps no
// other from running, not even one with a stuck call of its own; nor when it was
// compiled again each time, as by reloads. Further runners of the file are not run.
func TestOneFileIsStuckAtOnce(t *testing.T) {
	release := make(chan struct{})
	options := Options{Lost: new(Lost), Log: func(level, string) { <-release }}
	path := filepath.Join(write(t, map[string]string{"s.lua": `return function() require("log").info "x" return true end`}), "s.lua")
	of := func() *Runner {
		script, err := Compile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := script.NewRunner(options)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	var all sync.WaitGroup
	for range maxFirstOfScript {
		r := of()
		all.Go(func() {
			if _, _, err := r.Check(within(t, time.Second)); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "given up") {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for until := time.Now().Add(10 * stuckAfter); options.Lost.stuck.Load() < maxFirstOfScript && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
	last := of()
	if _, _, err := last.Check(within(t, time.Second)); !errors.Is(err, ErrStuck) || !strings.Contains(err.Error(), "64 earlier calls of this file did not end") {
		t.Errorf("another runner of the file: %v", err)
	}
	if _, err := last.Has(within(t, 5*time.Second), "check"); err != nil {
		t.Errorf("whether it has a function: %v", err)
	}
	other := runner(t, `return function(ctx) if ctx.timeout < 2 then require("log").info "x" end return true end`, options)
	if _, _, err := other.Check(within(t, time.Second)); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "given up") {
		t.Errorf("another file, which is stuck once: %v", err)
	}
	if _, _, err := other.Check(within(t, 10*time.Second)); err != nil {
		t.Errorf("another file: %v", err)
	}
	close(release)
	for until := time.Now().Add(5 * time.Second); options.Lost.n.Load() > 0 && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
	options.Lost.mu.Lock()
	defer options.Lost.mu.Unlock()
	if n := options.Lost.stuck.Load(); n != 0 || len(options.Lost.counts) != 0 {
		t.Errorf("%d are stuck when all have ended: %v", n, options.Lost.counts)
	}
}
