package checker

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

// TestFailure: what is wrong on this side is no fault of the server, and says
// what to do about it; and only what ran out of the time given here has timed out.
func TestFailure(t *testing.T) {
	for _, test := range []struct {
		err     error
		verdict Verdict
		message string
		late    bool
	}{
		{fmt.Errorf("socket: %w", os.NewSyscallError("socket", syscall.EMFILE)), Unknown, "connect: too many open files; open_files of the plugin is its limit", false},
		{&LocalError{syscall.EMFILE}, Unknown, "connect: too many open files; open_files of the plugin is its limit", false},
		{fmt.Errorf("socket: %w", syscall.ENOBUFS), Unknown, "connect: no buffer space available", false},
		{fmt.Errorf("dial: %w", syscall.ECONNREFUSED), Failed, "connect: connection refused", false},
		// What an ICMPv6 error "administratively prohibited" comes as, and what a right
		// that this process lacks does.
		{&net.OpError{Op: "dial", Net: "tcp6", Err: os.NewSyscallError("connect", syscall.EACCES)}, Failed, "connect: permission denied", false},
		// Without a connection nothing has been sent: this host itself does not let it.
		{&net.OpError{Op: "dial", Net: "udp6", Err: os.NewSyscallError("connect", syscall.EACCES)}, Unknown, "connect: permission denied", false},
		{&net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.EACCES)}, Failed, "connect: permission denied", false},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EACCES)}, Unknown, "connect: permission denied", false},
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EPERM)}, Unknown, "connect: operation not permitted", false},
		{fmt.Errorf("dial: %w", os.ErrDeadlineExceeded), Failed, "connect: timed out", true},
		{fmt.Errorf("dial: %w", context.DeadlineExceeded), Failed, "connect: timed out", true},
		// The kernel's own, after minutes.
		{fmt.Errorf("dial: %w", syscall.ETIMEDOUT), Failed, "connect: connection timed out", false},
		{fmt.Errorf("read: %w", syscall.ECONNRESET), Failed, "connect: connection reset by peer", false},
	} {
		if r := Failure(test.err, "connect"); r.Verdict != test.verdict || r.Message != test.message || r.TimedOut != test.late {
			t.Errorf("%v: %v %q %v, want %v %q %v", test.err, r.Verdict, r.Message, r.TimedOut, test.verdict, test.message, test.late)
		}
	}
}
