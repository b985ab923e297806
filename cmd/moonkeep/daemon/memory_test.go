package daemon

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// What was made and dropped is worth giving back, before and after it was
// collected, and is given back, unless it is to be kept; what is little is not worth a collection.
func TestTrim(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	debug.FreeOSMemory()
	c, end := newCollection()
	waste := func() {
		all := make([][]byte, 1<<10)
		for i := range all {
			all[i] = make([]byte, 64<<10)
		}
		runtime.KeepAlive(all)
	}
	for _, keep := range []uint64{96 << 20, 0} {
		waste()
		if n := unused(); n < 32<<20 {
			t.Errorf("%d KiB to give back of 64 MiB that were dropped", n>>10)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		end(keep)
		c.trim()
		runtime.ReadMemStats(&after)
		back, goal := int64(after.HeapReleased-before.HeapReleased), after.NextGC
		switch {
		case keep > 0 && (back > 4<<20 || goal < keep*7/8 || goal > keep*2):
			t.Errorf("%d KiB were given back, and the heap is collected at %d KiB; %d KiB are to be kept", back>>10, goal>>10, keep>>10)
		case keep == 0 && (back < 32<<20 || goal > 32<<20 || unused() >= 8<<20):
			t.Errorf("%d KiB were given back, %d KiB are left, and the heap is collected at %d KiB", back>>10, unused()>>10, goal>>10)
		}
		if keep > 0 {
			outgrow(t, keep)
		}
		end = c.ease(easeBytes)
	}
	if debug.FreeOSMemory(); unused() >= worthTrim {
		return // where other tests ran before, as much may be left free however often it is done
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	end(0)
	c.trim()
	runtime.ReadMemStats(&after)
	if after.NumForcedGC != before.NumForcedGC {
		t.Error("a collection was made for what is not worth it")
	}
}

// After a table that has shrunk what it took is given back, and the heap may grow as usual: the
// limit of the rest before does not come back with the next collection. Where what is kept is
// little beside what is in use, the heap is not collected each time that it has grown by so much.
func TestShrink(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	debug.FreeOSMemory()
	for _, keep := range []uint64{0, 2 * worthKeep} {
		c, end := newCollection()
		table := make([][]byte, 1<<10)
		for i := range table {
			table[i] = make([]byte, 64<<10)
		}
		end(96 << 20)
		end = c.ease(easeBytes)
		runtime.KeepAlive(table)
		end(keep)
		c.trim()
		if live := read("/gc/heap/live:bytes"); live > 48<<20 {
			t.Errorf("%d KiB count as in use, with %d KiB to keep, after 64 MiB were dropped", live>>10, keep>>10)
		}
		collected(t)
		switch limit := debug.SetMemoryLimit(-1); {
		case keep == 0 && limit != math.MaxInt64:
			t.Errorf("nothing is kept, and memory is limited to %d KiB, with %d KiB taken", limit>>10, taken()>>10)
		case keep > 0 && limit == math.MaxInt64:
			t.Errorf("%d KiB are kept, and memory is not limited", keep>>10)
		}
		table = make([][]byte, 1<<10)
		for i := range table {
			table[i] = make([]byte, 64<<10)
		}
		collected(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := range 1 << 10 {
			table[i%8] = make([]byte, 128<<10)
		}
		runtime.ReadMemStats(&after)
		if n := after.NumGC - before.NumGC; n > 8 {
			t.Errorf("%d collections while 128 MiB were made with 64 MiB in use and %d KiB to keep", n, keep>>10)
		}
		runtime.KeepAlive(table)
		c.ease(easeBytes) // its limit is none of the next
	}
}

// collected returns when the finalizers that a collection finds have run, those before too.
func collected(t *testing.T) {
	t.Helper()
	for range 2 { // the first may find what is put up by a finalizer of the one before
		ran := make(chan struct{})
		runtime.SetFinalizer(&found{}, func(*found) { close(ran) })
		for range 3 {
			runtime.GC()
		}
		select {
		case <-ran:
		case <-time.After(20 * time.Second):
			t.Fatal("no finalizer ran")
		}
	}
}

// outgrow has more in use than is kept: it is not looked for garbage for ever then.
func outgrow(t *testing.T, keep uint64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	all := make([][]byte, 2*keep>>20)
	for i := range all {
		for range 16 {
			all[i] = make([]byte, 1<<20)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.NumGC - before.NumGC; n == 0 || n > 100 {
		t.Errorf("%d collections while %d MiB were made, of which a sixteenth stays", n, 16*len(all))
	}
	runtime.KeepAlive(all)
}
