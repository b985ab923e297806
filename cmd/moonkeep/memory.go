package main

import (
	"os"
	"runtime/debug"
)

// gcPercent is the default of GOGC for the daemon. A node in steady state
// allocates next to nothing, so that collecting twice as often as usual costs
// nothing, and the heap stays within one and a half of what is in use.
const gcPercent = 50

// tuneMemory sets how the daemon collects garbage. GOGC counts if it is set.
// There is no limit to set: GOMEMLIMIT near the need would have a daemon that
// outgrows it collect for ever instead of sending adverts.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// trim gives memory back that a configuration took while it was read: many
// times what stays of it.
func trim() { debug.FreeOSMemory() }
