package source

import (
	"fmt"
	"net/netip"
	"reflect"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// duplicates finds blocks of one kind with one name, and remembers the names.
func (r *reader) duplicates(c *config.Config) {
	root := r.schema.Root()
	for i := range root.Fields {
		sf := &root.Fields[i]
		if sf.Kind != schema.KindBlocks || sf.Elem.Field("name") == nil {
			continue
		}
		list := sf.Value(reflect.ValueOf(c).Elem())
		first := make(map[string]config.Position, list.Len())
		known := make(map[string]bool, list.Len())
		for k := range list.Len() {
			item := list.Index(k)
			name := sf.Elem.Field("name").Value(item).String()
			if name == "" {
				continue
			}
			at := *sf.Elem.At(item)
			if before, twice := first[name]; twice {
				r.error(at, "duplicate-name", "%s %s is defined twice, first %s", sf.Spelling(), r.plain(name), relative(before, at))
				continue
			}
			first[name], known[name] = at, true
		}
		r.named[sf.Key] = known
	}
	servers := make(map[string]config.Position, len(c.VirtualServers))
	for i := range c.VirtualServers {
		v := &c.VirtualServers[i]
		id := v.Identity()
		if before, twice := servers[id]; twice && (v.Address.IsValid() || v.Fwmark != 0 || v.Group != "") {
			r.error(v.At, "duplicate-name", "virtual_server %s is defined twice, first %s", r.plain(id), relative(before, v.At))
			continue
		}
		servers[id] = v.At
	}
}

// relative names a place as seen from another one.
func relative(at, from config.Position) string {
	if at.File() == from.File() {
		return fmt.Sprintf("in line %d", at.Line())
	}
	return "at " + at.String()
}

// clashes finds what two instances must not share.
func (r *reader) clashes(all []config.Instance, global *config.Global) {
	type router struct {
		device string
		vrid   int
		six    bool
		// group is where its adverts go; not valid with unicast.
		group netip.Addr
	}
	routers := make(map[router][]*config.Instance)
	type held struct {
		addr   netip.Addr
		device string
	}
	holders := make(map[held]*config.Instance)
	for i := range all {
		in := &all[i]
		if r.instances[in.Name] != in {
			continue // it is a second one of this name
		}
		key := router{in.Place(in.Interface), in.VRID, in.Six(), in.Destination}
		if !in.Unicast() {
			key.group = in.Group(global, key.six)
		}
		for _, other := range routers[key] {
			if in.VRID != 0 && in.Interface != "" && (!in.Unicast() || sharePeer(in, other)) {
				r.error(in.At, "vrid-clash", "vrrp_instance %s: virtual_router_id %d is used on %s already, by vrrp_instance %s %s",
					r.plain(in.Name), in.VRID, r.plain(in.Interface), r.plain(other.Name), relative(other.At, in.At))
				break
			}
		}
		routers[key] = append(routers[key], in)
		for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
			for _, a := range list {
				key := held{a.Addr(), in.Place(a.Device)}
				if other := holders[key]; other != nil {
					r.error(a.At, "given-twice", "vrrp_instance %s: %s is an address of vrrp_instance %s already", r.plain(in.Name), a.Addr(), r.plain(other.Name))
					continue
				}
				holders[key] = in
			}
		}
	}
}

// sharePeer reports whether two unicast instances have a peer in common, or
// none at all: nobody could tell their adverts apart.
func sharePeer(a, b *config.Instance) bool {
	for _, p := range a.UnicastPeers {
		for _, q := range b.UnicastPeers {
			if p.Address == q.Address {
				return true
			}
		}
	}
	return len(a.UnicastPeers) == 0 && len(b.UnicastPeers) == 0
}

// granularity says where a service's clients are not made one by their addresses, or
// all are one.
func (r *reader) granularity(v *config.VirtualServer, what string) {
	family, g := v.IPFamily, v.PersistenceGranularity
	if v.Address.IsValid() {
		family = v.Address.Family()
	}
	at := v.Written.At("persistence_granularity", v.At)
	switch {
	case v.Group != "": // it does nothing there, which moonkeep check says
	case family == "inet" && g.Bits > 0:
		r.error(at, "family-mismatch", "%s: persistence_granularity %d is the length of an IPv6 prefix, and the service is IPv4; write a mask such as 255.255.255.0", what, g.Bits)
	case family == "inet6" && g.Mask.IsValid():
		r.error(at, "family-mismatch", "%s: persistence_granularity %s is an IPv4 mask, and the service is IPv6; write the length of a prefix such as 64", what, g.Mask)
	case g.Mask == netip.IPv4Unspecified():
		r.warn(at, "as-keepalived", "%s: persistence_granularity 0.0.0.0 takes all clients for one, as by keepalived: all of them go to one real server at a time; write a mask such as 255.255.255.0", what)
	}
}

