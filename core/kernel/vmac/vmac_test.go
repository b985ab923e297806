//go:build linux

package vmac_test

import (
	"bytes"
	"errors"
	"net"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/kernel/vmac"
	"github.com/moonkeep/moonkeep/core/netspec"
)

const mark = "moonkeep test"

var five = netspec.Device{Name: "vrrp.5", Parent: "eth0", MAC: netspec.VirtualMAC(5, false), IPv4: true}

// bench is a host with eth0 and a keeper.
type bench struct {
	*netnstest.Host
	settings *sysctl.Settings
	keeper   *vmac.Keeper
}

func newBench(t *testing.T) *bench {
	t.Helper()
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	b := &bench{Host: h, settings: sysctl.New(h.NS, nil)}
	b.keeper = vmac.New(h.Link, b.settings, mark)
	return b
}

func (b *bench) is(t *testing.T, setting, want string) {
	t.Helper()
	if got, err := b.settings.Read(setting); err != nil || got != want {
		t.Errorf("%s: got %q, error %v, want %q", setting, got, err, want)
	}
}

func (b *bench) there(t *testing.T, name string, want bool) link.Interface {
	t.Helper()
	i, err := b.Link.Interface(name)
	if want && err != nil || !want && !errors.Is(err, link.ErrNoInterface) {
		t.Errorf("interface %s: got error %v, want it there %v", name, err, want)
	}
	return i
}

func (b *bench) fit(t *testing.T, want bool) {
	t.Helper()
	state, err := b.Link.State()
	netnstest.Must(t, err)
	changed, err := b.keeper.Fit(state, true)
	netnstest.Must(t, err)
	if changed != want {
		t.Errorf("Fit: got changed %v, want %v", changed, want)
	}
}

func TestKeep(t *testing.T) {
	b := newBench(t)
	netnstest.Must(t, b.settings.Put("ipv4/conf/all/rp_filter", "1"))
	netnstest.Must(t, b.settings.Put("ipv4/conf/default/rp_filter", "0"))
	netnstest.Must(t, b.settings.Put("ipv4/conf/eth0/rp_filter", "2"))
	netnstest.Must(t, b.settings.Put("ipv4/conf/lo/rp_filter", "0"))
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{five}))
	i := b.there(t, "vrrp.5", true)
	parent := b.there(t, "eth0", true)
	if i.Kind != link.MACVLAN || !i.Private || i.Parent != parent.Index || i.Alias != mark || !i.Up || i.MAC.String() != "00:00:5e:00:01:05" {
		t.Errorf("vrrp.5: got %+v, want a private macvlan on eth0 that is up, with the virtual MAC", i)
	}
	for setting, want := range map[string]string{
		"ipv4/conf/vrrp.5/rp_filter": "0", "ipv4/conf/vrrp.5/accept_local": "1", "ipv4/conf/vrrp.5/arp_ignore": "1",
		"ipv4/conf/vrrp.5/promote_secondaries": "1", "ipv6/conf/vrrp.5/disable_ipv6": "1",
		"ipv4/conf/eth0/arp_ignore": "1", "ipv4/conf/eth0/arp_filter": "1",
		"ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/rp_filter": "1", "ipv4/conf/lo/rp_filter": "1", "ipv4/conf/eth0/rp_filter": "2",
	} {
		b.is(t, setting, want)
	}
	// Kept when nothing changes, made anew when it was deleted.
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{five}))
	b.fit(t, false)
	if again := b.there(t, "vrrp.5", true); again.Index != i.Index {
		t.Errorf("kept: got index %d, want %d as before", again.Index, i.Index)
	}
	netnstest.Must(t, b.Link.Delete("vrrp.5"))
	b.fit(t, true)
	if again := b.there(t, "vrrp.5", true); again.Index == i.Index || !again.Up || again.Alias != mark {
		t.Errorf("made anew: got %+v, want another one that is up and marked", again)
	}
	b.is(t, "ipv4/conf/vrrp.5/arp_ignore", "1")
	// Somebody else's hardware address does not stay.
	netnstest.Must(t, b.Link.SetMAC("vrrp.5", net.HardwareAddr{2, 0, 0, 0, 0, 9}))
	b.fit(t, true)
	if again := b.there(t, "vrrp.5", true); !bytes.Equal(again.MAC, five.MAC[:]) {
		t.Errorf("hardware address: got %v, want the virtual router's", again.MAC)
	}
	// Nor that somebody took it down, or called it otherwise: with its hardware
	// address there can be but one.
	netnstest.Must(t, b.Link.SetDown("vrrp.5"))
	b.fit(t, true)
	if again := b.there(t, "vrrp.5", true); !again.Up {
		t.Error("taken down: it is not set up again")
	}
	netnstest.Must(t, b.Link.SetDown("vrrp.5"))
	netnstest.Must(t, b.Link.Rename("vrrp.5", "other"))
	netnstest.Must(t, b.Link.SetUp("other"))
	b.fit(t, true)
	b.there(t, "other", false)
	if again := b.there(t, "vrrp.5", true); !again.Up || again.Alias != mark {
		t.Errorf("renamed: got %+v, want another one that is up", again)
	}
	b.fit(t, false)
	netnstest.Must(t, b.keeper.Close())
	netnstest.Must(t, b.settings.Close())
	b.there(t, "vrrp.5", false)
	for setting, want := range map[string]string{
		"ipv4/conf/eth0/arp_ignore": "0", "ipv4/conf/eth0/arp_filter": "0",
		"ipv4/conf/all/rp_filter": "1", "ipv4/conf/default/rp_filter": "0", "ipv4/conf/lo/rp_filter": "0", "ipv4/conf/eth0/rp_filter": "2",
	} {
		b.is(t, setting, want)
	}
}

