package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// Conn is a connection of a probe. Its deadline is the earlier one of the
// target's timeout and of the probe's context, and holds for everything that
// is done with it; when the context is cancelled, it is over at once.
type Conn struct {
	file          *os.File
	local, remote netip.AddrPort
	stop          func() bool
	// Took is how long it took to connect.
	Took time.Duration
}

// fdControl lends a socket that is not in the poller yet.
type fdControl int

func (c fdControl) Control(f func(fd uintptr)) error  { f(uintptr(c)); return nil }
func (c fdControl) Read(func(fd uintptr) bool) error  { return errors.ErrUnsupported }
func (c fdControl) Write(func(fd uintptr) bool) error { return errors.ErrUnsupported }

// TCP connects to the target's address. Verdict and Reason say what an error
// means.
func TCP(ctx context.Context, t checker.Target) (*Conn, error) {
	begin := time.Now()
	deadline := Deadline(ctx, t, begin)
	sa, network, err := sockaddr(t)
	if err != nil {
		return nil, err
	}
	family := syscall.AF_INET
	if network == "tcp6" {
		family = syscall.AF_INET6
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, &LocalError{os.NewSyscallError("socket", err)}
	}
	if err := Bind(t, network, fd); err != nil {
		syscall.Close(fd)
		return nil, err
	}
	if err := syscall.Connect(fd, sa); err != nil && err != syscall.EINPROGRESS {
		syscall.Close(fd)
		return nil, connectError(err)
	}
	c := &Conn{file: os.NewFile(uintptr(fd), ""), remote: t.Address}
	// A socket takes deadlines: this cannot fail, and if it did, the read would
	// tell.
	_ = c.file.SetDeadline(deadline)
	if ctx.Done() != nil {
		c.stop = context.AfterFunc(ctx, func() { _ = c.file.SetDeadline(time.Unix(1, 0)) })
	}
	if err := c.connected(sa); err != nil {
		c.Close()
		if ctx.Err() == context.Canceled {
			return nil, ctx.Err()
		}
		return nil, err
	}
	c.Took = time.Since(begin)
	return c, nil
}

// Deadline is when a step of a probe that begins now has to be over.
func Deadline(ctx context.Context, t checker.Target, now time.Time) time.Time {
	end, ok := ctx.Deadline()
	if t.Timeout > 0 {
		if own := now.Add(t.Timeout); !ok || own.Before(end) {
			return own
		}
	}
	return end
}

// connected waits until the connection stands. A second connect is the one
// system call that says whether it does, and why not.
func (c *Conn) connected(sa syscall.Sockaddr) error {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return &LocalError{err}
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		switch failed = syscall.Connect(int(fd), sa); failed {
		case nil, syscall.EISCONN:
			failed = nil
			return true
		case syscall.EALREADY, syscall.EINPROGRESS, syscall.EINTR:
			return false
		}
		return true
	})
	if err != nil {
		return &net.OpError{Op: "connect", Net: "tcp", Err: plain(err)}
	}
	if failed != nil {
		return connectError(failed)
	}
	return nil
}

func connectError(err error) error {
	return &net.OpError{Op: "connect", Net: "tcp", Err: err}
}

// sockaddr is the target's address for the kernel.
func sockaddr(t checker.Target) (syscall.Sockaddr, string, error) {
	a := t.Address.Addr().Unmap()
	port := int(t.Address.Port())
	if a.Is4() {
		return &syscall.SockaddrInet4{Port: port, Addr: a.As4()}, "tcp4", nil
	}
	sa := &syscall.SockaddrInet6{Port: port, Addr: a.As16()}
	zone := a.Zone()
	if zone == "" && a.IsLinkLocalUnicast() {
		zone = t.BindIf
	}
	if zone == "" {
		return sa, "tcp6", nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		sa.ZoneId = uint32(n)
		return sa, "tcp6", nil
	}
	ifi, err := net.InterfaceByName(zone)
	if err != nil {
		return nil, "", &LocalError{&net.OpError{Op: "find interface " + zone + " for", Addr: net.TCPAddrFromAddrPort(t.Address), Err: err}}
	}
	sa.ZoneId = uint32(ifi.Index)
	return sa, "tcp6", nil
}

// Renew gives what comes next the target's timeout once more, within the
// context's.
func (c *Conn) Renew(ctx context.Context, t checker.Target) {
	_ = c.file.SetDeadline(Deadline(ctx, t, time.Now()))
	if ctx.Err() != nil { // it was called off meanwhile
		_ = c.file.SetDeadline(time.Unix(1, 0))
	}
}

// Read reads what is there; io.EOF says that the other side closed.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.file.Read(b)
	return n, plain(err)
}

// Write writes all of b.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.file.Write(b)
	return n, plain(err)
}

// Close closes the connection. It must be called once.
func (c *Conn) Close() error {
	if c.stop != nil {
		c.stop()
	}
	return c.file.Close()
}

// CloseWrite tells the other side that nothing more comes.
func (c *Conn) CloseWrite() error {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = syscall.Shutdown(int(fd), syscall.SHUT_WR) })
	return errors.Join(err, failed)
}

// NoDelay sends what is written at once, for what is said in more than one
// write before an answer comes: TLS, and HTTP/2. A single request saves the
// system call.
func (c *Conn) NoDelay() {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return // the connection is closed, which the next write tells
	}
	// Without it the connection is slower, and works.
	_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) })
}

// LocalAddr is the zero address: nobody asks, and asking costs a system call.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr is the target's address.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline moves the end of everything.
func (c *Conn) SetDeadline(t time.Time) error { return c.file.SetDeadline(t) }

// SetReadDeadline moves the end of reading.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.file.SetReadDeadline(t) }

// SetWriteDeadline moves the end of writing.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.file.SetWriteDeadline(t) }

// plain takes a file's name, which a socket has none of, from an error.
func plain(err error) error {
	if err == nil {
		return nil
	}
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
