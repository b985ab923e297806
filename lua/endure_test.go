package lua

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var endureFlag = flag.Duration("endure", 3*time.Second, "how long TestReloadsUnderChecks runs")

// stall is for how long the host kept a goroutine waiting that sleeps for a
// millisecond at a time.
type stall struct{ late atomic.Int64 }

func (s *stall) total() time.Duration { return time.Duration(s.late.Load()) }

// watch begins to look, until the function that it returns is called.
func (s *stall) watch() (stop func()) {
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			begin := time.Now()
			select {
			case <-end:
				return
			case <-time.After(time.Millisecond):
				s.late.Add(int64(time.Since(begin) - time.Millisecond))
			}
		}
	}()
	return func() { close(end); <-done }
}

// Two hundred scripts are asked ten times a second, and all of them are read
// and begun anew again and again, as a reload does. After a tenth of the time,
// and a minute at most, everything is held for a moment, and what the process
// has in memory and in goroutines with one generation of scripts that were asked
// once is what it has at the end. A generation of states that stayed would be
// seen after a few reloads.
func TestReloadsUnderChecks(t *testing.T) {
	const scripts = 200
	between := min(time.Second, *endureFlag/10)
	bodies := []string{
		`local n = 0 return function() n = n + 1 return n > 0 end`,
		`local p = require "process" return function() return not p.running{name = "no-such-name"} end`,
		`local s = require "store" return function() return s.add("n") > 0 end`,
		`local j = require "json" return function() return j.decode('{"a": [1, 2, 3]}').a[3] == 3 end`,
		`local m = require "metric" return function() return m.gauge("g", 1) end`,
		`local k = {} return function() k[#k + 1] = ("x"):rep(1000) .. #k return true end`,
		`local f = require "file" return function() return f.exists("/") end`,
		`local r = require "client.redis" return function() local ok, why = r.ping{address = "127.0.0.1:1"} return ok == nil end`,
		`return function() while true do end end`,
		`local r = require "re2" return function() return r.match("a+", "baab") == "aa" end`,
	}
	files := map[string]string{}
	for i := range scripts {
		files[fmt.Sprintf("%d.lua", i)] = bodies[i%len(bodies)]
	}
	dir := write(t, files)
	host, lost := &Host{Processes: new(Processes), Store: new(Store), Metrics: new(Metrics)}, new(Lost)
	load := func() []*Runner {
		all := make([]*Runner, scripts)
		for i := range all {
			script, err := Compile(filepath.Join(dir, fmt.Sprintf("%d.lua", i)))
			if err != nil {
				t.Fatal(err)
			}
			if all[i], err = script.NewRunner(Options{Name: fmt.Sprint("script ", i), Host: host, Lost: lost, Limits: Limits{Instructions: 20_000}}); err != nil {
				t.Fatal(err)
			}
		}
		return all
	}
	var mu sync.RWMutex // held for writing while nothing may be asked
	present := load()
	var stalled stall
	stopStall := stalled.watch()
	defer stopStall()
	ask := func(i int) {
		// On a host that is busy with other things a call takes as much longer.
		const limit, patience = 2 * time.Second, time.Minute
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		begin, before := time.Now(), stalled.total()
		ok, message, err := present[i].Check(ctx)
		if took, host := time.Since(begin), stalled.total()-before; took > limit+2*host {
			t.Errorf("%s: took %v, of which the host stood still for %v", bodies[i%len(bodies)], took, host)
		}
		if (err != nil || !ok) != (i%len(bodies) == 8) { // the loop
			t.Errorf("%s: %v, %q, %v", bodies[i%len(bodies)], ok, message, err)
		}
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range scripts {
		wg.Go(func() {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				mu.RLock()
				ask(i)
				mu.RUnlock()
			}
		})
	}
	idle := runtime.NumGoroutine() // the askers and the watch among them
	measure := func() (memory uint64, goroutines int) {
		mu.Lock()
		defer mu.Unlock()
		present = load()
		for i := range present {
			ask(i)
		}
		// The last call's goroutine ends a moment after its answer.
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > idle && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		var m runtime.MemStats
		for range 2 { // what pools keep goes with the second
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, runtime.NumGoroutine()
	}
	begin := time.Now()
	var early uint64
	var before int
	reloads := 0
	for time.Since(begin) < *endureFlag {
		time.Sleep(between)
		all := load()
		mu.Lock()
		present = all
		mu.Unlock()
		reloads++
		if early == 0 && time.Since(begin) > min(time.Minute, *endureFlag/10) {
			early, before = measure()
		}
	}
	late, after := measure()
	close(stop)
	wg.Wait()
	t.Logf("%d reloads of %d scripts: %d KiB and %d goroutines early, %d KiB and %d at the end", reloads, scripts, early>>10, before, late>>10, after)
	if late > early+early/10 {
		t.Errorf("the memory in use has grown from %d KiB to %d KiB, by more than a tenth", early>>10, late>>10)
	}
	if before != idle || after != idle {
		t.Errorf("%d goroutines early and %d at the end, %d before the first call", before, after, idle)
	}
	if n := lost.n.Load(); n != 0 {
		t.Errorf("%d calls are lost", n)
	}
}
