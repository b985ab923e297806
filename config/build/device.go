package build

import (
	"cmp"
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// Devices returns the interfaces that the node makes for its virtual routers,
// each once, by name. c is that of one network namespace (see Within).
func Devices(c *config.Config) []netspec.Device {
	l := lay(c)
	return slices.SortedFunc(slices.Values(l.devices), func(a, b netspec.Device) int { return cmp.Compare(a.Name, b.Name) })
}

// OwnInterfaces returns the name of the interface that the node makes for each
// instance of c alone, in their order and without their network namespace; empty for
// those that have none.
func OwnInterfaces(c *config.Config) []string {
	names, spaces := make([]string, 0, len(c.Instances)), split(c)
	for i := range c.Instances {
		s := spaces[c.Instances[i].NetNamespace]
		names = append(names, s.layout.router[s.next])
		s.next++
	}
	return names
}

// layout says which instance and which address is on which interface of the
// node's own.
type layout struct {
	devices []netspec.Device
	// at is where in devices a name is.
	at map[string]int
	// router has the name of each instance's own interface, empty for none.
	router []string
	// address has the interfaces of addresses that are on one of the node's own.
	address map[*config.Address]string
	taken   map[string]bool
	// made are the names, be they written or made up.
	made []made
}

// upper is what makes addresses share an interface of their own.
type upper struct {
	instance          int
	parent, name, mac string
}

// lay works the interfaces out. Their names depend on no order in the file, so
// that a start after an instance was moved about has them as before.
func lay(c *config.Config) *layout { return layBeside(c, nil) }

// layBeside is lay, where those names are not to be made up.
func layBeside(c *config.Config, others []string) *layout {
	l := &layout{
		router: make([]string, len(c.Instances)), address: make(map[*config.Address]string),
		at: make(map[string]int), taken: written(c),
	}
	if len(l.taken) == 0 {
		return l // nobody has one
	}
	order := make([]int, len(c.Instances))
	here := make(map[string]bool, len(c.Instances))
	for i := range order {
		order[i], here[c.Instances[i].Name] = i, true
	}
	for own, name := range c.Names {
		l.taken[name] = l.taken[name] || here[own.Instance]
	}
	for _, name := range others {
		l.taken[name] = true
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &c.Instances[a], &c.Instances[b]
		family := func(in *config.Instance) int {
			if in.Six() {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(family(x), family(y)), cmp.Compare(x.Interface, y.Interface), cmp.Compare(x.Name, y.Name))
	})
	for _, i := range order {
		l.own(c, i)
	}
	for _, i := range order {
		l.addresses(c, i)
	}
	return l
}

// written are the names that are written, of which none is to be made up, with an
// empty one if any is to be.
func written(c *config.Config) map[string]bool {
	names := make(map[string]bool)
	for i := range c.Instances {
		in := &c.Instances[i]
		if in.UseVMAC != nil {
			names[in.UseVMAC.Name] = true
		}
		if in.UseIPVLAN != nil {
			names[in.UseIPVLAN.Name] = true
		}
		if in.UseVMACAddr {
			names[""] = true
		}
		for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
			for k := range list {
				if v := list[k].UseVMAC; v != nil {
					names[v.Name] = true
				}
			}
		}
	}
	return names
}

// own adds the interface of an instance.
func (l *layout) own(c *config.Config, i int) {
	in := &c.Instances[i]
	d := netspec.Device{Parent: in.Interface, IPv4: !in.Six(), IPv6: in.Six()}
	switch {
	case in.UseVMAC != nil:
		d.Name, d.Group, d.MAC = in.UseVMAC.Name, in.UseVMAC.Group, hardware(in, in.UseVMAC.MAC)
	case in.UseIPVLAN != nil:
		v := in.UseIPVLAN
		d.Name, d.Group, d.Address = v.Name, v.Group, v.Address
		d.Mode = map[string]netspec.IPVLANMode{"private": netspec.Private, "vepa": netspec.VEPA}[v.Mode]
	default:
		return
	}
	d.Name = l.name(c, in, d.Name, config.Own{Instance: in.Name}, alike{prefix: c.Global.VMACPrefix, parent: d.Parent, ipvlan: d.IPVLAN()})
	l.router[i] = d.Name
	l.add(d)
}

