//go:build linux

package host

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// yield has the process, and what it becomes and starts, give way to the daemon: it
// runs with the nice value, unless it gives way more already. What cannot be had is
// said on standard error, and no reason not to run.
func yield(nice int) {
	if nice == 0 {
		return
	}
	complain := func(err error) {
		needs := ""
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
			needs = ", for which the daemon needs CAP_SYS_NICE"
		}
		fmt.Fprintf(os.Stderr, "launch: it cannot run with nice value %d: %v%s\n", nice, err, needs)
	}
	// The call returns 20 less the value.
	if raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0); err == nil && nice > 0 && 20-raw >= nice {
		return
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, nice); err != nil {
		complain(err)
		return
	}
	// Where the kernel divides the processors among sessions first, the value counts
	// only within one. Whoever lacks CAP_SYS_ADMIN may be refused, since another process
	// has set its own in the last tenth of a second; a daemon without it has a control
	// group as a rule, and then sessions do not count.
	err := os.WriteFile("/proc/self/autogroup", strconv.AppendInt(nil, int64(nice), 10), 0)
	switch {
	case errors.Is(err, unix.ENOENT): // not in this kernel
	case errors.Is(err, unix.EAGAIN):
	case err != nil:
		complain(err)
	}
}
