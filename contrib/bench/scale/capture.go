//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// advert is one that came in, at the kernel's time.
type advert struct {
	router routerID
	at     time.Duration // since some instant that is the same for all
}

// routerID tells virtual routers apart.
type routerID struct {
	index int // of the interface
	vrid  uint8
}

// capture takes the adverts that come into a namespace.
type capture struct {
	fd      int
	stop    chan struct{}
	ended   chan struct{}
	adverts []advert
	err     error
}

const (
	// captureBuffer holds the adverts that come between two looks.
	captureBuffer = 64 << 20
	captureLook   = 20 * time.Millisecond
)

func newCapture(ns *netns.NS) (*capture, error) {
	c := &capture{fd: -1, stop: make(chan struct{}), ended: make(chan struct{})}
	err := ns.Do(func() (err error) {
		// Protocol 0: nothing comes in before the filter stands.
		c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		return err
	})
	if err == nil {
		err = c.setup()
	}
	if err != nil {
		return nil, fmt.Errorf("capture adverts: %w", err)
	}
	go c.read()
	return c, nil
}

func (c *capture) setup() error {
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 9},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: vrrp.Protocol, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: math.MaxUint32},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	const ethIP = unix.ETH_P_IP>>8 | unix.ETH_P_IP&0xff<<8 // in network order
	return errors.Join(
		unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBuffer),
		unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptSockFprog(c.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}),
		unix.Bind(c.fd, &unix.SockaddrLinklayer{Protocol: ethIP}))
}

func (c *capture) read() {
	defer close(c.ended)
	data, control := make([]byte, 128), make([]byte, 128)
	for last := false; ; {
		for {
			n, controlLen, _, from, err := unix.Recvmsg(c.fd, data, control, 0)
			if errors.Is(err, unix.EAGAIN) {
				break
			}
			if err != nil {
				c.err = fmt.Errorf("capture adverts: %w", err)
				return
			}
			c.take(data[:n], control[:controlLen], from)
		}
		if last {
			return
		}
		select {
		case <-c.stop:
			last = true // once more for what came since
		case <-time.After(captureLook):
		}
	}
}

// take notes one packet, unless the namespace sent it itself.
func (c *capture) take(ip, control []byte, from unix.Sockaddr) {
	link, ok := from.(*unix.SockaddrLinklayer)
	if !ok || link.Pkttype == unix.PACKET_OUTGOING || len(ip) < 20 {
		return
	}
	_, vrid, ok := vrrp.Peek(ip[min(len(ip), int(ip[0]&0x0f)*4):])
	h, stamp, _, err := unix.ParseOneSocketControlMessage(control)
	if !ok || err != nil || h.Type != unix.SO_TIMESTAMPNS || len(stamp) < int(unsafe.Sizeof(unix.Timespec{})) {
		return
	}
	at := time.Duration(binary.NativeEndian.Uint64(stamp))*time.Second + time.Duration(binary.NativeEndian.Uint64(stamp[8:]))
	c.adverts = append(c.adverts, advert{routerID{link.Ifindex, vrid}, at})
}

// end returns what was captured, in order of time.
func (c *capture) end() ([]advert, error) {
	close(c.stop)
	<-c.ended
	stats, err := unix.GetsockoptTpacketStats(c.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err = errors.Join(c.err, err, unix.Close(c.fd)); err != nil {
		return nil, err
	}
	if stats.Drops > 0 {
		return nil, fmt.Errorf("capture adverts: %d of %d were lost", stats.Drops, stats.Packets)
	}
	slices.SortStableFunc(c.adverts, func(a, b advert) int { return int(a.at - b.at) })
	return c.adverts, nil
}

// intervals are the times between two adverts of one virtual router.
func intervals(adverts []advert) []time.Duration {
	last := map[routerID]time.Duration{}
	var list []time.Duration
	for _, a := range adverts {
		if before, ok := last[a.router]; ok {
			list = append(list, a.at-before)
		}
		last[a.router] = a.at
	}
	return list
}

// deviation is how far intervals are from the right one: that which 99 of a
// hundred do not exceed, and the largest.
func deviation(list []time.Duration, interval time.Duration) (p99, most time.Duration) {
	if len(list) == 0 {
		return 0, 0
	}
	off := make([]time.Duration, len(list))
	for i, d := range list {
		off[i] = max(d-interval, interval-d)
	}
	slices.Sort(off)
	return off[(len(off)-1)*99/100], off[len(off)-1]
}
