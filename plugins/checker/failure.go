package checker

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// LocalError is a fault of this side, such as an interface that there is not: it
// says nothing about the server. Dialer and Bind return it, by themselves or wrapped.
type LocalError struct{ Err error }

func (e *LocalError) Error() string { return e.Err.Error() }

// Unwrap returns what happened.
func (e *LocalError) Unwrap() error { return e.Err }

// ours are the errors of a system call that say nothing about the server:
// this process or host lacks something.
var ours = []error{
	syscall.EPERM, syscall.EACCES, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM,
	syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT, syscall.ENODEV,
	context.Canceled,
}

// blame is what an error of a connection says about the server.
func blame(err error) Verdict {
	var local *LocalError
	if errors.As(err, &local) {
		return Unknown
	}
	if prohibited(err) {
		return Failed
	}
	for _, e := range ours {
		if errors.Is(err, e) {
			return Unknown
		}
	}
	return Failed
}

// prohibited reports whether EACCES is the network's word: the kernel makes it of an
// ICMPv6 error by which a router or a firewall says that it lets nothing through (RFC
// 4443 section 3.1, codes 1, 5 and 6). Of connect it may be so with TCP only, whose
// connect sends something; package net does not tell whether connect said so itself.
func prohibited(err error) bool {
	var op *net.OpError
	var call *os.SyscallError
	if !errors.Is(err, syscall.EACCES) || !errors.As(err, &op) {
		return false
	}
	return op.Op == "read" || strings.HasPrefix(op.Net, "tcp") && errors.As(err, &call) && call.Syscall == "connect"
}

// Failure is the result of a probe that an error of a connection ended while it was
// doing something, such as "connect": Unknown when this side could not ask, because
// it lacks something or the probe was called off, and Failed otherwise. A checker
// that makes every error a failure takes servers down for its own faults.
func Failure(err error, doing string) Result {
	return Result{Verdict: blame(err), Message: doing + ": " + Reason(err), TimedOut: timedOut(err)}
}

// timedOut reports whether an error is the end of a time that was set here.
func timedOut(err error) bool {
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// Reason says in a few words what an error of a connection means.
func Reason(err error) string {
	var errno syscall.Errno
	switch {
	case timedOut(err):
		return "timed out"
	case errors.Is(err, context.Canceled):
		return "called off"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed too early"
	case err == io.EOF:
		return "the connection was closed"
	case errors.Is(err, syscall.EMFILE):
		return syscall.EMFILE.Error() + "; open_files of the plugin is its limit"
	case isLocal(err):
		return err.Error()
	case errors.As(err, &errno):
		return errno.Error()
	}
	return err.Error()
}

func isLocal(err error) bool {
	var local *LocalError
	return errors.As(err, &local)
}