// TestNoMore holds that what a reload does not name goes, with its settings.
func TestNoMore(t *testing.T) {
	b := newBench(t)
	netnstest.Must(t, b.settings.Put("ipv4/conf/all/rp_filter", "1"))
	six := netspec.Device{Name: "vrrp6.5", Parent: "eth0", MAC: netspec.VirtualMAC(5, true), IPv6: true}
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{five, six}))
	b.is(t, "ipv6/conf/vrrp6.5/addr_gen_mode", "1")
	b.is(t, "ipv6/conf/vrrp6.5/accept_ra", "0")
	if own, err := b.Link.List("vrrp6.5"); err != nil || len(own) > 0 {
		t.Errorf("addresses of vrrp6.5: got %v, error %v, want none", own, err)
	}
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{six}))
	b.there(t, "vrrp.5", false)
	b.there(t, "vrrp6.5", true)
	b.is(t, "ipv4/conf/eth0/arp_ignore", "0")
	b.is(t, "ipv4/conf/all/rp_filter", "1")
	netnstest.Must(t, b.keeper.Keep(nil))
	b.there(t, "vrrp6.5", false)
}

// TestFound holds what is adopted, replaced, refused and left alone of what is
// there already.
func TestFound(t *testing.T) {
	private := func(b *bench, name, alias string) func() error {
		return func() error {
			err := b.Link.AddMACVLAN(name, "eth0", net.HardwareAddr{2, 0, 0, 0, 0, 7})
			if alias != "" {
				err = errors.Join(err, b.Link.SetAlias(name, alias))
			}
			return err
		}
	}
	for name, c := range map[string]struct {
		before func(*bench) func() error
		refuse error
		kept   bool // the same interface as before
		stays  bool // after the end
	}{
		"an earlier run's":           {func(b *bench) func() error { return private(b, "vrrp.5", mark) }, nil, true, false},
		"somebody's private macvlan": {func(b *bench) func() error { return private(b, "vrrp.5", "") }, nil, true, true},
		"something else":             {func(b *bench) func() error { return func() error { return b.Link.AddBridge("vrrp.5") } }, vmac.ErrTaken, true, true},
		"an earlier run's of before": {func(b *bench) func() error { return private(b, "vrrp.9", mark) }, nil, false, false},
		"another node's":             {func(b *bench) func() error { return private(b, "vrrp.9", "moonkeep other") }, nil, true, true},
		"an earlier run's, another way": {func(b *bench) func() error {
			return func() error { return errors.Join(b.Link.AddBridge("vrrp.5"), b.Link.SetAlias("vrrp.5", mark)) }
		}, nil, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			netnstest.Must(t, c.before(b)())
			found := "vrrp.5"
			i, err := b.Link.Interface(found)
			if err != nil {
				found = "vrrp.9"
				i = b.there(t, found, true)
			}
			if err := b.keeper.Keep([]netspec.Device{five}); !errors.Is(err, c.refuse) || c.refuse == nil && err != nil {
				t.Errorf("Keep: got %v, want %v", err, c.refuse)
			}
			now, err := b.Link.Interface(found)
			if kept := err == nil && now.Index == i.Index; kept != c.kept {
				t.Errorf("%s: got %+v, error %v, want it kept %v", found, now, err, c.kept)
			}
			if c.refuse == nil {
				if ours := b.there(t, "vrrp.5", true); !bytes.Equal(ours.MAC, five.MAC[:]) || !ours.Up {
					t.Errorf("vrrp.5: got %+v, want it up with the virtual MAC", ours)
				}
			}
			netnstest.Must(t, b.keeper.Close())
			b.there(t, found, c.stays)
		})
	}
}

