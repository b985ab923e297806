package build

import (
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// TestSpaces: what an instance of another network namespace names is there, and
// a name that is made up counts on no other namespace's.
func TestSpaces(t *testing.T) {
	c := &config.Config{Global: config.Global{VMACPrefix: "vrrp", DefaultInterface: "eth0"}, StaticAddresses: []config.Address{address("192.0.2.9/24", "")}}
	for _, space := range []string{"red", "", "blue"} {
		in := plain()
		in.Name, in.NetNamespace, in.UseVMAC, in.PromoteSecondaries = "in "+space, space, &config.VMAC{}, true
		in.Excluded = []config.Address{address("198.51.100.1/24", "eth1")}
		in.TrackInterfaces = []config.Track{{Name: "eth2"}}
		in.Rules = []config.Rule{{Table: "100"}}
		c.Instances = append(c.Instances, in)
	}
	if got := Spaces(c); !slices.Equal(got, []string{"blue", "red"}) {
		t.Errorf("got namespaces %v", got)
	}
	n := Node(c)
	for i, space := range []string{"red", "", "blue"} {
		in := &n.Instances[i]
		at := func(name string) string { return netspec.Within(space, name) }
		if in.Name != "in "+space || in.Interface != at("vrrp.51") || in.Addresses[0].Device != at("vrrp.51") || in.Excluded[0].Device != at("eth1") {
			t.Errorf("%q: got %+v", space, in)
		}
		var tracked []string
		for _, x := range in.Interfaces {
			tracked = append(tracked, x.Name)
		}
		if !slices.Equal(tracked, []string{at("eth2"), at("eth1")}) {
			t.Errorf("%q: tracks %v", space, tracked)
		}
		if r := in.Routing.Rules[0]; r.Space != space || i > 0 && r.Preference == n.Instances[i-1].Routing.Rules[0].Preference {
			t.Errorf("%q: got rule %+v", space, r)
		}
		within := Within(c, space)
		if d := Devices(within); len(d) != 1 || d[0].Name != "vrrp.51" {
			t.Errorf("%q: got devices %+v", space, d)
		}
		if all, beneath := Guarded(within); len(all) != 2 || len(beneath) != 1 || len(Virtual(within)) != 2 || !slices.Equal(Promoted(within), []string{"eth1", "vrrp.51"}) {
			t.Errorf("%q: %v are guarded, and beneath %v, virtual are %v, promoted %v", space, all, beneath, Virtual(within), Promoted(within))
		}
		if (len(within.StaticAddresses) > 0) != (space == "") {
			t.Errorf("%q: static addresses are %v", space, within.StaticAddresses)
		}
	}
	want := []string{"blue/eth0", "blue/eth1", "blue/eth2", "eth0", "eth1", "eth2", "red/eth0", "red/eth1", "red/eth2"}
	if got := Interfaces(c); !slices.Equal(got, want) {
		t.Errorf("got interfaces %v, want %v", got, want)
	}
	if len(n.Static) != 1 || n.Static[0].Addresses[0].Device != "eth0" {
		t.Errorf("got static %+v", n.Static)
	}
	c.Instances = c.Instances[1:2]
	if Within(c, "") != c {
		t.Error("a configuration of one namespace is copied")
	}
}
