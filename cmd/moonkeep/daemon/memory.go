package daemon

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// gcPercent is the default of GOGC for the daemon. A node in steady state
// allocates next to nothing, so that collecting twice as often as usual costs
// nothing, and the heap stays within one and a half of what is in use.
const gcPercent = 50

// easeBytes is by how much the heap may grow before it is collected while a
// configuration is read and put into place: what 37,000 real servers make
// meanwhile. Reading one makes many times what stays of it, and the heap would be
// collected again and again, which takes a quarter of the time of a reload. One that
// makes less takes no more memory for it.
const easeBytes = 192 << 20

// collection is how often the daemon collects garbage. GOGC counts if it is set.
// GOMAXPROCS is left to the runtime, which follows the processors of the process
// and the limit of its cgroup, also when they change. There is no limit of
// memory to set, from the cgroup neither: GOMEMLIMIT near the need would have a daemon that
// outgrows it collect for ever instead of sending adverts. One that is set in
// the environment holds.
//
// Only one of a process acts at a time. Its methods may be called by any
// goroutine.
type collection struct {
	usual int // percent, as debug.SetGCPercent has it

	mu    sync.Mutex // guards what follows
	eased int        // how many want it seldom
}

// newCollection has the first garbage collected seldom, until the function that it
// returns is called: the runtime would begin with what the beginning of the
// program made, which costs as much as the reading of a configuration.
func newCollection() (c *collection, end func()) {
	c = &collection{usual: gcPercent}
	if os.Getenv("GOGC") != "" {
		c.usual = debug.SetGCPercent(gcPercent)
	}
	return c, c.ease(easeBytes)
}

// ease lets the heap grow by so many bytes before it is collected, until the function
// that it returns is called; where another is under way, by what that allows.
func (c *collection) ease(by uint64) (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.eased++; c.eased == 1 {
		c.set(by)
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.eased--; c.eased == 0 {
			debug.SetGCPercent(c.usual)
		}
	}
}

func (c *collection) set(by uint64) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	percent := gcPercent
	if live[0].Value.Kind() == metrics.KindUint64 {
		// The runtime counts 4 MiB at the least.
		percent = int(by * 100 / max(4<<20, live[0].Value.Uint64()))
	}
	if c.usual >= 0 && c.usual < percent { // else GOGC allows more
		debug.SetGCPercent(percent)
	} else {
		debug.SetGCPercent(c.usual)
	}
}

// TrimAfter is when the daemon gives memory back after its start: that which the
// configuration took while it was read, and a thousand virtual routers that
// became MASTER together. Sooner it would be in the way of just that.
const TrimAfter = 5 * time.Second

// worthTrim is what must be there to be given back for it to be done: it takes a
// collection, some milliseconds of a processor for each ten megabytes that are in
// use. A thousand virtual routers leave three times as much, a hundred scripts a
// third of it.
const worthTrim = 2 << 20

// trim gives memory back that a configuration took while it was read, many times
// what stays of a large one, if there is as much as is worth it.
func trim(worth uint64) {
	if unused() >= worth {
		debug.FreeOSMemory()
	}
}

// unused is about how much of the heap nobody uses: what is free already, and what
// was made since the last collection, most of which is gone where trim is called.
func unused() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	for i := range s {
		if s[i].Value.Kind() != metrics.KindUint64 {
			return worthTrim // a runtime that does not tell
		}
	}
	free, objects, live := s[0].Value.Uint64(), s[1].Value.Uint64(), s[2].Value.Uint64()
	return free + objects - min(objects, live)
}
