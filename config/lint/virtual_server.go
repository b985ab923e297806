package lint

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// service is a virtual server that is looked at.
type service struct {
	v     *config.VirtualServer
	found *config.Findings
	// here are the addresses that the node has at times or always, and held the same,
	// but nil when no instance moves any.
	here, held map[netip.Addr]bool
	// seen is emptied for each virtual server.
	seen map[netip.AddrPort]int
	said [manyKinds]repeated
}

// services looks at the virtual servers of one configuration.
func services(c *config.Config, found *config.Findings) {
	if len(c.VirtualServers) == 0 {
		return
	}
	identities := make(map[string]*config.VirtualServer, len(c.VirtualServers))
	l := service{found: found, here: addressed(c), seen: make(map[netip.AddrPort]int)}
	if len(c.Instances) > 0 {
		l.held = l.here
	}
	for i := range c.VirtualServers {
		l.v = &c.VirtualServers[i]
		id := l.v.Identity()
		if other := identities[id]; other != nil {
			lost := ""
			if l.v.QuorumUp != nil || l.v.QuorumDown != nil {
				lost = " (keepalived also counts a quorum of these alone, and runs the second's quorum_up and quorum_down for that)"
			}
			l.report(l.v.At, "virtual-server-twice", "it is defined twice, first on line %d: IPVS has one service of an address, port and protocol, to which the second only adds its real servers, as it defines them%s; put them into one", other.At.Line(), lost)
			continue
		}
		identities[id] = l.v
		l.service(c)
		l.quorum()
		l.realServers()
	}
	for i := range c.VirtualServerGroups {
		l.entries(&c.VirtualServerGroups[i])
		l.families(&c.VirtualServerGroups[i])
	}
	if len(c.VirtualServerGroups) > 0 {
		l.shared(c)
		l.untunnelled(c)
	}
}

// untunnelled looks for real servers of another family than the addresses of a
// group.
func (l *service) untunnelled(c *config.Config) {
	for i := range c.VirtualServers {
		l.v = &c.VirtualServers[i]
		if l.v.Group == "" {
			continue
		}
		at := slices.IndexFunc(c.VirtualServerGroups, func(g config.VirtualServerGroup) bool { return g.Name == l.v.Group })
		if at < 0 {
			continue
		}
		l.reaches(&c.VirtualServerGroups[at])
	}
}

// reaches reports the first real server that an address of the group does not
// reach.
func (l *service) reaches(g *config.VirtualServerGroup) {
	for i := range g.Entries {
		a := g.Entries[i].Address
		if !a.IsValid() {
			continue
		}
		for k := range l.v.RealServers {
			r := &l.v.RealServers[k]
			if m := r.Method(l.v); m.Kind != config.TUN && r.Address.Addr().Is4() != a.Is4() {
				l.report(r.At, "group-family", "real_server %s is of another address family than %s of the group, and only TUN leads to such a one: keepalived leaves out the whole virtual server; write a group and a virtual_server for each family", r.Address, a)
				return
			}
		}
	}
}

// shared looks for services of groups that another virtual server has, too. Of
// each virtual server one is told.
func (l *service) shared(c *config.Config) {
	owners := make(map[string]*config.VirtualServer)
	for i := range c.VirtualServers {
		l.v = &c.VirtualServers[i]
		told := false
		for _, key := range stands(c, l.v) {
			if other := owners[key]; other != nil && other.Identity() != l.v.Identity() && !told {
				l.report(l.v.At, "service-shared", "%s is of virtual_server %s on line %d, too: IPVS has it once, with the scheduler, the persistence and the flags of that one and the real servers of both; take it out of one", key, serverName(other), other.At.Line())
				told = true
			} else if other == nil {
				owners[key] = l.v
			}
		}
	}
}

