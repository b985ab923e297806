package program

import (
	"syscall"
	"unsafe"
)

// From waitid(2); package syscall has only their wait4 relatives.
const (
	idTypePid = 1
	wNoHang   = 0x1
	wExited   = 0x4
	wNoWait   = 0x1000000
)

// await returns when the program has ended and can be reaped, or when it was
// forsaken. It parks the goroutine on the pidfd; where there is none (before
// Linux 5.4) it holds a thread, and Close cannot call it off.
func (r *run) await() {
	if r.waiter != nil {
		conn, err := r.waiter.SyscallConn()
		if err == nil {
			err = conn.Read(func(uintptr) bool { return ended(r.pid, wNoHang) })
		}
		r.mu.Lock()
		lost := r.lost
		r.mu.Unlock()
		if err == nil || lost {
			return
		}
	}
	ended(r.pid, 0)
}

// ended asks whether the child has ended, without reaping it. Without wNoHang
// it waits for that. A child that is not ours to wait for has ended.
func ended(pid, options int) bool {
	var info [16]uint64 // siginfo_t is 128 bytes
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, idTypePid, uintptr(pid),
			uintptr(unsafe.Pointer(&info)), uintptr(options|wExited|wNoWait), 0, 0)
		switch errno {
		case 0:
			// si_signo, the first field, stays zero when nothing has ended.
			return *(*int32)(unsafe.Pointer(&info)) != 0
		case syscall.EINTR:
		default:
			return true
		}
	}
}
