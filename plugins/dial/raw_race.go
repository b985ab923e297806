//go:build linux && race

package dial

import (
	"errors"
	"syscall"
)

// The race detector takes what was written before it was sent for ordered
// before what is done after it was received, by package syscall only. A server
// in the process of its client, as in tests, relies on that.

func rawRead(fd int, b []byte) (int, syscall.Errno) {
	n, err := syscall.Read(fd, b)
	return n, number(err)
}

func rawWrite(fd int, b []byte) (int, syscall.Errno) {
	n, err := syscall.Write(fd, b) // Go has SIGPIPE ignored but for standard output
	return n, number(err)
}

func number(err error) syscall.Errno {
	var errno syscall.Errno
	errors.As(err, &errno)
	return errno
}
