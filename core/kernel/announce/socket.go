//go:build linux

package announce

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

const (
	// sendBuffer holds some thousand announcements.
	sendBuffer = 1 << 20
	// maxBeside is how many interfaces may have a socket of their own.
	maxBeside = 64
)

// socket opens a packet socket in the network namespace of the calling thread.
func socket() (int, error) {
	// Protocol 0: the socket sends, and receives no frame at all.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	// A link that is slow holds what it did not send yet. More than the buffer takes
	// waits in a queue (busy); without CAP_NET_ADMIN the buffer stays as it is.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer)
	return fd, nil
}

// busy reports whether a frame could not be sent because others wait still: in the
// socket's buffer, or in the queue of the interface.
func busy(err error) bool { return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOBUFS) }

// sendLocked sends while mu is held. What one interface has not sent yet fills the
// buffer for all; whoever finds it full gets a socket for its interface, as that one
// does, so that from then on a full buffer is the interface's own doing.
func (a *Announcer) sendLocked(f *frame) error {
	if a.closed {
		return net.ErrClosed
	}
	if fd, has := a.beside[f.address.Device]; has {
		return unix.Sendto(fd, f.data, unix.MSG_DONTWAIT, &f.to)
	}
	err := unix.Sendto(a.fd, f.data, unix.MSG_DONTWAIT, &f.to)
	if !errors.Is(err, unix.EAGAIN) || len(a.beside) >= maxBeside {
		return err
	}
	var fd int
	if a.ns.Do(func() (err error) { fd, err = socket(); return err }) != nil {
		return err // and it waits for those before it
	}
	a.beside[f.address.Device] = fd
	return unix.Sendto(fd, f.data, unix.MSG_DONTWAIT, &f.to)
}
