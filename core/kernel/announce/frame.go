//go:build linux

package announce

import (
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// The lengths of headers, in octets. Padding up to the 60 octets of the wire is
// added by the network card, as for any other frame.
const (
	ethernetLen = 14
	arpLen      = 28
	ipv6Len     = 40
	// adLen is a neighbour advertisement with the link-layer address.
	adLen = 24 + 8
)

// newFrame builds the announcement of an address on an interface.
func newFrame(i link.Interface, address netspec.Address) (frame, error) {
	if len(i.MAC) != 6 {
		return frame{}, fmt.Errorf("interface %s has no Ethernet address: nothing is announced on it", i.Name)
	}
	f := frame{address: address, below: below(i)}
	f.to = unix.SockaddrLinklayer{Ifindex: i.Index, Halen: 6}
	kind := uint16(unix.ETH_P_ARP)
	if address.Addr().Is6() {
		kind = unix.ETH_P_IPV6
		f.data = advertisement(i, address)
	} else {
		var err error
		if f.data, err = gratuitous(i, address); err != nil {
			return frame{}, err
		}
	}
	copy(f.to.Addr[:], f.data)
	// The kernel wants it in network order.
	f.to.Protocol = binary.NativeEndian.Uint16([]byte{byte(kind >> 8), byte(kind)})
	return f, nil
}

// gratuitous is an ARP request for the address from the address, as keepalived
// sends it. The target hardware address, which nobody reads in a request, is
// the broadcast address.
func gratuitous(i link.Interface, address netspec.Address) ([]byte, error) {
	p, err := arp.NewPacket(arp.OperationRequest, i.MAC, address.Addr(), ethernet.Broadcast, address.Addr())
	if err != nil {
		return nil, err
	}
	payload, err := p.MarshalBinary()
	if err != nil {
		return nil, err
	}
	data, err := (&ethernet.Frame{
		Destination: ethernet.Broadcast,
		Source:      i.MAC,
		EtherType:   ethernet.EtherTypeARP,
		Payload:     payload,
	}).MarshalBinary()
	if err != nil {
		return nil, err
	}
	return data[:ethernetLen+arpLen], nil
}

// The fields of a neighbour advertisement (RFC 4861 4.4, 4.6.1).
const (
	neighbourAdvertisement = 136
	router                 = 1 << 31
	override               = 1 << 29
	targetLinkLayer        = 2
)

// advertisement is an unsolicited neighbour advertisement to all nodes, from
// the address itself. It says override, or a neighbour would keep the hardware
// address that it knows; and router if this host is one, or hosts would drop it
// as a router.
func advertisement(i link.Interface, address netspec.Address) []byte {
	allNodes := [16]byte{0: 0xff, 1: 0x02, 15: 1}
	own := address.Addr().As16()
	b := make([]byte, 0, ethernetLen+ipv6Len+adLen)
	b = append(b, 0x33, 0x33, 0, 0, 0, 1)
	b = append(b, i.MAC...)
	b = binary.BigEndian.AppendUint16(b, unix.ETH_P_IPV6)
	b = append(b, 6<<4, 0, 0, 0, 0, adLen, unix.IPPROTO_ICMPV6, 255)
	b = append(b, own[:]...)
	b = append(b, allNodes[:]...)
	b = append(b, neighbourAdvertisement, 0, 0, 0)
	flags := uint32(override)
	if i.Settings.Forwards6 {
		flags |= router
	}
	b = binary.BigEndian.AppendUint32(b, flags)
	b = append(b, own[:]...)
	b = append(b, targetLinkLayer, 1)
	b = append(b, i.MAC...)
	message := b[ethernetLen+ipv6Len:]
	binary.BigEndian.PutUint16(message[2:], checksum(b[ethernetLen+8:ethernetLen+ipv6Len], message))
	return b
}

// checksum is ICMPv6's over both addresses, the rest of the pseudo header (RFC
// 8200 8.1) and the message. All have an even number of octets.
func checksum(addresses, message []byte) uint16 {
	sum := uint32(len(message)) + unix.IPPROTO_ICMPV6
	for _, part := range [2][]byte{addresses, message} {
		for n := 0; n < len(part); n += 2 {
			sum += uint32(binary.BigEndian.Uint16(part[n:]))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
