//go:build linux

package processes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The process connector (linux/connector.h, linux/cn_proc.h).
const (
	cnIdxProc, cnValProc = 1, 1
	mcastListen          = 1
	mcastIgnore          = 2

	eventNone = 0
	eventFork = 0x1
	eventExec = 0x2
	eventUID  = 0x4
	eventComm = 0x200
	eventExit = 0x80000000

	// lenHeaders is of the netlink and the connector header, lenEvent of what
	// each proc_event begins with.
	lenHeaders = unix.NLMSG_HDRLEN + 20
	lenEvent   = 16
)

const (
	// answerLimit is how long the kernel may take to agree to tell.
	answerLimit = 500 * time.Millisecond
	// batch is how many messages are taken at once.
	batch = 512
	// bufferLen is the socket's buffer.
	bufferLen = 1 << 20
)

// connector hears what happens to processes.
type connector struct {
	file *os.File
	raw  rawConn
	buf  [4096]byte
}

// rawConn is syscall.RawConn.
type rawConn interface {
	Read(func(fd uintptr) (done bool)) error
	Control(func(fd uintptr)) error
}

// errSilent: the kernel did not answer, which is how it refuses those in other
// user and PID namespaces.
var errSilent = errors.New("the kernel tells of processes only to those in its first PID and user namespace")

// reason says why the connector cannot be used, for people.
func reason(err error) string {
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return "the kernel tells of processes in its first network namespace only"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return "the kernel tells of processes to holders of CAP_NET_ADMIN only"
	case errors.Is(err, unix.EPROTONOSUPPORT):
		return "the kernel has no process connector"
	case errors.Is(err, os.ErrClosed):
		return "it was closed"
	case err == nil:
		return "no reason"
	}
	return err.Error()
}

// listen asks the kernel to tell, and returns when it does.
func listen() (*connector, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("open the process connector: %w", err)
	}
	c := &connector{file: os.NewFile(uintptr(fd), "process connector")}
	if err := c.begin(fd); err != nil {
		c.file.Close()
		return nil, fmt.Errorf("use the process connector: %w", err)
	}
	return c, nil
}

func (c *connector) begin(fd int) (err error) {
	// A smaller buffer overruns earlier, which is noticed.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bufferLen) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bufferLen)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (cnIdxProc - 1)}); err != nil {
		return err
	}
	if c.raw, err = c.file.SyscallConn(); err != nil {
		return err
	}
	if err := c.send(mcastListen); err != nil {
		return err
	}
	if err := c.file.SetReadDeadline(time.Now().Add(answerLimit)); err != nil {
		return err
	}
	for {
		message, err := c.receive(true)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errSilent
		case errors.Is(err, unix.ENOBUFS):
		case err != nil:
			return err
		default:
			if what, data := parseEvent(message); what == eventNone && len(data) >= 4 {
				if errno := binary.NativeEndian.Uint32(data); errno != 0 {
					return unix.Errno(errno)
				}
				return nil
			}
		}
	}
}

// send asks for events, or asks for no more.
func (c *connector) send(op uint32) (err error) {
	b := binary.NativeEndian.AppendUint32(nil, lenHeaders+4)
	b = binary.NativeEndian.AppendUint16(b, unix.NLMSG_DONE)
	b = append(b, make([]byte, 10)...) // flags, sequence, port
	b = binary.NativeEndian.AppendUint32(b, cnIdxProc)
	b = binary.NativeEndian.AppendUint32(b, cnValProc)
	b = append(b, make([]byte, 8)...) // sequence, acknowledgement
	b = binary.NativeEndian.AppendUint16(b, 4)
	b = append(b, 0, 0) // flags
	b = binary.NativeEndian.AppendUint32(b, op)
	cerr := c.raw.Control(func(fd uintptr) {
		err = unix.Sendto(int(fd), b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	return errors.Join(err, cerr)
}

// receive returns the next message of the kernel. Without one it waits until
// the read deadline, or not at all, and then returns os.ErrDeadlineExceeded.
// The message is good until the next call.
func (c *connector) receive(wait bool) ([]byte, error) {
	for {
		n, from, err := 0, unix.Sockaddr(nil), error(nil)
		if rerr := c.raw.Read(func(fd uintptr) bool {
			n, from, err = unix.Recvfrom(int(fd), c.buf[:], 0)
			return !wait || !errors.Is(err, unix.EAGAIN)
		}); rerr != nil {
			return nil, rerr
		}
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return nil, os.ErrDeadlineExceeded
		case err != nil:
			return nil, err
		}
		if a, ok := from.(*unix.SockaddrNetlink); ok && a.Pid == 0 { // the kernel, and nobody else
			return c.buf[:n], nil
		}
	}
}

// next returns the processes that something happened to; those with false have
// ended. It takes what waits at once, so that a process that begins and soon
// runs another program is looked at once, as what it became.
func (c *connector) next(deadline time.Time) (map[int]bool, error) {
	if err := c.file.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	changed := map[int]bool{}
	for range batch {
		message, err := c.receive(len(changed) == 0)
		if errors.Is(err, os.ErrDeadlineExceeded) && len(changed) > 0 {
			return changed, nil
		}
		if err != nil {
			return nil, err // those that were taken are found by the look that follows
		}
		if pid, alive, ok := parseChange(message); ok {
			changed[pid] = alive
		}
	}
	return changed, nil
}

func (c *connector) close() {
	// Older kernels go on telling nobody otherwise. If it fails there is
	// nothing left to do.
	_ = c.send(mcastIgnore)
	c.file.Close()
}

// parseEvent returns what a message of the process connector tells of, and the
// data of it; eventNone and nothing for any other message.
func parseEvent(b []byte) (what uint32, data []byte) {
	if len(b) < lenHeaders+lenEvent || binary.NativeEndian.Uint32(b[unix.NLMSG_HDRLEN:]) != cnIdxProc {
		return eventNone, nil
	}
	b = b[lenHeaders:]
	return binary.NativeEndian.Uint32(b), b[lenEvent:]
}

// parseChange returns the process that a message tells of, and whether it is
// alive. Threads are of no interest.
func parseChange(b []byte) (pid int, alive, ok bool) {
	what, data := parseEvent(b)
	at := 0
	switch what {
	case eventFork:
		at = 8 // behind the parent
	case eventExec, eventUID, eventComm, eventExit:
	default:
		return 0, false, false
	}
	if len(data) < at+8 {
		return 0, false, false
	}
	thread, process := binary.NativeEndian.Uint32(data[at:]), binary.NativeEndian.Uint32(data[at+4:])
	return int(process), what != eventExit, thread == process
}
