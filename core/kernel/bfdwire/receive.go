//go:build linux

package bfdwire

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/node"
)

const (
	// batchLen is how many packets one system call may take.
	batchLen = 16
	// maxPacket is the size of the buffers: what of a longer packet is cut
	// off is authentication at most.
	maxPacket = 64
	// controlLen holds destination, interface and TTL.
	controlLen = 64
	// errorPause is how long a receiver waits after an error, so that one
	// which persists cannot use up a processor.
	errorPause = 10 * time.Millisecond
	// zoneLife is how long the name of an interface is believed.
	zoneLife = time.Second
)

// receiver is a socket that receives, and its goroutine.
type receiver struct {
	outlet outlet
	sink   Sink
	log    *slog.Logger
	file   *os.File
	done   chan struct{}
	ended  chan struct{}

	// What follows is the goroutine's.
	fd    int
	batch batch
	zone  zone
}

// batch is what recvmmsg(2) fills.
type batch struct {
	messages [batchLen]message
	vectors  [batchLen]unix.Iovec
	names    [batchLen]unix.RawSockaddrInet6 // the larger of both families
	controls [batchLen][controlLen]byte
	buffers  [batchLen][maxPacket]byte
}

// message is the kernel's struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
}

// zone is the name of an interface as it was read last.
type zone struct {
	index uint32
	name  string
	until time.Time
}

// receive opens a receiver in the network namespace of the calling thread.
func receive(o outlet, sink Sink, log *slog.Logger) (*receiver, error) {
	family := unix.AF_INET
	var any unix.Sockaddr = &unix.SockaddrInet4{Port: o.port()}
	options := []option{
		{unix.IPPROTO_IP, unix.IP_RECVTTL, 1, "ask for the TTL"},
		{unix.IPPROTO_IP, unix.IP_PKTINFO, 1, "ask for the destination"},
	}
	if o.six {
		family = unix.AF_INET6
		any = &unix.SockaddrInet6{Port: o.port()}
		options = []option{
			{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1, "limit it to IPv6"},
			{unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1, "ask for the hop limit"},
			{unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1, "ask for the destination"},
		}
	}
	options = append(options, option{unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer, "set the receive buffer"})
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	// The options come first: no packet may be taken without its TTL.
	if err = set(fd, options); err == nil {
		err = unix.Bind(fd, any)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	r := &receiver{
		outlet: o, sink: sink, log: log, fd: fd,
		file: os.NewFile(uintptr(fd), o.String()),
		done: make(chan struct{}), ended: make(chan struct{}),
	}
	go r.work()
	return r, nil
}

// close ends the receiver. After it the sink is not called any more.
func (r *receiver) close() error {
	close(r.done)
	err := r.file.Close()
	<-r.ended
	return err
}

// work hands packets to the sink until close.
func (r *receiver) work() {
	defer close(r.ended)
	raw, err := r.file.SyscallConn()
	if err != nil {
		r.log.Error("cannot receive BFD packets", "socket", r.outlet.String(), "err", err)
		return
	}
	var n int
	var failure error
	// One closure for all packets, so that none is allocated for each.
	read := func(uintptr) bool {
		n, failure = r.take()
		return !errors.Is(failure, unix.EAGAIN)
	}
	for {
		if raw.Read(read) != nil {
			return // closed; nothing here has a deadline that could pass
		}
		if failure != nil {
			if errors.Is(failure, unix.EINTR) {
				continue
			}
			r.log.Warn("cannot receive BFD packets", "socket", r.outlet.String(), "err", failure)
			if !r.pause() {
				return
			}
			continue
		}
		for i := range n {
			p := r.sink.NewBFD()
			r.parse(i, p)
			r.sink.BFD(p)
		}
	}
}

func (r *receiver) pause() bool {
	t := time.NewTimer(errorPause)
	defer t.Stop()
	select {
	case <-r.done:
		return false
	case <-t.C:
		return true
	}
}

// take takes what there is, up to a batch, without waiting.
func (r *receiver) take() (int, error) {
	b := &r.batch
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
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(r.fd), uintptr(unsafe.Pointer(&b.messages[0])), batchLen, unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// parse fills in what message i says and copies its payload into the event's
// own buffer. A TTL that the kernel did not tell is -1, which no session takes.
func (r *receiver) parse(i int, e *node.BFDReceived) {
	m := &r.batch.messages[i]
	p := &e.Packet
	p.Multihop, p.TTL, p.Destination = r.outlet.multihop, -1, netip.Addr{}
	p.Payload = append(p.Payload[:0], r.batch.buffers[i][:min(int(m.length), maxPacket)]...)
	name := &r.batch.names[i]
	if r.outlet.six {
		p.Source = netip.AddrFrom16(name.Addr)
		if p.Source.IsLinkLocalUnicast() {
			p.Source = p.Source.WithZone(r.zoneName(name.Scope_id))
		}
	} else {
		p.Source = netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(name)).Addr)
	}
	control := r.batch.controls[i][:min(int(m.header.Controllen), controlLen)]
	for len(control) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return
		}
		control = rest
		switch level, kind := h.Level, h.Type; {
		case level == unix.IPPROTO_IP && kind == unix.IP_TTL && len(data) >= 4,
			level == unix.IPPROTO_IPV6 && kind == unix.IPV6_HOPLIMIT && len(data) >= 4:
			p.TTL = int(int32(binary.NativeEndian.Uint32(data)))
		case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			p.Destination = netip.AddrFrom4([4]byte(data[8:12])) // after interface and local address
		case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			p.Destination = netip.AddrFrom16([16]byte(data[:16]))
		}
	}
}

// zoneName returns the name of an interface, "" when there is none.
func (r *receiver) zoneName(index uint32) string {
	now := time.Now()
	if index == r.zone.index && now.Before(r.zone.until) {
		return r.zone.name
	}
	r.zone = zone{index: index, until: now.Add(zoneLife)}
	request, err := unix.NewIfreq("")
	if err == nil {
		request.SetUint32(index)
		if unix.IoctlIfreq(r.fd, unix.SIOCGIFNAME, request) == nil {
			r.zone.name = request.Name()
		}
	}
	return r.zone.name
}
