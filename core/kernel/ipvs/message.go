//go:build linux

package ipvs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// What linux/ip_vs.h calls IPVS_CMD_*.
const (
	cmdNewSvc    = 1
	cmdSetSvc    = 2
	cmdDelSvc    = 3
	cmdNewDest   = 5
	cmdSetDest   = 6
	cmdDelDest   = 7
	cmdGetDest   = 8
	cmdGetSvc    = 4
	cmdNewDaemon = 9
	cmdDelDaemon = 10
	cmdGetDaemon = 11
	cmdSetConfig = 12
	cmdGetConfig = 13
	cmdGetInfo   = 15
	cmdZero      = 16
	cmdFlush     = 17
)

// IPVS_CMD_ATTR_*.
const (
	attrService = 1
	attrDest    = 2
	attrDaemon  = 3
	attrTCP     = 4 // these three are seconds
	attrTCPFin  = 5
	attrUDP     = 6
)

// IPVS_SVC_ATTR_*.
const (
	svcFamily = iota + 1
	svcProtocol
	svcAddress
	svcPort
	svcFwmark
	svcScheduler
	svcFlags
	svcTimeout
	svcNetmask
	_ // 32-bit counters
	svcEngine
	svcStats
)

// IPVS_DEST_ATTR_*.
const (
	destAddress = iota + 1
	destPort
	destForward
	destWeight
	destUpper
	destLower
	destActive
	destInactive
	destPersistent
	_ // 32-bit counters
	destFamily
	destStats
	destTunnel
	destTunnelPort
	destTunnelFlags
)

// IPVS_DAEMON_ATTR_*.
const (
	daemonState = iota + 1
	daemonInterface
	daemonID
	daemonMaxLen
	daemonGroup
	daemonGroup6
	daemonPort
	daemonTTL
)

// IPVS_STATS_ATTR_*.
const (
	statConns = iota + 1
	statPacketsIn
	statPacketsOut
	statBytesIn
	statBytesOut
	statCPS
	statPPSIn
	statPPSOut
	statBPSIn
	statBPSOut
)

// The names and numbers of the generic netlink controller.
const (
	familyName  = "IPVS"
	version     = 1
	headerLen   = unix.NLMSG_HDRLEN + genlHeader
	genlHeader  = 4
	attrHeader  = 4
	nestedAttr  = unix.NLA_F_NESTED
	attrTypeBit = 0x3fff // NLA_TYPE_MASK
)

// message builds netlink messages one behind the other.
type message struct {
	b     []byte
	start int // of the message that is being built
}

// begin starts a message.
func (m *message) begin(family uint16, cmd uint8, flags uint16, seq uint32) {
	m.start = len(m.b)
	m.b = binary.NativeEndian.AppendUint32(m.b, 0)
	m.b = binary.NativeEndian.AppendUint16(m.b, family)
	m.b = binary.NativeEndian.AppendUint16(m.b, unix.NLM_F_REQUEST|flags)
	m.b = binary.NativeEndian.AppendUint32(m.b, seq)
	m.b = binary.NativeEndian.AppendUint32(m.b, 0)
	m.b = append(m.b, cmd, version, 0, 0)
}

// end completes it.
func (m *message) end() {
	binary.NativeEndian.PutUint32(m.b[m.start:], uint32(len(m.b)-m.start))
}

func (m *message) attr(kind uint16, value []byte) {
	at := m.open(kind)
	m.b = append(m.b, value...)
	m.close(at)
}

// open starts an attribute and returns where, for close.
func (m *message) open(kind uint16) int {
	at := len(m.b)
	m.b = append(m.b, 0, 0, 0, 0)
	binary.NativeEndian.PutUint16(m.b[at+2:], kind)
	return at
}

func (m *message) close(at int) {
	binary.NativeEndian.PutUint16(m.b[at:], uint16(len(m.b)-at))
	for len(m.b)%unix.NLA_ALIGNTO != 0 {
		m.b = append(m.b, 0)
	}
}

