//go:build linux

package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/node"
)

// sendLen is how many adverts leave in one system call at the most.
const sendLen = 64

// Sender sends adverts, many in one system call. One goroutine uses it at a
// time.
type Sender struct {
	messages [sendLen]message
	vectors  [sendLen]unix.Iovec
	names    [sendLen]unix.RawSockaddrInet6 // room for either family
	packets  [sendLen][]byte
	ready    [sendLen]int // which advert each message is
	sources  [sendLen]source6
}

// Send sends the adverts on the socket as they say, in order, each now or not
// at all, and sets errs to what came of each; errs is as long as adverts. It
// never blocks, allocates only for errors, and keeps nothing. Sources need not
// be addresses of this host.
func (x *Sender) Send(s *Socket, adverts []*node.Action, errs []*error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for i, a := range adverts {
		switch {
		case !s.fits(a.Source) || !s.fits(a.Destination):
			*errs[i] = fmt.Errorf("send from %s to %s: not two addresses of the family of the %s", a.Source, a.Destination, s.spec)
			continue
		case s.closed:
			*errs[i] = fmt.Errorf("send to %s: the %s is closed", a.Destination, s.spec)
			continue
		}
		*errs[i] = nil
		x.fill(n, s, a)
		x.ready[n] = i
		if n++; n == sendLen {
			x.flush(s, n, adverts, errs)
			n = 0
		}
	}
	x.flush(s, n, adverts, errs)
}

// flush sends the first n messages. One that fails does not keep the others
// back.
func (x *Sender) flush(s *Socket, n int, adverts []*node.Action, errs []*error) {
	for first := 0; first < n; {
		// The socket is not connected, so that the error can only be about
		// these packets, never an ICMP message about an earlier one.
		sent, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&x.messages[first])), uintptr(n-first), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			first += int(sent)
		case unix.EINTR:
		default:
			// It is about the first: with another the kernel returns how many
			// were sent before that.
			at := x.ready[first]
			*errs[at] = failed(s, adverts[at], errno)
			first++
		}
	}
}

func failed(s *Socket, a *node.Action, err error) error {
	on := ""
	if s.spec.Interface != "" {
		on = " on " + s.spec.Interface
	}
	return fmt.Errorf("send%s from %s to %s: %w", on, a.Source, a.Destination, err)
}

// source6 is a control message that names the source of an IPv6 packet.
type source6 struct {
	header unix.Cmsghdr
	info   unix.Inet6Pktinfo
}

// fits reports whether the address is of the socket's family.
func (s *Socket) fits(a netip.Addr) bool { return a.IsValid() && a.Is6() == s.spec.Six }

// fill makes message i: the packet with its IP header, and where it goes.
func (x *Sender) fill(i int, s *Socket, a *node.Action) {
	var nameLen uint32
	if s.spec.Six {
		x.packets[i] = packet6(x.packets[i][:0], a)
		x.names[i] = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: a.Destination.As16(), Scope_id: uint32(s.spec.Index)}
		nameLen = unix.SizeofSockaddrInet6
	} else {
		x.packets[i] = packet4(x.packets[i][:0], a)
		to := (*unix.RawSockaddrInet4)(unsafe.Pointer(&x.names[i]))
		*to = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: a.Destination.As4()}
		nameLen = unix.SizeofSockaddrInet4
	}
	v := &x.vectors[i]
	v.Base = &x.packets[i][0]
	v.SetLen(len(x.packets[i]))
	h := &x.messages[i].header
	h.Name, h.Namelen = (*byte)(unsafe.Pointer(&x.names[i])), nameLen
	h.Iov = v
	h.SetIovlen(1)
	h.Control = nil
	h.SetControllen(0)
	if s.spec.Six && s.spec.Below != 0 {
		// The interface of a virtual router has no IPv6 address before it is
		// MASTER, and without one to choose the kernel finds no way out; but the
		// first advert goes before the addresses.
		c := &x.sources[i]
		c.header.Level, c.header.Type = unix.IPPROTO_IPV6, unix.IPV6_PKTINFO
		c.header.SetLen(unix.CmsgLen(unix.SizeofInet6Pktinfo))
		c.info = unix.Inet6Pktinfo{Addr: a.Source.As16(), Ifindex: uint32(s.spec.Index)}
		h.Control = (*byte)(unsafe.Pointer(c))
		h.SetControllen(unix.CmsgSpace(unix.SizeofInet6Pktinfo))
	}
}

// packet4 appends an IPv4 packet. The kernel adds total length and checksum
// (raw(7)), and with zero chooses the identification.
func packet4(p []byte, a *node.Action) []byte {
	from, to := a.Source.As4(), a.Destination.As4()
	p = append(p, 4<<4|header4Len/4, tos, 0, 0)
	p = binary.BigEndian.AppendUint16(p, a.ID)
	p = append(p, 0, 0, a.TTL, a.Protocol, 0, 0)
	p = append(p, from[:]...)
	p = append(p, to[:]...)
	return append(p, a.Payload...)
}

// packet6 appends an IPv6 packet.
func packet6(p []byte, a *node.Action) []byte {
	from, to := a.Source.As16(), a.Destination.As16()
	p = binary.BigEndian.AppendUint32(p, 6<<28|tos<<20)
	p = binary.BigEndian.AppendUint16(p, uint16(len(a.Payload)))
	p = append(p, a.Protocol, a.TTL)
	p = append(p, from[:]...)
	p = append(p, to[:]...)
	return append(p, a.Payload...)
}
