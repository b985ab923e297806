package doctor

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/balance"
)

// needs are what a configuration asks of a host beside what moonkeep check
// looks at.
type needs struct {
	// space is the network namespace in which the daemon would run: empty stands
	// for here.
	space string
	links []linkNeeds
	// instances are the virtual routers in this network namespace, and
	// elsewhere the namespaces of the others.
	instances []*config.Instance
	elsewhere []string

	macvlan, ipvlan, vrf, filter, clock bool

	// services are one of each kind that may need a module of its own; nat and
	// nat6 are true when a server is reached by NAT.
	services  map[serviceKind]balance.Key
	nat, nat6 bool
	// udp is true when a service is of UDP, persistent when one keeps clients with
	// their servers, and balanced says in which network namespace the table of
	// IPVS is: empty stands for here.
	udp, persistent bool
	balanced        string
}

// serviceKind is what of a service the kernel may lack.
type serviceKind struct {
	scheduler, engine string
	six               bool
}

// linkNeeds is what an interface must be able to do.
type linkNeeds struct {
	device         string
	four, six      bool // a family that adverts or addresses have
	multicast      bool
	source4        bool // adverts need an IPv4 address to come from
	virtual        []netip.Addr
	vrids4, vrids6 []uint8
	ah, instance   bool // AH is used; an instance sends from here
	vmac           bool // there is to be a virtual hardware address
}

func needsOf(c *config.Config) *needs {
	n := &needs{space: c.Global.NetNamespace, balanced: c.Global.NetNamespaceIPVS, services: map[serviceKind]balance.Key{}}
	at := func(device string) *linkNeeds {
		i := slices.IndexFunc(n.links, func(l linkNeeds) bool { return l.device == device })
		if i < 0 {
			n.links = append(n.links, linkNeeds{device: device})
			i = len(n.links) - 1
		}
		return &n.links[i]
	}
	for i := range c.Instances {
		in := &c.Instances[i]
		if in.NetNamespace != "" && in.NetNamespace != c.Global.NetNamespace {
			if !slices.Contains(n.elsewhere, in.NetNamespace) {
				n.elsewhere = append(n.elsewhere, in.NetNamespace)
			}
			continue
		}
		n.instances = append(n.instances, in)
		n.macvlan = n.macvlan || in.UseVMAC != nil
		n.ipvlan = n.ipvlan || in.UseIPVLAN != nil
		n.vrf = n.vrf || in.VRF != ""
		n.clock = n.clock || in.HMAC != nil && in.HMAC.AntiReplay != "monotonic"
		if in.Interface != "" {
			l := at(in.Interface)
			l.instance = true
			l.multicast = l.multicast || !in.Unicast()
			l.vmac = l.vmac || in.UseVMAC != nil
			l.ah = l.ah || in.AuthType == "AH"
			if in.Six() {
				l.six, l.vrids6 = true, append(l.vrids6, uint8(in.VRID))
			} else {
				l.four, l.vrids4 = true, append(l.vrids4, uint8(in.VRID))
				l.source4 = l.source4 || !in.Source.IsValid() && !in.UnicastSource.IsValid()
			}
		}
		for _, list := range [][]config.Address{in.Addresses, in.Excluded} {
			for _, a := range list {
				device := a.Device
				if device == "" {
					device = in.Interface
				}
				l := at(device)
				l.vmac = l.vmac || in.UseVMACAddr
				l.virtual = append(l.virtual, a.Addr())
				l.four, l.six = l.four || a.Addr().Is4(), l.six || a.Addr().Is6()
			}
		}
	}
	n.filter = build.Drops(c)
	for _, l := range build.Layouts(c) {
		for _, k := range l.Keys {
			n.udp = n.udp || k.Protocol == balance.UDP && l.Options.Flags&balance.OnePacket == 0
			n.persistent = n.persistent || l.Options.Flags&balance.Persistent != 0
			kind := serviceKind{l.Options.Scheduler, l.Options.Engine, k.IPv6}
			if _, known := n.services[kind]; !known {
				n.services[kind] = k
			}
		}
		for _, s := range l.Reached() {
			if s.Forward == balance.Masq {
				n.nat, n.nat6 = n.nat || s.Address.Addr().Is4(), n.nat6 || s.Address.Addr().Is6()
			}
		}
	}
	return n
}

// clashing returns what is odd about an advert for a virtual router of this
// file: a cluster's nodes agree on the version and the addresses.
func clashing(in *config.Instance, a heardAdvert) string {
	want := uint8(in.Version)
	if in.Six() {
		want = 3
	}
	if a.version != want && !(in.InteropV2 && a.version == 2) {
		return "it is of version " + strconv.Itoa(int(a.version)) + ", this file's of version " + strconv.Itoa(int(want))
	}
	var own []netip.Addr
	for _, v := range in.Addresses {
		own = append(own, v.Addr())
	}
	sorted := func(list []netip.Addr) []netip.Addr {
		list = slices.Clone(list)
		slices.SortFunc(list, netip.Addr.Compare)
		return list
	}
	if !slices.Equal(sorted(own), sorted(a.addresses)) {
		return "it holds other addresses than this file gives the virtual router: " + joinAddrs(a.addresses)
	}
	return ""
}
