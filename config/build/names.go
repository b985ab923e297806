package build

import (
	"math"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// The kinds of names that a host may know, by the files of iproute2 that hold
// them, and of /etc/protocols.
const (
	RouteTables     = "rt_tables"
	RouteProtocols  = "rt_protos"
	RouteRealms     = "rt_realms"
	InterfaceGroups = "group"
	IPProtocols     = "protocols"
)

// Resolve puts numbers in the place of the names of routes and rules that not
// every host knows. lookup returns that of a name of a kind; a name that it does
// not know stays, for Unbuilt to refuse.
func Resolve(c *config.Config, lookup func(kind, name string) (string, bool)) {
	one := func(kind string, text *string, names map[string]uint32) {
		if _, err := number("", *text, names, math.MaxUint32, 0); err == nil {
			return
		}
		if n, ok := lookup(kind, *text); ok {
			*text = n
		}
	}
	both := func(text *string) {
		parts := strings.Split(*text, "/")
		for i := range parts {
			one(RouteRealms, &parts[i], map[string]uint32{"cosmos": 0})
		}
		*text = strings.Join(parts, "/")
	}
	resolve := func(routes []config.Route, rules []config.Rule) {
		for i := range routes {
			r := &routes[i]
			one(RouteTables, &r.Table, tables())
			one(RouteProtocols, &r.Protocol, protocols())
			both(&r.Realms)
			for k := range r.NextHops {
				both(&r.NextHops[k].Realms)
			}
		}
		for i := range rules {
			r := &rules[i]
			one(RouteTables, &r.Table, tables())
			one(RouteProtocols, &r.Protocol, protocols())
			one(InterfaceGroups, &r.SuppressIfGroup, map[string]uint32{"default": 0})
			one(IPProtocols, &r.IPProto, ipProtocols())
			both(&r.Realms)
		}
	}
	for i := range c.Instances {
		resolve(c.Instances[i].Routes, c.Instances[i].Rules)
	}
	resolve(c.StaticRoutes, c.StaticRules)
}
