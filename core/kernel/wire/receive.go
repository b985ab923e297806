//go:build linux

package wire

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/node"
)

const (
	// batchLen is how many packets one system call may take: those that came
	// while the process was not scheduled, and those of routers that advertise
	// in step.
	batchLen = 16
	// readyLen is how many sockets are asked for at once.
	readyLen = 64
	// controlLen holds destination, interface and hop limit.
	controlLen = 64
	// errorPause is how long the receiver waits after an error, so that one
	// which persists cannot use up a processor.
	errorPause = 10 * time.Millisecond
	// busy is how soon after the last packets further ones make the receiver
	// gather for a while, the time of gather, before it takes them: those of
	// routers that advertise in step come some microseconds apart, and waking
	// for each costs more than the packet. What comes after a quiet time is
	// taken at once. Both are short against the shortest time in which a
	// master is given up, three intervals of ten milliseconds.
	busy   = 4 * time.Millisecond
	gather = 2 * time.Millisecond
)

// batch is what recvmmsg(2) fills. It is used for one socket after the other.
type batch struct {
	messages [batchLen]message
	vectors  [batchLen]unix.Iovec
	names    [batchLen]unix.RawSockaddrInet6
	controls [batchLen][controlLen]byte
	buffers  [batchLen][maxPacket]byte
}

// message is the kernel's struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
}

// receive hands packets to the sink until Close.
func (w *Wire) receive() {
	defer close(w.ended)
	raw, err := w.poll.SyscallConn()
	if err != nil {
		w.log.Error("cannot receive VRRP packets", "err", err)
		return
	}
	b := new(batch)
	var ready [readyLen]unix.EpollEvent
	var n int
	var failure error
	// One closure for all packets, so that none is allocated for each.
	wait := func(fd uintptr) bool {
		n, failure = unix.EpollWait(int(fd), ready[:], 0)
		return n != 0 || failure != nil
	}
	var last time.Time // when packets were taken last
	more := false      // some were left
	for {
		if raw.Read(wait) != nil {
			return // closed; nothing here has a deadline that could pass
		}
		if now := time.Now(); !more && now.Sub(last) < busy {
			time.Sleep(gather)
			// Others came meanwhile, and a socket of them may be closed.
			if raw.Read(wait) != nil {
				return
			}
		}
		more = n == readyLen
		if failure != nil && !errors.Is(failure, unix.EINTR) {
			w.log.Warn("cannot wait for VRRP packets", "err", failure)
			if !w.pause() {
				return
			}
		}
		for i := range max(n, 0) {
			full, err := w.serve(ready[i].Fd, b)
			more = more || full
			if err == nil || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
				continue
			}
			// Lack of memory, if anything: an interface that goes away is no
			// error here.
			w.log.Warn("cannot receive VRRP packets", "err", err)
			if !w.pause() {
				return
			}
		}
		last = time.Now()
	}
}

// serve hands on what waits on one socket, up to a batch, and reports whether
// there may be more: the epoll instance names it again then.
func (w *Wire) serve(id int32, b *batch) (more bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sockets[id]
	if s == nil {
		return false, nil // it was closed meanwhile
	}
	n, err := b.receive(s.fd)
	if err != nil {
		return false, err
	}
	for i := range n {
		p := w.sink.NewPacket()
		if !s.parse(b, i, p) {
			// The kernel checked the header before it gave the packet to us,
			// so this is none; an empty event is what the node drops.
			p.Packet.TTL = -1
			p.Packet.Payload = p.Packet.Payload[:0]
		}
		p.Packet.Interface = s.spec.Interface
		p.Sample = 1
		if !s.spec.wants(&s.own, p.Packet.Payload) {
			p.Sample = Sample
		}
		w.sink.Packet(p)
	}
	return n == batchLen, nil
}

func (w *Wire) pause() bool {
	t := time.NewTimer(errorPause)
	defer t.Stop()
	select {
	case <-w.done:
		return false
	case <-t.C:
		return true
	}
}

// receive takes what there is, up to a batch, without waiting.
func (b *batch) receive(fd int) (int, error) {
	for i := range b.messages {
		// The kernel overwrites the lengths with what it filled in.
		v := &b.vectors[i]
		v.Base = &b.buffers[i][0]
		v.SetLen(maxPacket)
		h := &b.messages[i].header
		h.Iov = v
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&b.names[i]))
		h.Namelen = unix.SizeofSockaddrInet6
		h.Control = &b.controls[i][0]
		h.SetControllen(controlLen)
		h.Flags = 0
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.messages[0])), batchLen, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// parse fills in what message i says and copies its payload into the event's
// own buffers.
func (s *Socket) parse(b *batch, i int, p *node.Received) bool {
	m := &b.messages[i]
	data := b.buffers[i][:min(int(m.length), maxPacket)]
	p.Packet.Protocol = uint8(s.spec.protocol())
	p.Packet.Header = p.Packet.Header[:0]
	if !s.spec.Six {
		return parse4(data, s.spec.AH, p)
	}
	// Without the interface: where a link-local address is, the event says.
	p.Packet.Source = netip.AddrFrom16(b.names[i].Addr)
	p.Packet.Payload = append(p.Packet.Payload[:0], data...)
	return parseControl(b.controls[i][:min(int(m.header.Controllen), controlLen)], p)
}

// parseControl reads destination and hop limit of an IPv6 packet from its
// control messages.
func parseControl(control []byte, p *node.Received) bool {
	p.Packet.TTL = -1
	p.Packet.Destination = netip.Addr{}
	for len(control) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return false
		}
		control = rest
		switch {
		case h.Level != unix.IPPROTO_IPV6:
		case h.Type == unix.IPV6_PKTINFO && len(data) >= 16:
			p.Packet.Destination = netip.AddrFrom16([16]byte(data[:16]))
		case h.Type == unix.IPV6_HOPLIMIT && len(data) >= 4:
			p.Packet.TTL = int(binary.NativeEndian.Uint32(data))
		}
	}
	return p.Packet.Destination.IsValid()
}

// parse4 fills in what the IPv4 datagram b says. The total length of the header
// counts: a short packet on Ethernet is padded, and the padding is no part of
// it. What of a long packet is not in b is missing from the payload too. The
// header is kept when it is authenticated.
func parse4(b []byte, keep bool, p *node.Received) bool {
	if len(b) < header4Len || b[0]>>4 != 4 {
		return false
	}
	length := int(b[0]&0x0f) * 4
	total := min(int(binary.BigEndian.Uint16(b[2:])), len(b))
	if length < header4Len || length > total {
		return false
	}
	p.Packet.Source = netip.AddrFrom4([4]byte(b[12:16]))
	p.Packet.Destination = netip.AddrFrom4([4]byte(b[16:20]))
	p.Packet.TTL = int(b[8])
	p.Packet.Payload = append(p.Packet.Payload[:0], b[length:total]...)
	if keep {
		p.Packet.Header = append(p.Packet.Header[:0], b[:length]...)
	}
	return true
}
