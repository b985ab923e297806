package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// Permitted reports, as an error, what the process may not do and must: a node
// that can speak but not hold its addresses would take them from one that can.
func Permitted() error {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("read the capabilities of this process: %w", err)
	}
	_, rest, _ := strings.Cut(string(status), "CapEff:")
	line, _, _ := strings.Cut(rest, "\n")
	effective, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err != nil {
		return fmt.Errorf("read the capabilities of this process: %w", err)
	}
	return lacks(effective)
}

// lacks is Permitted for a set of effective capabilities.
func lacks(effective uint64) error {
	var lacking []string
	for _, c := range []struct {
		bit  int
		name string
	}{{unix.CAP_NET_ADMIN, "CAP_NET_ADMIN (to set addresses)"}, {unix.CAP_NET_RAW, "CAP_NET_RAW (to speak VRRP)"}} {
		if effective&(1<<c.bit) == 0 {
			lacking = append(lacking, c.name)
		}
	}
	if len(lacking) > 0 {
		return fmt.Errorf("this process lacks %s: run it as root, or give it these capabilities", strings.Join(lacking, " and "))
	}
	return nil
}

// stale returns what an earlier run may have left behind: what its journal
// holds, and what is configured, for the earlier run may have been keepalived.
// The addresses of an owner are its interface's own. What is static is to stand
// in any case, and is adopted.
func stale(n *node.Config, journal owned) owned {
	s := owned{slices.Clone(journal.addresses), journal.routing}
	type peered struct {
		onDevice
		peer netip.Prefix
	}
	known := make(map[peered]bool, len(s.addresses))
	for _, a := range s.addresses {
		known[peered{same(a), a.Peer}] = true
	}
	for _, in := range n.Instances {
		s.routing = s.routing.With(in.Routing)
		if in.Router.Priority == 255 {
			continue
		}
		for _, a := range slices.Concat(in.Addresses, in.Excluded) {
			// Most are in the journal too. With another peer both may stand.
			if at := (peered{same(a), a.Peer}); !known[at] {
				known[at] = true
				s.addresses = append(s.addresses, a)
			}
		}
	}
	for _, x := range n.Static {
		s.addresses = slices.DeleteFunc(s.addresses, func(a netspec.Address) bool { return slices.ContainsFunc(x.Addresses, a.Same) })
		s.routing = s.routing.Without(x.Routing)
	}
	return s
}

// onDevice is what netspec.Address.Same compares.
type onDevice struct {
	device string
	prefix netip.Prefix
}

func same(a netspec.Address) onDevice { return onDevice{a.Device, a.Prefix} }

func sames(list []netspec.Address) map[onDevice]bool {
	m := make(map[onDevice]bool, len(list))
	for _, a := range list {
		m[same(a)] = true
	}
	return m
}

// place is an address on a device, with whatever prefix length: so it is guarded
// (kernel.Kernel.Guard).
type place struct {
	device string
	addr   netip.Addr
}

func placed(a netspec.Address) place { return place{a.Device, a.Addr()} }

// hostsOwn returns the virtual addresses of owners (priority 255), and the
// static ones, that stand already and that neither this run nor an earlier one
// set: they are the host's own, and the engine keeps them. For any other priority a
// virtual address that is all an interface has is an error, for the host would lose it;
// and so are those of an instance that are all its interface has but for other virtual
// ones. Each family counts by itself. At a start an IPv6 address that stands as it is
// configured is taken for left behind all the same: interfaces mostly have one of
// their own for IPv4, and need none for IPv6 beside the link-local.
func hostsOwn(n *node.Config, journal []netspec.Address, start bool) (own []netspec.Address, err error) {
	addresses := newListing()
	earlier := sames(journal)
	ours := func(a netspec.Address) bool {
		return earlier[same(a)] || !slices.Contains(addresses.of(a.Device), a.Prefix)
	}
	for _, s := range n.Static {
		own = append(own, slices.DeleteFunc(slices.Clone(s.Addresses), ours)...)
	}
	virtual := virtuals(n)
	last := func(in *node.Instance, a netspec.Address) bool {
		if start && a.Addr().Is6() {
			return false
		}
		all := addresses.of(a.Device)
		if a.Device != in.Interface {
			return alone(all, a, nil, nil)
		}
		return alone(all, a, virtual, earlier)
	}
	for i := range n.Instances {
		in := &n.Instances[i]
		for _, list := range [2][]netspec.Address{in.Addresses, in.Excluded} {
			for _, a := range list {
				if slices.ContainsFunc(own, a.Same) {
					continue
				}
				if p, only := onlyAs(addresses.of(a.Device), a, virtual, earlier); only && in.Router.Priority != 255 {
					return nil, fmt.Errorf("%s: the virtual address %v is the only %s of %s, other virtual ones aside, which has it as %v: give the interface an address of its own, or the instance priority 255 and that length if the address is this host's", in.Name, a.Prefix, kind(a), a.Device, p)
				}
				if ours(a) {
					continue
				}
				if in.Router.Priority == 255 {
					own = append(own, a)
				} else if last(in, a) {
					return nil, fmt.Errorf("%s: the virtual address %v is the only %s of %s, other virtual ones aside: give the interface an address of its own, or the instance priority 255 if the address is this host's", in.Name, a.Prefix, kind(a), a.Device)
				}
			}
		}
	}
	return own, addresses.err
}

