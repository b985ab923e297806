package lab

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// number gives every node and, if there are virtual addresses on it, the
// client their own addresses on one link.
func (p *Plan) number(link string) error {
	nets, taken := p.subnets(link)
	probed := slices.ContainsFunc(p.Targets, func(t Target) bool { return t.Link == link })
	if len(nets) == 0 {
		nets = []netip.Prefix{p.spare(link)}
	}
	client := Interface{Name: link}
	for k, net := range nets {
		var on []int
		for i, n := range p.Nodes {
			if slices.ContainsFunc(n.Interfaces, func(x Interface) bool { return x.Name == link }) {
				on = append(on, i)
			}
		}
		own := make([]netip.Addr, len(p.Nodes))
		for _, i := range on {
			if own[i] = p.source(i, link, net, taken); own[i].IsValid() {
				taken[own[i]] = true
			}
		}
		next := first(net)
		for _, i := range on {
			if !own[i].IsValid() {
				next = free(net, next, netip.Addr.Next, taken)
				own[i] = next
			}
			if !own[i].IsValid() {
				return fmt.Errorf("%s: no address is left in %s on %s for a node of its own: %d nodes and the client need one each", p.Nodes[i].File, net, link, len(on))
			}
			taken[own[i]] = true
			p.assign(i, link, netip.PrefixFrom(own[i], net.Bits()))
		}
		if !probed {
			continue
		}
		addr := free(net, last(net), netip.Addr.Prev, taken)
		if !addr.IsValid() {
			return fmt.Errorf("no address is left in %s on %s for the client: %d nodes and the client need one each", net, link, len(on))
		}
		taken[addr] = true
		client.Addresses = append(client.Addresses, netip.PrefixFrom(addr, net.Bits()))
		if k == len(nets)-1 {
			p.Client = append(p.Client, client)
		}
	}
	p.sources6(link)
	return nil
}

// subnets are the networks that the virtual addresses on the link are in, none
// inside another, and the addresses that no host may have.
func (p *Plan) subnets(link string) ([]netip.Prefix, map[netip.Addr]bool) {
	var nets []netip.Prefix
	taken := map[netip.Addr]bool{}
	for _, n := range p.Nodes {
		for _, inst := range n.Config.Instances {
			for _, a := range slices.Concat(inst.Addresses, inst.Excluded) {
				if !a.Addr().Is4() {
					continue
				}
				taken[a.Addr()] = true
				if device(inst, a) == link {
					nets = append(nets, around(a.Prefix))
				}
			}
			if inst.Interface == link && inst.Source.Is4() && len(inst.Addresses) > 0 && device(inst, inst.Addresses[0]) != link {
				nets = append(nets, around(netip.PrefixFrom(inst.Source, 32)))
			}
		}
	}
	slices.SortStableFunc(nets, func(a, b netip.Prefix) int { return cmp.Compare(a.Bits(), b.Bits()) })
	var out []netip.Prefix
	for _, net := range nets {
		if !slices.ContainsFunc(out, func(wide netip.Prefix) bool { return wide.Overlaps(net) }) {
			out = append(out, net)
		}
	}
	return out, taken
}

// around is the network of an address. A prefix that leaves no room for hosts,
// as keepalived's default of /32, is taken to be a /24.
func around(p netip.Prefix) netip.Prefix {
	bits := p.Bits()
	if bits > 30 {
		bits = 24
	}
	return netip.PrefixFrom(p.Addr(), bits).Masked()
}

// spare is a network for a link without virtual addresses that no virtual
// address is in.
func (p *Plan) spare(link string) netip.Prefix {
	number := slices.Index(p.Links, link)
	for second := byte(77); ; second++ {
		net := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, second, byte(number), 0}), 24)
		if !slices.ContainsFunc(p.Targets, func(t Target) bool { return net.Contains(t.Addr) }) || second == 255 {
			return net
		}
	}
}

// source is the address in net that node i's file says adverts on the link
// come from, if it says one that is free.
func (p *Plan) source(i int, link string, net netip.Prefix, taken map[netip.Addr]bool) netip.Addr {
	for _, inst := range p.Nodes[i].Config.Instances {
		for _, source := range [2]netip.Addr{inst.UnicastSource, inst.Source} {
			if inst.Interface == link && net.Contains(source) && !taken[source] {
				return source
			}
		}
	}
	return netip.Addr{}
}

// sources6 gives each node the IPv6 addresses that its file says adverts on the
// link come from. Other addresses of IPv6 it needs none: the kernel makes the
// link-local one.
func (p *Plan) sources6(link string) {
	for i, n := range p.Nodes {
		seen := map[netip.Addr]bool{}
		for _, inst := range n.Config.Instances {
			for _, source := range [2]netip.Addr{inst.UnicastSource, inst.Source} {
				if inst.Interface == link && source.Is6() && !seen[source] {
					seen[source] = true
					p.assign(i, link, netip.PrefixFrom(source, 64))
				}
			}
		}
	}
}

func (p *Plan) assign(i int, link string, addr netip.Prefix) {
	for k := range p.Nodes[i].Interfaces {
		if x := &p.Nodes[i].Interfaces[k]; x.Name == link {
			x.Addresses = append(x.Addresses, addr)
		}
	}
}

// first is where the nodes' addresses begin: .11 where there is room, because
// the first ones are often routers.
func first(net netip.Prefix) netip.Addr {
	a := net.Masked().Addr().As4()
	if net.Bits() <= 26 {
		a[3] += 10
	}
	return netip.AddrFrom4(a).Next()
}

// last is the highest address that a host may have.
func last(net netip.Prefix) netip.Addr {
	a := net.Masked().Addr().As4()
	for bit := net.Bits(); bit < 32; bit++ {
		a[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(a).Prev()
}

// free is the first address from a on that is in net and not taken, invalid
// when there is none.
func free(net netip.Prefix, a netip.Addr, step func(netip.Addr) netip.Addr, taken map[netip.Addr]bool) netip.Addr {
	for ; a.IsValid() && net.Contains(a) && a != net.Masked().Addr() && a != last(net).Next(); a = step(a) {
		if !taken[a] {
			return a
		}
	}
	return netip.Addr{}
}
