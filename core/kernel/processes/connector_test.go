//go:build linux

package processes

import (
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// message is what the kernel would send: an event and its data.
func message(what uint32, data ...uint32) []byte {
	b := make([]byte, lenHeaders+lenEvent)
	binary.NativeEndian.PutUint32(b[unix.NLMSG_HDRLEN:], cnIdxProc)
	binary.NativeEndian.PutUint32(b[lenHeaders:], what)
	for _, d := range data {
		b = binary.NativeEndian.AppendUint32(b, d)
	}
	return b
}

func TestParseChange(t *testing.T) {
	foreign := message(eventExec, 5, 5)
	binary.NativeEndian.PutUint32(foreign[unix.NLMSG_HDRLEN:], 2)
	tests := []struct {
		name      string
		message   []byte
		pid       int
		alive, ok bool
	}{
		{"a process forks", message(eventFork, 5, 5, 7, 7), 7, true, true},
		{"a thread begins", message(eventFork, 5, 5, 7, 5), 5, true, false},
		{"exec", message(eventExec, 5, 5), 5, true, true},
		{"comm", message(eventComm, 5, 5, 0, 0, 0, 0), 5, true, true},
		{"comm of a thread", message(eventComm, 6, 5, 0, 0, 0, 0), 5, true, false},
		{"exit", message(eventExit, 5, 5, 0, 9, 1, 1), 5, false, true},
		{"exit of a thread", message(eventExit, 6, 5, 0, 9, 1, 1), 5, false, false},
		{"uid", message(eventUID, 5, 5, 0, 0), 5, true, true},
		{"uid of a thread", message(eventUID, 6, 5, 0, 0), 5, true, false},
		{"gid", message(0x40, 5, 5, 0, 0), 0, false, false},
		{"an answer", message(eventNone, 0), 0, false, false},
		{"cut", message(eventFork, 5, 5, 7), 0, false, false},
		{"cut before the data", message(eventExec, 5), 0, false, false},
		{"headers only", make([]byte, lenHeaders), 0, false, false},
		{"nothing", nil, 0, false, false},
		{"another connector's", foreign, 0, false, false},
	}
	for _, tt := range tests {
		pid, alive, ok := parseChange(tt.message)
		if ok != tt.ok || ok && (pid != tt.pid || alive != tt.alive) {
			t.Errorf("%s: %d, %v, %v; want %d, %v, %v", tt.name, pid, alive, ok, tt.pid, tt.alive, tt.ok)
		}
	}
}

func TestReason(t *testing.T) {
	for err, want := range map[error]string{
		unix.ECONNREFUSED:    "the kernel tells of processes in its first network namespace only",
		unix.EPERM:           "the kernel tells of processes to holders of CAP_NET_ADMIN only",
		unix.EPROTONOSUPPORT: "the kernel has no process connector",
		errSilent:            errSilent.Error(),
		unix.EMFILE:          "too many open files",
	} {
		if got := reason(fmt.Errorf("x: %w", err)); got != want && got != "x: "+want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
