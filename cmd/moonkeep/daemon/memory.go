package daemon

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/config"
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
	usual int  // percent, as debug.SetGCPercent has it
	asked bool // by the environment: nothing is kept then

	mu    sync.Mutex // guards what follows
	eased int        // how many want it seldom
	keeps uint64     // bytes, while none does
	rests int        // how often that was since the start
}

// newCollection has the first garbage collected seldom, until the function that it
// returns is called: the runtime would begin with what the beginning of the
// program made, which costs as much as the reading of a configuration.
func newCollection() (c *collection, end func(keep uint64)) {
	c = &collection{usual: gcPercent, asked: os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != ""}
	if os.Getenv("GOGC") != "" {
		c.usual = debug.SetGCPercent(gcPercent)
	}
	return c, c.ease(easeBytes)
}

// ease lets the heap grow by so many bytes before it is collected, until the function
// that it returns is called, with how many are to be kept then; where another is under way,
// by what that allows.
func (c *collection) ease(by uint64) (end func(keep uint64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.eased++; c.eased == 1 {
		// The runtime counts 4 MiB at the least.
		percent := int(by * 100 / max(4<<20, read("/gc/heap/live:bytes")))
		if c.usual < 0 || percent < c.usual { // GOGC allows more
			percent = c.usual
		}
		debug.SetGCPercent(percent)
		if !c.asked {
			debug.SetMemoryLimit(math.MaxInt64)
		}
	}
	return func(keep uint64) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.eased--; c.eased > 0 {
			return
		}
		before := c.keeps
		if c.keeps = keep; keep < worthKeep || c.asked {
			c.keeps = 0
		}
		c.settle(c.keeps < before/2)
	}
}

// trim gives back to the kernel what nobody uses, unless it is to be kept, if it is worth it.
func (c *collection) trim() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.eased == 0 && c.keeps == 0 && unused() >= worthTrim {
		debug.FreeOSMemory()
	}
}

// settle ends what ease began. What was in use of a configuration that has shrunk is free only
// once it was collected, which would not be soon.
func (c *collection) settle(shrunk bool) {
	c.rests++
	if c.keeps == 0 {
		debug.SetGCPercent(c.usual)
		if shrunk {
			runtime.GC()
		}
		return
	}
	// With a percentage the runtime would look for garbage every two minutes, and give back
	// all that is not in use then. With a limit it keeps what it may fill.
	debug.SetMemoryLimit(int64(taken() + worthKeep))
	debug.SetGCPercent(-1)
	if shrunk || unused() >= worthTrim {
		runtime.GC()
	}
	c.limit()
}

// limit lets the heap grow by what is kept, and does so again after each collection of this
// rest, in case that more is in use then. It may always grow by the usual part of what is in
// use: with less it would be collected again and again once that is far more than what is kept.
func (c *collection) limit() {
	grown := read("/memory/classes/heap/free:bytes") + read("/memory/classes/heap/objects:bytes")
	live := read("/gc/heap/live:bytes")
	debug.SetMemoryLimit(int64(taken() - grown + live + max(c.keeps, live*gcPercent/100)))
	runtime.SetFinalizer(&found{rest: c.rests}, func(f *found) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.eased == 0 && c.keeps > 0 && c.rests == f.rest {
			c.limit()
		}
	})
}

// found is by the next collection.
type found struct {
	rest int
	_    *int // makes it one of its own: what is small shares its memory with others
}

// TrimAfter is when the daemon gives memory back after its start: that which the
// configuration took while it was read, and a thousand virtual routers that
// became MASTER together. Sooner it would be in the way of just that. A table is
// waited for, but no longer than mostTrimAfter.
const (
	TrimAfter     = 5 * time.Second
	mostTrimAfter = time.Minute
)

// worthTrim is what must be there to be given back for it to be done: it takes a
// collection, some milliseconds of a processor for each ten megabytes that are in
// use. A thousand virtual routers leave three times as much, a hundred scripts a
// third of it.
const worthTrim = 2 << 20

const (
	// keptPerServer is how much memory is kept for each real server while nothing is read: what
	// the next reload takes for it. To have it from the kernel anew takes longer
	// than all that is done with it.
	keptPerServer = 2 << 10
	// worthKeep is what is kept at the least; of a smaller site everything is given back.
	worthKeep = 4 << 20
)

// kept is how much memory is kept for the next reload of a configuration like this.
func kept(c *config.Config) (bytes uint64) {
	for i := range c.VirtualServers {
		bytes += uint64(len(c.VirtualServers[i].RealServers)) * keptPerServer
	}
	return bytes
}

// ease has garbage collected seldom while there is a reload, until the function that it
// returns is called: when neither the node nor the report has what was replaced.
func (d *daemon) ease() (end func()) {
	quiet := d.garbage.ease(easeBytes)
	return func() {
		quiet(kept(d.current()))
		d.garbage.trim()
	}
}

// unused is about how much of the heap nobody uses: what is free already, and what
// was made since the last collection, most of which is gone where settle is called.
func unused() uint64 {
	objects := read("/memory/classes/heap/objects:bytes")
	return read("/memory/classes/heap/free:bytes") + objects - min(objects, read("/gc/heap/live:bytes"))
}

// taken is what the runtime has of memory.
func taken() uint64 {
	return read("/memory/classes/total:bytes") - read("/memory/classes/heap/released:bytes")
}

// read is a number that the runtime tells; 0 of what it does not.
func read(name string) uint64 {
	s := []metrics.Sample{{Name: name}}
	if metrics.Read(s); s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}
