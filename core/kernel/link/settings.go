//go:build linux

package link

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Settings are those of an interface, by the names that they have in /proc/sys/net,
// which the kernel tells with the interface: to look at them costs no call.
type Settings struct {
	// Has4 and Has6 are whether it tells of the family at all.
	Has4, Has6                                           bool
	RPFilter, ARPIgnore, PromoteSecondaries, AcceptLocal uint32
	// Forwards6 is true when it forwards IPv6 packets, as a router does.
	Forwards6                          bool
	AcceptRA, DisableIPv6, AddrGenMode uint32
}

// What the kernel calls the attributes.
const (
	inetConf     = 1 // IFLA_INET_CONF
	inet6Conf    = 2 // IFLA_INET6_CONF
	inet6GenMode = 8 // IFLA_INET6_ADDR_GEN_MODE
)

// parse reads what the families say of an interface (IFLA_AF_SPEC).
func (s *Settings) parse(families []byte) error {
	family := attrs{rest: families}
	for family.next() {
		four := family.kind&^unix.NLA_F_NESTED == unix.AF_INET
		if !four && family.kind&^unix.NLA_F_NESTED != unix.AF_INET6 {
			continue
		}
		a := attrs{rest: family.value}
		for a.next() {
			switch {
			case four && a.kind == inetConf:
				s.four(a.value)
			case !four && a.kind == inet6Conf:
				s.six(a.value)
			case !four && a.kind == inet6GenMode && len(a.value) >= 1:
				s.AddrGenMode = uint32(a.value[0])
			}
		}
		if err := a.err(); err != nil {
			return err
		}
	}
	return family.err()
}

// four reads settings of IPv4: those of IPV4_DEVCONF, of which the first is 1.
func (s *Settings) four(list []byte) {
	if len(list) < 23*4 {
		return
	}
	at := func(n int) uint32 { return binary.NativeEndian.Uint32(list[(n-1)*4:]) }
	s.Has4, s.RPFilter, s.ARPIgnore, s.PromoteSecondaries, s.AcceptLocal = true, at(8), at(19), at(20), at(23)
}

// six reads settings of IPv6: those of DEVCONF, of which the first is 0.
func (s *Settings) six(list []byte) {
	if len(list) < 27*4 {
		return
	}
	at := func(n int) uint32 { return binary.NativeEndian.Uint32(list[n*4:]) }
	s.Has6, s.Forwards6, s.AcceptRA, s.DisableIPv6 = true, at(0) != 0, at(3), at(26)
}
