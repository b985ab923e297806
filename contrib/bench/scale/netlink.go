//go:build linux

package main

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// message is what of a header of netlink matters here.
type message struct {
	length uint32
	kind   uint16
}

func header(b []byte) message {
	return message{binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint16(b[4:])}
}

// align rounds up to where the next message or attribute begins.
func align(n int) int { return (n + 3) &^ 3 }

// localAddress reads the IPv4 address that a message about an address is of.
func localAddress(b []byte) (netip.Addr, bool) {
	if len(b) < unix.SizeofIfAddrmsg {
		return netip.Addr{}, false
	}
	for b = b[unix.SizeofIfAddrmsg:]; len(b) >= 4; {
		length, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if length < 4 || length > len(b) {
			break
		}
		if kind == unix.IFA_LOCAL {
			return netip.AddrFromSlice(b[4:length])
		}
		b = b[min(align(length), len(b)):]
	}
	return netip.Addr{}, false
}
