package daemon

import (
	"time"

	"golang.org/x/sys/unix"
)

// slept returns how long the machine has been suspended since it was started: by
// that the clock of the runtime, which stands still meanwhile, is behind. Where it
// cannot be known it is 0.
func slept() time.Duration {
	var running, all unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &running) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &all) != nil {
		return 0
	}
	return time.Duration(all.Nano() - running.Nano())
}