// addresses adds the interfaces of addresses that have one of their own, and
// says of all which one they are on.
func (l *layout) addresses(c *config.Config, i int) {
	in := &c.Instances[i]
	uppers := make(map[upper]string)
	for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
		for k := range list {
			a := &list[k]
			u := upper{instance: i, parent: cmp.Or(a.Device, in.Interface)}
			if a.UseVMAC != nil {
				u.name, u.mac = a.UseVMAC.Name, a.UseVMAC.MAC
			}
			plain := u.name == "" && u.mac == ""
			switch {
			case u.parent == in.Interface && plain && l.router[i] != "":
				l.address[a] = l.router[i]
			case a.UseVMAC == nil && (u.parent == in.Interface || !in.UseVMACAddr):
				continue
			case uppers[u] == "":
				d := netspec.Device{Parent: u.parent, MAC: hardware(in, u.mac)}
				d.Name = l.name(c, in, u.name, config.Own{Instance: in.Name, Parent: u.parent, MAC: u.mac, Addresses: true},
					alike{prefix: c.Global.VMACAddrPrefix, parent: u.parent, mac: u.mac, addresses: true})
				l.add(d)
				uppers[u] = d.Name
				fallthrough
			default:
				l.address[a] = uppers[u]
			}
			d := l.find(l.address[a])
			d.IPv4, d.IPv6 = d.IPv4 || a.Addr().Is4(), d.IPv6 || a.Addr().Is6()
		}
	}
}

// hardware is the hardware address that is written, else the RFC's. Strict mode
// has no other.
func hardware(in *config.Instance, text string) [6]byte {
	if text != "" && !in.Strict {
		// The readers take none that is wrong.
		if mac, err := config.HardwareAddress(text, in.VRID); err == nil {
			return mac
		}
	}
	return netspec.VirtualMAC(uint8(in.VRID), in.Six())
}

// add adds a device; of two with one name, which several addresses may share,
// the first counts.
func (l *layout) add(d netspec.Device) {
	if l.find(d.Name) == nil {
		l.at[d.Name] = len(l.devices)
		l.devices = append(l.devices, d)
	}
}

func (l *layout) find(name string) *netspec.Device {
	if i, known := l.at[name]; known {
		return &l.devices[i]
	}
	return nil
}

// carrier is the interface that the adverts of an instance travel on.
func (l *layout) carrier(in *config.Instance, i int) string {
	switch own := l.router[i]; {
	case own != "" && !in.XmitBase():
		return own
	case in.Interface == "":
		return in.VRF
	}
	return in.Interface
}

// shared reports whether one of the addresses is on an interface whose hardware
// address all nodes use in turn.
func (l *layout) shared(lists ...[]netspec.Address) bool {
	return slices.ContainsFunc(lists, func(list []netspec.Address) bool {
		return slices.ContainsFunc(list, func(a netspec.Address) bool {
			d := l.find(a.Device)
			return d != nil && !d.IPVLAN()
		})
	})
}

// extra is what is announced beside the usual. What an interval is for are the
// switches that do not see the hardware address in adverts: on each interface of the
// node's own that carries none, one address, or all.
func (l *layout) extra(in *config.Instance, carrier string, lists ...[]netspec.Address) node.Extra {
	x := node.Extra{Soon: l.shared(lists...)}
	if in.GarpExtraIF == nil || in.GarpExtraIF.Interval == 0 {
		return x
	}
	for _, a := range slices.Concat(lists...) {
		d := l.find(a.Device)
		named := slices.ContainsFunc(x.Addresses, func(b netspec.Address) bool { return b.Device == a.Device })
		if d == nil || d.IPVLAN() || a.Device == carrier || named && !in.GarpExtraIF.All {
			continue
		}
		x.Addresses = append(x.Addresses, a)
	}
	if len(x.Addresses) > 0 {
		x.Interval = in.GarpExtraIF.Interval
	}
	return x
}
