package load

import (
	"cmp"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// subnets looks at virtual addresses that are in no subnet of their
// interface. That works where a router sends packets for them to this link,
// and is often a slip where none does. Nothing is said where it cannot be
// known: about an interface without an address of its own, about an address
// that a route leads to, about the /32 of a service that is balanced, which
// is commonly routed, and when the file is plainly for another host.
func (h *host) subnets() {
	all, err := h.machine.links()
	if err != nil {
		h.found.Add(config.NewPosition(h.file(), 0, 0), config.Warning, "no-interface", "the addresses of interfaces cannot be listed, so that nobody looks whether virtual ones fit: %v", err)
		return
	}
	held, balanced := make(map[netip.Addr]bool), make(map[netip.Addr]bool)
	for i := range h.config.Instances {
		for a := range addresses(&h.config.Instances[i]) {
			held[a.Prefix.Addr()] = true
		}
	}
	for i := range h.config.VirtualServers {
		balanced[h.config.VirtualServers[i].Address.Addr()] = true
	}
	own, here := make(map[string][]netip.Prefix), make(map[netip.Addr]bool)
	for _, l := range all {
		for _, p := range l.prefixes {
			here[p.Addr()] = true
			if !held[p.Addr()] && !p.Addr().IsLoopback() {
				own[l.name] = append(own[l.name], p)
			}
		}
	}
	if h.foreign(here) {
		return
	}
	known := routed{host: h}
	for i := range h.config.Instances {
		in := &h.config.Instances[i]
		outside := make(map[string][]string)
		first := make(map[string]config.Position)
		families := make(map[string][2]bool)
		for a := range addresses(in) {
			device := cmp.Or(a.Device, in.Interface)
			if a.Peer.IsValid() || a.Prefix.IsSingleIP() && balanced[a.Prefix.Addr()] || inside(a.Prefix.Addr(), own[device]) || known.to(a.Prefix.Addr(), device) {
				continue
			}
			if outside[device] == nil {
				first[device] = a.At
			}
			outside[device] = append(outside[device], a.Prefix.Addr().String())
			both := families[device]
			both[family(a.Prefix.Addr())] = true
			families[device] = both
		}
		for device, list := range outside {
			h.found.Add(first[device], config.Warning, "outside-subnet", "vrrp_instance %s: %s: in no subnet of %s, which has %s here, and no route leads there: others on that network ask for it only if they have a route to it; correct the address or the interface, or allow this finding if a router sends its packets here; if the file is for another host, check it there",
				in.Name, some(list), device, subnetsOf(own[device], families[device]))
		}
	}
}

// foreign reports that the file is for another host: it names a source address
// that this one lacks.
func (h *host) foreign(here map[netip.Addr]bool) bool {
	for i := range h.config.Instances {
		in := &h.config.Instances[i]
		for _, src := range [2]netip.Addr{in.Source, in.UnicastSource} {
			if src.IsValid() && !here[src] {
				return true
			}
		}
	}
	return false
}

// addresses returns the virtual addresses of an instance.
func addresses(in *config.Instance) iter.Seq[*config.Address] {
	return func(yield func(*config.Address) bool) {
		for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// inside reports whether an address is in one of the subnets, or whether
// there is none of its family to be in. Link-local ones do not count.
func inside(addr netip.Addr, own []netip.Prefix) bool {
	if addr.IsLinkLocalUnicast() {
		return true
	}
	none := true
	for _, p := range own {
		if p.Addr().Is4() == addr.Is4() && !p.Addr().IsLinkLocalUnicast() {
			none = false
			if p.Contains(addr) {
				return true
			}
		}
	}
	return none
}

// family is 0 for IPv4 and 1 for IPv6.
func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// subnetsOf names the subnets of these families.
func subnetsOf(own []netip.Prefix, families [2]bool) string {
	var list []string
	for _, p := range own {
		if families[family(p.Addr())] && !p.Addr().IsLinkLocalUnicast() {
			list = append(list, p.String())
		}
	}
	return some(list)
}

// some joins the first few words of a list.
func some(list []string) string {
	const most = 4
	if len(list) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
	}
	return strings.Join(list, ", ")
}

// routed knows which addresses a route leads to. The tables are read when
// they are first asked for.
type routed struct {
	host    *host
	read    bool
	all     bool
	through map[string]map[netip.Prefix]bool
	// lengths are those of the destinations through each device.
	lengths map[string][]int
	written []netip.Prefix
}

// to reports whether a route leads to an address through a device, or whether
// that cannot be known. Routes of the configuration count, whatever their
// device.
func (r *routed) to(addr netip.Addr, device string) bool {
	if !r.read {
		r.read = true
		r.through, r.all = r.host.machine.routes()
		r.lengths = make(map[string][]int)
		for device, to := range r.through {
			for p := range to {
				if !slices.Contains(r.lengths[device], p.Bits()) {
					r.lengths[device] = append(r.lengths[device], p.Bits())
				}
			}
		}
		c := r.host.config
		note := func(routes []config.Route) {
			for i := range routes {
				if p := routes[i].Destination; p.IsValid() && p.Bits() > 0 {
					r.written = append(r.written, p)
				}
			}
		}
		note(c.StaticRoutes)
		for i := range c.Instances {
			note(c.Instances[i].Routes)
		}
	}
	if !r.all {
		return true
	}
	for _, bits := range r.lengths[device] {
		// One that is too long for the address has no prefix.
		if p, err := addr.Prefix(bits); err == nil && r.through[device][p] {
			return true
		}
	}
	for _, p := range r.written {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
