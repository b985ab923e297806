//go:build linux

package link

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// answerTimeout is how long the kernel may take to answer one request. It
	// answers in microseconds; a lost answer must not be hidden for longer than
	// a fail-over may take.
	answerTimeout = 2 * time.Second
	// answerLen is the room for what the kernel says at once. It says 32 KiB at
	// the most, unless a single interface needs more.
	answerLen = 64 << 10
	// readTries is how often a table that changed while it was read is read
	// again. A namespace whose tables never stand still for so long is an error.
	readTries = 20
)

// exchange is a socket on which one request after the other is asked and
// answered. The library's own takes 64 KiB for each answer, and several system
// calls more: with a thousand addresses most of the time that they take.
type exchange struct {
	mu     sync.Mutex
	fd     int
	port   uint32 // how the kernel addresses the socket
	seq    uint32
	answer []byte
	asked  []byte // scratch of once
}

// openExchange opens a socket in the network namespace of the calling thread.
// On a strict one the kernel obeys what a dump asks for; one of before 4.20
// cannot, so that whoever dumps sorts out what it gets.
func openExchange(strict bool) (*exchange, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	x := &exchange{fd: fd}
	if err := x.setUp(strict); err != nil {
		return nil, errors.Join(fmt.Errorf("set up a netlink socket: %w", err), x.close())
	}
	return x, nil
}

func (x *exchange) setUp(strict bool) error {
	timeout := unix.NsecToTimeval(answerTimeout.Nanoseconds())
	err := errors.Join(
		unix.Bind(x.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		// The kernel says in words what it did not like.
		unix.SetsockoptInt(x.fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1),
		unix.SetsockoptTimeval(x.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		unix.SetsockoptTimeval(x.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout))
	if err != nil {
		return err
	}
	if strict {
		_ = unix.SetsockoptInt(x.fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	}
	name, err := unix.Getsockname(x.fd)
	if err != nil {
		return err
	}
	self, ok := name.(*unix.SockaddrNetlink)
	if !ok {
		return fmt.Errorf("it has the name of another family: %T", name)
	}
	x.port = self.Pid
	return nil
}

func (x *exchange) close() error { return unix.Close(x.fd) }

// head begins a request in b, which finish completes.
func head(b []byte, kind, flags int) []byte {
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = binary.NativeEndian.AppendUint16(b, uint16(kind))
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|uint16(flags))
	return append(b, make([]byte, 8)...)
}

// attribute appends an attribute, padded as the kernel wants it.
func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, -len(b)&(unix.NLMSG_ALIGNTO-1))...)
}

// ask sends the request that build appends to a head, and waits until the
// kernel has done it. The error is what the kernel says, and wraps its number.
func (x *exchange) ask(kind, flags int, build func(b []byte) []byte) error {
	_, err := x.once(kind, flags|unix.NLM_F_ACK, build, 0, nil)
	return err
}

// read sends a request as ask does, and hands each message of the answer that is
// of that kind to row. The message is good until row returns. A table that
// changed while it was read is asked for again, as its rows would be of two
// different moments; begin is called before each first row.
func (x *exchange) read(kind, flags int, build func(b []byte) []byte, answer uint16, begin func(), row func([]byte) error) error {
	for try := 1; ; try++ {
		begin()
		torn, err := x.once(kind, flags, build, answer, row)
		if err != nil || !torn {
			return err
		}
		if try == readTries {
			return fmt.Errorf("the kernel's table changed while it was read, %d times in a row", readTries)
		}
	}
}

// once asks once. It reports whether what was read is torn: of two moments, or
// not all of it.
func (x *exchange) once(kind, flags int, build func(b []byte) []byte, answer uint16, row func([]byte) error) (torn bool, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seq++
	x.asked = build(head(x.asked[:0], kind, flags))
	binary.NativeEndian.PutUint32(x.asked, uint32(len(x.asked)))
	binary.NativeEndian.PutUint32(x.asked[8:], x.seq)
	if err := again(func() error {
		return unix.Sendto(x.fd, x.asked, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}); err != nil {
		return false, os.NewSyscallError("send", err)
	}
	// The answer is read to its end whatever is in it: the kernel begins no
	// other one before.
	var failed error
	for {
		b, all, err := x.receive()
		if err != nil {
			return false, errors.Join(failed, err)
		}
		torn = torn || !all
		for len(b) >= unix.SizeofNlMsghdr {
			length := int(binary.NativeEndian.Uint32(b))
			if length < unix.SizeofNlMsghdr || length > len(b) {
				break // it was cut
			}
			got, said := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:])
			seq, port := binary.NativeEndian.Uint32(b[8:]), binary.NativeEndian.Uint32(b[12:])
			body := b[unix.SizeofNlMsghdr:length]
			b = b[min(aligned(length), len(b)):]
			if seq != x.seq || port != x.port {
				continue // late, of a request that was given up
			}
			torn = torn || said&unix.NLM_F_DUMP_INTR != 0
			switch {
			case got == unix.NLMSG_DONE || got == unix.NLMSG_ERROR:
				return torn, cmp.Or(verdict(got, said, body), failed)
			case got == answer && failed == nil:
				failed = row(body)
			}
		}
	}
}

// receive returns one datagram of the kernel, and whether it is all of it. One
// for which there was no room has it the next time.
func (x *exchange) receive() (b []byte, all bool, err error) {
	if x.answer == nil {
		x.answer = make([]byte, answerLen)
	}
	for {
		var n int
		var from unix.Sockaddr
		err := again(func() (err error) {
			n, from, err = unix.Recvfrom(x.fd, x.answer, unix.MSG_TRUNC)
			return err
		})
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil, false, fmt.Errorf("the kernel does not answer within %v", answerTimeout)
		case err != nil:
			return nil, false, os.NewSyscallError("receive", err)
		}
		if k, ok := from.(*unix.SockaddrNetlink); !ok || k.Pid != 0 {
			continue // other processes may send to the socket, too
		}
		if n > len(x.answer) {
			cut := x.answer
			x.answer = make([]byte, 2*n)
			return cut, false, nil
		}
		return x.answer[:n], true, nil
	}
}

// verdict reads the end of an answer: nil, or why not.
func verdict(kind, flags uint16, body []byte) error {
	if len(body) < 4 {
		if kind == unix.NLMSG_DONE {
			return nil
		}
		return fmt.Errorf("the kernel answers with an error of %d octets", len(body))
	}
	number := int32(binary.NativeEndian.Uint32(body))
	if number == 0 {
		return nil
	}
	var err error = unix.Errno(-number)
	body = body[4:]
	if kind == unix.NLMSG_ERROR && len(body) >= unix.SizeofNlMsghdr {
		skip := unix.SizeofNlMsghdr // of the request that is repeated
		if flags&unix.NLM_F_CAPPED == 0 {
			skip = aligned(int(binary.NativeEndian.Uint32(body)))
		}
		body = body[min(skip, len(body)):]
	}
	if flags&unix.NLM_F_ACK_TLVS == 0 {
		return err
	}
	for a := (attrs{rest: body}); a.next(); {
		if a.kind == unix.NLMSGERR_ATTR_MSG {
			err = fmt.Errorf("%w: %s", err, text(a.value))
		}
	}
	return err
}

// again calls f until no signal interrupts it.
func again(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func aligned(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }
