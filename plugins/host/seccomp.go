//go:build linux

package host

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// denied are system calls that no checker needs: to look into other
// processes, to change what the machine or its mounts are, to make namespaces
// (where a user is root and reaches much of the kernel), those whose errors in
// kernels were the ways out of other jails, and those that make what outlives
// the process and counts as nobody's memory. They fail with EPERM.
var denied = []uintptr{
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KCMP, unix.SYS_PIDFD_GETFD,
	unix.SYS_PROCESS_MADVISE, unix.SYS_PERF_EVENT_OPEN, unix.SYS_BPF, unix.SYS_USERFAULTFD,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE,
	unix.SYS_FSOPEN, unix.SYS_FSMOUNT, unix.SYS_FSCONFIG, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR,
	unix.SYS_SETNS, unix.SYS_UNSHARE, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_NAME_TO_HANDLE_AT,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD,
	unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_SYSLOG, unix.SYS_VHANGUP,
	unix.SYS_SHMGET, unix.SYS_SEMGET, unix.SYS_MSGGET, unix.SYS_MQ_OPEN,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME,
}

// auditArch is how the kernel calls the architecture whose calls are meant;
// 0 is one that is not known here.
func auditArch() uint32 {
	switch runtime.GOARCH {
	case "amd64":
		return unix.AUDIT_ARCH_X86_64
	case "arm64":
		return unix.AUDIT_ARCH_AARCH64
	case "riscv64":
		return unix.AUDIT_ARCH_RISCV64
	case "ppc64le":
		return unix.AUDIT_ARCH_PPC64LE
	case "s390x":
		return unix.AUDIT_ARCH_S390X
	}
	return 0
}

// Offsets into what a filter sees of a call.
const (
	offsetNr   = 0
	offsetArch = 4
	offsetArg0 = 16 // the lower half, on little-endian machines
	offsetArg1 = offsetArg0 + 8
	offsetArg3 = offsetArg0 + 3*8
)

// filterCalls has the kernel refuse the denied calls, and starting processes
// unless fork is set, to this process and what it becomes. restricted says that it can
// write no device but /dev/null. A kernel without seccomp, or
// an architecture that is not known here, leaves it to the rest.
func filterCalls(fork, restricted bool) error {
	arch := auditArch()
	if arch == 0 {
		return nil
	}
	program := callFilter(arch, fork, restricted, uint32(os.Getpid()))
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
	runtime.KeepAlive(program)
	if errors.Is(err, unix.EINVAL) {
		return nil // not in this kernel
	}
	if err != nil {
		return fmt.Errorf("restrict system calls: %w", err)
	}
	return nil
}

// The instructions of a program: load what is at an offset, go on so many further by what
// was loaded, answer.
func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func jump(code uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | code | unix.BPF_K, K: k, Jt: yes, Jf: no}
}

func returns(k uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k}
}

// ownOnly refuses, once the number of the call is loaded, what would change the limits
// and the priority of another process of the same user, and the ways besides kill to have
// the kernel signal one.
func ownOnly(pid uint32) (out []unix.SockFilter) {
	refuse, allow := returns(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)), returns(unix.SECCOMP_RET_ALLOW)
	for _, nr := range []uint32{
		unix.SYS_PRLIMIT64, unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETSCHEDULER, unix.SYS_SCHED_SETATTR, unix.SYS_SCHED_SETAFFINITY,
	} {
		out = append(out,
			jump(unix.BPF_JEQ, nr, 0, 5), // to the next
			load(offsetArg0), jump(unix.BPF_JEQ, 0, 2, 0), jump(unix.BPF_JEQ, pid, 1, 0), refuse, allow,
		)
	}
	const ioprioWhoProcess = 1
	for nr, process := range map[uint32]uint32{unix.SYS_SETPRIORITY: unix.PRIO_PROCESS, unix.SYS_IOPRIO_SET: ioprioWhoProcess} {
		out = append(out,
			jump(unix.BPF_JEQ, nr, 0, 7),
			load(offsetArg0), jump(unix.BPF_JEQ, process, 0, 3), // refuse
			load(offsetArg1), jump(unix.BPF_JEQ, 0, 2, 0), jump(unix.BPF_JEQ, pid, 1, 0), refuse, allow,
		)
	}
	const setSig, fioSetOwn, siocSetPgrp = 10, 0x8901, 0x8902
	for nr, commands := range map[uint32][]uint32{
		unix.SYS_FCNTL: {unix.F_SETOWN, unix.F_SETOWN_EX, setSig},
		unix.SYS_IOCTL: {fioSetOwn, siocSetPgrp},
	} {
		out = append(out, jump(unix.BPF_JEQ, nr, 0, uint8(2+2*len(commands))), load(offsetArg1))
		for _, command := range commands {
			out = append(out, jump(unix.BPF_JEQ, command, 0, 1), refuse)
		}
		out = append(out, allow)
	}
	return out
}

