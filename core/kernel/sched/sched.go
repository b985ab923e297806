//go:build linux

// Package sched sets how the kernel runs the process: its real-time priority,
// nice value, processors, and whether its memory may be swapped out.
//
// To Linux these belong to threads. The process has several, of which the
// runtime makes more at any time, and a goroutine runs now on one and now on
// another: an advert passes through the thread that waits for the network and
// the timer, and the one on which the loop goes on. So all threads are set, and
// those that are made later inherit it. Collecting garbage is then as urgent as
// adverts are, and neither starves the other; it pauses a virtual router for
// tens of microseconds, as it does without.
//
// Programs inherit it from the thread that starts them, which they should not:
// that thread calls Restore first.
//
// It decides nothing; cmd/moonkeep/daemon drives it, once.
package sched

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Settings say how the process is to run. The zero value leaves all as it is.
type Settings struct {
	// RealTime is the priority of SCHED_RR, 1..99; 0 for none.
	RealTime int
	// Nice is the nice value, which counts without RealTime; 0 leaves it.
	Nice int
	// CPUs are the numbers of the processors to run on; none leaves them.
	CPUs []int
	// NoSwap keeps what the process has touched in memory. Memory is not given
	// back to the kernel then.
	NoSwap bool
	// RealTimeLimit is how long a thread may run in real time without waiting
	// before the process is sent SIGXCPU, again each second; 0 for no limit.
	RealTimeLimit time.Duration
}

// Process remembers how the process ran at first, which Restore goes back to.
type Process struct {
	attr unix.SchedAttr
	cpus unix.CPUSet
}

// Current reads how the calling thread runs, before anything is set.
func Current() (*Process, error) {
	p := &Process{}
	attr, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return nil, fmt.Errorf("ask how the process is scheduled: %w", err)
	}
	p.attr = *attr
	if err := unix.SchedGetaffinity(0, &p.cpus); err != nil {
		return nil, fmt.Errorf("ask for the processors of the process: %w", err)
	}
	return p, nil
}

// Apply makes the settings. Each error says what could not be set, and what the
// process needs for it; the others are made nevertheless.
func (p *Process) Apply(s Settings) (failed []error) {
	needs := "CAP_SYS_NICE (in a unit of systemd CapabilityBoundingSet=CAP_SYS_NICE)"
	try := func(what string, err error) {
		switch {
		case err == nil:
			return
		case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES): // the latter for a nice value
			err = fmt.Errorf("%w: the process needs %s for it", err, needs)
		}
		failed = append(failed, fmt.Errorf("%s: %w", what, err))
	}
	if len(s.CPUs) > 0 {
		try(fmt.Sprintf("run on the processors %v", s.CPUs), p.pin(s.CPUs))
	}
	if s.Nice != 0 {
		if from := p.attr.Nice; !p.returns(s.Nice) {
			try(fmt.Sprintf("run programs with nice value %d, and not with %d too", from, s.Nice), unix.EPERM)
		}
		try(fmt.Sprintf("run with nice value %d", s.Nice), everyThread(func(tid int) error {
			return unix.Setpriority(unix.PRIO_PROCESS, tid, s.Nice)
		}))
	}
	if s.RealTime > 0 {
		needs = "CAP_SYS_NICE (in a unit of systemd CapabilityBoundingSet=CAP_SYS_NICE and RestrictRealtime=false; or, in a cgroup, real-time bandwidth)"
		if s.RealTimeLimit > 0 {
			try(fmt.Sprintf("limit real time to %v", s.RealTimeLimit), limit(s.RealTimeLimit))
		}
		try(fmt.Sprintf("run with real-time priority %d", s.RealTime), everyThread(func(tid int) error {
			return unix.SchedSetAttr(tid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: uint32(s.RealTime)}, 0)
		}))
	}
	if s.NoSwap {
		if err := lock(); err != nil {
			failed = append(failed, fmt.Errorf("keep the process in memory: %w", err))
		}
	}
	return failed
}