// stands names the services in IPVS that a virtual server is.
func stands(c *config.Config, v *config.VirtualServer) (list []string) {
	if v.Group == "" {
		return []string{v.Identity()}
	}
	one := config.VirtualServer{Protocol: cmp.Or(v.Protocol, "UDP")}
	for i := range c.VirtualServerGroups {
		g := &c.VirtualServerGroups[i]
		if g.Name != v.Group {
			continue
		}
		for _, e := range g.Entries {
			if e.Fwmark != 0 {
				one.Fwmark, one.Address = e.Fwmark, config.Endpoint{}
				one.IPFamily = g.MarkFamily(&e, v)
				list = append(list, one.Identity())
				continue
			}
			one.Fwmark = 0
			for a := range e.Addresses() {
				one.Address = config.Endpoint{AddrPort: netip.AddrPortFrom(a, uint16(e.Port))}
				list = append(list, one.Identity())
			}
		}
	}
	return list
}

// entries looks for addresses of a group that nobody holds. Ranges are left
// alone: nobody sets hundreds of addresses where a route does.
func (l *service) entries(g *config.VirtualServerGroup) {
	for i := range g.Entries {
		if e := &g.Entries[i]; l.held != nil && e.Address.IsValid() && !e.Last.IsValid() && !l.held[e.Address] {
			l.found.Add(e.At, config.Warning, "service-not-held", "virtual_server_group %s: %s", g.Name, notHeld(e.Address))
			return
		}
	}
}

// families looks for a mark whose family nothing in the group tells.
func (l *service) families(g *config.VirtualServerGroup) {
	if mark := g.Undecided(); mark != nil {
		l.found.Add(mark.At, config.Warning, "mark-family", "virtual_server_group %s: fwmark %d has no family, and the group has something of both: keepalived drops the whole group, and here the virtual server decides; write fwmark %d inet, or inet6", g.Name, mark.Fwmark, mark.Fwmark)
	}
}

// notHeld says what comes of an address that no instance moves.
func notHeld(a netip.Addr) string {
	return a.String() + " is a virtual address of no vrrp_instance: it does not move with the others, and unless the host has it, or packets for it are routed here, nobody reaches the service; make it a virtual address, or one of the excluded ones"
}

// addressed returns the addresses that instances move and those that are static.
func addressed(c *config.Config) map[netip.Addr]bool {
	held := make(map[netip.Addr]bool)
	for i := range c.Instances {
		for a := range addresses(&c.Instances[i]) {
			held[a.Prefix.Addr()] = true
		}
	}
	for i := range c.StaticAddresses {
		held[c.StaticAddresses[i].Prefix.Addr()] = true
	}
	return held
}

// report adds a finding about the virtual server.
func (l *service) report(at config.Position, name, format string, args ...any) {
	l.found.Add(at, config.Warning, name, "virtual_server "+serverName(l.v)+": "+format, args...)
}

// serverName is how messages name a virtual server.
func serverName(v *config.VirtualServer) string {
	switch {
	case v.Group != "":
		return "group " + v.Group
	case v.Fwmark != 0:
		return fmt.Sprintf("fwmark %d", v.Fwmark)
	}
	return v.Address.String() + " (" + v.Protocol + ")"
}

