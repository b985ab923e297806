package daemon

import (
	"runtime"
	"runtime/debug"
	"testing"
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