// returns reports whether the process may go back from a nice value to the one that
// it has: everybody may run later, and not sooner again. If not, Restore leaves it.
func (p *Process) returns(nice int) bool {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	set := func(n int) error { return unix.Setpriority(unix.PRIO_PROCESS, 0, n) }
	if set(nice) != nil {
		return true // it stays as it is, and whoever sets it says so
	}
	err := set(int(p.attr.Nice))
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		p.attr.Nice = int32(nice)
		return false
	}
	return true
}

// pin has all threads run on these processors only, and the runtime use no more
// at once than there are.
func (p *Process) pin(list []int) error {
	var set unix.CPUSet
	most := len(set) * strconv.IntSize
	for _, n := range list {
		if n >= most {
			return fmt.Errorf("processor %d: there is none beyond %d", n, most-1)
		}
		set.Set(n)
	}
	if err := everyThread(func(tid int) error { return unix.SchedSetaffinity(tid, &set) }); err != nil {
		if errors.Is(err, unix.EINVAL) {
			err = fmt.Errorf("%w: this host, or its cgroup, has none of them", err)
		}
		return err
	}
	runtime.SetDefaultGOMAXPROCS()
	return nil
}

// limit sets the soft limit alone: at the hard one the kernel kills.
func limit(d time.Duration) error {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_RTTIME, &r); err != nil {
		return err
	}
	r.Cur = min(uint64(max(1, d/time.Microsecond)), r.Max)
	return unix.Setrlimit(unix.RLIMIT_RTTIME, &r)
}

// lock keeps what is touched from now on, and what is there, in memory. What the
// runtime has reserved and not touched stays out of it. Under a limit the
// runtime would find itself without memory some day, so that it is not done.
func lock() error {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &r); err != nil {
		return err
	}
	if r.Cur != unix.RLIM_INFINITY && !capable(unix.CAP_IPC_LOCK) {
		return fmt.Errorf("the process needs CAP_IPC_LOCK, or no limit on locked memory (LimitMEMLOCK=infinity)")
	}
	return unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT)
}

// capable reports whether the calling thread has a capability of the first 32.
func capable(which int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[0].Effective&(1<<which) != 0
}

// Calm ends real time for all threads.
func (p *Process) Calm() error {
	return everyThread(func(tid int) error {
		return unix.SchedSetAttr(tid, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Nice: p.attr.Nice}, 0)
	})
}

// Restore has the calling thread, and what it starts, run as the process did at
// first. The goroutine is locked to its thread.
func (p *Process) Restore() error {
	now, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return fmt.Errorf("schedule programs as before: %w", err)
	}
	// No more is asked for than was changed: a filter of system calls may refuse it.
	niced := *now
	niced.Nice = p.attr.Nice
	switch {
	case *now == p.attr:
	case niced == p.attr:
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, int(p.attr.Nice)); err != nil {
			return fmt.Errorf("give programs the nice value %d as before: %w", p.attr.Nice, err)
		}
	default:
		attr := p.attr
		attr.Size = unix.SizeofSchedAttr
		if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
			return fmt.Errorf("schedule programs as before: %w", err)
		}
	}
	cpus := p.cpus
	if err := unix.SchedSetaffinity(0, &cpus); err != nil {
		return fmt.Errorf("let programs run on all processors: %w", err)
	}
	return nil
}

// everyThread calls f for every thread, and for those that are made meanwhile by
// threads to which it had not come: until a look finds no further one.
func everyThread(f func(tid int) error) error {
	var done []int
	for {
		entries, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("list the threads of the process: %w", err)
		}
		more := false
		for _, e := range entries {
			tid, err := strconv.Atoi(e.Name())
			if err != nil || slices.Contains(done, tid) {
				continue
			}
			if err := f(tid); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
			done, more = append(done, tid), true
		}
		if !more {
			return nil
		}
	}
}
