package lua

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// The address families, and what can be asked for (linux/rtnetlink.h).
const (
	familyInet  = syscall.AF_INET
	familyInet6 = syscall.AF_INET6
	// rtmGetNeigh is RTM_GETNEIGH, which package syscall lacks; the answer is
	// rtmNewNeigh.
	rtmNewNeigh = 28
	rtmGetNeigh = 30
)

type dumpKind uint16

const (
	routeDump     dumpKind = syscall.RTM_GETROUTE
	neighbourDump dumpKind = rtmGetNeigh
)

// routeEntry is a route or a neighbour.
type routeEntry struct {
	destination, gateway, source, device, mac, state string
	index, metric, table, protocol                   int
}

// errStop ends a dump early.
var errStop = errors.New("enough")

// dumpTable asks the kernel for a table. take returns false when it has
// enough. The kernel answers in pieces, as they are read; the answer of a
// router with a million routes is never there as a whole.
func dumpTable(ctx context.Context, what dumpKind, family byte, take func(*routeEntry) bool) error {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink: %w", err)
	}
	defer syscall.Close(fd)
	// The kernel answers at once or not at all.
	limit := time.Second
	if deadline, ok := ctx.Deadline(); ok {
		limit = max(min(limit, time.Until(deadline)), time.Millisecond)
	}
	tv := syscall.NsecToTimeval(limit.Nanoseconds())
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &tv); err != nil {
		return fmt.Errorf("set a time limit on netlink: %w", err)
	}
	// A header, and an rtmsg or ndmsg of which the family alone counts.
	request := make([]byte, syscall.NLMSG_HDRLEN+12)
	binary.NativeEndian.PutUint32(request, uint32(len(request)))
	binary.NativeEndian.PutUint16(request[4:], uint16(what))
	binary.NativeEndian.PutUint16(request[6:], syscall.NLM_F_REQUEST|syscall.NLM_F_DUMP)
	binary.NativeEndian.PutUint32(request[8:], 1)
	request[syscall.NLMSG_HDRLEN] = family
	if err := syscall.Sendto(fd, request, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask the kernel: %w", err)
	}
	buf := make([]byte, 32<<10)
	for {
		n, _, err := syscall.Recvfrom(fd, buf, 0)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("hear from the kernel: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		messages, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil {
			return fmt.Errorf("read the kernel's answer: %w", err)
		}
		for i := range messages {
			done, err := takeMessage(&messages[i], take)
			if errors.Is(err, errStop) || done {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
}

// takeMessage hands one message over; done says that it was the last one.
func takeMessage(m *syscall.NetlinkMessage, take func(*routeEntry) bool) (done bool, err error) {
	switch m.Header.Type {
	case syscall.NLMSG_DONE:
		return true, nil
	case syscall.NLMSG_ERROR:
		if len(m.Data) >= 4 {
			if errno := -int32(binary.NativeEndian.Uint32(m.Data)); errno != 0 {
				return false, fmt.Errorf("ask the kernel: %w", syscall.Errno(errno))
			}
		}
		return true, nil
	case syscall.RTM_NEWROUTE, rtmNewNeigh:
	default:
		return false, nil
	}
	if len(m.Data) < 12 {
		return false, nil
	}
	var r routeEntry
	ok := true
	if m.Header.Type == syscall.RTM_NEWROUTE {
		ok = parseRoute(m.Data, &r)
	} else {
		parseNeighbour(m.Data, &r)
	}
	if ok && !take(&r) {
		return false, errStop
	}
	return false, nil
}

// attributes calls f for each attribute.
func attributes(b []byte, f func(kind uint16, value []byte)) {
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			return
		}
		f(binary.NativeEndian.Uint16(b[2:]), b[4:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}

// parseRoute reads an rtmsg; false for what is no route of a table: those
// that the kernel made for one destination.
func parseRoute(b []byte, r *routeEntry) bool {
	bits, flags := int(b[1]), binary.NativeEndian.Uint32(b[8:])
	if flags&syscall.RTM_F_CLONED != 0 {
		return false
	}
	r.table, r.protocol, r.destination = int(b[4]), int(b[5]), "default"
	attributes(b[12:], func(kind uint16, v []byte) {
		address, isAddress := netip.AddrFromSlice(v)
		switch {
		case kind == syscall.RTA_DST && isAddress:
			r.destination = netip.PrefixFrom(address, bits).String()
		case kind == syscall.RTA_GATEWAY && isAddress:
			r.gateway = address.String()
		case kind == syscall.RTA_PREFSRC && isAddress:
			r.source = address.String()
		case kind == syscall.RTA_OIF && len(v) == 4:
			r.index = int(binary.NativeEndian.Uint32(v))
		case kind == syscall.RTA_PRIORITY && len(v) == 4:
			r.metric = int(binary.NativeEndian.Uint32(v))
		case kind == syscall.RTA_TABLE && len(v) == 4:
			r.table = int(binary.NativeEndian.Uint32(v))
		}
	})
	return true
}

// parseNeighbour reads an ndmsg.
func parseNeighbour(b []byte, r *routeEntry) {
	r.index = int(binary.NativeEndian.Uint32(b[4:]))
	state := binary.NativeEndian.Uint16(b[8:])
	for i, name := range [...]string{"incomplete", "reachable", "stale", "delay", "probe", "failed", "noarp", "permanent"} {
		if state == 1<<i {
			r.state = name
		}
	}
	if r.state == "" {
		r.state = "none"
	}
	attributes(b[12:], func(kind uint16, v []byte) {
		switch kind {
		case 1: // NDA_DST
			if address, ok := netip.AddrFromSlice(v); ok {
				r.destination = address.String()
			}
		case 2: // NDA_LLADDR
			r.mac = net.HardwareAddr(v).String()
		}
	})
}
