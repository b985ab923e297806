//go:build linux

// Package stream makes the connection between a host and a checker cheap: a
// net.Conn whose reads and writes do not wake the Go runtime's monitor.
//
// The runtime has a thread that looks after system calls which take long. It
// sleeps while nothing happens, and each system call by package syscall wakes
// it: one message in 20 ms then costs more than the probes in it. Reads and
// writes of a socket that is not ready return at once, so nobody has to look
// after them.
//
// It knows nothing of what is sent. plugins/host and plugins/checker use it.
package stream

import (
	"context"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Wrap makes reads and writes of a connection cheap, when it is one of the
// kernel's; another one it returns as it is.
func Wrap(c net.Conn) net.Conn {
	s, ok := c.(syscall.Conn)
	if !ok {
		return c
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return c // it is closed, which its next read tells
	}
	return &conn{c, raw}
}

type conn struct {
	net.Conn
	raw syscall.RawConn
}

// Read reads what is there.
func (c *conn) Read(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	var errno syscall.Errno
	err = c.raw.Read(func(fd uintptr) bool {
		n, errno = again(syscall.SYS_READ, fd, b)
		return errno != syscall.EAGAIN
	})
	switch {
	case err != nil:
		return 0, err
	case errno != 0:
		return 0, os.NewSyscallError("read", errno)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write writes all of b.
func (c *conn) Write(b []byte) (done int, err error) {
	for done < len(b) {
		var n int
		var errno syscall.Errno
		err := c.raw.Write(func(fd uintptr) bool {
			n, errno = again(syscall.SYS_SENDTO, fd, b[done:])
			return errno != syscall.EAGAIN
		})
		switch {
		case err != nil:
			return done, err
		case errno != 0:
			return done, os.NewSyscallError("write", errno)
		}
		done += n
	}
	return done, nil
}

// again makes a system call until no signal comes between. What is beyond a
// read's arguments, it does not look at.
func again(call, fd uintptr, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall6(call, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), syscall.MSG_NOSIGNAL, 0, 0)
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

// Credentials have a server of gRPC wrap its connections. They secure nothing:
// the socket is in a directory that nobody else may enter.
func Credentials() credentials.TransportCredentials {
	return wrapping{insecure.NewCredentials()}
}

type wrapping struct {
	credentials.TransportCredentials
}

// ServerHandshake is gRPC's.
func (w wrapping) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return w.TransportCredentials.ServerHandshake(Wrap(c))
}

// ClientHandshake is gRPC's.
func (w wrapping) ClientHandshake(ctx context.Context, authority string, c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return w.TransportCredentials.ClientHandshake(ctx, authority, Wrap(c))
}

// Clone is gRPC's.
func (w wrapping) Clone() credentials.TransportCredentials {
	return wrapping{w.TransportCredentials.Clone()}
}