// unbound reports checks that connect to an address which may be on every network.
func (r *reader) unbound(what string, v *config.VirtualServer, server *config.RealServer, check *config.Check) {
	one := func(kind string, to *config.Target, at config.Position) {
		if a := to.Connect(v, server).Addr(); config.Unbound(a, to.BindIf) {
			r.error(at, "no-bind-if", "%s: %s connects to the link-local address %s, which may be on every network: write bind_if", what, kind, a)
		}
	}
	to, mail := check.Target(), check.SMTP
	if to == nil || check.Plugin != nil { // which may know better
		return
	}
	if mail == nil || mail.Itself() {
		one(check.Kind(), to, check.At())
	}
	if mail != nil {
		for i := range mail.Hosts {
			one("a host of SMTP_CHECK", &mail.Hosts[i].Target, mail.Hosts[i].At)
		}
	}
}

// references looks up the names by which blocks of the IPVS part and of what
// stands on a node all the time refer to others.
func (r *reader) references(c *config.Config) {
	look := func(at config.Position, what, kind, list, name string) {
		if name != "" && !r.named[list][name] {
			r.error(at, "unknown-block", "%s: there is no %s %s%s", what, kind, r.name(name), r.hintName(name, names(r.named[list])))
		}
	}
	c.GroupFaults(func(at config.Position, g *config.VirtualServerGroup, text string) {
		r.error(at, "group-range", "virtual_server_group %s: %s", r.plain(g.Name), text)
	})
	for i := range c.VirtualServers {
		v := &c.VirtualServers[i]
		what := "virtual_server " + r.plain(v.Identity())
		count := 0
		for _, key := range [...]string{"address", "fwmark", "group"} {
			if v.Written.Has(key) {
				count++
			}
		}
		if count != 1 {
			r.error(v.At, "missing-key", "virtual_server number %d needs one of address, fwmark and group, not %d", i+1, count)
			continue
		}
		look(v.Written.At("group", v.At), what, "virtual_server_group", "virtual_server_groups", v.Group)
		switch {
		case v.PersistenceTimeout != 0:
		case c.AllPorts(v):
			r.warn(v.At, "port-zero", "%s has no port, which only a persistent service can do: persistence_timeout 360s is taken", what)
		case c.Persistence(v) != 0:
			r.warn(v.Written.At("persistence_granularity", v.At), "as-keepalived", "%s: persistence_granularity makes it persistent: persistence_timeout 360s is taken, as by keepalived", what)
		}
		r.granularity(v, what)
		for k := range v.RealServers {
			for _, check := range v.RealServers[k].Checks {
				r.unbound(what, v, &v.RealServers[k], &check)
				if check.File != nil {
					look(check.File.Written.At("track_file", check.File.At), what+": FILE_CHECK", "track_file", "track_files", check.File.TrackFile)
				}
				if check.BFD != nil {
					look(check.BFD.Written.At("name", check.BFD.At), what+": BFD_CHECK", "bfd_instance", "bfd_instances", check.BFD.Name)
				}
			}
		}
	}
	for i := range c.BFDs {
		b := &c.BFDs[i]
		if !b.NeighborIP.IsValid() {
			continue // that it has none has been reported
		}
		if key, text := b.Fault(c.BFDs[:i]); text != "" {
			r.error(b.Written.At(key, b.At), "bad-session", "bfd_instance %s: %s %s", r.plain(b.Name), key, text)
		}
	}
	for _, g := range c.TrackGroups {
		for _, member := range g.Members {
			look(g.Written.At("group", g.At), "track_group "+r.plain(g.Name), "vrrp_instance", "vrrp_instances", member)
		}
	}
	for _, a := range c.StaticAddresses {
		look(a.Written.At("track_group", a.At), "static_ipaddresses", "track_group", "track_groups", a.TrackGroup)
	}
	for _, a := range c.StaticRoutes {
		look(a.Written.At("track_group", a.At), "static_routes", "track_group", "track_groups", a.TrackGroup)
	}
	for _, a := range c.StaticRules {
		look(a.Written.At("track_group", a.At), "static_rules", "track_group", "track_groups", a.TrackGroup)
	}
	if d := c.Global.SyncDaemon; d != nil {
		look(d.Written.At("inst", d.At), "global: lvs_sync_daemon", "vrrp_instance", "vrrp_instances", d.Instance)
	}
}
