package control

import (
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// Direction is a route or a rule of the node.
type Direction struct {
	// Kind is "route" or "rule", and Text the words of ip(8) for it.
	Kind string `json:"kind"`
	Text string `json:"text"`
	Held bool   `json:"held"`
}

// Static is what is held from start to stop under one name.
type Static struct {
	Name       string      `json:"name"`
	Addresses  []Address   `json:"addresses"`
	Directions []Direction `json:"routes_and_rules"`
	// Members are the instances that are in FAULT while it cannot be held.
	Members []string `json:"members,omitempty"`
	// Failure says why not all of it stands.
	Failure string `json:"failure,omitempty"`
}

// DescribeOwned adds to a status, made of n by Describe, the routes and rules
// and what is static. It asks once whether routes and rules stand, and once for
// static addresses.
func (s *Status) DescribeOwned(n *node.Status, held Held, heldRouting func(netspec.Routing) (netspec.Routing, error)) {
	var all netspec.Routing
	var addresses []netspec.Address
	add := func(r netspec.Routing) {
		all.Routes, all.Rules = append(all.Routes, r.Routes...), append(all.Rules, r.Rules...)
	}
	for i := range n.Instances {
		add(n.Instances[i].Routing)
	}
	for i := range n.Statics {
		add(n.Statics[i].Routing)
		addresses = append(addresses, n.Statics[i].Addresses...)
	}
	var stands netspec.Routing
	var there []netspec.Address
	var err, aerr error
	if !all.Empty() {
		stands, err = heldRouting(all)
	}
	if len(addresses) > 0 {
		there, aerr = held(addresses)
	}
	for i := range s.Instances {
		x := &s.Instances[i]
		x.Directions, x.Repaired = directions(n.Instances[i].Routing, stands), n.Instances[i].Repaired
		x.Lacks = n.Instances[i].Lacks
		if err != nil && len(x.Directions) > 0 {
			x.HeldError = err.Error()
		}
	}
	for i := range n.Statics {
		v := &n.Statics[i]
		x := Static{Name: v.Name, Addresses: []Address{}, Directions: directions(v.Routing, stands), Members: v.Members, Failure: v.Failure}
		for _, a := range v.Addresses {
			y := Address{Address: a.Prefix.String(), Device: a.Device}
			for _, b := range there {
				y.Held = y.Held || a == b
			}
			x.Addresses = append(x.Addresses, y)
		}
		for _, e := range []error{err, aerr} {
			if e != nil && x.Failure == "" {
				x.Failure = e.Error()
			}
		}
		s.Static = append(s.Static, x)
	}
}

func directions(r, stands netspec.Routing) []Direction {
	list := []Direction{}
	for _, x := range r.Routes {
		list = append(list, Direction{"route", x.String(), stands.Has(x)})
	}
	for _, x := range r.Rules {
		list = append(list, Direction{"rule", x.String(), stands.HasRule(x)})
	}
	return list
}
