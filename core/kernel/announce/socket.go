//go:build linux

package announce

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/link"
)

const (
	// sendBuffer holds some thousand announcements.
	sendBuffer = 1 << 20
	// maxBeside is how many links may have a socket of their own.
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

// sendLocked sends while mu is held. What one link has not sent yet fills the buffer
// for all; whoever finds it full gets a socket for its link, as that one does, so that
// from then on a full buffer is the link's own doing.
func (a *Announcer) sendLocked(f *frame) error {
	if a.closed {
		return net.ErrClosed
	}
	if fd, has := a.beside[f.below]; has {
		return unix.Sendto(fd, f.data, unix.MSG_DONTWAIT, &f.to)
	}
	err := unix.Sendto(a.fd, f.data, unix.MSG_DONTWAIT, &f.to)
	if !errors.Is(err, unix.EAGAIN) {
		return err
	}
	if len(a.beside) >= maxBeside {
		a.tidyLocked()
	}
	if len(a.beside) >= maxBeside {
		return err
	}
	var fd int
	if a.ns.Do(func() (err error) { fd, err = socket(); return err }) != nil {
		return err // and it waits for those before it
	}
	a.beside[f.below] = fd
	return unix.Sendto(fd, f.data, unix.MSG_DONTWAIT, &f.to)
}

// tidyLocked closes the sockets of links that are gone. mu is held.
func (a *Announcer) tidyLocked() {
	for index, fd := range a.beside {
		request, _ := unix.NewIfreq("") // which is short enough
		request.SetUint32(uint32(index))
		if errors.Is(unix.IoctlIfreq(a.fd, unix.SIOCGIFNAME, request), unix.ENODEV) {
			_ = unix.Close(fd) // of a socket, it cannot fail
			delete(a.beside, index)
		}
	}
}

// below is the index of the interface that sends what the interface is given: the one
// below a VLAN and its like, or itself.
func below(i link.Interface) int {
	if i.Parent != 0 && (i.Kind == link.MACVLAN || i.Kind == link.IPVLAN || i.Kind == "vlan") {
		return i.Parent
	}
	return i.Index // that of a veth is the other end
}
