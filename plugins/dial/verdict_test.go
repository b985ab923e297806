package dial

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// TestFailure: what is wrong on this side is no fault of the server, and says
// what to do about it; and only what ran out of the time given here has timed out.
func TestFailure(t *testing.T) {
	for _, test := range []struct {
		err     error
		verdict checker.Verdict
		message string
		late    bool
	}{
		{fmt.Errorf("socket: %w", os.NewSyscallError("socket", syscall.EMFILE)), checker.Unknown, "connect: too many open files; open_files of the plugin is its limit", false},
		{&LocalError{syscall.EMFILE}, checker.Unknown, "connect: too many open files; open_files of the plugin is its limit", false},
		{fmt.Errorf("socket: %w", syscall.ENOBUFS), checker.Unknown, "connect: no buffer space available", false},
		{fmt.Errorf("dial: %w", syscall.ECONNREFUSED), checker.Failed, "connect: connection refused", false},
		{fmt.Errorf("dial: %w", os.ErrDeadlineExceeded), checker.Failed, "connect: timed out", true},
		{fmt.Errorf("dial: %w", context.DeadlineExceeded), checker.Failed, "connect: timed out", true},
		// The kernel's own, after minutes.
		{fmt.Errorf("dial: %w", syscall.ETIMEDOUT), checker.Failed, "connect: connection timed out", false},
		{fmt.Errorf("read: %w", syscall.ECONNRESET), checker.Failed, "connect: connection reset by peer", false},
	} {
		if r := Failure(test.err, "connect"); r.Verdict != test.verdict || r.Message != test.message || r.TimedOut != test.late {
			t.Errorf("%v: %v %q %v, want %v %q %v", test.err, r.Verdict, r.Message, r.TimedOut, test.verdict, test.message, test.late)
		}
	}
}
