package build

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// static returns what is held from start to stop: what no track_group decides
// about, and then each group's.
func static(c *config.Config, p *preferences) []node.Static {
	names := []string{""}
	for i := range c.TrackGroups {
		names = append(names, c.TrackGroups[i].Name)
	}
	var all []node.Static
	for k, name := range names {
		s := node.Static{Name: "static"}
		if name != "" {
			s.Name, s.Members = "static of track_group "+name, slices.Clone(c.TrackGroups[k-1].Members)
		}
		for _, a := range c.StaticAddresses {
			if a.TrackGroup == name {
				s.Addresses = append(s.Addresses, staticSpec(&a, c))
			}
		}
		var routes []config.Route
		for _, r := range c.StaticRoutes {
			if r.TrackGroup == name {
				routes = append(routes, r)
			}
		}
		var rules []config.Rule
		for _, r := range c.StaticRules {
			if r.TrackGroup == name {
				rules = append(rules, r)
			}
		}
		// What cannot be said to the kernel is Unbuilt's to refuse.
		s.Routing, _ = routing(routes, rules, "", p)
		if len(s.Addresses) == 0 && s.Routing.Empty() {
			continue
		}
		all = append(all, s)
	}
	return all
}

// staticSpec is a static address; it stands on global default_interface when it
// names no other.
func staticSpec(a *config.Address, c *config.Config) netspec.Address {
	s := a.Spec()
	if s.Device == "" {
		s.Device = c.Global.DefaultInterface
	}
	return s
}

// Guarded returns the virtual addresses that must not stand on a node that is
// not their master. Those of an owner are its interface's own, and static ones
// stand in any case. Where an address is to stand on an interface of the node's own
// (use_vmac, use_ipvlan), the one below must not have it either, be the node its
// master or not: it would answer with its own hardware address. These are beneath,
// on that interface. c is that of one network namespace (see Within).
func Guarded(c *config.Config) (all, beneath []netspec.Address) {
	keep := make(map[netip.Addr]bool)
	for i := range c.StaticAddresses {
		keep[c.StaticAddresses[i].Addr()] = true
	}
	l := lay(c)
	for i := range c.Instances {
		in := &c.Instances[i]
		for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
			for _, a := range specs(l, in, list) {
				if in.Priority == 255 {
					keep[a.Addr()] = true
				}
				all = append(all, a)
				if d := l.find(a.Device); d != nil {
					a.Device = d.Parent
					beneath = append(beneath, a)
				}
			}
		}
	}
	kept := func(a netspec.Address) bool { return keep[a.Addr()] }
	return slices.DeleteFunc(all, kept), slices.DeleteFunc(beneath, kept)
}

// unroutable says which routes and rules cannot be said to the kernel.
func unroutable(c *config.Config) []string {
	var found []string
	look := func(where string, routes []config.Route, rules []config.Rule) {
		if _, err := routing(routes, rules, "", newPreferences()); err != nil {
			found = append(found, fmt.Sprintf("%s: %v", where, err))
		}
	}
	for i := range c.Instances {
		in := &c.Instances[i]
		look("vrrp_instances "+in.Name, in.Routes, in.Rules)
	}
	look("static", c.StaticRoutes, c.StaticRules)
	return found
}

// routeInterfaces are the interfaces of routes and rules that are tracked.
func routeInterfaces(r *netspec.Routing) []string {
	names := make(map[string]bool)
	for i := range r.Routes {
		if r.Routes[i].NoTrack {
			continue
		}
		for _, name := range r.Routes[i].Devices() {
			names[name] = true
		}
	}
	for i := range r.Rules {
		if r.Rules[i].NoTrack {
			continue
		}
		for _, name := range r.Rules[i].Devices() {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
