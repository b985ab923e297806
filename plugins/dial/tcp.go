package dial

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// fdControl lends a socket that is not in the poller yet.
type fdControl int

func (c fdControl) Control(f func(fd uintptr)) error  { f(uintptr(c)); return nil }
func (c fdControl) Read(func(fd uintptr) bool) error  { return errors.ErrUnsupported }
func (c fdControl) Write(func(fd uintptr) bool) error { return errors.ErrUnsupported }

// TCP connects to the target's address, by a Dialer of its own.
func TCP(ctx context.Context, t checker.Target) (*Conn, error) { return new(Dialer).TCP(ctx, t) }

// TCP connects to the target's address. checker.Failure says what an error means.
func (d *Dialer) TCP(ctx context.Context, t checker.Target) (*Conn, error) {
	return d.Connect(ctx, t, nil)
}

// Connect is TCP in a task, which the connection is for then; nil is none.
func (d *Dialer) Connect(ctx context.Context, t checker.Target, task *Task) (*Conn, error) {
	begin := task.Now()
	poll, err := d.poller()
	if err != nil {
		return nil, err
	}
	sa, network, err := sockaddr(t)
	if err != nil {
		return nil, err
	}
	fd, err := open(sa)
	if err != nil {
		return nil, err
	}
	if err := Bind(t, network, fd); err != nil {
		shut(fd)
		return nil, err
	}
	if errno := connect(fd, sa); errno != 0 && errno != syscall.EINPROGRESS {
		shut(fd)
		return nil, connectError(errno)
	}
	c := &Conn{poll: poll, fd: fd, remote: netip.AddrPortFrom(t.Address.Addr().Unmap(), t.Address.Port()), task: task, young: true}
	deadline := Deadline(ctx, t, begin)
	c.in.until, c.out.until = deadline, deadline
	if task == nil {
		if err := poll.add(c); err != nil {
			shut(fd)
			return nil, err
		}
	}
	// A closed connection needs no end.
	c.stop = checker.AfterCancel(ctx, c.callOff)
	if err := c.connected(); err != nil {
		c.Close()
		if ctx.Err() == context.Canceled {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return c, nil
}

// open makes a socket for an address. As no system call here, it does not wait.
func open(sa syscall.Sockaddr) (int, error) {
	family := syscall.AF_INET
	if _, six := sa.(*syscall.SockaddrInet6); six {
		family = syscall.AF_INET6
	}
	fd, _, errno := syscall.RawSyscall(syscall.SYS_SOCKET, uintptr(family), syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if errno != 0 {
		return -1, &checker.LocalError{Err: os.NewSyscallError("socket", errno)}
	}
	return int(fd), nil
}

// connect begins to connect.
func connect(fd int, sa syscall.Sockaddr) (errno syscall.Errno) {
	var raw syscall.RawSockaddrInet6 // has room for the other
	size := unsafe.Sizeof(raw)
	// The port is in the same place in both, in the order of the network.
	port := (*[2]byte)(unsafe.Pointer(&raw.Port))[:]
	switch a := sa.(type) {
	case *syscall.SockaddrInet4:
		raw4 := (*syscall.RawSockaddrInet4)(unsafe.Pointer(&raw))
		raw4.Family, raw4.Addr, size = syscall.AF_INET, a.Addr, unsafe.Sizeof(*raw4)
		binary.BigEndian.PutUint16(port, uint16(a.Port))
	case *syscall.SockaddrInet6:
		raw.Family, raw.Addr, raw.Scope_id = syscall.AF_INET6, a.Addr, a.ZoneId
		binary.BigEndian.PutUint16(port, uint16(a.Port))
	default:
		return syscall.EAFNOSUPPORT
	}
	for {
		_, _, errno = syscall.RawSyscall(syscall.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&raw)), size)
		if errno != syscall.EINTR {
			return errno
		}
	}
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

// connected waits until the connection stands, or does not.
func (c *Conn) connected() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.wait(&c.out); err != nil {
		return connectError(err)
	}
	if c.events&hangUp == 0 {
		if c.itself() {
			return connectError(syscall.ECONNREFUSED)
		}
		return nil
	}
	n, err := syscall.GetsockoptInt(c.fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err != nil {
		return &checker.LocalError{Err: os.NewSyscallError("getsockopt", err)}
	}
	switch errno := syscall.Errno(n); errno {
	case 0:
		return nil
	case syscall.EACCES:
		// An ICMPv6 error says that the way is prohibited (RFC 4443 section 3.1, codes 1,
		// 5 and 6). Of connect itself it would be this side's.
		return connectError(syscall.EHOSTUNREACH)
	default:
		return connectError(errno)
	}
}

// lowest is the first port that the kernel may give a connection which asks for none.
const lowest = 1024

// itself reports whether a connection is one with itself: where nobody listens at an
// address of this host, the kernel may choose its port for this side, too.
func (c *Conn) itself() bool {
	port := c.remote.Port()
	if port < lowest {
		return false
	}
	var raw syscall.RawSockaddrAny
	size := uint32(unsafe.Sizeof(raw))
	_, _, errno := syscall.RawSyscall(syscall.SYS_GETSOCKNAME, uintptr(c.fd), uintptr(unsafe.Pointer(&raw)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return false
	}
	// The port is in the same place in both families, in the order of the network.
	if in := (*syscall.RawSockaddrInet4)(unsafe.Pointer(&raw)); binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&in.Port))[:]) != port {
		return false
	}
	switch raw.Addr.Family {
	case syscall.AF_INET:
		return netip.AddrFrom4((*syscall.RawSockaddrInet4)(unsafe.Pointer(&raw)).Addr) == c.remote.Addr()
	case syscall.AF_INET6:
		return netip.AddrFrom16((*syscall.RawSockaddrInet6)(unsafe.Pointer(&raw)).Addr) == c.remote.Addr().WithZone("")
	}
	return false
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
	switch {
	case zone == "" && a.IsLinkLocalUnicast():
		return nil, "", &checker.LocalError{Err: fmt.Errorf("%s may be on every network: it takes a bind_if", a)}
	case zone == "":
		return sa, "tcp6", nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		sa.ZoneId = uint32(n)
		return sa, "tcp6", nil
	}
	ifi, err := net.InterfaceByName(zone)
	if err != nil {
		return nil, "", &checker.LocalError{Err: &net.OpError{Op: "find interface " + zone + " for", Addr: net.TCPAddrFromAddrPort(t.Address), Err: err}}
	}
	sa.ZoneId = uint32(ifi.Index)
	return sa, "tcp6", nil
}

// Renew gives what comes next the target's timeout once more, within the
// context's.
func (c *Conn) Renew(ctx context.Context, t checker.Target) {
	_ = c.SetDeadline(Deadline(ctx, t, c.task.Now())) // it is open
}
