//go:build linux

package host

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// judged is what a program answers to a call with these first arguments.
func judged(t *testing.T, program []unix.SockFilter, arch, nr uint32, args ...uint32) uint32 {
	t.Helper()
	seen := map[uint32]uint32{offsetNr: nr, offsetArch: arch}
	for i, a := range args {
		seen[offsetArg0+8*uint32(i)] = a
	}
	loaded := uint32(0)
	for at := 0; at < len(program); at++ {
		in := program[at]
		holds := false
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			loaded = seen[in.K]
			continue
		case unix.BPF_RET | unix.BPF_K:
			return in.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			holds = loaded == in.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			holds = loaded&in.K != 0
		default:
			t.Fatalf("instruction %d: code %#x", at, in.Code)
		}
		if holds {
			at += int(in.Jt)
		} else {
			at += int(in.Jf)
		}
	}
	t.Fatal("the program has no end")
	return 0
}

// TestCallFilterOfMany: a process that may start others may signal them, and limits and
// slows nobody but itself where it sees others than those.
func TestCallFilterOfMany(t *testing.T) {
	arch := auditArch()
	if arch == 0 || runtime.GOARCH == "s390x" {
		return // there it cannot be told whom a call is about
	}
	const allow, refuse = uint32(unix.SECCOMP_RET_ALLOW), uint32(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM))
	for _, c := range []struct {
		name          string
		beside, apart uint32 // others, and in a pid namespace of its own
		nr            uint32
		args          []uint32
	}{
		{"start", allow, allow, unix.SYS_CLONE, []uint32{uint32(unix.SIGCHLD)}},
		{"end what it started", allow, allow, unix.SYS_KILL, []uint32{4712, uint32(unix.SIGKILL)}},
		{"the same by its descriptor", allow, allow, unix.SYS_PIDFD_SEND_SIGNAL, []uint32{7, uint32(unix.SIGKILL)}},
		{"limit itself", allow, allow, unix.SYS_PRLIMIT64, []uint32{0, unix.RLIMIT_NOFILE}},
		{"limit", refuse, allow, unix.SYS_PRLIMIT64, []uint32{4712, unix.RLIMIT_NOFILE}},
		{"slow itself", allow, allow, unix.SYS_SETPRIORITY, []uint32{unix.PRIO_PROCESS, 0, 19}},
		{"slow all of a user", refuse, allow, unix.SYS_SETPRIORITY, []uint32{unix.PRIO_USER, 0, 19}},
		{"move the memory", refuse, allow, unix.SYS_MIGRATE_PAGES, []uint32{4712}},
		{"have signalled", refuse, allow, unix.SYS_FCNTL, []uint32{3, unix.F_SETOWN, 4712}},
		{"have a group", allow, allow, unix.SYS_SETPGID, nil},
		{"leave the session", refuse, allow, unix.SYS_SETSID, nil},
		{"start as the daemon's", refuse, refuse, unix.SYS_CLONE, []uint32{unix.CLONE_PARENT | uint32(unix.SIGCHLD)}},
		{"look into", refuse, refuse, unix.SYS_PTRACE, []uint32{16, 4712}},
	} {
		if got := judged(t, callFilter(arch, true, true, 4711), arch, c.nr, c.args...); got != c.beside {
			t.Errorf("beside others, %s: %#x, want %#x", c.name, got, c.beside)
		}
		if got := judged(t, callFilter(arch, true, true, 1), arch, c.nr, c.args...); got != c.apart {
			t.Errorf("apart, %s: %#x, want %#x", c.name, got, c.apart)
		}
	}
}

