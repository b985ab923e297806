//go:build linux

package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// Interface is one network interface as the kernel describes it.
type Interface struct {
	Name string
	// Alternatives are further names that the kernel accepts for it.
	Alternatives []string
	Index        int
	// Up is true when it is administratively up and the kernel says that it
	// runs and has carrier. An interface stacked on another that is down does
	// not run, whatever its own carrier.
	Up bool
	// NoARP is true for interfaces that have nobody to resolve an address for:
	// loopback, most tunnels, and those where it was turned off.
	NoARP    bool
	Settings Settings
	// MTU is in octets.
	MTU int
	// MAC is the hardware address, nil for interfaces without one.
	MAC net.HardwareAddr
	// Kind is what the kernel calls the type of an interface that was made, as
	// ip(8) does; empty for hardware.
	Kind string
	// Private is true for a macvlan or an ipvlan whose traffic others on the
	// same parent do not get.
	Private bool
	// Mode is an ipvlan's, by the kernel's number (AddIPVLAN). All of a parent have
	// the one that was set last.
	Mode uint16
	// Parent is the index of the interface below, or of a veth pair's other
	// end; 0 for none, and when that is in another network namespace.
	Parent int
	// Master is the index of the bridge or VRF that it is a port of; 0 for none.
	Master int
	// Group is the interface group that it is in, 0 for the default one.
	Group uint32
	// Alias is the text that its maker left on it.
	Alias string
	// Enabled is true when it is administratively up.
	Enabled bool
}

// row is one address that stands in the kernel.
type row struct {
	// index is the interface's.
	index int
	// address is as it would be asked for, except that the kernel keeps no
	// prefix length for the near end of an address with a peer: it reads as
	// 32 or 128. An IPv4 label equal to the interface's name is empty.
	address netspec.Address
	// secondary is true for an IPv4 address that shares its network with an
	// address that was there before.
	secondary bool
	// unusable is true for an IPv6 address that is not known to be unique.
	unusable bool
}

// State is what stood in the kernel's tables when it was read. It is not
// changed any more and may be read by any goroutine.
type State struct {
	interfaces map[string]Interface // by name and by each alternative name
	rows       []row                // see order
	names      map[int]string       // by index
}