// TestParent holds that a device comes with its parent and goes with it.
func TestParent(t *testing.T) {
	b := newBench(t)
	later := five
	later.Parent = "eth7"
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{later}))
	b.there(t, "vrrp.5", false)
	netnstest.Must(t, b.Link.AddVeth("eth7", "eth8", nil))
	b.fit(t, true)
	b.there(t, "vrrp.5", true)
	b.is(t, "ipv4/conf/vrrp.5/arp_ignore", "1")
	netnstest.Must(t, b.Link.Delete("eth7"))
	b.fit(t, false)
	b.there(t, "vrrp.5", false)
}

// A device has the MTU of its parent again, and IPv6 with its settings, after a
// parent that was too small for a while.
func TestMTU(t *testing.T) {
	b := newBench(t)
	six := netspec.Device{Name: "vrrp.6", Parent: "eth0", MAC: netspec.VirtualMAC(6, true), IPv6: true}
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{five, six}))
	index := b.there(t, "vrrp.5", true).Index
	for _, mtu := range []int{1400, 1500, 1200} {
		netnstest.Must(t, b.Link.SetMTU("eth0", mtu))
		b.fit(t, mtu == 1500)
		for _, name := range []string{"vrrp.5", "vrrp.6"} {
			if i := b.there(t, name, true); i.MTU != mtu {
				t.Errorf("%s has MTU %d, want its parent's, %d", name, i.MTU, mtu)
			}
		}
	}
	netnstest.Must(t, b.Link.SetMTU("eth0", 1500))
	b.fit(t, true)
	b.is(t, "ipv6/conf/vrrp.6/addr_gen_mode", "1")
	if i := b.there(t, "vrrp.6", true); i.MTU != 1500 || !i.Up {
		t.Errorf("vrrp.6 after it had no IPv6: got %+v, want it up with MTU 1500", i)
	}
	if list, err := b.Link.List("vrrp.6"); err != nil || len(list) > 0 {
		t.Errorf("vrrp.6 has addresses %v, error %v, want none of its own", list, err)
	}
	if i := b.there(t, "vrrp.5", true); i.Index != index || i.MTU != 1500 {
		t.Errorf("vrrp.5: got %+v, want the same one with MTU 1500", i)
	}
	// What somebody else sets holds while the parent stays as it is.
	netnstest.Must(t, b.Link.SetMTU("vrrp.5", 1300))
	b.fit(t, false)
	if i := b.there(t, "vrrp.5", true); i.MTU != 1300 {
		t.Errorf("vrrp.5 has MTU %d, want 1300 as it was set", i.MTU)
	}
}

func TestGroup(t *testing.T) {
	b := newBench(t)
	d := five
	d.Group = "no-such-group"
	if err := b.keeper.Keep([]netspec.Device{d}); err == nil {
		t.Errorf("group %s: got no error, want one that names it", d.Group)
	}
	d.Group = "7"
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{d}))
	b.there(t, "vrrp.5", true)
}

// TestIPVLAN holds the device that has its parent's hardware address.
func TestIPVLAN(t *testing.T) {
	b := newBench(t)
	d := netspec.Device{Name: "ipv.5", Parent: "eth0", IPv4: true, Mode: netspec.Private}
	err := b.keeper.Keep([]netspec.Device{d})
	if errors.Is(err, link.ErrNoKind) {
		t.Skip("needs /sys/module/ipvlan: the kernel makes no such interfaces")
	}
	netnstest.Must(t, err)
	i, parent := b.there(t, "ipv.5", true), b.there(t, "eth0", true)
	if i.Kind != link.IPVLAN || !i.Private || !i.Up || !bytes.Equal(i.MAC, parent.MAC) {
		t.Errorf("ipv.5: got %+v, want a private ipvlan that is up", i)
	}
	b.fit(t, false)
	d.Mode = netspec.Bridge
	netnstest.Must(t, b.keeper.Keep([]netspec.Device{d}))
	if again := b.there(t, "ipv.5", true); again.Index == i.Index || again.Private {
		t.Errorf("other mode: got %+v, want another interface, not private", again)
	}
	netnstest.Must(t, b.keeper.Close())
	b.there(t, "ipv.5", false)
}
