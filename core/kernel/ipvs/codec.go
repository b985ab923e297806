//go:build linux

package ipvs

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
)

// putKey writes what names a service.
func (m *message) putKey(k balance.Key) {
	at := m.open(attrService | nestedAttr)
	m.name(k)
	m.close(at)
}

func (m *message) name(k balance.Key) {
	m.u16(svcFamily, family(k.IPv6))
	if k.Fwmark != 0 {
		m.u32(svcFwmark, k.Fwmark)
		return
	}
	m.u16(svcProtocol, uint16(k.Protocol))
	m.address(svcAddress, k.Address.Addr())
	m.be16(svcPort, k.Address.Port())
}

// putService writes a service with its options.
func (m *message) putService(k balance.Key, o balance.Options) {
	at := m.open(attrService | nestedAttr)
	m.name(k)
	m.text(svcScheduler, o.Scheduler)
	if o.Engine != "" {
		m.text(svcEngine, o.Engine)
	}
	flags := m.open(svcFlags)
	m.b = binary.NativeEndian.AppendUint32(m.b, uint32(o.Flags))
	m.b = binary.NativeEndian.AppendUint32(m.b, math.MaxUint32) // all flags count
	m.close(flags)
	m.u32(svcTimeout, o.Persistence)
	mask := binary.NativeEndian.Uint32(o.Mask[:])
	if k.IPv6 {
		mask = uint32(o.Bits)
	}
	m.u32(svcNetmask, mask)
	m.close(at)
}

// putDestination writes a destination, of which only the identity counts when
// it is to be removed.
func (m *message) putDestination(d balance.Destination, whole bool) {
	at := m.open(attrDest | nestedAttr)
	m.u16(destFamily, family(d.Address.Addr().Is6()))
	m.address(destAddress, d.Address.Addr())
	m.be16(destPort, d.Address.Port())
	if whole {
		m.u32(destForward, uint32(d.Forward))
		m.u32(destWeight, uint32(d.Weight))
		m.u32(destUpper, d.Upper)
		m.u32(destLower, d.Lower)
		if d.Forward == balance.Tunnel {
			m.u8(destTunnel, uint8(d.Tunnel))
			m.be16(destTunnelPort, d.TunnelPort)
			m.u16(destTunnelFlags, uint16(d.Checksum))
		}
	}
	m.close(at)
}