// onlyBeneath reports, as an error, a virtual address that is all that the interface
// below its own one has, other virtual ones aside (build.Guarded): it is removed from
// there, and the host would lose it. What an earlier run of ours set there, or the
// present one, is not the host's; at a start as hostsOwn has it.
func onlyBeneath(c *config.Config, n *node.Config, ours []netspec.Address, start bool) error {
	var beneath []netspec.Address
	for _, space := range append(build.Spaces(c), "") {
		_, below := build.Guarded(build.Within(c, space))
		for _, a := range below {
			a.Device = netspec.Within(space, a.Device)
			beneath = append(beneath, a)
		}
	}
	if len(beneath) == 0 {
		return nil
	}
	virtual, earlier, addresses := virtuals(n), sames(ours), newListing()
	for _, a := range beneath {
		virtual[placed(a)] = true
	}
	for _, a := range beneath {
		all := addresses.of(a.Device)
		p, only := onlyAs(all, a, virtual, earlier)
		if !only && !(start && a.Addr().Is6()) {
			p, only = a.Prefix, !earlier[same(a)] && slices.Contains(all, a.Prefix) && alone(all, a, virtual, earlier)
		}
		if only {
			return fmt.Errorf("the virtual address %v is the only %s of %s, other virtual ones aside, below the interface that it is to be on: give %[3]s an address of its own", p, kind(a), a.Device)
		}
	}
	return addresses.err
}

// onlyAs reports whether all that an interface has, other virtual ones aside, is an
// address with another length than it is configured with, which an earlier run did
// not set: it is removed with whatever length. One with a peer is listed with the
// length of that.
func onlyAs(all []netip.Prefix, a netspec.Address, virtual map[place]bool, earlier map[onDevice]bool) (as netip.Prefix, only bool) {
	at := slices.IndexFunc(all, func(p netip.Prefix) bool {
		return p.Addr() == a.Addr() && p != a.Prefix && !earlier[onDevice{a.Device, p}] &&
			!(a.Peer.IsValid() && p.Bits() == a.Peer.Bits() && earlier[same(a)])
	})
	if at < 0 {
		return as, false
	}
	return all[at], alone(all, a, virtual, earlier)
}

// alone reports whether the interface of an address has no other of its family that
// is neither virtual nor from an earlier run. Link-local addresses of IPv6 do not count:
// they are the kernel's, and reach nobody beyond the link.
func alone(all []netip.Prefix, a netspec.Address, virtual map[place]bool, earlier map[onDevice]bool) bool {
	if linkLocal(a.Addr()) {
		return false
	}
	return !slices.ContainsFunc(all, func(p netip.Prefix) bool {
		return p.Addr().Is4() == a.Addr().Is4() && !linkLocal(p.Addr()) && p.Addr() != a.Addr() &&
			!virtual[place{a.Device, p.Addr()}] && !earlier[onDevice{a.Device, p}]
	})
}

