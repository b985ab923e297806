//go:build linux

// Package alarm wakes a goroutine at an instant, to some ten microseconds.
//
// The runtime's own timers are late by up to a millisecond when the process
// is idle, because it sleeps in epoll_wait, which counts milliseconds. That is
// a tenth of the shortest advertisement interval. A timerfd has the kernel's
// resolution and wakes the same epoll_wait.
//
// It keeps no time: core/engine says how long to wait.
package alarm

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Alarm is one alarm. Set may be called by one goroutine at a time.
type Alarm struct {
	fd    int
	file  *os.File
	rings chan struct{}
	ended chan struct{}
}

// New returns an alarm that is not set. Close ends its goroutine.
func New() (*Alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create timer: %w", err)
	}
	a := &Alarm{fd: fd, file: os.NewFile(uintptr(fd), "timerfd"), rings: make(chan struct{}, 1), ended: make(chan struct{})}
	go a.wait()
	return a, nil
}

// wait turns expirations into rings until the file is closed.
func (a *Alarm) wait() {
	defer close(a.ended)
	raw, err := a.file.SyscallConn()
	if err != nil {
		return // closed already
	}
	var expirations [8]byte
	// A raw system call, as it cannot block: see wire.epollNow.
	take := func(fd uintptr) bool {
		_, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&expirations)), uintptr(len(expirations)))
		return errno == 0
	}
	for {
		if raw.Read(take) != nil {
			return // closed: a timerfd has no other error than that it has not expired
		}
		select {
		case a.rings <- struct{}{}:
		default: // it rings already
		}
	}
}

// C is sent to when the alarm goes off. An alarm that was set anew may still
// ring for what it was set to before; the receiver looks at its clock.
func (a *Alarm) C() <-chan struct{} { return a.rings }

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

// Close ends the alarm.
func (a *Alarm) Close() error {
	err := a.file.Close()
	<-a.ended
	if err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("close timer: %w", err)
	}
	return nil
}
