package control

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

func TestDescribeOwned(t *testing.T) {
	route := netspec.Route{Destination: netip.MustParsePrefix("203.0.113.0/24"), Hop: netspec.NextHop{Device: "eth0"}}
	rule := netspec.Rule{Preference: 100, Table: 9}
	a := netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Device: "eth0"}
	n := &node.Status{
		Instances: []node.InstanceStatus{{Name: "V", Routing: netspec.Routing{Routes: []netspec.Route{route}, Rules: []netspec.Rule{rule}}, Repaired: 3}},
		Statics:   []node.StaticStatus{{Name: "static", Addresses: []netspec.Address{a}, Failure: "no such device"}},
	}
	all := func(list []netspec.Address) ([]netspec.Address, error) { return list, nil }
	s := Describe(n, all)
	s.DescribeOwned(n, all, func(r netspec.Routing) (netspec.Routing, error) { return netspec.Routing{Rules: r.Rules}, nil })
	want := []Direction{{"route", "203.0.113.0/24 dev eth0", false}, {"rule", "preference 100 table 9", true}}
	if x := s.Instances[0]; !slices.Equal(x.Directions, want) || x.Repaired != 3 || x.HeldError != "" {
		t.Errorf("got %+v, want %v and 3 repairs", x, want)
	}
	if len(s.Static) != 1 || s.Static[0].Failure != "no such device" || len(s.Static[0].Addresses) != 1 || !s.Static[0].Addresses[0].Held {
		t.Errorf("got static %+v", s.Static)
	}
	s = Describe(n, all)
	s.DescribeOwned(n, all, func(netspec.Routing) (netspec.Routing, error) {
		return netspec.Routing{}, errors.New("no buffer space")
	})
	if x := s.Instances[0]; x.HeldError != "no buffer space" {
		t.Errorf("got error %q, want that of the kernel", x.HeldError)
	}
}
