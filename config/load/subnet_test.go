package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/source"
)

// pretended is a machine with these interfaces and routes.
type pretended struct {
	addresses map[string][]string
	through   map[string][]string
	unknown   bool
}

func (p pretended) names() (out []string, err error) {
	all, err := p.links()
	for _, l := range all {
		out = append(out, l.name)
	}
	return out, err
}

func (p pretended) links() ([]link, error) {
	if p.addresses == nil {
		return nil, errors.New("no netlink here")
	}
	var out []link
	for name, list := range p.addresses {
		l := link{name: name}
		for _, a := range list {
			l.prefixes = append(l.prefixes, netip.MustParsePrefix(a))
		}
		out = append(out, l)
	}
	return out, nil
}

func (p pretended) routes() (map[string]map[netip.Prefix]bool, bool) {
	out := make(map[string]map[netip.Prefix]bool)
	for name, list := range p.through {
		out[name] = make(map[netip.Prefix]bool)
		for _, r := range list {
			out[name][netip.MustParsePrefix(r)] = true
		}
	}
	return out, !p.unknown
}

func TestSubnets(t *testing.T) {
	eth0 := map[string][]string{"eth0": {"192.0.2.10/24", "2001:db8::10/64", "fe80::1/64"}, "eth1": {"10.0.0.1/8"}}
	const outside = "outside-subnet: vrrp_instance A: 198.51.100.1: in no subnet of eth0, which has 192.0.2.10/24 here, "
	for name, test := range map[string]struct {
		machine   pretended
		addresses string
		change    func(*config.Config)
		want      string
	}{
		"inside":                      {pretended{addresses: eth0}, "192.0.2.1/32", nil, ""},
		"outside":                     {pretended{addresses: eth0}, "198.51.100.1/32", nil, outside},
		"outside with its own subnet": {pretended{addresses: eth0}, "198.51.100.1/24", nil, outside},
		"on another interface":        {pretended{addresses: eth0}, "10.9.9.9/32 dev eth1", nil, ""},
		"an interface without address": {
			pretended{addresses: map[string][]string{"eth0": {"fe80::1/64"}}}, "198.51.100.1/32", nil, "",
		},
		"held already": {
			pretended{addresses: map[string][]string{"eth0": {"192.0.2.10/24", "198.51.100.1/24"}}}, "198.51.100.1/24", nil, outside,
		},
		"a route of the host":      {pretended{addresses: eth0, through: map[string][]string{"eth0": {"198.51.100.0/24"}}}, "198.51.100.1/32", nil, ""},
		"a route elsewhere":        {pretended{addresses: eth0, through: map[string][]string{"eth1": {"198.51.100.0/24"}}}, "198.51.100.1/32", nil, outside},
		"more routes than is read": {pretended{addresses: eth0, unknown: true}, "198.51.100.1/32", nil, ""},
		"a route of the file": {pretended{addresses: eth0}, "198.51.100.1/32", func(c *config.Config) {
			c.StaticRoutes = []config.Route{{Destination: netip.MustParsePrefix("198.51.100.0/24")}}
		}, ""},
		"a default route of the file": {pretended{addresses: eth0}, "198.51.100.1/32", func(c *config.Config) {
			c.Instances[0].Routes = []config.Route{{Destination: netip.MustParsePrefix("0.0.0.0/0")}}
		}, outside},
		"a balanced service": {pretended{addresses: eth0}, "198.51.100.1/32", func(c *config.Config) {
			c.VirtualServers = []config.VirtualServer{{Address: config.Endpoint{AddrPort: netip.MustParseAddrPort("198.51.100.1:80")}}}
		}, ""},
		"the source of this host": {pretended{addresses: eth0}, "198.51.100.1/32", func(c *config.Config) {
			c.Instances[0].Source = netip.MustParseAddr("192.0.2.10")
		}, outside},
		"the source of another host": {pretended{addresses: eth0}, "198.51.100.1/32", func(c *config.Config) {
			c.Instances[0].UnicastSource = netip.MustParseAddr("192.0.2.11")
		}, ""},
		"the interfaces of another host": {pretended{addresses: eth0}, "198.51.100.1/32", func(c *config.Config) {
			c.Instances[0].TrackInterfaces = []config.Track{{Name: "eth7"}}
		}, "no-interface: vrrp_instance A: this host has no interface \"eth7\""},
		"several": {
			pretended{addresses: eth0}, "198.51.100.1/32, 192.0.2.1/24, 198.51.100.2/32", nil,
			"outside-subnet: vrrp_instance A: 198.51.100.1, 198.51.100.2: in no subnet of eth0",
		},
		"no interfaces": {pretended{}, "192.0.2.1/32", nil, "no-interface: the interfaces of this host cannot be listed: no netlink here"},
	} {
		t.Run(name, func(t *testing.T) {
			c, findings := source.Read("a.yaml", []byte(whole("eth0", "virtual_ipaddresses: ["+test.addresses+"]")))
			if findings.Errors() {
				t.Fatal(findings)
			}
			if test.change != nil {
				test.change(c)
			}
			got := ""
			for _, f := range append(on(test.machine, c, nil), subnets(test.machine, c)...) {
				got += f.Name + ": " + f.Text
			}
			if test.want == "" && got != "" || !strings.HasPrefix(got, test.want) || strings.Count(got, ": vrrp_instance") > 1 {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestRouteLines reads lines as the kernel writes them.
func TestRouteLines(t *testing.T) {
	// The kernel writes an address as a number of the machine's own order.
	number := func(a ...byte) string { return fmt.Sprintf("%08X", binary.NativeEndian.Uint32(a)) }
	for line, want := range map[string]string{
		"eth0 " + number(192, 0, 2, 0) + " 00000000 0001 0 0 0 " + number(255, 255, 255, 0) + " 0 0 0": "eth0 192.0.2.0/24",
		"eth0 00000000 " + number(192, 0, 2, 1) + " 0003 0 0 0 00000000 0 0 0":                         "eth0 0.0.0.0/0",
		"eth0 " + number(192, 0, 2, 0) + " 00000000 0001 0 0 0 " + number(255, 0, 255, 0) + " 0 0 0":   "",
		"Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT":                       "",
		"eth0 000200C0": "",
	} {
		got := ""
		if device, to, ok := route4(strings.Fields(line)); ok {
			got = device + " " + to.String()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	const six = "20010db8000000000000000000000000 20 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0"
	if device, to, ok := route6(strings.Fields(six)); !ok || device != "eth0" || to.String() != "2001:db8::/32" {
		t.Errorf("got %s %s %v, want eth0 2001:db8::/32", device, to, ok)
	}
	for _, bad := range []string{"", strings.Replace(six, "20010", "x0010", 1), strings.Replace(six, " 20 ", " ff ", 1)} {
		if device, to, ok := route6(strings.Fields(bad)); ok {
			t.Errorf("%s: got %s %s, want none", bad, device, to)
		}
	}
}

// TestKernel holds that this machine can be asked.
func TestKernel(t *testing.T) {
	all, err := kernel{}.links()
	if err != nil || len(all) == 0 {
		t.Fatalf("got %v, %v, want interfaces", all, err)
	}
	for _, l := range all {
		i, err := net.InterfaceByName(l.name)
		if err != nil {
			continue // gone meanwhile
		}
		list, err := i.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, a := range list {
			want = append(want, a.String())
		}
		var got []string
		for _, p := range l.prefixes {
			got = append(got, p.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", l.name, got, want)
		}
	}
	if _, ok := (kernel{}).routes(); !ok {
		t.Error("the routes of this machine are not known")
	}
}
