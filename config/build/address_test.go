package build

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// What ip(8) says of an address comes through; a host's IPv6 address is never
// preferred unless a lifetime is given.
func TestAddressAttributes(t *testing.T) {
	lifetime := func(l config.Lifetime) *config.Lifetime { return &l }
	in := plain()
	spec := func(prefix string, change func(*netspec.Address)) netspec.Address {
		a := netspec.Address{Prefix: netip.MustParsePrefix(prefix), Device: "eth0"}
		change(&a)
		return a
	}
	never := func(a *netspec.Address) { a.Limited = true }
	var want []netspec.Address
	for _, c := range []struct {
		prefix string
		change func(*config.Address)
		want   func(*netspec.Address)
	}{
		{"192.0.2.1/32", func(*config.Address) {}, func(*netspec.Address) {}},
		{"2001:db8::1/64", func(*config.Address) {}, func(*netspec.Address) {}},
		{"2001:db8::1/128", func(*config.Address) {}, never},
		{"2001:db8::2/128", func(a *config.Address) { a.PreferredLft = lifetime(config.Forever) }, func(*netspec.Address) {}},
		{"2001:db8::3/64", func(a *config.Address) { a.PreferredLft = lifetime(0) }, never},
		{"2001:db8::4/128", func(a *config.Address) { a.PreferredLft = lifetime(30) },
			func(a *netspec.Address) { a.Limited, a.Preferred = true, 30*time.Second }},
		{"2001:db8::5/64", func(a *config.Address) { a.Home, a.ManageTemporary = true, true },
			func(a *netspec.Address) { a.Flags = netspec.Home | netspec.ManageTemporary }},
		{"192.0.2.6/24", func(a *config.Address) { a.NoPrefixRoute, a.AutoJoin = true, true },
			func(a *netspec.Address) { a.Flags = netspec.NoPrefixRoute | netspec.AutoJoin }},
	} {
		a := address(c.prefix, "")
		c.change(&a)
		in.Excluded = append(in.Excluded, a)
		want = append(want, spec(c.prefix, c.want))
	}
	if got := specs(&layout{}, &in, in.Excluded); !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}
