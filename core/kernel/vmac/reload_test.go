//go:build linux

package vmac_test

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/kernel/vmac"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// TestFamilies holds that a device of one family that gets another by a reload has its
// settings too, is the same interface, and has no address made of its hardware address.
func TestFamilies(t *testing.T) {
	b := newBench(t)
	six := netspec.Device{Name: "vrrp.6", Parent: "eth0", MAC: netspec.VirtualMAC(6, true), IPv6: true}
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{five, six}))
	first := b.there(t, "vrrp.5", true).Index
	both, alsoFour := five, six
	both.IPv6, alsoFour.IPv4 = true, true
	netnstest.Must(t, b.settings.Put("ipv4/conf/vrrp.6/rp_filter", "1"))
	netnstest.Must(t, b.settings.Put("ipv6/conf/vrrp.5/addr_gen_mode", "0"))
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{both, alsoFour}))
	for setting, want := range map[string]string{
		"ipv6/conf/vrrp.5/disable_ipv6": "0", "ipv6/conf/vrrp.5/addr_gen_mode": "1", "ipv6/conf/vrrp.5/accept_ra": "0",
		"ipv4/conf/vrrp.6/rp_filter": "0", "ipv4/conf/vrrp.6/arp_ignore": "1", "ipv4/conf/vrrp.6/accept_local": "1",
	} {
		b.is(t, setting, want)
	}
	if list, err := b.Link.List("vrrp.5"); err != nil || len(list) > 0 {
		t.Errorf("vrrp.5 has addresses %v, error %v, want none of its own", list, err)
	}
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{five, six}))
	b.is(t, "ipv6/conf/vrrp.5/disable_ipv6", "1")
	if i := b.there(t, "vrrp.5", true); i.Index != first {
		t.Errorf("vrrp.5 is another interface, %d, want %d", i.Index, first)
	}
	b.fit(t, false)
}

// TestGroupChanges holds that a device is in the group of the last reload.
func TestGroupChanges(t *testing.T) {
	b := newBench(t)
	d := five
	for _, c := range []struct {
		group string
		want  uint32
	}{{"", 0}, {"7", 7}, {"8", 8}, {"", 0}} {
		d.Group = c.group
		netnstest.Must(t, b.keeper.Keep([]netspec.Device{d}))
		if i := b.there(t, "vrrp.5", true); i.Group != c.want {
			t.Errorf("group %q: it is in %d, want %d", c.group, i.Group, c.want)
		}
	}
}

// TestSettingsStay holds that the settings of a device are made again after others
// changed them, as systemd does for each interface that appears.
func TestSettingsStay(t *testing.T) {
	b := newBench(t)
	six := netspec.Device{Name: "vrrp.6", Parent: "eth0", MAC: netspec.VirtualMAC(6, true), IPv6: true}
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{five, six}))
	for setting, other := range map[string][2]string{
		"ipv4/conf/vrrp.5/rp_filter": {"0", "2"}, "ipv4/conf/vrrp.5/accept_local": {"1", "0"}, "ipv4/conf/vrrp.5/arp_ignore": {"1", "0"},
		"ipv4/conf/vrrp.5/promote_secondaries": {"1", "0"}, "ipv6/conf/vrrp.5/disable_ipv6": {"1", "0"},
		"ipv6/conf/vrrp.6/disable_ipv6": {"0", "1"}, "ipv6/conf/vrrp.6/addr_gen_mode": {"1", "0"}, "ipv6/conf/vrrp.6/accept_ra": {"0", "1"},
	} {
		netnstest.Must(t, b.settings.Put(setting, other[1]))
		state, err := b.Link.State()
		netnstest.Must(t, err)
		_, err = b.keeper.Fit(state, false)
		netnstest.Must(t, err)
		b.is(t, setting, other[0])
	}
	if list, err := b.Link.List("vrrp.6"); err != nil || len(list) > 0 {
		t.Errorf("vrrp.6 has addresses %v, error %v, want none of its own", list, err)
	}
}

// TestVirtualAddressStays holds that a virtual address which is what the kernel would
// make of the hardware address is not taken for that.
func TestVirtualAddressStays(t *testing.T) {
	b := newBench(t)
	six := netspec.Device{Name: "vrrp.6", Parent: "eth0", MAC: netspec.VirtualMAC(6, true), IPv6: true}
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{six}))
	virtual := netspec.Address{Prefix: netip.MustParsePrefix("fe80::200:5eff:fe00:206/64"), Device: "vrrp.6"}
	_, err := b.Link.Add(virtual)
	netnstest.Must(t, err)
	netnstest.Must(t, b.settings.Put("ipv6/conf/vrrp.6/addr_gen_mode", "0"))
	b.fit(t, false)
	b.is(t, "ipv6/conf/vrrp.6/addr_gen_mode", "1")
	if list, err := b.Link.List("vrrp.6"); err != nil || len(list) != 1 || list[0].Prefix != virtual.Prefix {
		t.Errorf("vrrp.6 has %v, error %v, want %s", list, err, virtual)
	}
}

