//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/moonkeep/moonkeep/lua"
)

const (
	trivial = `local state = {up = true} return function(ctx) if state.up and ctx.args.name == "nginx" then return true end return false, "down" end`
	look    = `local process = require "process" return function(ctx) return process.running{name = "sleep"} end`
)

// cpu is the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it cannot fail for itself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// check calls a check with a deadline, as the daemon does.
func check(r *lua.Runner) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	ok, message, err := r.Check(ctx)
	if err == nil && !ok {
		err = errors.New("the check failed: " + message)
	}
	return err
}

// runners returns n runners of a source that share what a daemon's share.
func runners(dir, source string, n int) ([]*lua.Runner, error) {
	path := filepath.Join(dir, "s.lua")
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		return nil, err
	}
	script, err := lua.Compile(path)
	if err != nil {
		return nil, err
	}
	host, lost := &lua.Host{Processes: new(lua.Processes)}, new(lua.Lost)
	var all []*lua.Runner
	for range n {
		r, err := script.NewRunner(lua.Options{Args: map[string]any{"name": "nginx"}, Host: host, Lost: lost})
		if err != nil {
			return nil, err
		}
		if err := check(r); err != nil { // begin it
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// calls measures single calls.
func calls(s settings, out io.Writer) error {
	dir, err := os.MkdirTemp("", "moonkeep-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	end, err := crowd(s.processes)
	if err != nil {
		return err
	}
	defer end()
	fmt.Fprintf(out, "%-52s %14s %14s %10s\n", "one call", "time", "processor", "allocs")
	for _, c := range []struct {
		name, source string
		n            int
		every        time.Duration
	}{
		{"a trivial check with its deadline", trivial, 200_000, 0},
		{fmt.Sprintf("a process check among %d, one after another", s.processes), look, 50_000, 0},
		{fmt.Sprintf("a process check among %d, 1,000 a second", s.processes), look, 5_000, time.Millisecond},
	} {
		if err := one(out, dir, c.name, c.source, c.n, c.every); err != nil {
			return err
		}
	}
	if err := idle(out, dir); err != nil {
		return err
	}
	return sustained(out, dir, 5_000, 5*time.Second)
}

// one measures the mean of n calls, and prints the best of five rounds.
func one(out io.Writer, dir, name, source string, n int, every time.Duration) error {
	all, err := runners(dir, source, 1)
	if err != nil {
		return err
	}
	type round struct{ wall, cpu time.Duration }
	var rounds []round
	var allocs uint64
	for range 5 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		used, wall := cpu(), time.Duration(0)
		for range n / 5 {
			if every > 0 {
				time.Sleep(every - time.Duration(time.Now().UnixNano())%every)
			}
			begin := time.Now()
			if err := check(all[0]); err != nil {
				return err
			}
			wall += time.Since(begin)
		}
		used = cpu() - used
		runtime.ReadMemStats(&after)
		allocs = (after.Mallocs - before.Mallocs) / uint64(n/5)
		rounds = append(rounds, round{wall / time.Duration(n/5), used / time.Duration(n/5)})
	}
	best := slices.MinFunc(rounds, func(a, b round) int { return int(a.wall - b.wall) })
	fmt.Fprintf(out, "%-52s %14v %14v %10d\n", name, best.wall, best.cpu, allocs)
	return nil
}

// idle measures what a script takes that waits for its next call.
func idle(out io.Writer, dir string) error {
	const n = 500
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	all, err := runners(dir, look, n)
	if err != nil {
		return err
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	fmt.Fprintf(out, "\nmemory of an idle script: %d KiB\n", (after.HeapAlloc-before.HeapAlloc)/n>>10)
	runtime.KeepAlive(all)
	return nil
}

// sustained runs so many checks a second, each script one a second, and counts
// those that were begun or ended more than 10 ms late.
func sustained(out io.Writer, dir string, n int, window time.Duration) error {
	all, err := runners(dir, look, n)
	if err != nil {
		return err
	}
	var late, failed atomic.Int64
	var wg sync.WaitGroup
	used, begin := cpu(), time.Now()
	for i, r := range all {
		wg.Go(func() {
			due := begin.Add(time.Second + time.Duration(i)*time.Second/time.Duration(n))
			for ; due.Before(begin.Add(window)); due = due.Add(time.Second) {
				time.Sleep(time.Until(due))
				if check(r) != nil {
					failed.Add(1)
				}
				if time.Since(due) > 10*time.Millisecond {
					late.Add(1)
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	fmt.Fprintf(out, "%d process checks a second for %v: %d late by more than 10 ms, %d failed, %.1f %% of a processor\n\n",
		n, window-time.Second, late.Load(), failed.Load(), 100*float64(cpu()-used)/float64(took))
	return nil
}