// service looks at the keys of the virtual server itself.
func (l *service) service(c *config.Config) {
	v := l.v
	if v.OPS {
		switch at := v.Written.At("ops", v.At); {
		case v.Protocol != "UDP" && v.Protocol != "" && !c.Marked(v):
			l.report(at, "ops-unused", "ops is for UDP; connections of %s are scheduled as a whole; take it out", v.Protocol)
		case v.PersistenceTimeout > 0:
			l.report(at, "ops-persistent", "ops schedules each packet by itself, and persistence_timeout %v keeps a client with one server: one of them does not do what it is for; take one out", v.PersistenceTimeout)
		}
	}
	if v.PersistenceEngine != "" && c.Persistence(v) == 0 {
		l.report(v.Written.At("persistence_engine", v.At), "engine-unused", "persistence_engine %s finds the server that a client stays with, and without persistence_timeout clients stay with none: it is not used, as by keepalived; write persistence_timeout, or take it out", v.PersistenceEngine)
	}
	if g := v.PersistenceGranularity; v.Group != "" && (g.Mask.Is4() && g.Mask != allOnes || g.Bits != 0) {
		at := v.Written.At("persistence_granularity", v.At)
		if v.PersistenceTimeout == 0 && !c.AllPorts(v) {
			l.report(at, "granularity-unused", "persistence_granularity only makes the services of a group persistent, for %v, as with keepalived: each client is so by itself; write persistence_timeout in its place", c.Persistence(v))
		} else {
			l.report(at, "granularity-unused", "persistence_granularity does nothing for the services of a group, as with keepalived: each client is persistent by itself; take it out, or write one virtual_server for each address")
		}
	}
	if v.HASuspend && (v.Fwmark != 0 || v.Group != "") {
		theirs := "so does keepalived"
		if v.Group != "" && !c.AnyMark(v) {
			theirs = "keepalived never checks them, and they stay as they begin"
		}
		l.report(v.Written.At("ha_suspend", v.At), "ha-suspend-unused", "ha_suspend looks for the virtual server's address on this host, and %s has none: its servers are checked all the time here, and %s; take it out, or write one virtual_server for each address", serverName(v), theirs)
	}
	switch addr := v.Address.Addr(); {
	case !v.Address.IsValid():
	case v.HASuspend && !l.here[addr]:
		l.report(v.Written.At("ha_suspend", v.At), "ha-suspend-away", "ha_suspend checks its servers only while this host has %s, which no vrrp_instance moves and no static_ipaddress sets: unless something else sets it on an interface here (a route is not enough) they are never checked and stay as they begin; make it a virtual address or a static one, or take ha_suspend out", addr)
	case l.held != nil && !l.held[addr]:
		l.report(v.At, "service-not-held", "%s", notHeld(addr))
	}
	s := v.SorryServer
	if s == nil {
		return
	}
	sorry := s.Address.AddrPort // by NAT one without a port is of all ports
	if m := v.SorryMethod(); v.Address.IsValid() && (m.Kind == config.DR || m.Kind == config.TUN) {
		sorry = netip.AddrPortFrom(sorry.Addr(), v.Address.Port())
	}
	for i := range v.RealServers {
		r := &v.RealServers[i]
		if r.Endpoint(v).AddrPort == sorry {
			l.report(s.At, "sorry-server-real", "the sorry server %s is a real server too: it takes over when too few real servers work, when it is probably down itself, and IPVS cannot hold it twice; name another server, or leave it out of the real servers", s.Address)
			return
		}
	}
}

// allOnes is the granularity of a single client.
var allOnes = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// quorum compares the quorum, which counts weights, with the weights.
func (l *service) quorum() {
	v := l.v
	n := len(v.RealServers)
	if n == 0 {
		return
	}
	sum, least := 0, 0
	for i := range v.RealServers {
		w := v.RealServers[i].IPVSWeight(v)
		sum += w
		if w > 0 && (least == 0 || w < least) {
			least = w
		}
	}
	at := v.Written.At("quorum", v.At)
	switch {
	case sum == 0:
		l.report(v.At, "no-weight", "all %d real servers have weight 0: none of them gets a connection, and the quorum of %d is never reached; give those that shall serve a weight", n, v.Quorum)
	case v.Quorum > sum:
		l.report(at, "quorum-too-high", "quorum %d is more than the weights of all %d real servers together (%d): keepalived cuts it to %d, so the service is down as soon as one of them is; lower the quorum or raise the weights", v.Quorum, n, sum, sum)
	case v.Quorum > 1 && least >= v.Quorum:
		l.report(at, "quorum-weight", "quorum %d counts weights, not servers: any one of the %d real servers has %d or more and is enough; write the quorum as a sum of weights, %d for two servers", v.Quorum, n, least, 2*least)
	case v.Hysteresis > 0 && v.Hysteresis < v.Quorum && v.Quorum+v.Hysteresis > sum:
		l.report(v.Written.At("hysteresis", v.At), "quorum-not-regained", "a quorum that was lost is won again at quorum %d + hysteresis %d = %d, and all weights together are %d: it stays lost until a restart; lower one of them", v.Quorum, v.Hysteresis, v.Quorum+v.Hysteresis, sum)
	case v.Hysteresis >= v.Quorum:
		l.report(v.Written.At("hysteresis", v.At), "hysteresis-cut", "hysteresis %d is not below the quorum %d, which could then never be lost: keepalived makes it %d; write that, or raise the quorum", v.Hysteresis, v.Quorum, v.Quorum-1)
	}
}
