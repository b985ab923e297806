//go:build linux

package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/node"
)

const (
	// batchLen is how many packets one system call may take: those that came
	// while the process was not scheduled, and those of routers that advertise
	// in step.
	batchLen = 32
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
	// taken at once, unless many came together before it: the next are expected
	// to be as many. Both are short against the shortest time in which a master is
	// given up, three intervals of ten milliseconds.
	busy   = 4 * time.Millisecond
	gather = 2 * time.Millisecond
	many   = 8
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
	raw, err := w.gate.SyscallConn()
	if err != nil {
		w.log.Error("cannot receive VRRP packets", "err", err)
		return
	}
	x := &round{batch: new(batch)}
	// One closure for all packets, so that none is allocated for each.
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT}
	var unarmed unix.Errno
	arm := func(fd uintptr) { // for what waits already and what comes next
		_, _, unarmed = unix.RawSyscall6(unix.SYS_EPOLL_CTL, fd, unix.EPOLL_CTL_MOD, uintptr(w.pfd), uintptr(unsafe.Pointer(&event)), 0, 0)
	}
	wait := func(fd uintptr) bool {
		n, failure := epollNow(int(fd), x.ready[:1])
		return n != 0 || failure != nil
	}
	var last time.Time // when packets were taken last
	for more := false; ; {
		if !more {
			if raw.Control(arm) != nil {
				return // closed
			}
			if unarmed != 0 {
				w.log.Error("cannot wait for VRRP packets, will try again", "err", unarmed)
				if !w.pause() {
					return
				}
				continue
			}
			if raw.Read(wait) != nil {
				return // closed; nothing here has a deadline that could pass
			}
			if len(x.packets) >= many || time.Since(last) < busy {
				time.Sleep(gather) // with the gate shut, which nothing interrupts
			}
		}
		if more, err = w.serve(x); err != nil {
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

// round is what the receiver works with: the sockets that have packets, and
// the packets of all of them.
type round struct {
	ready   [readyLen]unix.EpollEvent
	batch   *batch
	packets []*node.Received
}

// serve hands on what waits on the sockets that are ready, up to a batch of
// each, all at once: whoever takes it is woken once and not for each. It
// reports whether there may be more.
func (w *Wire) serve(x *round) (more bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false, nil
	}
	n, err := epollNow(w.pfd, x.ready[:])
	if err != nil {
		return false, fmt.Errorf("look for packets: %w", err)
	}
	more = n == readyLen
	x.packets = x.packets[:0]
	for i := range n {
		s := w.sockets[x.ready[i].Fd]
		if s == nil {
			continue // it was closed meanwhile
		}
		n, rerr := x.batch.receive(s.fd)
		if rerr != nil && !errors.Is(rerr, unix.EAGAIN) && !errors.Is(rerr, unix.EINTR) {
			err = errors.Join(err, rerr)
		}
		for i := range n {
			x.packets = append(x.packets, w.packet(s, x.batch, i))
		}
		more = more || n == batchLen
	}
	if len(x.packets) > 0 {
		w.sink.Packets(x.packets...)
		clear(x.packets) // they are the sink's now
	}
	return more, err
}

// packet makes an event of message i.
func (w *Wire) packet(s *Socket, b *batch, i int) *node.Received {
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
	return p
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

// openGate makes the epoll instance that the runtime's own poller waits for, so
// that no thread has to. It tells once that the sockets of another one have
// packets, and then nothing until it is armed again: the runtime would else be
// woken by each packet that comes before the earlier ones were taken.
func openGate(sockets int) (*os.File, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	err = unix.SetNonblock(fd, true)
	if err == nil {
		// Without an event: it is armed before the first wait.
		err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, sockets, &unix.EpollEvent{Events: unix.EPOLLONESHOT})
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "VRRP sockets"), nil
}

// epollNow is unix.EpollWait that does not wait.
//
// Neither this nor what sends and receives can block, so that the runtime is
// not told of a system call. Told after it had nothing to do, it starts to look
// every 20 microseconds, for some milliseconds, whether the call has blocked
// (runtime.sysmon), which costs more than a hundred packets do.
func epollNow(fd int, ready []unix.EpollEvent) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&ready[0])), uintptr(len(ready)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
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
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.messages[0])), batchLen, unix.MSG_DONTWAIT, 0, 0)
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
