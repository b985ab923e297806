package build

import (
	"net/netip"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/balance"
)

// Layouts returns how the virtual servers of c stand in the table of IPVS, in
// the order of node.Config.Services.
func Layouts(c *config.Config) (all []balance.Layout) {
	servers(c, func(v *config.VirtualServer, _ string, list []member) {
		all = append(all, laid(c, v, list))
	})
	return all
}

// Keys returns the services in the table of IPVS that the virtual servers of c
// are.
func Keys(c *config.Config) []balance.Key {
	all := make([]balance.Key, 0, len(c.VirtualServers)) // as a rule they have one each
	servers(c, func(v *config.VirtualServer, _ string, _ []member) {
		all = append(all, keys(c, v)...)
	})
	return all
}

// Servers returns the names of the real servers by those of their virtual
// servers, as node.Config has them.
func Servers(c *config.Config) map[string][]string {
	all := map[string][]string{}
	servers(c, func(_ *config.VirtualServer, name string, list []member) {
		names := make([]string, len(list))
		for i, r := range list {
			names[i] = r.endpoint().String()
		}
		all[name] = names
	})
	return all
}

// EachServer calls f for each of these real servers with the name of its virtual server
// and the definition that it inherits from.
func EachServer(c *config.Config, f func(service string, v *config.VirtualServer, r *config.RealServer)) {
	servers(c, func(_ *config.VirtualServer, name string, list []member) {
		for _, r := range list {
			f(name, r.of, r.RealServer)
		}
	})
}

func laid(c *config.Config, v *config.VirtualServer, list []member) balance.Layout {
	l := balance.Layout{Keys: keys(c, v), Options: options(c, v), Servers: slices.Grow([]balance.Destination(nil), len(list))}
	for _, r := range list {
		l.Servers = append(l.Servers, destination(r.endpoint().AddrPort, r.Method(r.of), r.UThreshold, r.LThreshold))
	}
	if v.Group != "" || v.Fwmark != 0 { // where real servers have ports of their own
		// Where packets are rewritten they keep them, so that only others may be one.
		loss := make(map[netip.Addr]bool, len(l.Servers)) // whether one does not keep its port
		for i := range l.Servers {
			a, loses := l.Servers[i].Address.Addr(), l.Servers[i].Forward != balance.Masq
			lost, known := loss[a]
			l.Doubles = l.Doubles || known && (lost || loses)
			loss[a] = lost || loses
		}
	}
	if s := v.SorryServer; s != nil {
		// Without a port it is one of all ports where packets are rewritten, as with
		// keepalived; others have the service's.
		a := s.Address.AddrPort
		l.Sorry = destination(a, v.SorryMethod(), 0, 0)
		if v.Address.IsValid() && l.Sorry.Forward != balance.Masq {
			l.Sorry.Address = netip.AddrPortFrom(a.Addr(), v.Address.Port())
		}
	}
	return l
}

// keys are the services that a virtual server is: one, or one for each address
// and mark of its group.
func keys(c *config.Config, v *config.VirtualServer) []balance.Key {
	mark := func(n uint32, family string) balance.Key {
		return balance.Key{Fwmark: n, IPv6: family == "inet6"}
	}
	address := func(a netip.AddrPort) balance.Key {
		return balance.Key{IPv6: a.Addr().Is6(), Protocol: transport(v.Protocol), Address: a}
	}
	if v.Group == "" {
		if v.Fwmark != 0 {
			return []balance.Key{mark(v.Fwmark, v.Family())}
		}
		return []balance.Key{address(v.Address.AddrPort)}
	}
	var list []balance.Key
	for i := range c.VirtualServerGroups {
		g := &c.VirtualServerGroups[i]
		if g.Name != v.Group {
			continue
		}
		for _, e := range g.Entries {
			if e.Fwmark != 0 {
				list = append(list, mark(e.Fwmark, g.MarkFamily(&e, v)))
				continue
			}
			for a := range e.Addresses() {
				list = append(list, address(netip.AddrPortFrom(a, uint16(e.Port))))
			}
		}
	}
	return list
}

func transport(word string) uint8 {
	switch word {
	case "TCP":
		return balance.TCP
	case "SCTP":
		return balance.SCTP
	}
	return balance.UDP
}

func options(c *config.Config, v *config.VirtualServer) balance.Options {
	o := balance.Options{Scheduler: v.LBAlgo, Mask: [4]byte{255, 255, 255, 255}}
	set := func(on bool, f balance.Flags) {
		if on {
			o.Flags |= f
		}
	}
	// Of other protocols than UDP connections are scheduled as a whole anyway.
	set(v.OPS && (transport(v.Protocol) == balance.UDP || c.Marked(v)), balance.OnePacket)
	set(v.Flag1 || v.SHFallback || v.MHFallback, balance.Sched1)
	set(v.Flag2 || v.SHPort || v.MHPort, balance.Sched2)
	set(v.Flag3, balance.Sched3)
	if p := c.Persistence(v); p > 0 {
		o.Flags |= balance.Persistent
		o.Persistence = uint32(p / time.Second)
		o.Engine = v.PersistenceEngine // which finds clients that stay with one server
	}
	switch g := v.PersistenceGranularity; {
	case v.Group != "": // has none, as with keepalived; `moonkeep check` says so
	case g.Mask.Is4():
		o.Mask = g.Mask.As4()
	default:
		o.Bits = uint8(g.Bits)
	}
	return o
}

func destination(a netip.AddrPort, m config.LVSMethod, upper, lower uint32) balance.Destination {
	d := balance.Destination{Address: a, Upper: upper, Lower: lower}
	switch m.Kind {
	case config.DR:
		d.Forward = balance.Direct
	case config.TUN:
		d.Forward, d.TunnelPort = balance.Tunnel, m.Port
	}
	switch m.Type {
	case "gue":
		d.Tunnel = balance.GUE
	case "gre":
		d.Tunnel = balance.GRE
	}
	switch m.Checksum {
	case "csum":
		d.Checksum = balance.WithChecksum
	case "remcsum":
		d.Checksum = balance.RemoteChecksum
	}
	return d
}
