package build

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// vmac5 is the device of an instance with VRID 51 on eth0.
func vmac5(change func(*netspec.Device)) netspec.Device {
	d := netspec.Device{Name: "vrrp.51", Parent: "eth0", MAC: [6]byte{0, 0, 0x5e, 0, 1, 51}, IPv4: true}
	if change != nil {
		change(&d)
	}
	return d
}

func TestDevices(t *testing.T) {
	six := func(in *config.Instance) {
		in.Version, in.Addresses = 3, []config.Address{address("fe80::1/64", ""), address("2001:db8::1/64", "eth0")}
	}
	for name, tt := range map[string]struct {
		change  func(*config.Instance)
		want    []netspec.Device
		carrier string
		on      []string // the devices of all addresses
		tracked []string
		extra   node.Extra
	}{
		"none": {func(*config.Instance) {}, nil, "eth0", []string{"eth0"}, nil, node.Extra{}},
		"plain": {func(in *config.Instance) { in.UseVMAC = &config.VMAC{} },
			[]netspec.Device{vmac5(nil)}, "vrrp.51", []string{"vrrp.51"}, nil, node.Extra{Soon: true}},
		"named, five octets, group": {func(in *config.Instance) {
			in.UseVMAC = &config.VMAC{Name: "own", MAC: "02:00:00:00:07", Group: "9"}
		}, []netspec.Device{vmac5(func(d *netspec.Device) { d.Name, d.Group, d.MAC = "own", "9", [6]byte{2, 0, 0, 0, 7, 51} })},
			"own", []string{"own"}, nil, node.Extra{Soon: true}},
		"strict": {func(in *config.Instance) {
			in.UseVMAC, in.Strict, in.VMACXmitBase = &config.VMAC{MAC: "02:00:00:00:00:07"}, true, true
		}, []netspec.Device{vmac5(nil)}, "vrrp.51", []string{"vrrp.51"}, nil, node.Extra{Soon: true}},
		"IPv6": {func(in *config.Instance) { six(in); in.UseVMAC = &config.VMAC{} },
			[]netspec.Device{vmac5(func(d *netspec.Device) { d.IPv4, d.IPv6, d.MAC[4] = false, true, 2 })},
			"vrrp.51", []string{"vrrp.51", "vrrp.51"}, nil, node.Extra{Soon: true}},
		"both families": {func(in *config.Instance) {
			in.UseVMAC, in.Excluded = &config.VMAC{}, []config.Address{address("2001:db8::1/64", "")}
		}, []netspec.Device{vmac5(func(d *netspec.Device) { d.IPv6 = true })}, "vrrp.51", []string{"vrrp.51", "vrrp.51"}, nil, node.Extra{Soon: true}},
		"base": {func(in *config.Instance) { in.UseVMAC, in.VMACXmitBase = &config.VMAC{}, true },
			[]netspec.Device{vmac5(nil)}, "eth0", []string{"vrrp.51"}, nil, node.Extra{Soon: true}},
		"unicast": {func(in *config.Instance) {
			in.UseVMAC, in.UnicastPeers = &config.VMAC{}, []config.Peer{{Address: netip.MustParseAddr("192.0.2.9")}}
		}, []netspec.Device{vmac5(nil)}, "eth0", []string{"vrrp.51"}, nil, node.Extra{Soon: true}},
		"ipvlan": {func(in *config.Instance) {
			in.UseIPVLAN = &config.IPVLAN{Name: "ipv", Mode: "private", Address: netip.MustParsePrefix("192.0.2.9/24")}
		}, []netspec.Device{{Name: "ipv", Parent: "eth0", IPv4: true, Mode: netspec.Private, Address: netip.MustParsePrefix("192.0.2.9/24")}},
			"ipv", []string{"ipv"}, nil, node.Extra{}},
		"elsewhere without": {func(in *config.Instance) {
			in.UseVMAC, in.Excluded = &config.VMAC{}, []config.Address{address("198.51.100.1/24", "eth1")}
		}, []netspec.Device{vmac5(nil)}, "vrrp.51", []string{"vrrp.51", "eth1"}, []string{"eth1"}, node.Extra{Soon: true}},
		"elsewhere with": {func(in *config.Instance) {
			in.UseVMAC, in.UseVMACAddr, in.GarpExtraIF = &config.VMAC{}, true, &config.ExtraIF{Interval: time.Minute}
			in.Excluded = []config.Address{address("198.51.100.1/24", "eth1"), address("198.51.100.2/24", "eth1")}
		}, []netspec.Device{vmac5(nil), vmac5(func(d *netspec.Device) { d.Name, d.Parent = "vrrp1.51", "eth1" })},
			"vrrp.51", []string{"vrrp.51", "vrrp1.51", "vrrp1.51"}, []string{"eth1"},
			node.Extra{Soon: true, Interval: time.Minute, Addresses: []netspec.Address{{Prefix: netip.MustParsePrefix("198.51.100.1/24"), Device: "vrrp1.51"}}}},
		"elsewhere alone": {func(in *config.Instance) {
			in.UseVMACAddr, in.Excluded = true, []config.Address{address("198.51.100.1/24", "eth1")}
		}, []netspec.Device{vmac5(func(d *netspec.Device) { d.Parent = "eth1" })}, "eth0", []string{"eth0", "vrrp.51"}, []string{"eth1"}, node.Extra{Soon: true}},
		"one address": {func(in *config.Instance) {
			in.Addresses[0].UseVMAC = &config.AddressVMAC{Name: "mine", MAC: "02:00:00:00:00:09"}
		}, []netspec.Device{vmac5(func(d *netspec.Device) { d.Name, d.MAC = "mine", [6]byte{2, 0, 0, 0, 0, 9} })},
			"eth0", []string{"mine"}, nil, node.Extra{Soon: true}},
		"vrf": {func(in *config.Instance) {
			in.Interface, in.VRF, in.UnicastPeers = "", "red", []config.Peer{{Address: netip.MustParseAddr("192.0.2.9")}}
		}, nil, "red", []string{"eth0"}, []string{"eth0"}, node.Extra{}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &config.Config{Global: config.Global{VMACPrefix: "vrrp", VMACAddrPrefix: "vrrp"}, Instances: []config.Instance{plain()}}
			tt.change(&c.Instances[0])
			if got := Devices(c); !slices.Equal(got, tt.want) {
				t.Errorf("devices: got %+v, want %+v", got, tt.want)
			}
			in := Node(c).Instances[0]
			var on, tracked []string
			for _, a := range slices.Concat(in.Addresses, in.Excluded) {
				on = append(on, a.Device)
			}
			for _, i := range in.Interfaces {
				tracked = append(tracked, i.Name)
			}
			if in.Interface != tt.carrier || !slices.Equal(on, tt.on) || !slices.Equal(tracked, tt.tracked) {
				t.Errorf("got adverts on %s, addresses on %v, tracked %v, want %s, %v, %v", in.Interface, on, tracked, tt.carrier, tt.on, tt.tracked)
			}
			if !reflect.DeepEqual(in.Extra, tt.extra) {
				t.Errorf("extra: got %+v, want %+v", in.Extra, tt.extra)
			}
		})
	}
}