func (m *message) u8(kind uint16, v uint8) {
	at := m.open(kind)
	m.b = append(m.b, v)
	m.close(at)
}

func (m *message) u16(kind, v uint16) {
	at := m.open(kind)
	m.b = binary.NativeEndian.AppendUint16(m.b, v)
	m.close(at)
}

func (m *message) be16(kind, v uint16) {
	at := m.open(kind)
	m.b = binary.BigEndian.AppendUint16(m.b, v)
	m.close(at)
}

func (m *message) u32(kind uint16, v uint32) {
	at := m.open(kind)
	m.b = binary.NativeEndian.AppendUint32(m.b, v)
	m.close(at)
}

func (m *message) text(kind uint16, s string) {
	at := m.open(kind)
	m.b = append(append(m.b, s...), 0)
	m.close(at)
}

// address writes an address as the kernel takes it: in 16 octets, an IPv4 address
// in the first four.
func (m *message) address(kind uint16, a netip.Addr) {
	at := m.open(kind)
	var b [16]byte
	if a.Is4() {
		v4 := a.As4()
		copy(b[:], v4[:])
	} else if a.IsValid() {
		b = a.As16()
	}
	m.b = append(m.b, b[:]...)
	m.close(at)
}

// errShort is what a message of the kernel is that ends early.
var errShort = errors.New("the kernel's message is cut short")

// reply is one message of the kernel.
type reply struct {
	kind  uint16
	flags uint16
	seq   uint32
	body  []byte // behind the netlink header
}

// nextReply takes one message off b.
func nextReply(b []byte) (reply, []byte, error) {
	if len(b) < unix.NLMSG_HDRLEN {
		return reply{}, nil, errShort
	}
	n := int(binary.NativeEndian.Uint32(b))
	if n < unix.NLMSG_HDRLEN || n > len(b) {
		return reply{}, nil, errShort
	}
	r := reply{
		kind: binary.NativeEndian.Uint16(b[4:]), flags: binary.NativeEndian.Uint16(b[6:]),
		seq: binary.NativeEndian.Uint32(b[8:]), body: b[unix.NLMSG_HDRLEN:n],
	}
	return r, b[min(len(b), (n+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1)):], nil
}

// failure is what an NLMSG_ERROR says; nil is an acknowledgement.
func (r reply) failure() error {
	if len(r.body) < 4 {
		return errShort
	}
	if code := int32(binary.NativeEndian.Uint32(r.body)); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}

// attributes calls each for every attribute in b.
func attributes(b []byte, each func(kind uint16, value []byte) error) error {
	for len(b) > 0 {
		if len(b) < attrHeader {
			return errShort
		}
		n, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])&attrTypeBit
		if n < attrHeader || n > len(b) {
			return errShort
		}
		if err := each(kind, b[attrHeader:n]); err != nil {
			return err
		}
		b = b[min(len(b), (n+unix.NLA_ALIGNTO-1)&^(unix.NLA_ALIGNTO-1)):]
	}
	return nil
}

// number reads an unsigned number of the host's order, of 1, 2, 4 or 8 octets.
func number(v []byte) (uint64, error) {
	switch len(v) {
	case 1:
		return uint64(v[0]), nil
	case 2:
		return uint64(binary.NativeEndian.Uint16(v)), nil
	case 4:
		return uint64(binary.NativeEndian.Uint32(v)), nil
	case 8:
		return binary.NativeEndian.Uint64(v), nil
	}
	return 0, fmt.Errorf("a number of %d octets", len(v))
}

// port reads a port in network order.
func port(v []byte) (uint16, error) {
	if len(v) != 2 {
		return 0, fmt.Errorf("a port of %d octets", len(v))
	}
	return binary.BigEndian.Uint16(v), nil
}

// word reads text that a NUL ends.
func word(v []byte) string {
	for i, c := range v {
		if c == 0 {
			return string(v[:i])
		}
	}
	return string(v)
}
