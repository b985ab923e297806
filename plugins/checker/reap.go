//go:build linux

package checker

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reap takes the status of orphans, which become children of the first
// process of a pid namespace. Children of this program are its own to wait
// for, and are left alone: only what is dead for long is an orphan.
func reap() {
	seen := map[int]bool{}
	for range time.Tick(5 * time.Second) {
		dead := map[int]bool{}
		for {
			var info unix.Siginfo
			// WNOWAIT leaves it as it is; always the same one is seen first.
			err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
			if err != nil || info.Signo == 0 {
				break
			}
			pid := childOf(&info)
			if !seen[pid] {
				dead[pid] = true
				break
			}
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil) // somebody else did it first, or now it is done
		}
		seen = dead
	}
}

// childOf is si_pid, which x/sys leaves out. It stands behind three numbers of
// 32 bits, where the union of the kind of signal begins that holds pointers.
func childOf(info *unix.Siginfo) int {
	const word = unsafe.Sizeof(uintptr(0))
	offset := (3*unsafe.Sizeof(int32(0)) + word - 1) / word * word
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(info), offset)))
}
