package keepalived

import (
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// familyRules applies what follows from the family of an instance: IPv6 is spoken
// in version 3 only.
func (r *reader) familyRules(i *instance) {
	if !i.six() {
		return
	}
	if i.given("version") && i.Version == 2 {
		r.out.warn(i.where("version"), "as-keepalived", "version 2 knows no IPv6: this is version 3, as in keepalived")
	}
	i.Version = 3
}

// routes gives each route the interface that it leaves by.
func (r *reader) routes(i *instance) {
	for k := range i.Routes {
		x := &i.Routes[k]
		if x.Device == "" && !x.Via.IsValid() && len(x.NextHops) == 0 && slices.Contains([]string{"unicast", "local", "multicast", "broadcast"}, x.Type) {
			x.Device = i.Interface
		}
	}
}

// clashes finds instances that nobody could tell apart: those with one
// virtual_router_id in one family on one interface, among those that send to
// one group, and among unicast ones that have a peer in common.
func (r *reader) clashes() {
	type mark struct {
		vrid         int
		device       string
		group        netip.Addr // unless unicast
		unicast, six bool
	}
	seen := make(map[mark][]*instance, len(r.instances))
	for _, i := range r.instances {
		if i.VRID == 0 || i.Interface == "" {
			continue
		}
		unicast := len(i.UnicastPeers) > 0 || i.UnicastFaultNoPeer
		key := mark{vrid: i.VRID, device: i.Place(i.Interface), group: i.Group(&r.cfg.Global, i.six())}
		if unicast {
			key.group, key.unicast, key.six = netip.Addr{}, true, i.six()
		}
		for _, other := range seen[key] {
			if unicast && !shared(i.UnicastPeers, other.UnicastPeers) {
				continue
			}
			r.out.error(i.vridAt, "vrid-clash", "virtual_router_id %d is already used on %s by vrrp_instance %s at %s",
				i.VRID, i.Interface, printable(other.Name), r.src.position(other.vridAt))
			break
		}
		if len(seen[key]) == 0 || unicast {
			seen[key] = append(seen[key], i)
		}
	}
}

// shared reports whether two lists of peers have one in common; two that are
// empty have.
func shared(a, b []config.Peer) bool {
	if len(a) == 0 && len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(p config.Peer) bool {
		return slices.ContainsFunc(b, func(q config.Peer) bool { return p.Address == q.Address })
	})
}
