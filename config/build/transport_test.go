package build

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

func TestTransport(t *testing.T) {
	ip := netip.MustParseAddr
	low, high := 3, 250
	peers := []config.Peer{{Address: ip("192.0.2.8")}, {Address: ip("192.0.2.9"), MinTTL: &low, MaxTTL: &high}}
	unicast := vrrp.Unicast{On: true, TTL: 64, AnySource: true, OldChecksum: vrrp.OldChecksumDetect,
		Peers: []vrrp.Peer{{Addr: ip("192.0.2.8")}, {Addr: ip("192.0.2.9"), MinTTL: 3, MaxTTL: 250}}}
	global := config.Global{MulticastGroup4: ip("224.0.0.18"), MulticastGroup6: ip("ff05::77")}
	for name, c := range map[string]struct {
		change func(*config.Instance)
		want   func(*vrrp.Config)
		source string
	}{
		"multicast":                        {func(i *config.Instance) { i.Source = ip("192.0.2.7") }, func(*vrrp.Config) {}, "192.0.2.7"},
		"multicast from the other keyword": {func(i *config.Instance) { i.UnicastSource = ip("192.0.2.7") }, func(*vrrp.Config) {}, "192.0.2.7"},
		"group":                            {func(i *config.Instance) { i.Destination = ip("224.0.0.77") }, func(r *vrrp.Config) { r.Group = ip("224.0.0.77") }, ""},
		"the usual group, said":            {func(i *config.Instance) { i.Destination = ip("224.0.0.18") }, func(*vrrp.Config) {}, ""},
		"IPv6":                             {func(i *config.Instance) { i.NativeIPv6 = true }, func(r *vrrp.Config) { r.IPv6, r.Group = true, ip("ff05::77") }, ""},
		"IPv6 by an address": {func(i *config.Instance) { i.Addresses = []config.Address{address("fe80::1/64", "eth0")} },
			func(r *vrrp.Config) { r.Addresses, r.Group = []netip.Addr{ip("fe80::1")}, ip("ff05::77") }, ""},
		"IPv6 by a source": {func(i *config.Instance) { i.Addresses, i.Source = nil, ip("fe80::7") },
			func(r *vrrp.Config) { r.Addresses, r.Group = nil, ip("ff05::77") }, "fe80::7"},
		"unicast": {func(i *config.Instance) {
			i.UnicastPeers, i.UnicastTTL, i.UnicastSource, i.Source = peers, 64, ip("192.0.2.6"), ip("192.0.2.7")
		}, func(r *vrrp.Config) { r.Unicast = unicast }, "192.0.2.6"},
		"unicast from the other keyword": {func(i *config.Instance) {
			i.UnicastPeers, i.UnicastTTL, i.Source = peers, 64, ip("192.0.2.7")
		}, func(r *vrrp.Config) { r.Unicast = unicast }, "192.0.2.7"},
		"old checksum": {func(i *config.Instance) {
			i.UnicastPeers, i.UnicastTTL, i.OldUnicastChecksum = peers, 64, "compatible"
		}, func(r *vrrp.Config) { r.Unicast = unicast; r.Unicast.OldChecksum = vrrp.OldChecksumSend }, ""},
		"no old checksum": {func(i *config.Instance) {
			i.UnicastPeers, i.UnicastTTL, i.OldUnicastChecksum = peers, 64, "never"
		}, func(r *vrrp.Config) { r.Unicast = unicast; r.Unicast.OldChecksum = vrrp.OldChecksumRefuse }, ""},
		"from peers only": {func(i *config.Instance) {
			i.UnicastPeers, i.UnicastTTL, i.CheckUnicastSource = peers, 64, true
		}, func(r *vrrp.Config) { r.Unicast = unicast; r.Unicast.AnySource = false }, ""},
		"without peers": {func(i *config.Instance) { i.UnicastFaultNoPeer, i.UnicastTTL = true, 255 },
			func(r *vrrp.Config) {
				r.Unicast = vrrp.Unicast{On: true, TTL: 255, AnySource: true, FaultWithoutPeer: true, OldChecksum: vrrp.OldChecksumDetect}
			}, ""},
	} {
		in := plain()
		c.change(&in)
		n := Node(&config.Config{Global: global, Instances: []config.Instance{in}})
		want := plainRouter()
		c.want(&want)
		if got := n.Instances[0].Router; !got.Equal(want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
		source := ""
		if s := n.Instances[0].Source; s.IsValid() {
			source = s.String()
		}
		if source != c.source {
			t.Errorf("%s: source %q, want %q", name, source, c.source)
		}
	}
}

func TestPromoted(t *testing.T) {
	in := plain()
	in.Addresses = append(in.Addresses, address("192.0.2.2/24", "eth2"), address("2001:db8::1/64", "eth3"))
	in.Excluded = []config.Address{address("192.0.2.3/24", "")}
	other := plain()
	other.Interface, other.Addresses = "eth9", []config.Address{address("192.0.2.9/24", "eth9")}
	c := &config.Config{Instances: []config.Instance{in, other}}
	if got := Promoted(c); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
	c.Instances[0].PromoteSecondaries = true
	if got, want := Promoted(c), []string{"eth0", "eth2"}; !slices.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
}
