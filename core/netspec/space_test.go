package netspec

import (
	"net/netip"
	"testing"
)

func TestWithin(t *testing.T) {
	for space, want := range map[string]string{"": "eth0", "red": "red/eth0", "/run/netns/red": "/run/netns/red/eth0"} {
		name := Within(space, "eth0")
		if s, n := Split(name); name != want || s != space || n != "eth0" {
			t.Errorf("%q: %q is split into %q and %q", space, name, s, n)
		}
	}
}

func TestRoutingWithin(t *testing.T) {
	in := Routing{
		[]Route{
			{Destination: netip.MustParsePrefix("203.0.113.0/24"), Hop: NextHop{Device: "eth0"}, NextHops: []NextHop{{Device: "eth1"}, {}}},
			{Destination: netip.MustParsePrefix("198.51.100.0/24"), Type: BlackholeRoute},
		},
		[]Rule{{Preference: 1, In: "eth0"}, {Preference: 2, Out: "eth1"}, {Preference: 3}},
	}
	out := in.Within("red")
	if r := out.Routes[0]; r.Space != "red" || r.Hop.Device != "red/eth0" || r.NextHops[0].Device != "red/eth1" || r.NextHops[1].Device != "" {
		t.Errorf("got %+v", r)
	}
	if out.Routes[1].Equal(in.Routes[1]) || out.Rules[2] == in.Rules[2] {
		t.Error("what names no interface is the same in two namespaces")
	}
	if out.Rules[0].In != "red/eth0" || out.Rules[0].Out != "" || out.Rules[1].Out != "red/eth1" {
		t.Errorf("got %+v", out.Rules)
	}
	for i := range out.Routes {
		if got := out.Routes[i].Bare(); !got.Equal(in.Routes[i]) {
			t.Errorf("got %+v back, want %+v", got, in.Routes[i])
		}
	}
	for i := range out.Rules {
		if got := out.Rules[i].Bare(); got != in.Rules[i] {
			t.Errorf("got %+v back, want %+v", got, in.Rules[i])
		}
	}
}
