package netspec

import (
	"net/netip"
	"slices"
	"testing"
)

func TestRouting(t *testing.T) {
	route := func(to, device string) Route {
		return Route{Destination: netip.MustParsePrefix(to), Hop: NextHop{Device: device}, NextHops: []NextHop{{Device: "eth8"}, {Device: device}}}
	}
	a, b := route("203.0.113.0/24", "eth0"), route("198.51.100.0/24", "eth0")
	x, y := Rule{Preference: 1}, Rule{Preference: 2}
	both := Routing{[]Route{a, b}, []Rule{x, y}}
	one := Routing{[]Route{b}, []Rule{x}}
	for name, c := range map[string]struct{ got, want Routing }{
		"without":      {both.Without(one), Routing{[]Route{a}, []Rule{y}}},
		"with":         {one.With(both), Routing{[]Route{b, a}, []Rule{x, y}}},
		"with nothing": {one.With(Routing{}), one},
	} {
		if !c.got.Equal(c.want) {
			t.Errorf("%s: got %+v, want %+v", name, c.got, c.want)
		}
	}
	if both.Equal(one) || both.Empty() || !(Routing{}).Empty() || (Routing{Rules: []Rule{x}}).Empty() {
		t.Error("Equal or Empty is wrong")
	}
	if got := a.Devices(); !slices.Equal(got, []string{"eth0", "eth8"}) {
		t.Errorf("got devices %v", got)
	}
	renamed := a.Renamed(func(name string) string { return "old-" + name })
	if got := renamed.Devices(); !slices.Equal(got, []string{"old-eth0", "old-eth8"}) || a.NextHops[0].Device != "eth8" {
		t.Errorf("got devices %v, and %v before", got, a.Devices())
	}
	untracked := a
	untracked.NoTrack = true
	if untracked.Equal(a) {
		t.Error("NoTrack is not compared")
	}
	if r := (Rule{Preference: 1, NoTrack: true}); r.Normal() != (Rule{Preference: 1}).Normal() {
		t.Error("the kernel knows of NoTrack")
	}
}
