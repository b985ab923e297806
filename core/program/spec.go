package program

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// Spec says what to run and how. Run does not change it and keeps none of it
// after Outcome.Gone.
type Spec struct {
	// Argv is the program and its arguments. A name without a slash is looked
	// for in PATH; see Resolve.
	Argv []string
	// User and Group are names or numbers. An empty User is the daemon's own;
	// an empty Group is the user's primary group. With a User the program
	// gets that user's supplementary groups, and none but Group with a Group
	// alone.
	User, Group string
	// Secure refuses, with ErrUntrusted, to run as root what others than root
	// could change, as TrustedCommand has it at that moment. What is run as
	// another user is not looked at.
	Secure bool
	// Dir is the working directory, the daemon's when empty.
	Dir string
	// Env is added to the environment, as NAME=value; it wins over what the
	// program would get otherwise.
	Env []string
	// Timeout ends the run. Zero means that only the context does.
	Timeout time.Duration
	// OutputCap is how many bytes of output are kept: DefaultOutputCap when
	// zero; when negative none, and the program writes to /dev/null.
	OutputCap int
}

// DefaultOutputCap is how much output is kept unless a Spec says otherwise.
const DefaultOutputCap = 4096

// Kind says how a run came out.
type Kind uint8

// The kinds of outcome.
const (
	// NotStarted: Outcome.Err says why.
	NotStarted Kind = iota
	// Exited: by itself, with Outcome.Code.
	Exited
	// Signaled: ended by Outcome.Signal, which was not ours.
	Signaled
	// TimedOut: it did not end in time and was told to.
	TimedOut
	// Canceled: the caller's context ended, or the Starter was closed, before
	// the program did, and it was told to end.
	Canceled
)

// The reasons for not starting a program. Errors of this package wrap them,
// and name the path, user or directory that is at fault.
var (
	// ErrMissing: the file, or a directory on the way to it, does not exist.
	ErrMissing = errors.New("does not exist")
	// ErrDirectory: the path names a directory or another non-file.
	ErrDirectory = errors.New("is not a file")
	// ErrNotExecutable: the file is there but cannot be executed by anyone,
	// or its file system is mounted noexec.
	ErrNotExecutable = errors.New("is not executable")
	// ErrFormat: the file is neither a program of this machine nor a script
	// that says on its first line what runs it.
	ErrFormat = errors.New("is not a program")
	// ErrInterpreter: what the first line of a script names cannot be run.
	ErrInterpreter = errors.New("has an interpreter that cannot be run")
	// ErrPermission: it could be executed, but not by this user.
	ErrPermission = errors.New("may not be executed")
	// ErrUser: there is no such user or group, or the daemon may not become
	// that user.
	ErrUser = errors.New("cannot run as the user")
	// ErrDir: the working directory cannot be entered.
	ErrDir = errors.New("cannot enter the working directory")
	// ErrUntrusted: someone else than root could change what root would run.
	ErrUntrusted = errors.New("is not safe to run as root")
	// ErrTooMany: too many earlier programs were told to end and have not.
	ErrTooMany = errors.New("too many programs that do not end")
	// ErrClosed: the Starter was closed.
	ErrClosed = errors.New("program starter is closed")
)

// Outcome is how a run came out. Its fields belong to the caller.
type Outcome struct {
	Kind Kind
	// Path is the file that was or should have been run.
	Path string
	// Pid is zero when the program was not started.
	Pid int
	// Code is the exit status; only for Exited. It is -1 when the status could
	// not be learned, and Err says why.
	Code int
	// Signal ended the program; only for Signaled.
	Signal syscall.Signal
	// Err says why it was NotStarted, or, for TimedOut and Canceled, why it
	// could not be told to end. It is nil otherwise, but see Code.
	Err error
	// Output is the head of what the program wrote, both streams in the order
	// of writing.
	Output []byte
	// Truncated is true when it wrote more.
	Truncated bool
	// Took is the time from the call of Run to the end, or to giving up.
	Took time.Duration
	// Gone is closed when the program has ended and was reaped. After TimedOut
	// and Canceled that may be later than Run's return; a caller that must
	// not have two runs at once waits for it before the next. Nil means that
	// nothing was started.
	Gone <-chan struct{}
}

// OK reports whether the program ended by itself with status 0, the only
// success.
func (o Outcome) OK() bool { return o.Kind == Exited && o.Code == 0 && o.Err == nil }

// String is one line for people: what happened and, of a program that failed,
// the last line that it wrote.
func (o Outcome) String() string {
	var s string
	switch o.Kind {
	case NotStarted:
		return fmt.Sprintf("could not run: %v", o.Err)
	case Exited:
		s = fmt.Sprintf("exit status %d", o.Code)
	case Signaled:
		s = fmt.Sprintf("ended by %s (signal %d)", o.Signal, int(o.Signal))
	case TimedOut:
		s = fmt.Sprintf("timed out after %s", round(o.Took))
	case Canceled:
		s = fmt.Sprintf("stopped after %s", round(o.Took))
	}
	if o.Err != nil {
		s += fmt.Sprintf(" (%v)", o.Err)
	}
	if line := o.LastLine(); line != "" && !o.OK() {
		s += ": " + line
	}
	return s
}

// LastLine is the last line that the program wrote and that is not blank, fit for
// a log.
func (o Outcome) LastLine() string { return lastLine(o.Output) }

// round keeps what people read of a duration.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}

// maxLine bounds a quoted line, in bytes.
const maxLine = 200

// lastLine returns the last line of out that is not blank, fit for a log.
func lastLine(out []byte) string {
	out = bytes.TrimSpace(out)
	if i := bytes.LastIndexByte(out, '\n'); i >= 0 {
		out = out[i+1:]
	}
	if len(out) > maxLine {
		out = out[:maxLine]
	}
	line := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(out), "?"))
	return strings.TrimSpace(line)
}
