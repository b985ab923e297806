package dial

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// TestFailure: what is wrong on this side is no fault of the server, and says
// what to do about it.
func TestFailure(t *testing.T) {
	for _, test := range []struct {
		err     error
		verdict checker.Verdict
		message string
	}{
		{fmt.Errorf("socket: %w", os.NewSyscallError("socket", syscall.EMFILE)), checker.Unknown, "connect: too many open files; open_files of the plugin is its limit"},
		{&LocalError{syscall.EMFILE}, checker.Unknown, "connect: too many open files; open_files of the plugin is its limit"},
		{fmt.Errorf("socket: %w", syscall.ENOBUFS), checker.Unknown, "connect: no buffer space available"},
		{fmt.Errorf("dial: %w", syscall.ECONNREFUSED), checker.Failed, "connect: connection refused"},
		{fmt.Errorf("dial: %w", os.ErrDeadlineExceeded), checker.Failed, "connect: timed out"},
	} {
		if r := Failure(test.err, "connect"); r.Verdict != test.verdict || r.Message != test.message {
			t.Errorf("%v: %v %q, want %v %q", test.err, r.Verdict, r.Message, test.verdict, test.message)
		}
	}
}
