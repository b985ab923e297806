package load

import (
	"net/netip"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// subnets looks at virtual addresses that are in no subnet of their
// interface. That works where a router sends packets for them to this link,
// and is often a slip where none does. Nothing is said where it cannot be
// known: about an interface without an address of its own, about an address
// that a route leads to, and about the /32 of a service that is balanced,
// which is commonly routed.
func (h *host) subnets(all []link) {
	held := make(map[netip.Addr]bool)
	for i := range h.config.Instances {
		in := &h.config.Instances[i]
		for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
			for k := range list {
				held[list[k].Prefix.Addr()] = true
			}
		}
	}
	own := make(map[string][]netip.Prefix)
	for _, l := range all {
		for _, p := range l.prefixes {
			if !held[p.Addr()] && !p.Addr().IsLoopback() {
				own[l.name] = append(own[l.name], p)
			}
		}
	}
	balanced := make(map[netip.Addr]bool)
	for i := range h.config.VirtualServers {
		balanced[h.config.VirtualServers[i].Address.Addr()] = true
	}
	known := routed{host: h}
	for i := range h.config.Instances {
		in := &h.config.Instances[i]
		for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
			for k := range list {
				if a := &list[k]; !a.Prefix.IsSingleIP() || !balanced[a.Prefix.Addr()] {
					h.subnet(in, a, own, &known)
				}
			}
		}
	}
}

func (h *host) subnet(in *config.Instance, a *config.Address, own map[string][]netip.Prefix, known *routed) {
	device, addr := a.Device, a.Prefix.Addr()
	if device == "" {
		device = in.Interface
	}
	if a.Peer.IsValid() || addr.IsLinkLocalUnicast() {
		return
	}
	var there []string
	for _, p := range own[device] {
		if p.Addr().Is4() != addr.Is4() || p.Addr().IsLinkLocalUnicast() {
			continue
		}
		if p.Contains(addr) {
			return
		}
		there = append(there, p.String())
	}
	if len(there) == 0 || known.to(addr, device) {
		return
	}
	h.found.Add(a.At, config.Warning, "outside-subnet", "vrrp_instance %s: %s is in no subnet of %s, which has %s here, and no route leads to it there: hosts on that network ask for it only if they have a route to it; correct the address or the interface, or allow this finding if a router sends its packets here",
		in.Name, addr, device, strings.Join(there, ", "))
}

// routed knows which addresses a route leads to. The tables are read when
// they are first asked for.
type routed struct {
	host    *host
	read    bool
	all     bool
	through map[string]map[netip.Prefix]bool
	written []netip.Prefix
}

// to reports whether a route leads to an address through a device, or whether
// that cannot be known. Routes of the configuration count, whatever their
// device.
func (r *routed) to(addr netip.Addr, device string) bool {
	if !r.read {
		r.read = true
		r.through, r.all = r.host.machine.routes()
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
	for bits := 1; bits <= addr.BitLen(); bits++ {
		// The length is one of the address's own, so it fits.
		if p, _ := addr.Prefix(bits); r.through[device][p] {
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
