//go:build linux

package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Role is which half of the connection synchronisation a daemon of the kernel
// is: it sends the table of connections, or takes it.
type Role uint32

// The roles; the numbers are the kernel's (IP_VS_STATE_*).
const (
	SyncMaster Role = 1
	SyncBackup Role = 2
)

// String is the word that ipvsadm uses.
func (r Role) String() string {
	if r == SyncMaster {
		return "master"
	}
	return "backup"
}

// Sync is one daemon of the kernel that synchronises connections.
type Sync struct {
	Role      Role
	Interface string
	// ID is 0..255; daemons hear those with theirs, and one with 0 hears all.
	ID uint8
	// These are the kernel's own where they are zero: 224.0.0.81, port 8848, a
	// time to live of 1, and what fits the interface.
	Group  netip.Addr
	Port   uint16
	TTL    uint8
	MaxLen uint16
}

// runs reports whether a daemon that runs is the one that s asks for. What s
// leaves to the kernel may be anything.
func (s Sync) runs(r Sync) bool {
	return s.Role == r.Role && s.Interface == r.Interface && s.ID == r.ID &&
		(!s.Group.IsValid() || s.Group == r.Group) && (s.Port == 0 || s.Port == r.Port) &&
		(s.TTL == 0 || s.TTL == r.TTL) && (s.MaxLen == 0 || s.length() == r.MaxLen)
}

// The lengths of messages that the kernel takes: what a backup hears may be longer
// than it thinks, and what is sent fits a packet with its headers.
const (
	leastHeard    = 1024
	mostMessage   = 65535
	headersOfIPv4 = 20 + 8
	headersOfIPv6 = 40 + 8
)

// length is what the kernel makes of MaxLen.
func (s Sync) length() uint16 {
	least, most := uint16(1), uint16(mostMessage-headersOfIPv4)
	if s.Role == SyncBackup {
		least = leastHeard
	}
	if s.Group.Is6() {
		most = mostMessage - headersOfIPv6
	}
	return min(max(s.MaxLen, least), most)
}

// StartSync starts a daemon. One of its role that runs already is left alone
// when it is the same, else it is replaced.
func (c *Conn) StartSync(s Sync) error {
	err := c.startSync(s)
	if errors.Is(err, unix.EEXIST) {
		if err = c.StopSync(s.Role); err == nil {
			err = c.startSync(s)
		}
	}
	if errors.Is(err, unix.ENODEV) {
		err = fmt.Errorf("%w (there is no interface %s)", err, s.Interface)
	}
	if err != nil {
		return fmt.Errorf("start the synchronisation of connections as %v on %s: %w", s.Role, s.Interface, err)
	}
	return nil
}

func (c *Conn) startSync(s Sync) error {
	return c.command(cmdNewDaemon, func(m *message) {
		at := m.open(attrDaemon | nestedAttr)
		m.u32(daemonState, uint32(s.Role))
		m.text(daemonInterface, s.Interface)
		m.u32(daemonID, uint32(s.ID))
		if s.MaxLen != 0 {
			m.u16(daemonMaxLen, s.MaxLen)
		}
		switch {
		case s.Group.Is4():
			m.attr(daemonGroup, s.Group.AsSlice())
		case s.Group.Is6():
			m.attr(daemonGroup6, s.Group.AsSlice())
		}
		if s.Port != 0 {
			m.u16(daemonPort, s.Port)
		}
		if s.TTL != 0 {
			m.u8(daemonTTL, s.TTL)
		}
		m.close(at)
	})
}

// StopSync stops the daemon of a role. It is no error that none runs.
//
// The kernel does not acknowledge the end of a daemon that had no time to begin,
// so that what counts is which daemons run afterwards.
func (c *Conn) StopSync(r Role) error {
	c.out.b = c.out.b[:0]
	c.seq++
	c.out.begin(c.family, cmdDelDaemon, 0, c.seq)
	at := c.out.open(attrDaemon | nestedAttr)
	c.out.u32(daemonState, uint32(r))
	c.out.close(at)
	c.out.end()
	err := c.socket.Send(c.out.b)
	if err == nil {
		var list []Sync
		list, err = c.Syncs()
		if err == nil && slices.ContainsFunc(list, func(s Sync) bool { return s.Role == r }) {
			err = errors.New("it runs on")
		}
	}
	if err != nil {
		return fmt.Errorf("stop the synchronisation of connections as %v: %w", r, err)
	}
	return nil
}

// Syncs returns the daemons that run.
func (c *Conn) Syncs() (list []Sync, err error) {
	err = c.dump(cmdGetDaemon, func(*message) {}, func() { list = nil }, func(r reply) error {
		var s Sync
		err := within(r.body, attrDaemon, func(kind uint16, v []byte) error {
			switch kind {
			case daemonInterface:
				s.Interface = word(v)
				return nil
			case daemonGroup, daemonGroup6:
				var err error
				s.Group, err = narrow(v, kind == daemonGroup6)
				return err
			}
			n, err := number(v)
			switch kind {
			case daemonState:
				s.Role = Role(n)
			case daemonID:
				s.ID = uint8(n)
			case daemonMaxLen:
				s.MaxLen = uint16(n)
			case daemonPort:
				s.Port = uint16(n)
			case daemonTTL:
				s.TTL = uint8(n)
			}
			return err
		})
		list = append(list, s)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the daemons that synchronise connections: %w", err)
	}
	return list, nil
}

// Info is what the kernel says of its IPVS.
type Info struct {
	Version string
	// Buckets is the size of the table of connections.
	Buckets uint32
}

// Info asks the kernel for it.
func (c *Conn) Info() (i Info, err error) {
	c.out.b = c.out.b[:0]
	c.seq++
	c.out.begin(c.family, cmdGetInfo, unix.NLM_F_ACK, c.seq)
	c.out.end()
	err = c.exchange(func(r reply) error {
		if len(r.body) < genlHeader {
			return errShort
		}
		return attributes(r.body[genlHeader:], func(kind uint16, v []byte) error {
			n, err := number(v)
			switch kind {
			case 1: // IPVS_INFO_ATTR_VERSION
				i.Version = fmt.Sprintf("%d.%d.%d", n>>16&0xff, n>>8&0xff, n&0xff)
			case 2: // IPVS_INFO_ATTR_CONN_TAB_SIZE
				i.Buckets = uint32(n)
			}
			return err
		})
	})
	if err != nil {
		return i, fmt.Errorf("ask the kernel about its IPVS: %w", err)
	}
	return i, nil
}
