//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/moonkeep/moonkeep/lua"
)

const (
	look = `local process = require "process" return function(ctx) return process.running{name = "sleep"} end`
)

// cpu is the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it cannot fail for itself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// check calls a check with a deadline, as the daemon does.
func check(r *lua.Runner) (err error) {
	told := make(chan error, 1)
	r.Inline(context.Background(), time.Second, lua.Subject{}, func(v lua.Verdict, err error) {
		if err == nil && !v.OK {
			err = errors.New("the check failed: " + v.Message)
		}
		told <- err
	})
	return <-told
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
	fmt.Fprintln(out, "| one call | time, µs | allocations | target |\n|---|---|---|---|")
	if err := benchmarks(out); err != nil {
		return err
	}
	for _, c := range []struct {
		name, source string
		n            int
		every        time.Duration
	}{
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
	var rounds []time.Duration
	var allocs uint64
	for range 5 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		wall := time.Duration(0)
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
		runtime.ReadMemStats(&after)
		allocs = (after.Mallocs - before.Mallocs) / uint64(n/5)
		rounds = append(rounds, wall/time.Duration(n/5))
	}
	fmt.Fprintf(out, "| %s | %.2f | %d | 50 |\n", name, slices.Min(rounds).Seconds()*1e6, allocs)
	return nil
}

// benchmarks runs those of package lua that compare with the bare library, which
// only that package may use, and prints the best of five rounds of each.
func benchmarks(out io.Writer) error {
	cmd := exec.Command("go", "test", "./lua", "-run", "^$", "-bench", "^Benchmark(Inline|Bare)$", "-benchtime", "200000x", "-count", "5")
	text, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run the benchmarks of ./lua: %w\n%s", err, text)
	}
	for _, b := range []struct{ name, is, target string }{
		{"BenchmarkInline", "a trivial check with its deadline", "2.5, 15 allocations"},
		{"BenchmarkBare", "the same by the library alone, with a context", "-"},
	} {
		best, allocs := math.Inf(1), ""
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) < 8 || !strings.HasPrefix(f[0], b.name) {
				continue
			}
			ns, err := strconv.ParseFloat(f[2], 64)
			if err != nil {
				return fmt.Errorf("read %q: %w", line, err)
			}
			best, allocs = min(best, ns), f[6]
		}
		if math.IsInf(best, 1) {
			return fmt.Errorf("./lua has no %s: %s", b.name, text)
		}
		fmt.Fprintf(out, "| %s | %.2f | %s | %s |\n", b.is, best/1e3, allocs, b.target)
	}
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
	fmt.Fprintf(out, "\nAn idle script holds %d KiB (target: 100 at most).\n", (after.HeapAlloc-before.HeapAlloc)/n>>10)
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
	fmt.Fprintf(out, "Of %d process checks a second for %v, each with a timer of its own, %d were late by more\nthan 10 ms and %d failed; they took %.1f %% of a processor.\n\n",
		n, window-time.Second, late.Load(), failed.Load(), 100*float64(cpu()-used)/float64(took))
	return nil
}
