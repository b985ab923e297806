//go:build linux

package link

import (
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// FuzzMessages reads what the kernel, or whoever can send as it, may tell of
// interfaces, addresses, routes and rules.
func FuzzMessages(f *testing.F) {
	join := func(head []byte, list ...*nl.RtAttr) []byte {
		for _, a := range list {
			head = append(head, a.Serialize()...)
		}
		return head
	}
	nested := func(kind int, list ...*nl.RtAttr) *nl.RtAttr { return nl.NewRtAttr(kind, join(nil, list...)) }
	number := func(kind int, n uint32) *nl.RtAttr { return nl.NewRtAttr(kind, nl.Uint32Attr(n)) }
	f.Add(join(nl.NewIfInfomsg(unix.AF_UNSPEC).Serialize(),
		nl.NewRtAttr(unix.IFLA_IFNAME, []byte("eth0\x00")), number(unix.IFLA_MTU, 1500), number(unix.IFLA_MASTER, 3),
		nl.NewRtAttr(unix.IFLA_ADDRESS, []byte{0, 0, 0x5e, 0, 1, 5}),
		nested(unix.IFLA_LINKINFO, nl.NewRtAttr(1, []byte("macvlan\x00")), nested(2, number(1, 1)))))
	f.Add(join(make([]byte, unix.SizeofIfAddrmsg),
		nl.NewRtAttr(unix.IFA_LOCAL, []byte{192, 0, 2, 1}), nl.NewRtAttr(unix.IFA_ADDRESS, []byte{192, 0, 2, 2}),
		nl.NewRtAttr(unix.IFA_LABEL, []byte("eth0:1\x00")), number(unix.IFA_FLAGS, unix.IFA_F_SECONDARY)))
	f.Add(join([]byte{unix.AF_INET, 24, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0},
		nl.NewRtAttr(unix.RTA_DST, []byte{203, 0, 113, 0}), nl.NewRtAttr(unix.RTA_GATEWAY, []byte{192, 0, 2, 9}),
		nl.NewRtAttr(unix.RTA_VIA, []byte{unix.AF_INET6, 0, 1}), nested(unix.RTA_METRICS, number(unix.RTAX_MTU, 1400)),
		nl.NewRtAttr(unix.RTA_MULTIPATH, []byte{8, 0, 0, 0, 1, 0, 0, 0, 7})))
	f.Add(join([]byte{unix.AF_INET6, 64, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}, number(unix.FRA_PRIORITY, 100), nl.NewRtAttr(unix.FRA_IIFNAME, []byte("eth0\x00"))))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &State{names: map[int]string{2: "eth0"}}
		if i, err := parseInterface(data); err == nil && len(i.Name)+len(i.MAC)+len(i.Alias)+len(i.Kind) > len(data) {
			t.Errorf("an interface of more than was said: %+v", i)
		}
		if r, err := s.parseAddress(data); err == nil && r.address.Prefix.IsValid() && r.address.Prefix.Bits() > r.address.Addr().BitLen() {
			t.Errorf("address %+v", r.address)
		}
		if r, err := s.parseRoute(data); err == nil && len(r.NextHops) > len(data)/unix.SizeofRtNexthop {
			t.Errorf("%d next hops in %d octets", len(r.NextHops), len(data))
		}
		for flags := range uint16(4) {
			_ = verdict(unix.NLMSG_ERROR, flags<<8, data)
			_ = verdict(unix.NLMSG_DONE, flags<<8, data)
		}
		if r, err := parseRule(data); err == nil {
			_ = r.String()
		}
	})
}