func family(v6 bool) uint16 {
	if v6 {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// narrow reads what address writes.
func narrow(v []byte, v6 bool) (netip.Addr, error) {
	n := 4
	if v6 {
		n = 16
	}
	if len(v) < n {
		return netip.Addr{}, fmt.Errorf("an address of %d octets", len(v))
	}
	a, _ := netip.AddrFromSlice(v[:n])
	return a, nil
}

// Counters are what the kernel counts of a service or a destination.
type Counters struct {
	Connections           uint64
	PacketsIn, PacketsOut uint64
	BytesIn, BytesOut     uint64
	// These are a second's, averaged by the kernel.
	ConnectionRate              uint64
	PacketRateIn, PacketRateOut uint64
	ByteRateIn, ByteRateOut     uint64
}

func (c *Counters) read(b []byte) error {
	fields := [...]*uint64{
		statConns: &c.Connections, statPacketsIn: &c.PacketsIn, statPacketsOut: &c.PacketsOut,
		statBytesIn: &c.BytesIn, statBytesOut: &c.BytesOut, statCPS: &c.ConnectionRate,
		statPPSIn: &c.PacketRateIn, statPPSOut: &c.PacketRateOut, statBPSIn: &c.ByteRateIn, statBPSOut: &c.ByteRateOut,
	}
	return attributes(b, func(kind uint16, v []byte) (err error) {
		if int(kind) < len(fields) && fields[kind] != nil {
			*fields[kind], err = number(v)
		}
		return err
	})
}

// ServiceState is a service as the kernel has it, without its destinations.
type ServiceState struct {
	Key      balance.Key
	Options  balance.Options
	Counters Counters
}

// DestinationState is a destination as the kernel has it.
type DestinationState struct {
	balance.Destination
	// Active, Inactive and Persistent are connections now.
	Active, Inactive, Persistent uint32
	Counters                     Counters
}

// readService reads a message of a dump of services.
func readService(body []byte) (s ServiceState, err error) {
	var address, mask []byte
	var at uint16
	err = within(body, attrService, func(kind uint16, v []byte) error {
		var n uint64
		var err error
		switch kind {
		case svcFamily:
			n, err = number(v)
			s.Key.IPv6 = n == unix.AF_INET6
		case svcProtocol:
			n, err = number(v)
			s.Key.Protocol = uint8(n)
		case svcAddress:
			address = v
		case svcPort:
			at, err = port(v)
		case svcFwmark:
			n, err = number(v)
			s.Key.Fwmark = uint32(n)
		case svcScheduler:
			s.Options.Scheduler = word(v)
		case svcFlags:
			if len(v) < 4 {
				return errShort
			}
			s.Options.Flags = balance.Flags(binary.NativeEndian.Uint32(v))
		case svcTimeout:
			n, err = number(v)
			s.Options.Persistence = uint32(n)
		case svcNetmask:
			mask = v
		case svcEngine:
			s.Options.Engine = word(v)
		case svcStats:
			err = s.Counters.read(v)
		}
		return err
	})
	if err != nil {
		return s, err
	}
	if s.Key.Fwmark == 0 {
		a, err := narrow(address, s.Key.IPv6)
		if err != nil {
			return s, err
		}
		s.Key.Address = netip.AddrPortFrom(a, at)
	}
	if len(mask) == 4 {
		if s.Key.IPv6 {
			s.Options.Bits = uint8(min(128, binary.NativeEndian.Uint32(mask)))
		} else {
			s.Options.Mask = [4]byte(mask)
		}
	}
	return s, nil
}

// readDestination reads a message of a dump of destinations of a service.
func readDestination(body []byte, k balance.Key) (d DestinationState, err error) {
	v6, at, address := k.IPv6, uint16(0), []byte(nil)
	err = within(body, attrDest, func(kind uint16, v []byte) error {
		var n uint64
		var err error
		switch kind {
		case destAddress:
			address = v
			return nil
		case destPort:
			at, err = port(v)
			return err
		case destTunnelPort:
			d.TunnelPort, err = port(v)
			return err
		case destStats:
			return d.Counters.read(v)
		case destForward, destWeight, destUpper, destLower, destActive, destInactive, destPersistent, destFamily, destTunnel, destTunnelFlags:
			if n, err = number(v); err != nil {
				return err
			}
		}
		switch kind {
		case destForward:
			d.Forward = balance.Forward(n & 7) // IP_VS_CONN_F_FWD_MASK
		case destWeight:
			d.Weight = int32(min(n, math.MaxInt32))
		case destUpper:
			d.Upper = uint32(n)
		case destLower:
			d.Lower = uint32(n)
		case destActive:
			d.Active = uint32(n)
		case destInactive:
			d.Inactive = uint32(n)
		case destPersistent:
			d.Persistent = uint32(n)
		case destFamily:
			v6 = n == unix.AF_INET6
		case destTunnel:
			d.Tunnel = balance.Encapsulation(n)
		case destTunnelFlags:
			d.Checksum = balance.Checksum(n)
		}
		return nil
	})
	if err != nil {
		return d, err
	}
	a, err := narrow(address, v6)
	if err != nil {
		return d, err
	}
	d.Address = netip.AddrPortFrom(a, at)
	return d, nil
}

// within calls each for the attributes inside the attribute of a kind in a
// generic netlink message.
func within(body []byte, outer uint16, each func(kind uint16, value []byte) error) error {
	if len(body) < genlHeader {
		return errShort
	}
	found := false
	err := attributes(body[genlHeader:], func(kind uint16, v []byte) error {
		if kind != outer {
			return nil
		}
		found = true
		return attributes(v, each)
	})
	if err == nil && !found {
		err = fmt.Errorf("the message lacks attribute %d", outer)
	}
	return err
}