func linkLocal(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

// kind is what an address is called where one of the other family may stand too.
func kind(a netspec.Address) string {
	if a.Addr().Is6() {
		return "IPv6 address"
	}
	return "address"
}

// listing is addressesOf, which is asked once for each interface: a thousand
// addresses may be on one.
type listing struct {
	listed map[string][]netip.Prefix
	err    error // the first; nothing is known of what it is about
}

func newListing() *listing { return &listing{listed: make(map[string][]netip.Prefix)} }

func (l *listing) of(device string) []netip.Prefix {
	list, known := l.listed[device]
	if !known {
		var err error
		if list, err = addressesOf(device); err != nil && l.err == nil {
			l.err = fmt.Errorf("look for addresses of %s: %w", device, err)
		}
		l.listed[device] = list
	}
	return list
}

// virtuals are the addresses that the host has only while it is master.
func virtuals(n *node.Config) map[place]bool {
	all := map[place]bool{}
	for i := range n.Instances {
		if n.Instances[i].Router.Priority == 255 {
			continue
		}
		for _, list := range [2][]netspec.Address{n.Instances[i].Addresses, n.Instances[i].Excluded} {
			for _, a := range list {
				all[placed(a)] = true
			}
		}
	}
	return all
}

// ours are the addresses that the node may have set itself as it is configured
// now: what stood before is the host's (hostsOwn).
func (d *daemon) ours() []netspec.Address {
	var ours []netspec.Address
	for i := range d.planned.Static {
		ours = append(ours, d.planned.Static[i].Addresses...)
	}
	for i := range d.planned.Instances {
		in := &d.planned.Instances[i]
		ours = append(append(ours, in.Addresses...), in.Excluded...)
	}
	if len(d.lasting) == 0 {
		return ours
	}
	lasting := sames(d.lasting)
	return slices.DeleteFunc(ours, func(a netspec.Address) bool { return lasting[same(a)] })
}

// intrudes reports, as an error, a newly virtual address that the host needs, and
// returns the host's own once the node runs n: those that stood when it began to
// have them as an owner's or static, also when it has them no more, and none that is
// virtual from now on.
func (d *daemon) intrudes(c *config.Config, n *node.Config) ([]netspec.Address, error) {
	ours := d.ours()
	if err := onlyBeneath(c, n, ours, false); err != nil {
		return nil, err
	}
	var own []netspec.Address
	if mayStand(n, ours) {
		var err error
		if own, err = hostsOwn(n, ours, false); err != nil {
			return nil, err
		}
		if err := heldByOthers(n, ours); err != nil {
			return nil, err
		}
	}
	if len(d.lasting) == 0 {
		return own, nil
	}
	known, gone := sames(own), virtuals(n)
	for _, s := range n.Static {
		for _, a := range s.Addresses {
			delete(gone, placed(a))
		}
	}
	for _, a := range d.lasting {
		if !known[same(a)] && !gone[placed(a)] {
			own = append(own, a)
		}
	}
	return own, nil
}

// fewAddresses are looked at one by one; to list a thousand takes as long as to
// look at a hundred.
const fewAddresses = 16

// mayStand reports whether one of the virtual or static addresses that are not ours
// may stand on this host, as far as that is known soon.
func mayStand(n *node.Config, ours []netspec.Address) bool {
	earlier := sames(ours)
	var fresh []netip.Addr
	elsewhere := false // in another network namespace, which is not asked
	look := func(list []netspec.Address) {
		for _, a := range list {
			if !earlier[same(a)] {
				space, _ := netspec.Split(a.Device)
				elsewhere = elsewhere || space != ""
				fresh = append(fresh, a.Addr())
			}
		}
	}
	for i := range n.Instances {
		look(n.Instances[i].Addresses)
		look(n.Instances[i].Excluded)
	}
	for i := range n.Static {
		look(n.Static[i].Addresses)
	}
	return elsewhere || len(fresh) > fewAddresses || slices.ContainsFunc(fresh, func(a netip.Addr) bool {
		// A link-local one cannot be asked for without its interface, and may stand.
		c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
		if err == nil {
			c.Close() // nothing was sent
		}
		return !errors.Is(err, syscall.EADDRNOTAVAIL) && !errors.Is(err, syscall.EAFNOSUPPORT)
	})
}

// addressesOf returns the addresses of an interface, as the node names it,
// none when it is not there.
func addressesOf(device string) (all []netip.Prefix, err error) {
	space, device := netspec.Split(device)
	err = within(space, func() error {
		all, err = addressesHere(device)
		return err
	})
	return all, err
}

func addressesHere(device string) (all []netip.Prefix, err error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(interfaces, func(i net.Interface) bool { return i.Name == device })
	if at < 0 {
		return nil, nil
	}
	i := &interfaces[at]
	if virtual := []byte{0, 0, 0x5e, 0}; bytes.HasPrefix(i.HardwareAddr, virtual) {
		return nil, nil // a virtual router's (RFC 9568 7.3), on which the host has none of its own
	}
	addresses, err := i.Addrs()
	if err != nil {
		return nil, err
	}
	for _, a := range addresses {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, p)
		}
	}
	return all, nil
}
