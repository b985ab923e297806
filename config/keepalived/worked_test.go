package keepalived

import (
	"syscall"
	"time"
)

// worked is the processor time that this process has used: what a test took,
// whatever else the machine does.
func worked() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
