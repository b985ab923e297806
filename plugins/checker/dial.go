//go:build linux

package checker

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Dialer dials as a target asks for, by any network: from bindto and
// bind_port, through bind_if, with fwmark, within the timeout. Each call makes
// a dialer of its own, which may be kept and used again.
//
// What the kernel refuses, the error of the dial names by its keyword; it is a
// LocalError.
func Dialer(t Target) *net.Dialer {
	d := &net.Dialer{
		Timeout:   t.Timeout,
		KeepAlive: -1, // a check's connection is too short for it
	}
	if a := t.Address.Addr(); a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "" && t.BindIf == "" {
		err := &LocalError{fmt.Errorf("%s may be on every network: it takes a bind_if", a)}
		d.Control = func(string, string, syscall.RawConn) error { return err }
	} else if t.BindTo.IsValid() || t.BindPort != 0 || t.BindIf != "" || t.Fwmark != 0 {
		d.Control = func(network, _ string, c syscall.RawConn) error { return Bind(t, network, c) }
	}
	return d
}

// Bind applies a target's local side to a socket that is neither bound nor
// connected yet; network ends in 4 or 6, as it does for a net.Dialer's
// Control. It is for sockets that no dialer makes.
func Bind(t Target, network string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) { failed = bind(int(fd), t, network) })
	if err = errors.Join(err, failed); err != nil {
		return &LocalError{err}
	}
	return nil
}

func bind(fd int, t Target, network string) error {
	if t.Fwmark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(int32(t.Fwmark))); err != nil {
			return refused("fwmark", strconv.FormatUint(uint64(t.Fwmark), 10), err)
		}
	}
	if t.BindIf != "" {
		if err := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, t.BindIf); err != nil {
			return refused("bind_if", t.BindIf, err)
		}
	}
	if !t.BindTo.IsValid() && t.BindPort == 0 {
		return nil
	}
	if err := local(fd, t.BindPort, network); err != nil {
		return refused("bindto", t.BindTo.String(), err)
	}
	sa, err := sockaddr(t, strings.HasSuffix(network, "6"))
	if err != nil {
		return err
	}
	if err := unix.Bind(fd, sa); err != nil {
		if t.BindPort == 0 {
			return refused("bindto", t.BindTo.String(), err)
		}
		return refused("bind_port", strconv.Itoa(int(t.BindPort)), err)
	}
	return nil
}

// local makes many connections from one address possible: without a port the
// kernel chooses one at connect, when it knows the other side, and with one
// the connection before may still be closing.
func local(fd int, port uint16, network string) error {
	if port != 0 {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	}
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1))
}

// sockaddr is the local address in the socket's family.
func sockaddr(t Target, six bool) (unix.Sockaddr, error) {
	a := t.BindTo.Unmap()
	switch {
	case !a.IsValid() && six:
		a = netip.IPv6Unspecified()
	case !a.IsValid():
		a = netip.IPv4Unspecified()
	case a.Is6() != six:
		return nil, fmt.Errorf("bindto %s is of another family than %s", t.BindTo, t.Address.Addr())
	}
	if !six {
		return &unix.SockaddrInet4{Port: int(t.BindPort), Addr: a.As4()}, nil
	}
	sa := &unix.SockaddrInet6{Port: int(t.BindPort), Addr: a.As16()}
	zone := a.Zone()
	if zone == "" && a.IsLinkLocalUnicast() {
		zone = t.BindIf
	}
	if zone == "" {
		return sa, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		sa.ZoneId = uint32(n)
		return sa, nil
	}
	ifi, err := net.InterfaceByName(zone)
	if err != nil {
		return nil, refused("bindto", t.BindTo.String(), err)
	}
	sa.ZoneId = uint32(ifi.Index)
	return sa, nil
}

// refused names the keyword at fault.
func refused(keyword, value string, err error) error {
	if errors.Is(err, unix.EPERM) && keyword == "fwmark" {
		err = fmt.Errorf("%w: the process lacks CAP_NET_ADMIN", err)
	}
	if errors.Is(err, unix.EPERM) && keyword == "bind_if" {
		err = fmt.Errorf("%w: the process lacks CAP_NET_RAW, which kernels before 5.7 ask for", err)
	}
	return fmt.Errorf("%s %s: %w", keyword, value, err)
}