// callFilter is the program that judges a call of the process with this number.
func callFilter(arch uint32, fork, restricted bool, pid uint32) []unix.SockFilter {
	refuse := returns(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM))
	program := []unix.SockFilter{
		load(offsetArch), jump(unix.BPF_JEQ, arch, 1, 0), refuse, // another table of calls, as of 32 bits
		load(offsetNr),
	}
	if runtime.GOARCH == "amd64" {
		const x32 = 0x40000000
		program = append(program, jump(unix.BPF_JSET, x32, 0, 1), refuse)
	}
	for _, nr := range denied {
		program = append(program, jump(unix.BPF_JEQ, uint32(nr), 0, 1), refuse)
	}
	for _, nr := range ipcCalls() {
		program = append(program, jump(unix.BPF_JEQ, nr, 0, 1), refuse)
	}
	// The limit of memory (RLIMIT_DATA) counts neither what is shared nor what
	// grows as a stack does. Nor what is shared of /dev/zero, which is a file for who
	// may write it. s390x passes the flags where they cannot be seen.
	if runtime.GOARCH != "s390x" {
		shared := uint32(unix.MAP_ANONYMOUS)
		if !restricted {
			shared = unix.MAP_SHARED
		}
		program = append(program,
			jump(unix.BPF_JEQ, unix.SYS_MMAP, 0, 6), // beyond all of this
			load(offsetArg3),
			jump(unix.BPF_JSET, unix.MAP_GROWSDOWN, 2, 0), // refuse
			jump(unix.BPF_JSET, unix.MAP_SHARED, 0, 2),
			jump(unix.BPF_JSET, shared, 0, 1),
			refuse,
			load(offsetNr),
		)
	}
	// What clone3 is to do cannot be seen from here; libraries fall back to
	// clone when it is missing.
	program = append(program, jump(unix.BPF_JEQ, unix.SYS_CLONE3, 0, 1), returns(unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS)))
	// A child of its parent would be the daemon's.
	const spaces = unix.CLONE_PARENT | unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP
	program = append(program,
		jump(unix.BPF_JEQ, unix.SYS_CLONE, 0, 5), // to the end
		load(offsetArg0),
		jump(unix.BPF_JSET, spaces, 2, 0),
		// Threads belong to the process; anything else is a new one.
		jump(unix.BPF_JSET, unix.CLONE_THREAD, 2, 0),
		returns(forking(fork)),
		refuse,
	)
	if !fork {
		program = append(program, load(offsetNr))
		calls := append(forks(), unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_MOVE_PAGES, unix.SYS_MIGRATE_PAGES)
		if pid != 1 { // the first of its pid namespace reaches nobody else's threads
			calls = append(calls, unix.SYS_TKILL)
		}
		for _, nr := range calls {
			program = append(program, jump(unix.BPF_JEQ, nr, 0, 1), refuse)
		}
		// Other checkers have the same user: it has nobody but itself to signal. Where
		// numbers are in the other half of a word they cannot be seen so.
		if runtime.GOARCH != "s390x" {
			program = append(program,
				jump(unix.BPF_JEQ, unix.SYS_KILL, 1, 0),
				jump(unix.BPF_JEQ, unix.SYS_TGKILL, 0, 4), // to ownOnly
				load(offsetArg0), jump(unix.BPF_JEQ, pid, 1, 0), refuse, returns(unix.SECCOMP_RET_ALLOW),
			)
			program = append(program, ownOnly(pid)...)
		}
	} else if pid != 1 { // as the first of its pid namespace it sees nobody but its own
		// It may signal, or it could not end what it starts. What it starts names itself
		// by 0 as a rule, and by a number in vain. By its session it is found when the
		// plugin ends. To make groups in that is allowed: timeout signals its own.
		program = append(program, load(offsetNr))
		for _, nr := range []uint32{unix.SYS_MOVE_PAGES, unix.SYS_MIGRATE_PAGES, unix.SYS_SETSID} {
			program = append(program, jump(unix.BPF_JEQ, nr, 0, 1), refuse)
		}
		if runtime.GOARCH != "s390x" {
			program = append(program, ownOnly(pid)...)
		}
	}
	return append(program, returns(unix.SECCOMP_RET_ALLOW))
}

func forking(fork bool) uint32 {
	if fork {
		return unix.SECCOMP_RET_ALLOW
	}
	return unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
}

// ipcCalls are the one call for all of System V's, where there is such a one.
func ipcCalls() []uint32 {
	if runtime.GOARCH == "ppc64le" || runtime.GOARCH == "s390x" {
		return []uint32{117}
	}
	return nil
}

// forks are the old ways to make a process, where there are any.
func forks() []uint32 {
	if runtime.GOARCH == "amd64" {
		return []uint32{57, 58} // fork, vfork: not every architecture has their names
	}
	return nil
}
