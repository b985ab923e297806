//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

const (
	// burst is how many packets one system call of the floor takes at most.
	burst = 64
	// parts is into how many bursts an interval is divided.
	parts = 8
)

// mmsghdr is the kernel's.
type mmsghdr struct {
	header unix.Msghdr
	length uint32
}

// loop is a bare loop on a thread of its own.
type loop struct {
	stop  atomic.Bool
	ended chan error
	tid   chan int
	count atomic.Int64 // packets
}

// begin runs f in the namespace until it returns or stop is set.
func begin(ns *netns.NS, f func(l *loop) error) *loop {
	l := &loop{ended: make(chan error, 1), tid: make(chan int, 1)}
	go func() {
		// Its thread ends with it: nobody else is to run in the namespace.
		runtime.LockOSThread()
		l.ended <- ns.Do(func() error {
			l.tid <- unix.Gettid()
			return f(l)
		})
	}()
	return l
}

// socket opens a raw socket on an interface.
func socket(name string, index int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, vrrp.Protocol)
	if err != nil {
		return 0, err
	}
	group := vrrp.Group(false).As4()
	return fd, errors.Join(
		unix.BindToDevice(fd, name),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_HDRINCL, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20),
		unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(index)}),
		unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreqn{Multiaddr: group, Ifindex: int32(index)}))
}

// sockets opens one on each interface of a host.
func sockets(h *host, n int) (list []int, err error) {
	for k := range interfaces(n) {
		i, err := h.conn.Interface(fmt.Sprintf("e%d", k))
		if err != nil {
			return list, err
		}
		fd, err := socket(i.Name, i.Index)
		if err != nil {
			return list, fmt.Errorf("open a socket on %s: %w", i.Name, err)
		}
		list = append(list, fd)
	}
	return list, nil
}

func closeAll(list []int) (err error) {
	for _, fd := range list {
		err = errors.Join(err, unix.Close(fd))
	}
	return err
}

// packet is the advert of virtual router i.
func packet(i, version int, interval time.Duration) []byte {
	from, to := own(masterSide, i/perInterface), vrrp.Group(false)
	c := vrrp.Config{Version: vrrp.Version(version), VRID: uint8(vrid(i)), Priority: masterPriority, Interval: interval}
	c.Addresses = append(c.Addresses, vip(i))
	ip := []byte{0x45, 0xc0, 0, 0, 0, 0, 0, 0, vrrp.TTL, vrrp.Protocol, 0, 0}
	ip = append(ip, from.AsSlice()...)
	ip = append(ip, to.AsSlice()...)
	return c.Append(ip, masterPriority, from, to)
}

// send sends the adverts of all virtual routers each interval, a part of them
// at a time.
func (w *network) send(l *loop, version int, interval time.Duration) (err error) {
	list, err := sockets(w.hosts[masterSide], w.n)
	defer func() { err = errors.Join(err, closeAll(list)) }()
	if err != nil {
		return err
	}
	to := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: vrrp.Group(false).As4()}
	messages, vectors := make([]mmsghdr, w.n), make([]unix.Iovec, w.n)
	for i := range messages {
		p := packet(i, version, interval)
		vectors[i].Base = &p[0]
		vectors[i].SetLen(len(p))
		h := &messages[i].header
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&to)), unix.SizeofSockaddrInet4
		h.Iov = &vectors[i]
		h.SetIovlen(1)
	}
	var due unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &due); err != nil {
		return err
	}
	for part := 0; !l.stop.Load(); part = (part + 1) % parts {
		first, end := w.n*part/parts, w.n*(part+1)/parts
		for first < end {
			k := first / perInterface
			count := min(end, (k+1)*perInterface, first+burst) - first
			sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(list[k]), uintptr(unsafe.Pointer(&messages[first])), uintptr(count), 0, 0, 0)
			if errno != 0 {
				return fmt.Errorf("send: %w", errno)
			}
			first += int(sent)
			l.count.Add(int64(sent))
		}
		due = unix.NsecToTimespec(due.Nano() + int64(interval)/parts)
		for {
			err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &due, nil)
			if err == nil {
				break
			}
			if !errors.Is(err, unix.EINTR) {
				return fmt.Errorf("sleep: %w", err)
			}
		}
	}
	return nil
}

// receive takes what comes until stop.
func (w *network) receive(l *loop) (err error) {
	list, err := sockets(w.hosts[backupSide], w.n)
	defer func() { err = errors.Join(err, closeAll(list)) }()
	if err != nil {
		return err
	}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	list = append(list, poll)
	for _, fd := range list[:len(list)-1] {
		if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return err
		}
	}
	messages, vectors := make([]mmsghdr, burst), make([]unix.Iovec, burst)
	for i := range messages {
		b := make([]byte, 256)
		vectors[i].Base = &b[0]
		vectors[i].SetLen(len(b))
		messages[i].header.Iov = &vectors[i]
		messages[i].header.SetIovlen(1)
	}
	ready := make([]unix.EpollEvent, 64)
	for !l.stop.Load() {
		n, err := unix.EpollWait(poll, ready, 100)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for _, r := range ready[:max(n, 0)] {
			got, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(r.Fd), uintptr(unsafe.Pointer(&messages[0])), burst, unix.MSG_DONTWAIT, 0, 0)
			if errno == 0 {
				l.count.Add(int64(got))
			}
		}
	}
	return nil
}

// threadTime is the CPU time of a thread of this process.
func threadTime(tid int) (time.Duration, error) {
	const perThread, scheduler = 4, 2 // clock_getcpuclockid(3)
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^uint32(tid)<<3|perThread|scheduler), &t); err != nil {
		return 0, fmt.Errorf("read a CPU time clock: %w", err)
	}
	return time.Duration(t.Nano()), nil
}

// floorTimes runs both loops for the window and returns the CPU time of each
// per minute.
func (w *network) floorTimes(version int, interval, settle, window time.Duration) (out [sides]float64, err error) {
	receiver := begin(w.hosts[backupSide].ns, w.receive)
	sender := begin(w.hosts[masterSide].ns, func(l *loop) error { return w.send(l, version, interval) })
	loops := [sides]*loop{masterSide: sender, backupSide: receiver}
	var tid [sides]int
	for side, l := range loops {
		select {
		case tid[side] = <-l.tid:
		case err = <-l.ended:
			return out, err
		}
	}
	time.Sleep(settle)
	var before, after [sides]time.Duration
	var counts [sides]int64
	for side, l := range loops {
		t, terr := threadTime(tid[side])
		before[side], counts[side] = t, l.count.Load()
		err = errors.Join(err, terr)
	}
	start := time.Now()
	time.Sleep(window)
	took := time.Since(start)
	for side, l := range loops {
		t, terr := threadTime(tid[side])
		after[side], counts[side] = t, l.count.Load()-counts[side]
		err = errors.Join(err, terr)
		out[side] = perMinute(after[side]-before[side], took)
	}
	for _, l := range loops {
		l.stop.Store(true)
	}
	for _, l := range loops {
		err = errors.Join(err, <-l.ended)
	}
	want := float64(w.n) * took.Seconds() / interval.Seconds()
	for side, name := range [sides]string{"sent", "received"} {
		if err == nil && math.Abs(float64(counts[side])-want) > 0.1*want+2*float64(w.n)/parts+float64(w.n)*float64(interval)/float64(took) {
			err = fmt.Errorf("the floor %s %d packets, not some %.0f", name, counts[side], want)
		}
	}
	return out, err
}

func perMinute(cpu, wall time.Duration) float64 { return cpu.Seconds() / wall.Minutes() }
