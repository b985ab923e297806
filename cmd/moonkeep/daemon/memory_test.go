package daemon

import (
	"runtime"
	"runtime/debug"
	"testing"
)

// What was made and dropped is worth giving back, before and after it was
// collected, and is given back; what is little is not worth a collection.
func TestTrim(t *testing.T) {
	debug.FreeOSMemory()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for range 64 {
		runtime.KeepAlive(make([]byte, 1<<20))
	}
	if n := unused(); n < 32<<20 {
		t.Errorf("%d KiB to give back of 64 MiB that were dropped", n>>10)
	}
	runtime.GC()
	if n := unused(); n < 32<<20 {
		t.Errorf("%d KiB to give back of 64 MiB that were collected", n>>10)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	trim(worthTrim)
	runtime.ReadMemStats(&after)
	if back := int64(after.HeapReleased - before.HeapReleased); back < 32<<20 || unused() >= 8<<20 {
		t.Errorf("%d KiB were given back, %d KiB are left", back>>10, unused()>>10)
	}
	// However often it is done, two megabytes may be left free where other tests ran before.
	runtime.ReadMemStats(&before)
	trim(unused() + worthTrim)
	runtime.ReadMemStats(&after)
	if after.NumForcedGC != before.NumForcedGC {
		t.Error("a collection was made for what is not worth it")
	}
}