// TestDeviceNames holds that a made up name is nobody else's, and the same
// whatever the order of the instances.
func TestDeviceNames(t *testing.T) {
	make := func(name, device string, address ...config.Address) config.Instance {
		in := plain()
		in.Name, in.Interface, in.UseVMAC, in.Addresses = name, device, &config.VMAC{}, address
		return in
	}
	four, six := make("a", "eth0", address("192.0.2.1/24", "")), make("b", "eth0", address("fe80::1/64", ""))
	other, third := make("c", "eth1", address("198.51.100.1/24", "")), make("d", "eth2", address("203.0.113.1/24", ""))
	third.UseVMAC = &config.VMAC{Name: "vrrp1.51"}
	want := map[string]string{"a": "vrrp.51", "b": "vrrp6.51", "c": "vrrp2.51", "d": "vrrp1.51"}
	for _, list := range [][]config.Instance{{four, six, other, third}, {third, other, six, four}} {
		c := &config.Config{Global: config.Global{VMACPrefix: "vrrp"}, Instances: list}
		for _, in := range Node(c).Instances {
			if in.Interface != want[in.Name] {
				t.Errorf("%s: got %s, want %s", in.Name, in.Interface, want[in.Name])
			}
		}
	}
	c := &config.Config{Global: config.Global{VMACPrefix: "vrrp"}, Instances: []config.Instance{six}}
	if got := Node(c).Instances[0].Interface; got != "vrrp.51" {
		t.Errorf("IPv6 alone: got %s, want vrrp.51", got)
	}
}

