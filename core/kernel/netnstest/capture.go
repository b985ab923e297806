//go:build linux

package netnstest

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Capture takes the frames of one Ethernet protocol that arrive on an
// interface, whole, from the moment it was made.
type Capture struct{ fd int }

// Capture starts to capture on the host's interface. Protocol is an EtherType.
func (h *Host) Capture(t testing.TB, name string, protocol uint16) *Capture {
	t.Helper()
	c := &Capture{}
	h.Run(t, func() (err error) {
		c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	t.Cleanup(func() { unix.Close(c.fd) })
	Must(t, unix.SetsockoptInt(c.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1))
	// Thousands of frames wait for a test that a busy machine lets wait.
	Must(t, unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20))
	to := unix.SockaddrLinklayer{Ifindex: h.index(t, name)}
	to.Protocol = binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, protocol))
	Must(t, unix.Bind(c.fd, &to))
	return c
}

// Next returns the next frame, or nil if none comes in time.
func (c *Capture) Next(t testing.TB, limit time.Duration) []byte {
	t.Helper()
	tv := unix.NsecToTimeval(max(limit, time.Microsecond).Nanoseconds())
	Must(t, unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	b := make([]byte, 65536)
	for {
		n, err := unix.Read(c.fd, b)
		switch {
		case err == nil:
			return b[:n]
		case errors.Is(err, unix.EAGAIN):
			return nil
		case !errors.Is(err, unix.EINTR):
			t.Fatal(err)
		}
	}
}

// NextAt is Next with the instant at which the kernel received the frame, which a
// busy machine reads late.
func (c *Capture) NextAt(t testing.TB, limit time.Duration) ([]byte, time.Time) {
	t.Helper()
	tv := unix.NsecToTimeval(max(limit, time.Microsecond).Nanoseconds())
	Must(t, unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv))
	Must(t, unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
	b, control := make([]byte, 65536), make([]byte, 128)
	for {
		n, m, _, _, err := unix.Recvmsg(c.fd, b, control, 0)
		switch {
		case err == nil:
			return b[:n], stamp(t, control[:m])
		case errors.Is(err, unix.EAGAIN):
			return nil, time.Time{}
		case !errors.Is(err, unix.EINTR):
			t.Fatal(err)
		}
	}
}

// stamp returns the instant in control messages; that of a frame which was received
// before instants were asked for is the present one.
func stamp(t testing.TB, control []byte) time.Time {
	t.Helper()
	list, err := unix.ParseSocketControlMessage(control)
	Must(t, err)
	for _, m := range list {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			return time.Unix((*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Unix())
		}
	}
	return time.Now()
}

// Inject sends a whole frame from the host's interface.
func (h *Host) Inject(t testing.TB, name string, frame []byte) {
	t.Helper()
	h.Run(t, func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: h.index(t, name), Halen: 6})
	})
}
