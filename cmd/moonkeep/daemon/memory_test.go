package daemon

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// What was made and dropped is worth giving back, before and after it was
// collected, and is given back; nothing is afterwards.
func TestTrim(t *testing.T) {
	// What a sweep has under way elsewhere in the process is given back by the next.
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		debug.FreeOSMemory()
		n := unused()
		if n < worthTrim {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d KiB to give back when all was given back", n>>10)
		}
	}
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
	trim()
	runtime.ReadMemStats(&after)
	if back := int64(after.HeapReleased - before.HeapReleased); back < 32<<20 || unused() >= worthTrim {
		t.Errorf("%d KiB were given back, %d KiB are left", back>>10, unused()>>10)
	}
	// Too little to be worth it.
	runtime.KeepAlive(make([]byte, worthTrim/2))
	runtime.ReadMemStats(&before)
	trim()
	runtime.ReadMemStats(&after)
	if after.NumForcedGC != before.NumForcedGC {
		t.Error("a collection was made for what is not worth it")
	}
}