// running is a configuration of instances with one VRID, by their names: each is on
// the interface behind the colon, one whose interface ends with a 6 is of IPv6.
func running(list ...string) *config.Config {
	c := &config.Config{Global: config.Global{VMACPrefix: "vrrp", VMACAddrPrefix: "vrrp"}}
	for _, text := range list {
		name, device, _ := strings.Cut(text, ":")
		in := plain()
		in.Name, in.UseVMAC = name, &config.VMAC{}
		device, six := strings.CutSuffix(device, "/6")
		device, addresses := strings.CutSuffix(device, "+")
		in.Interface, in.Addresses = device, []config.Address{address("192.0.2.1/24", "")}
		if six {
			in.Addresses = []config.Address{address("fe80::1/64", "")}
		}
		if in.UseVMACAddr = addresses; addresses {
			in.Excluded = []config.Address{address("198.51.100.1/24", "eth9")}
		}
		c.Instances = append(c.Instances, in)
	}
	return c
}

// TestKeepNames holds that a name that is made up stays with the instance that has it
// over reloads, and that who is new gets none that runs.
func TestKeepNames(t *testing.T) {
	red := func(c *config.Config) *config.Config {
		for i := range c.Instances {
			c.Instances[i].NetNamespace = "red"
		}
		return c
	}
	mixed := running("A:eth1", "B:eth0", "C:eth1")
	mixed.Instances[1].NetNamespace = "red"
	other := running("A:eth1")
	other.Global.VMACPrefix = "vip"
	named := running("A:eth1", "B:eth0")
	named.Instances[1].UseVMAC = &config.VMAC{Name: "vrrp.51"}
	write := func(c *config.Config, name string) *config.Config {
		c.Instances[0].UseVMAC = &config.VMAC{Name: name}
		return c
	}
	sharing := running("A:eth1", "B:eth0")
	for i := range sharing.Instances {
		in := &sharing.Instances[i]
		in.UseVMAC, in.Excluded = nil, []config.Address{address("198.51.100.1/24", "eth9")}
		in.Excluded[0].UseVMAC = &config.AddressVMAC{Name: "vrrp.51"}
	}
	unshared := running("A:eth1", "B:eth0")
	for i := range unshared.Instances {
		in := &unshared.Instances[i]
		in.UseVMAC, in.Excluded = nil, []config.Address{address("198.51.100.1/24", "eth9")}
		in.Excluded[0].UseVMAC = &config.AddressVMAC{}
	}
	beside := func(instances ...string) *config.Config { // one that is written, and one that is not
		c := running(instances...)
		a := &c.Instances[len(c.Instances)-1]
		a.UseVMAC, a.Excluded = nil, []config.Address{address("198.51.100.1/24", "eth9"), address("198.51.100.2/24", "eth9")}
		a.Excluded[0].UseVMAC, a.Excluded[1].UseVMAC = &config.AddressVMAC{Name: "own"}, &config.AddressVMAC{}
		return c
	}
	for name, reloads := range map[string][]struct {
		c    *config.Config
		want string
	}{
		"one written beside":          {{beside("A:eth1"), "A=,own,vrrp.51"}, {beside("B:eth0", "A:eth1"), "A=,own,vrrp.51 B=vrrp1.51"}},
		"a written one goes":          {{write(running("A:eth1"), "vrrp.51"), "A=vrrp.51"}, {running("B:eth0"), "B=vrrp1.51"}},
		"no longer written":           {{write(running("A:eth1"), "vrrp.51"), "A=vrrp.51"}, {running("A:eth1", "B:eth0"), "A=vrrp.51 B=vrrp1.51"}},
		"written now":                 {{running("A:eth1"), "A=vrrp.51"}, {write(running("A:eth1", "B:eth0"), "other"), "A=other B=vrrp1.51"}},
		"one written for two":         {{sharing, "A=,vrrp.51 B=,vrrp.51"}, {unshared, "A=,vrrp1.51 B=,vrrp.51"}},
		"one before it comes":         {{running("A:eth1"), "A=vrrp.51"}, {running("B:eth0", "A:eth1"), "A=vrrp.51 B=vrrp1.51"}, {running("B:eth0", "A:eth1"), "A=vrrp.51 B=vrrp1.51"}},
		"the first goes":              {{running("B:eth0", "A:eth1"), "A=vrrp1.51 B=vrrp.51"}, {running("A:eth1"), "A=vrrp1.51"}, {running("B:eth0", "A:eth1"), "A=vrrp1.51 B=vrrp.51"}},
		"one for another":             {{running("B:eth0", "A:eth1"), "A=vrrp1.51 B=vrrp.51"}, {running("A:eth1", "C:eth2"), "A=vrrp1.51 C=vrrp2.51"}},
		"IPv4 goes":                   {{running("A:eth0", "S:eth0/6"), "A=vrrp.51 S=vrrp6.51"}, {running("S:eth0/6"), "S=vrrp6.51"}},
		"IPv4 comes":                  {{running("S:eth0/6"), "S=vrrp.51"}, {running("A:eth0", "S:eth0/6"), "A=vrrp1.51 S=vrrp.51"}},
		"another family":              {{running("A:eth0"), "A=vrrp.51"}, {running("A:eth0/6"), "A=vrrp6.51"}},
		"another interface":           {{running("A:eth0"), "A=vrrp.51"}, {running("A:eth1"), "A=vrrp1.51"}},
		"renamed":                     {{running("A:eth1"), "A=vrrp.51"}, {running("Z:eth1", "B:eth0"), "B=vrrp1.51 Z=vrrp.51"}},
		"names swapped":               {{running("A:eth0", "B:eth1"), "A=vrrp.51 B=vrrp1.51"}, {running("A:eth1", "B:eth0"), "A=vrrp1.51 B=vrrp.51"}},
		"addresses":                   {{running("A:eth1+"), "A=vrrp.51,vrrp1.51"}, {running("B:eth0+", "A:eth1+"), "A=vrrp.51,vrrp1.51 B=vrrp2.51,vrrp3.51"}, {running("A:eth1+"), "A=vrrp.51,vrrp1.51"}},
		"another prefix":              {{running("A:eth1"), "A=vrrp.51"}, {other, "A=vip.51"}},
		"somebody writes the name":    {{running("A:eth1"), "A=vrrp.51"}, {named, "A=vrrp1.51 B=vrrp.51"}},
		"another namespace's":         {{running("A:eth1"), "A=vrrp.51"}, {mixed, "A=vrrp.51 B=vrrp.51 C=vrrp1.51"}},
		"moved to another namespace":  {{running("A:eth1"), "A=vrrp.51"}, {red(running("A:eth1")), "A=vrrp.51"}},
		"all of a namespace, one new": {{red(running("A:eth1")), "A=vrrp.51"}, {red(running("A:eth1", "B:eth0")), "A=vrrp.51 B=vrrp1.51"}},
	} {
		t.Run(name, func(t *testing.T) {
			for i, r := range reloads {
				if i > 0 {
					KeepNames(r.c, reloads[i-1].c)
				}
				var got []string
				for _, space := range append(Spaces(r.c), "") {
					within := Within(r.c, space)
					l := lay(within)
					for k := range within.Instances {
						in := &within.Instances[k]
						text := in.Name + "=" + l.router[k]
						for x := range in.Excluded {
							text += "," + l.address[&in.Excluded[x]]
						}
						got = append(got, text)
					}
				}
				slices.Sort(got)
				if got := strings.Join(got, " "); got != r.want {
					t.Errorf("%d: got %s, want %s", i, got, r.want)
				}
			}
		})
	}
}

// TestNamesFit holds that a name that is made up is one that an interface can have,
// however many of the virtual router there are.
func TestNamesFit(t *testing.T) {
	c := running("A:eth0", "B:eth0/6", "C:eth1", "D:eth2", "E:eth3+", "F:eth4/6")
	c.Global.VMACPrefix, c.Global.VMACAddrPrefix = "longprefix12", "longprefix12"
	seen := map[string]bool{}
	for _, d := range Devices(c) {
		if len(d.Name) > config.MaxName || seen[d.Name] {
			t.Errorf("%s: it has %d bytes, and is taken %v", d.Name, len(d.Name), seen[d.Name])
		}
		seen[d.Name] = true
	}
	if len(seen) != 7 || !seen["longprefix12.51"] {
		t.Errorf("got %v", seen)
	}
}