// State reads all interfaces and all addresses. The two tables are read one
// after the other; an address whose interface came in between is left out.
func (c *Conn) State() (*State, error) {
	s := &State{}
	err := c.reads.read(unix.RTM_GETLINK, unix.NLM_F_DUMP, linkMessage(0), unix.RTM_NEWLINK,
		func() { s.interfaces, s.names = make(map[string]Interface), make(map[int]string) },
		func(data []byte) error {
			i, err := parseInterface(data)
			if err != nil {
				return err
			}
			s.interfaces[i.Name] = i
			for _, name := range i.Alternatives {
				s.interfaces[name] = i
			}
			s.names[i.Index] = i.Name
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	rows, err := c.addresses(s)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	// So they come, from kernels of the last years.
	if byOrder := func(a, b row) int { return a.order() - b.order() }; !slices.IsSortedFunc(rows, byOrder) {
		rows = slices.Clone(rows) // which are those of the next State, too
		slices.SortStableFunc(rows, byOrder)
	}
	s.rows = rows
	return s, nil
}

// addresses reads those of the interfaces of s, in the kernel's order. Those
// that stood the last time need no memory again: most reads find nothing new.
func (c *Conn) addresses(s *State) ([]row, error) {
	var last []row
	if p := c.last.Load(); p != nil {
		last = *p
	}
	same, all := 0, []row(nil) // all is nil while the first of last are the same
	err := c.reads.read(unix.RTM_GETADDR, unix.NLM_F_DUMP, func(b []byte) []byte { return append(b, nl.NewIfAddrmsg(unix.AF_UNSPEC).Serialize()...) }, unix.RTM_NEWADDR,
		func() { same, all = 0, nil },
		func(data []byte) error {
			r, err := s.parseAddress(data)
			if err != nil {
				return err
			}
			name, known := s.names[r.index]
			if !known {
				return nil
			}
			r.address.Device = name
			switch {
			case all != nil:
				all = append(all, r)
			case same < len(last) && last[same] == r:
				same++
			default:
				all = append(append(make([]row, 0, len(last)+len(last)/16+8), last[:same]...), r)
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	if all == nil {
		all = last[:same:same]
	}
	c.last.Store(&all)
	return all, nil
}

// order is that of the rows of a State: by family and interface, and then the
// kernel's.
func (r *row) order() int {
	if r.address.Addr().Is6() {
		return 1<<32 + r.index
	}
	return r.index
}

// on returns the addresses of an interface, those of IPv4 and those of IPv6.
func (s *State) on(index int) [2][]row {
	within := func(from int) []row {
		at := func(r row, key int) int { return r.order() - key }
		first, _ := slices.BinarySearchFunc(s.rows, from, at)
		last, _ := slices.BinarySearchFunc(s.rows, from+1, at)
		return s.rows[first:last]
	}
	return [2][]row{within(index), within(1<<32 + index)}
}

// Interface reads the present state of one interface. Its error wraps
// ErrNoInterface when there is none of that name.
func (c *Conn) Interface(name string) (Interface, error) {
	kind := uint16(unix.IFLA_IFNAME)
	if len(name) >= unix.IFNAMSIZ {
		kind = unix.IFLA_ALT_IFNAME
	}
	build := linkMessage(0)
	i, err := c.oneInterface(func(b []byte) []byte { return attribute(build(b), kind, append([]byte(name), 0)) })
	switch {
	case errors.Is(err, ErrNoInterface):
		return i, noInterface(name)
	case err != nil:
		return i, fmt.Errorf("read interface %s: %w", name, err)
	}
	return i, nil
}

// InterfaceAt reads the present state of the interface with that index. Its
// error wraps ErrNoInterface when there is none.
func (c *Conn) InterfaceAt(index int) (Interface, error) {
	i, err := c.oneInterface(linkMessage(index))
	switch {
	case errors.Is(err, ErrNoInterface):
		return i, noInterface(fmt.Sprintf("with index %d", index))
	case err != nil:
		return i, fmt.Errorf("read interface %d: %w", index, err)
	}
	return i, nil
}

func (c *Conn) oneInterface(build func([]byte) []byte) (i Interface, err error) {
	err = c.changes.read(unix.RTM_GETLINK, unix.NLM_F_ACK, build, unix.RTM_NEWLINK, func() { i = Interface{} }, func(data []byte) (err error) {
		i, err = parseInterface(data)
		return err
	})
	if missing(err) || err == nil && i.Index == 0 {
		return Interface{}, ErrNoInterface
	}
	return i, err
}

// linkMessage builds what a request for interfaces has behind its head: that with
// the index, or all, without their counters, which make up most of a full answer.
func linkMessage(index int) func([]byte) []byte {
	return func(b []byte) []byte {
		msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
		msg.Index = int32(index)
		b = append(b, msg.Serialize()...)
		return attribute(b, unix.IFLA_EXT_MASK, binary.NativeEndian.AppendUint32(nil, skipStatistics))
	}
}

// skipStatistics is the kernel's RTEXT_FILTER_SKIP_STATS.
const skipStatistics = 1 << 3

// Find returns the interface of that name or alternative name.
func (s *State) Find(name string) (Interface, bool) {
	i, exists := s.interfaces[name]
	return i, exists
}

// Name returns the name of the interface with the index, empty when there is
// none.
func (s *State) Name(index int) string { return s.names[index] }

// All returns every interface once, in no order.
func (s *State) All() iter.Seq[Interface] {
	return func(yield func(Interface) bool) {
		for _, name := range s.names {
			if !yield(s.interfaces[name]) {
				return
			}
		}
	}
}

// Stands reports whether the address is there: on its device, with its prefix
// length and peer. Label, scope and broadcast address may be others.
func (s *State) Stands(want netspec.Address) bool {
	i, exists := s.Find(want.Device)
	return exists && s.any(i.Index, func(r *row) bool { return r.is(want) && !r.unusable })
}

// Standing yields each address for which Stands holds and that has no peer, with
// the name of its interface: to ask for a thousand, one walk does.
func (s *State) Standing() iter.Seq2[string, netip.Prefix] {
	return func(yield func(string, netip.Prefix) bool) {
		index, name := 0, ""
		for i := range s.rows {
			r := &s.rows[i]
			if r.unusable || r.address.Peer.IsValid() {
				continue
			}
			if r.index != index {
				index, name = r.index, s.names[r.index]
			}
			if !yield(name, r.address.Prefix) {
				return
			}
		}
	}
}

// Has reports whether the address is on the interface, with whatever length,
// and can be sent from.
func (s *State) Has(index int, a netip.Addr) bool {
	return s.any(index, func(r *row) bool { return r.address.Addr() == a && !r.unusable })
}

// any reports whether f is true of one of the interface's addresses.
func (s *State) any(index int, f func(*row) bool) bool {
	for _, family := range s.on(index) {
		for i := range family {
			if f(&family[i]) {
				return true
			}
		}
	}
	return false
}

// Source returns the IPv4 address that the host itself would speak from on the
// interface: the first one of global scope that is not virtual, if possible
// one that is the first of its network. A virtual address that came before the
// host's own makes that one secondary; it is still the host's own. The zero
// value means that there is none.
func (s *State) Source(index int, virtual func(netip.Addr) bool) netip.Addr {
	var secondary netip.Addr
	for _, r := range s.on(index)[0] {
		a := r.address.Addr()
		if r.address.Scope != netspec.ScopeGlobal || virtual(a) {
			continue
		}
		if !r.secondary {
			return a
		}
		if !secondary.IsValid() {
			secondary = a
		}
	}
	return secondary
}

// LinkLocal returns the IPv6 address that the host itself would speak from to
// its neighbours: the first link-local one of the interface that is not virtual
// and is known to be unique. The zero value means that there is none.
func (s *State) LinkLocal(index int, virtual func(netip.Addr) bool) netip.Addr {
	for _, r := range s.on(index)[1] {
		if a := r.address.Addr(); a.IsLinkLocalUnicast() && !r.unusable && !virtual(a) {
			return a
		}
	}
	return netip.Addr{}
}

// is reports whether the row is the address, whatever label, scope and
// broadcast address it has.
func (r *row) is(want netspec.Address) bool {
	if want.Peer.IsValid() {
		return r.address.Addr() == want.Addr() && r.address.Peer == want.Peer
	}
	return r.address.Prefix == want.Prefix && !r.address.Peer.IsValid()
}

func parseInterface(data []byte) (Interface, error) {
	if len(data) < unix.SizeofIfInfomsg {
		return Interface{}, fmt.Errorf("short message of %d octets", len(data))
	}
	msg := nl.DeserializeIfInfomsg(data)
	const runs = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOWER_UP
	i := Interface{
		Index: int(msg.Index),
		Up:    msg.Flags&runs == runs,
		NoARP: msg.Flags&(unix.IFF_NOARP|unix.IFF_LOOPBACK) != 0,

		Enabled: msg.Flags&unix.IFF_UP != 0,
	}
	elsewhere := false // the parent is
	a := attrs{rest: data[unix.SizeofIfInfomsg:]}
	for a.next() {
		var err error
		switch a.kind &^ unix.NLA_F_NESTED {
		case unix.IFLA_LINK_NETNSID:
			elsewhere = true
		case unix.IFLA_IFNAME:
			i.Name = text(a.value)
		case unix.IFLA_MTU:
			if len(a.value) >= 4 {
				i.MTU = int(binary.NativeEndian.Uint32(a.value))
			}
		case unix.IFLA_ADDRESS:
			// Loopback has one of zeros.
			if slices.ContainsFunc(a.value, func(b byte) bool { return b != 0 }) {
				i.MAC = slices.Clone(a.value)
			}
		case unix.IFLA_LINK, unix.IFLA_MASTER:
			if len(a.value) < 4 {
				continue
			}
			index := int(binary.NativeEndian.Uint32(a.value))
			if a.kind == unix.IFLA_LINK {
				i.Parent = index
			} else {
				i.Master = index
			}
		case unix.IFLA_GROUP:
			if len(a.value) >= 4 {
				i.Group = binary.NativeEndian.Uint32(a.value)
			}
		case unix.IFLA_IFALIAS:
			i.Alias = text(a.value)
		case unix.IFLA_LINKINFO:
			err = i.parseKind(a.value)
		case unix.IFLA_AF_SPEC:
			err = i.Settings.parse(a.value)
		case unix.IFLA_PROP_LIST:
			n := attrs{rest: a.value}
			for n.next() {
				if n.kind == unix.IFLA_ALT_IFNAME {
					i.Alternatives = append(i.Alternatives, text(n.value))
				}
			}
			err = n.err()
		}
		if err != nil {
			return Interface{}, err
		}
	}
	if elsewhere {
		i.Parent = 0
	}
	return i, a.err()
}

// parseAddress reads one address. Its device is left to the caller.
func (s *State) parseAddress(data []byte) (row, error) {
	if len(data) < unix.SizeofIfAddrmsg {
		return row{}, fmt.Errorf("short message of %d octets", len(data))
	}
	msg := nl.DeserializeIfAddrmsg(data)
	r := row{index: int(msg.Index)}
	r.address.Scope = netspec.Scope(msg.Scope)
	flags := uint32(msg.Flags)
	var local, address netip.Addr
	a := attrs{rest: data[unix.SizeofIfAddrmsg:]}
	for a.next() {
		switch a.kind {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(a.value)
		case unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(a.value)
		case unix.IFA_BROADCAST:
			r.address.Broadcast, _ = netip.AddrFromSlice(a.value)
		case unix.IFA_LABEL:
			// Most are the interface's name, which is none of its own.
			if label := bytes.TrimRight(a.value, "\x00"); string(label) != s.names[r.index] {
				r.address.Label = string(label)
			}
		case unix.IFA_FLAGS:
			if len(a.value) >= 4 {
				flags = binary.NativeEndian.Uint32(a.value)
			}
		case unix.IFA_CACHEINFO:
			if len(a.value) < 4 {
				continue
			}
			if left := binary.NativeEndian.Uint32(a.value); left != forever {
				r.address.Limited, r.address.Preferred = true, time.Duration(left)*time.Second
			}
		}
	}
	if err := a.err(); err != nil {
		return row{}, err
	}
	// IPv4 always gives both, the same one twice without a peer; IPv6 gives
	// only IFA_ADDRESS without a peer.
	switch {
	case !local.IsValid() || local == address:
		r.address.Prefix = netip.PrefixFrom(address, int(msg.Prefixlen))
	default:
		r.address.Prefix = netip.PrefixFrom(local, local.BitLen())
		r.address.Peer = netip.PrefixFrom(address, int(msg.Prefixlen))
	}
	if !r.address.Prefix.IsValid() {
		return row{}, fmt.Errorf("address of interface %d without a valid prefix", r.index)
	}
	// The same bit means secondary in IPv4 and temporary in IPv6.
	r.secondary = r.address.Addr().Is4() && flags&unix.IFA_F_SECONDARY != 0
	r.unusable = flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0
	if flags&unix.IFA_F_DEPRECATED != 0 {
		r.address.Limited, r.address.Preferred = true, 0
	}
	r.address.DAD = r.address.Addr().Is6() && flags&unix.IFA_F_NODAD == 0
	for i, f := range addressFlags {
		if flags&f != 0 {
			r.address.Flags |= 1 << i
		}
	}
	return r, nil
}

// text is a string attribute without its final zero.
func text(value []byte) string { return strings.TrimRight(string(value), "\x00") }
