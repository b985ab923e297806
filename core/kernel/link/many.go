//go:build linux

package link

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// perCall is how many requests go to the kernel in one system call at the most.
// What it says if all of them fail fits into the socket's buffer several times.
const perCall = 64

// askMany asks n requests of one kind, which build appends to a head each, and
// returns what the kernel said to each. It does them in order, and goes on after
// one that fails.
func (x *exchange) askMany(kind, flags, n int, build func(i int, b []byte) []byte) []error {
	errs := make([]error, n)
	for first := 0; first < n; first += perCall {
		x.some(kind, flags, first, errs[first:min(n, first+perCall)], build)
	}
	return errs
}

// some asks as many requests as there are errs, from the first on. Only the last
// is to be answered in any case: of others the kernel tells that they failed.
func (x *exchange) some(kind, flags, first int, errs []error, build func(i int, b []byte) []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	b := x.asked[:0]
	begin := x.seq + 1
	for i := range errs {
		x.seq++
		at := len(b)
		asks := flags
		if i == len(errs)-1 {
			asks |= unix.NLM_F_ACK
		}
		b = build(first+i, head(b, kind, asks))
		binary.NativeEndian.PutUint32(b[at:], uint32(len(b)-at))
		binary.NativeEndian.PutUint32(b[at+8:], x.seq)
	}
	x.asked = b
	err := again(func() error {
		return unix.Sendto(x.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	})
	if err != nil {
		err = os.NewSyscallError("send", err)
	} else {
		err = x.verdicts(begin, errs)
	}
	if err == nil {
		return
	}
	x.empty()
	// Nobody knows what became of those that nothing was heard of.
	for i := range errs {
		if errs[i] == nil {
			errs[i] = err
		}
	}
}

// empty throws away what still waits to be read. A socket that had no room for an
// answer gets none before it is empty.
func (x *exchange) empty() {
	var b [1]byte
	for {
		_, _, err := unix.Recvfrom(x.fd, b[:], unix.MSG_DONTWAIT)
		if err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EINTR) {
			return // there is nothing left
		}
	}
}

// verdicts reads until the last of the requests, the first of which has that
// number, is answered, and sets what was said to each. The error says why the
// end was not reached.
func (x *exchange) verdicts(begin uint32, errs []error) error {
	for {
		b, _, err := x.receive()
		if err != nil {
			return err
		}
		for len(b) >= unix.SizeofNlMsghdr {
			length := int(binary.NativeEndian.Uint32(b))
			if length < unix.SizeofNlMsghdr {
				break
			}
			length = min(length, len(b)) // it may be cut; the number is in front
			kind, said := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:])
			i, port := binary.NativeEndian.Uint32(b[8:])-begin, binary.NativeEndian.Uint32(b[12:])
			body := b[unix.SizeofNlMsghdr:length]
			b = b[min(aligned(length), len(b)):]
			if i >= uint32(len(errs)) || port != x.port || kind != unix.NLMSG_ERROR {
				continue // late, of a request that was given up
			}
			if errs[i] = verdict(kind, said, body); int(i) == len(errs)-1 {
				return nil
			}
		}
	}
}
