//go:build linux

package link

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Follow has changes of the routes that were set under the protocols count, and
// those of all rules, in place of what was followed before; without a protocol
// neither counts. The kernel sorts out what others do to their routes, so that
// a routing daemon's million changes wake nobody here.
//
// The kernel does not tell of IPv4 routes that go with their interface, but of
// that one; the slow tick finds what is left.
func (m *Monitor) Follow(protocols ...uint8) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.protocols = slices.Clone(protocols)
	if m.closed {
		return os.ErrClosed
	}
	if m.socket == nil {
		return nil // the next subscription heeds it
	}
	raw, err := m.socket.SyscallConn()
	if err != nil {
		return fmt.Errorf("follow routes: %w", err)
	}
	var failure error
	if err := raw.Control(func(fd uintptr) { failure = follow(int(fd), m.protocols) }); err != nil {
		return fmt.Errorf("follow routes: %w", err)
	}
	if failure == nil {
		// What changed before this is as unknown as ever.
		m.Poke()
	}
	return failure
}

// follow gives a subscribed socket the filter for the protocols.
func follow(fd int, protocols []uint8) error {
	program := messageFilter(protocols)
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	if err != nil {
		return fmt.Errorf("attach the filter for routes: %w", err)
	}
	return nil
}

// messageFilter is the program that decides in the kernel which messages wake
// us: all but those of routes of other protocols, and of rules when no protocol
// is followed.
func messageFilter(protocols []uint8) []unix.SockFilter {
	const (
		typeAt     = 4
		protocolAt = unix.SizeofNlMsghdr + 5
		equal      = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		answer     = unix.BPF_RET | unix.BPF_K
		pass       = math.MaxUint32
	)
	// A filter loads in network order what netlink has in the machine's.
	kind := func(k uint16) uint32 {
		return uint32(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, k)))
	}
	rules := uint32(0)
	if len(protocols) > 0 {
		rules = pass
	}
	f := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, K: typeAt},
		{Code: equal, K: kind(unix.RTM_NEWROUTE), Jt: 5},
		{Code: equal, K: kind(unix.RTM_DELROUTE), Jt: 4},
		{Code: equal, K: kind(unix.RTM_NEWRULE), Jt: 2},
		{Code: equal, K: kind(unix.RTM_DELRULE), Jt: 1},
		{Code: answer, K: pass},
		{Code: answer, K: rules},
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: protocolAt},
	}
	for _, p := range protocols {
		f = append(f, unix.SockFilter{Code: equal, K: uint32(p), Jf: 1}, unix.SockFilter{Code: answer, K: pass})
	}
	return append(f, unix.SockFilter{Code: answer})
}