// TestCallFilter: a process may signal, limit and slow itself and nobody else, whatever
// its number is: in a container it may be that of a system call.
func TestCallFilter(t *testing.T) {
	arch := auditArch()
	if arch == 0 || runtime.GOARCH == "s390x" {
		return // there it cannot be told whom a call is about
	}
	for _, pid := range []uint32{
		1, 4711, unix.SYS_KILL, unix.SYS_TGKILL, unix.SYS_PRLIMIT64, unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_SET, unix.SYS_FCNTL, unix.SYS_IOCTL,
		unix.SYS_SCHED_SETSCHEDULER, unix.SYS_SCHED_SETAFFINITY,
	} {
		program := callFilter(arch, false, true, pid)
		for _, c := range []struct {
			name string
			own  bool // whether it is the own process that suffers
			nr   uint32
			args []uint32
		}{
			{"abort", true, unix.SYS_TGKILL, []uint32{pid, pid + 1, uint32(unix.SIGABRT)}},
			{"raise SIGFPE", true, unix.SYS_KILL, []uint32{pid, uint32(unix.SIGFPE)}},
			{"kill", false, unix.SYS_KILL, []uint32{pid + 1, uint32(unix.SIGKILL)}},
			{"kill all", false, unix.SYS_KILL, []uint32{^uint32(0), uint32(unix.SIGKILL)}},
			{"kill a thread", false, unix.SYS_TGKILL, []uint32{pid + 1, pid + 1, uint32(unix.SIGKILL)}},
			{"limit itself", true, unix.SYS_PRLIMIT64, []uint32{0, unix.RLIMIT_NOFILE}},
			{"limit itself by number", true, unix.SYS_PRLIMIT64, []uint32{pid, unix.RLIMIT_NOFILE}},
			{"limit", false, unix.SYS_PRLIMIT64, []uint32{pid + 1, unix.RLIMIT_NOFILE}},
			{"slow itself", true, unix.SYS_SETPRIORITY, []uint32{unix.PRIO_PROCESS, 0, 19}},
			{"slow", false, unix.SYS_SETPRIORITY, []uint32{unix.PRIO_PROCESS, pid + 1, 19}},
			{"slow all of a user", false, unix.SYS_SETPRIORITY, []uint32{unix.PRIO_USER, 0, 19}},
			{"have signalled", false, unix.SYS_FCNTL, []uint32{3, unix.F_SETOWN, pid + 1}},
			{"set a flag", true, unix.SYS_FCNTL, []uint32{3, unix.F_SETFL, unix.O_NONBLOCK}},
		} {
			want := uint32(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM))
			if c.own {
				want = unix.SECCOMP_RET_ALLOW
			}
			if got := judged(t, program, arch, c.nr, c.args...); got != want {
				t.Errorf("process %d, %s: %#x, want %#x", pid, c.name, got, want)
			}
		}
	}
}

// TestCallFilterOfMemory: what is mapped has to count as the process's; where it can write
// devices, one of which is memory, it may share no file.
func TestCallFilterOfMemory(t *testing.T) {
	arch := auditArch()
	if arch == 0 || runtime.GOARCH == "s390x" {
		return // there it cannot be told how something is mapped
	}
	const allow, refuse = uint32(unix.SECCOMP_RET_ALLOW), uint32(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM))
	for _, c := range []struct {
		name               string
		restricted, others uint32
		flags              uint32
	}{
		{"memory", allow, allow, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS},
		{"a file", allow, allow, unix.MAP_PRIVATE},
		{"shared memory", refuse, refuse, unix.MAP_SHARED | unix.MAP_ANONYMOUS},
		{"a stack", refuse, refuse, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_GROWSDOWN},
		{"a file that is shared", allow, refuse, unix.MAP_SHARED},
		{"the same, validated", allow, refuse, unix.MAP_SHARED_VALIDATE},
	} {
		for restricted, want := range map[bool]uint32{true: c.restricted, false: c.others} {
			if got := judged(t, callFilter(arch, false, restricted, 1), arch, unix.SYS_MMAP, 0, 4096, unix.PROT_READ, c.flags); got != want {
				t.Errorf("files restricted %t, %s: %#x, want %#x", restricted, c.name, got, want)
			}
		}
	}
}