// TestLackingAlways holds that a device which cannot be made does not have the settings
// of all parents looked at each time.
func TestLackingAlways(t *testing.T) {
	b := newBench(t)
	never := netspec.Device{Name: "vrrp.7", Parent: "lo", MAC: netspec.VirtualMAC(7, false), IPv4: true}
	if err := b.keeper.Keep([]netspec.Device{five, never}); err == nil {
		t.Fatal("an interface was made on lo")
	}
	look := func(settings bool, want string) {
		t.Helper()
		state, err := b.Link.State()
		netnstest.Must(t, err)
		if _, err := b.keeper.Fit(state, settings); err == nil {
			t.Fatal("an interface was made on lo")
		}
		b.is(t, "ipv4/conf/eth0/arp_ignore", want)
	}
	netnstest.Must(t, b.settings.Put("ipv4/conf/eth0/arp_ignore", "0"))
	look(false, "0")
	look(true, "1")
}

// TestParentAgain holds that a parent that is made again has its settings at once.
func TestParentAgain(t *testing.T) {
	b := newBench(t)
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{five}))
	netnstest.Must(t, b.Link.Delete("eth0"))
	b.fit(t, false)
	netnstest.Must(t, b.Link.AddVeth("eth0", "eth9", nil))
	b.is(t, "ipv4/conf/eth0/arp_ignore", "0")
	state, err := b.Link.State()
	netnstest.Must(t, err)
	changed, err := b.keeper.Fit(state, false)
	netnstest.Must(t, err)
	b.there(t, "vrrp.5", changed)
	b.is(t, "ipv4/conf/eth0/arp_ignore", "1")
	b.is(t, "ipv4/conf/eth0/arp_filter", "1")
}

// TestChangedPlaces holds that two devices of an earlier run which are on each other's
// parent are made anew: both have one hardware address, which stands but once on each.
func TestChangedPlaces(t *testing.T) {
	b := newBench(t)
	netnstest.Must(t, b.Link.AddVeth("eth7", "eth8", nil))
	other := five
	other.Name, other.Parent = "vrrp1.5", "eth7"
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{five, other}))
	here, there := five, other
	here.Parent, there.Parent = "eth7", "eth0"
	next := vmac.New(b.Link, sysctl.New(b.NS, nil), mark)
	netnstest.Must(t, next.Keep([]netspec.Device{here, there}))
	for _, d := range []netspec.Device{here, there} {
		i, parent := b.there(t, d.Name, true), b.there(t, d.Parent, true)
		if i.Parent != parent.Index || !i.Enabled {
			t.Errorf("%s: got %+v, want it up on %s", d.Name, i, d.Parent)
		}
	}
}

// TestIPVLANChanges holds that a device which has another address, group or mode after a
// reload has them, and its address again when somebody removed it.
func TestIPVLANChanges(t *testing.T) {
	b := newBench(t)
	d := netspec.Device{Name: "ipv.5", Parent: "eth0", IPv4: true, Address: netip.MustParsePrefix("192.0.2.9/24")}
	err := b.keeper.Keep([]netspec.Device{d})
	if errors.Is(err, link.ErrNoKind) {
		t.Skip("needs /sys/module/ipvlan: the kernel makes no such interfaces")
	}
	netnstest.Must(t, err)
	holds := func(when string, want ...netip.Prefix) {
		t.Helper()
		var got []netip.Prefix
		list, err := b.Link.List(d.Name)
		for _, a := range list {
			if a.Addr().Is4() {
				got = append(got, a.Prefix)
			}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: it has %v, error %v, want %v", when, got, err, want)
		}
	}
	first := b.there(t, d.Name, true)
	holds("at first", d.Address)
	netnstest.Must(t, b.Link.Remove(netspec.Address{Prefix: d.Address, Device: d.Name}))
	b.fit(t, true)
	holds("after it was removed", d.Address)

	d.Address = netip.MustParsePrefix("192.0.2.10/24")
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{d}))
	holds("another one", d.Address)
	if i := b.there(t, d.Name, true); i.Index != first.Index {
		t.Errorf("another address: got %+v, want the same interface as %+v", i, first)
	}

	d.Address = netip.MustParsePrefix("192.0.2.11/24")
	b.keeper = vmac.New(b.Link, b.settings, mark)
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{d}))
	holds("another one of the next run", d.Address)

	for _, mode := range []netspec.IPVLANMode{netspec.VEPA, netspec.Private, netspec.Bridge} {
		before := b.there(t, d.Name, true)
		d.Mode = mode
		netnstest.Must(t, b.keeper.Keep([]netspec.Device{d}))
		if i := b.there(t, d.Name, true); i.Mode != uint16(mode) || i.Index == before.Index {
			t.Errorf("mode %d: got %+v, want another interface with that mode", mode, i)
		}
		holds("another mode", d.Address)
	}
	// One of another mode on the same parent changes that of all: nothing is made anew
	// over and over.
	other := netspec.Device{Name: "ipv.6", Parent: "eth0", IPv4: true, Mode: netspec.VEPA, Address: netip.MustParsePrefix("192.0.2.12/24")}
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{d, other}))
	b.fit(t, false)

	// IPv6 comes with a reload.
	b.is(t, "ipv6/conf/ipv.5/disable_ipv6", "1")
	d.IPv6 = true
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{d}))
	b.is(t, "ipv6/conf/ipv.5/disable_ipv6", "0")
}
