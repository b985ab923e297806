//go:build linux

// Package alarm wakes a goroutine at an instant, to some ten microseconds, or
// when another one rings.
//
// The runtime's own timers are late by up to a millisecond when the process
// is idle, because it sleeps in epoll_wait, which counts milliseconds. That is
// a tenth of the shortest advertisement interval. A timerfd has the kernel's
// resolution and wakes the same epoll_wait. Who waits reads it itself: the thread
// that was woken goes on with it, where passing the news on to another goroutine
// would wake a second thread, which costs more than sending an advert does.
//
// It keeps no time: core/engine says how long to wait.
package alarm

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Alarm is one alarm. Set and Wait are one goroutine's; Ring is anybody's.
type Alarm struct {
	fd    int
	file  *os.File
	raw   syscall.RawConn
	state atomic.Uint32
	// take reports whether the timer went off; a field, so that Wait allocates
	// no closure.
	take func(fd uintptr) bool
}

// What state says: nobody waits and nobody rang, somebody waits, somebody rang
// since Wait returned last.
const (
	quiet = iota
	waiting
	rung
)

// New returns an alarm that is not set.
func New() (*Alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create timer: %w", err)
	}
	a := &Alarm{fd: fd, file: os.NewFile(uintptr(fd), "timerfd"), take: taken}
	if a.raw, err = a.file.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("use timer: %w", err), a.file.Close())
	}
	return a, nil
}

// taken reads a timerfd. A raw system call, as it cannot block: see
// wire.epollNow.
func taken(fd uintptr) bool {
	var expirations [8]byte
	_, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&expirations)), uintptr(len(expirations)))
	return errno == 0
}

// Wait waits until the alarm goes off, and reports whether it did, or until
// somebody rang since Wait returned last. It may return for nothing.
func (a *Alarm) Wait() (off bool, err error) {
	if !a.state.CompareAndSwap(quiet, waiting) {
		a.state.Swap(quiet)
		return false, nil
	}
	err = a.raw.Read(a.take)
	if off = err == nil; errors.Is(err, os.ErrDeadlineExceeded) {
		// Before state allows for the next deadline. One that is set late, for a
		// ring that this Wait did not need, has the next return for nothing.
		err = a.file.SetReadDeadline(time.Time{})
	}
	a.state.Swap(quiet) // and not Store: it sees who rang, and what they left
	if err != nil {
		return false, fmt.Errorf("wait for timer: %w", err)
	}
	return off, nil
}

// Ring has Wait return: the one under way, or the next. It is not heard after
// Close.
func (a *Alarm) Ring() {
	if a.state.Swap(rung) == waiting {
		// It fails when the alarm is closed only, and then nobody waits.
		_ = a.file.SetReadDeadline(time.Unix(0, 1))
	}
}

// Set has the alarm go off after d, once, instead of when it was set to
// before. A negative d never comes.
func (a *Alarm) Set(d time.Duration) error {
	var spec unix.ItimerSpec // zero disarms
	if d >= 0 {
		spec.Value = unix.NsecToTimespec(max(1, int64(d)))
	}
	if _, _, errno := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(a.fd), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("set timer: %w", errno)
	}
	return nil
}

// Close ends the alarm. A Wait that is under way returns an error.
func (a *Alarm) Close() error {
	if err := a.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("close timer: %w", err)
	}
	return nil
}
