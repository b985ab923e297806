//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// tap counts the operations that programs ask the kernel's IPVS for in a
// namespace, on the kernel's own device for that. Nobody else speaks generic
// netlink there.
type tap struct{ fd int }

// tapBuffer holds all that comes while somebody makes a large table anew.
const tapBuffer = 256 << 20

func newTap(ns *netns.NS) (*tap, error) {
	t := &tap{-1}
	err := ns.Do(func() (err error) {
		for _, line := range []string{"link add nlmon0 type nlmon", "link set nlmon0 up"} {
			if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
				return fmt.Errorf("ip %s: %w: %s", line, err, out)
			}
		}
		t.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.ETH_P_ALL<<8)
		if err != nil {
			return err
		}
		return unix.SetsockoptInt(t.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, tapBuffer)
	})
	if err != nil {
		return nil, fmt.Errorf("listen to what the kernel is asked for: %w", err)
	}
	return t, nil
}

// operations are those that were asked for since.
func (t *tap) operations() (n int, err error) {
	b := make([]byte, 1<<20)
	for {
		size, from, err := unix.Recvfrom(t.fd, b, 0)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("listen to what the kernel is asked for: %w", err)
		}
		if l, ok := from.(*unix.SockaddrLinklayer); ok && l.Protocol == unix.NETLINK_GENERIC<<8 {
			n += changing(b[:size])
		}
	}
	stats, err := unix.GetsockoptTpacketStats(t.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0, fmt.Errorf("ask what was not heard: %w", err)
	}
	if stats.Drops > 0 {
		return 0, fmt.Errorf("%d of %d messages were not heard", stats.Drops, stats.Packets)
	}
	return n, nil
}

// changing counts the messages that change something in IPVS.
func changing(b []byte) (n int) {
	// The first IPVS_CMD_* (linux/ip_vs.h) change services and destinations;
	// two of them only ask.
	const getService, lastDestination = 4, 7
	for len(b) >= unix.NLMSG_HDRLEN+unix.GENL_HDRLEN {
		size, kind, flags := binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:])
		cmd := b[unix.NLMSG_HDRLEN]
		// What the kernel tells looks the same, but for the flag.
		if flags&unix.NLM_F_REQUEST != 0 && kind > unix.GENL_ID_CTRL && cmd > 0 && cmd <= lastDestination && cmd != getService {
			n++
		}
		aligned := (int(size) + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1)
		if size < unix.NLMSG_HDRLEN || aligned >= len(b) {
			break
		}
		b = b[aligned:]
	}
	return n
}

func (t *tap) close() error { return unix.Close(t.fd) }
