package build

import (
	"net/netip"
	"reflect"
	"slices"
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
