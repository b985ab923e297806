package build

import (
	"cmp"
	"fmt"
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
}

// upper is what makes addresses share an interface of their own.
type upper struct {
	instance          int
	parent, name, mac string
}

// lay works the interfaces out. Their names depend on no order in the file, so
// that a reload which moves an instance about does not rename what stands.
func lay(c *config.Config) *layout {
	l := &layout{
		router: make([]string, len(c.Instances)), address: make(map[*config.Address]string),
		at: make(map[string]int), taken: make(map[string]bool),
	}
	order := make([]int, len(c.Instances))
	for i := range order {
		order[i] = i
		l.reserve(&c.Instances[i])
	}
	if len(l.taken) == 0 {
		return l // nobody has one
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

// reserve notes names that are written, so that none is made up that is one of
// them.
func (l *layout) reserve(in *config.Instance) {
	if in.UseVMAC != nil {
		l.taken[in.UseVMAC.Name] = true
	}
	if in.UseIPVLAN != nil {
		l.taken[in.UseIPVLAN.Name] = true
	}
	for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
		for i := range list {
			if v := list[i].UseVMAC; v != nil {
				l.taken[v.Name] = true
			}
		}
	}
}

// name makes a name up, as keepalived does: the prefix and the virtual router's
// number, with a 6 between them if that of IPv4 is taken, or else a number.
func (l *layout) name(prefix string, in *config.Instance) string {
	name := fmt.Sprintf("%s.%d", prefix, in.VRID)
	if l.taken[name] && in.Six() {
		name = fmt.Sprintf("%s6.%d", prefix, in.VRID)
	}
	for n := 1; l.taken[name]; n++ {
		name = fmt.Sprintf("%s%d.%d", prefix, n, in.VRID)
	}
	l.taken[name] = true
	return name
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
	if d.Name == "" {
		d.Name = l.name(c.Global.VMACPrefix, in)
	}
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
				d := netspec.Device{Name: u.name, Parent: u.parent, MAC: hardware(in, u.mac)}
				if d.Name == "" {
					d.Name = l.name(c.Global.VMACAddrPrefix, in)
				}
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
