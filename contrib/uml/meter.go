//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// meterVariable names, in the program's environment, the terminal by which it
// can ask what the guest has cost: for each line that it writes there it reads
// one, the CPU time of the guest on this machine since it was started, in
// nanoseconds.
//
// The guest's own count is of no use: its scheduler has no better clock than the
// tick, so that whoever runs when it comes is charged 10 ms, and whoever sleeps
// by then, nothing. Programs whose timers follow the tick are charged at will.
const meterVariable = "UML_METER"

// meterTTY is that terminal.
const meterTTY = "/dev/tty3"

// attach gives cmd, which is not started yet, a meter as two further files.
// begin starts it, for the processes of a group; end ends it, if it was started.
func attach(cmd *exec.Cmd) (begin func(pgid int), end func(), err error) {
	ask, theirs, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("make a pipe for the guest: %w", err)
	}
	answers, answer, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("make a pipe for the guest: %w", err), ask.Close(), theirs.Close())
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, answers, theirs)
	var running sync.WaitGroup
	begin = func(pgid int) { running.Go(func() { meter(ask, answer, pgid) }) }
	end = func() {
		ask.Close()
		answer.Close()
		running.Wait()
	}
	return begin, end, nil
}

// meter answers until the guest has closed its end.
func meter(ask io.Reader, answer io.Writer, pgid int) {
	b := make([]byte, 64)
	for {
		n, err := ask.Read(b)
		if err != nil {
			return
		}
		for range bytes.Count(b[:n], []byte("\n")) {
			spent, err := spentBy(pgid)
			text := fmt.Sprintln(spent.Nanoseconds())
			if err != nil {
				text = fmt.Sprintln(err)
			}
			if _, err := io.WriteString(answer, text); err != nil {
				return
			}
		}
	}
}

// spentBy is the CPU time of all processes of a group, with that of their
// children that have ended.
func spentBy(pgid int) (sum time.Duration, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may have spaces.
		f := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(f) < 15 || string(f[2]) != strconv.Itoa(pgid) {
			continue
		}
		pid, _, _ := bytes.Cut(text, []byte(" "))
		id, err := strconv.Atoi(string(pid))
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", path, err)
		}
		for _, ticks := range f[13:15] { // of children that were waited for
			n, err := strconv.Atoi(string(ticks))
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", path, err)
			}
			sum += time.Duration(n) * (time.Second / 100)
		}
		const scheduler = 2 // clock_getcpuclockid(3)
		var t syscall.Timespec
		_, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, uintptr(^uint32(id)<<3|scheduler), uintptr(unsafe.Pointer(&t)), 0)
		switch errno {
		case 0, syscall.EINVAL, syscall.ESRCH: // it may have ended
		default:
			return 0, fmt.Errorf("read the CPU time of process %d: %w", id, errno)
		}
		sum += time.Duration(t.Nano())
	}
	return sum, nil
}
