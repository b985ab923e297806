//go:build linux

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// Placed is an address and the interface that it was set on. It stays on that
// interface when the interface gets another name.
type Placed struct {
	Address netspec.Address
	// Index is the interface's; 0 means the one that has the name
	// Address.Device at the time of the call.
	Index int
}

// Add makes the addresses stand, in their order, and returns those that do.
// One that stands already is left alone, or replaced if its label, scope,
// broadcast address, wanted peer, flags or lifetime are others; that comes after
// those that are new. One that stands under a peer is another address to the
// kernel; it stays beside one without.
//
// The error joins one for each address that does not stand; each names the
// address, its device and what the kernel said. It wraps ErrNoInterface when
// the device is not there.
func (c *Conn) Add(addresses ...netspec.Address) ([]Placed, error) {
	standing := make([]Placed, 0, len(addresses))
	on, errs := c.AddAll(addresses, func(string) {})
	for i, a := range addresses {
		if errs[i] == nil {
			standing = append(standing, Placed{a, on[i]})
		}
	}
	return standing, errors.Join(errs...)
}

// AddAll is Add with the answer to each address: the index of the interface on
// which it stands, or an error. Before one is replaced with which the kernel would
// remove others of its network (Withdraw), spare is called with the interface's name.
func (c *Conn) AddAll(addresses []netspec.Address, spare func(device string)) (on []int, errs []error) {
	on, errs = make([]int, len(addresses)), make([]error, len(addresses))
	fresh := make([]int, 0, len(addresses)) // places of those that may be new
	var known []int                         // of those that may not
	for i, a := range addresses {
		if a.Peer.IsValid() {
			known = append(known, i) // it may stand without the peer
			continue
		}
		found, err := c.Recent(a.Device)
		if err != nil {
			errs[i] = err
			continue
		}
		on[i] = found.Index
		fresh = append(fresh, i)
	}
	said := c.setAll(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, len(fresh), func(n int) (int, netspec.Address) {
		return on[fresh[n]], addresses[fresh[n]]
	})
	renewed := false
	for n, err := range said {
		i := fresh[n]
		if errors.Is(err, unix.ENODEV) && (renewed || c.recent.forget(addresses[i].Device)) {
			// It was made anew since it was looked up.
			renewed = true
			on[i], err = c.addNew(addresses[i])
		}
		if errors.Is(err, unix.EEXIST) {
			known = append(known, i)
			continue
		}
		errs[i] = err
	}
	// Reading all addresses takes longer than adding some, so it is done only
	// for those that are there already in some form.
	var state *State
	slices.Sort(known)
	for _, i := range known {
		var err error
		if state == nil {
			state, err = c.State()
		}
		if err == nil {
			on[i], err = c.add(state, addresses[i], spare)
		}
		errs[i] = err
	}
	for i, err := range errs {
		if err != nil {
			errs[i] = fmt.Errorf("add %s: %w", addresses[i], err)
		}
	}
	return on, errs
}

// addNew adds an address that does not stand yet to the interface that has the
// name now.
func (c *Conn) addNew(a netspec.Address) (on int, err error) {
	i, err := c.Interface(a.Device)
	if err != nil {
		return 0, err
	}
	return i.Index, c.set(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, i.Index, a)
}

// add returns the index of the interface on which the address stands.
func (c *Conn) add(state *State, want netspec.Address, spare func(device string)) (index int, err error) {
	i, exists := state.Find(want.Device)
	if !exists {
		return 0, noInterface(want.Device)
	}
	family := 0
	if want.Addr().Is6() {
		family = 1
	}
	for _, r := range state.on(i.Index)[family] {
		if !r.takesPlaceOf(want) {
			continue
		}
		if r.asWanted(want, i.Name) {
			return i.Index, nil
		}
		// The kernel changes only lifetimes of an address that is there; all
		// else needs a new one.
		if i.Settings.PromoteSecondaries == 0 && len(state.Followers(r.address)) > 0 {
			spare(i.Name)
		}
		if err := c.set(unix.RTM_DELADDR, 0, i.Index, r.address); err != nil && !absent(err) {
			return 0, fmt.Errorf("replace %s: %w", r.address, err)
		}
	}
	err = c.set(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, i.Index, want)
	if errors.Is(err, unix.EEXIST) {
		// Somebody was faster, or the list names it twice: it stands.
		return i.Index, nil
	}
	return i.Index, err
}

// Remove removes the addresses from the interfaces that have the names of their
// devices now. Otherwise it is as Withdraw.
func (c *Conn) Remove(addresses ...netspec.Address) error {
	list := make([]Placed, len(addresses))
	for n, a := range addresses {
		list[n].Address = a
	}
	return errors.Join(c.Withdraw(list)...)
}

// Withdraw removes the addresses, the last first: those that were set in this order
// leave no other one to be the first of a network, which costs the kernel a step for
// each that is left. The errors are those of each;
// an address with one may still stand. One that is not there is no error, nor is
// an interface that is not there.
//
// Without the sysctl promote_secondaries the kernel removes with the first
// address of a network on an interface all others of the same network.
func (c *Conn) Withdraw(list []Placed) []error {
	errs := make([]error, len(list))
	named := make(map[string]int) // the indexes of names, 0 for one that no interface has
	on := make([]int, len(list))
	standing := make([]int, 0, len(list))
	for n, p := range list {
		if on[n] = p.Index; p.Index == 0 {
			on[n], errs[n] = c.named(named, p.Address.Device)
		}
		if on[n] != 0 {
			standing = append(standing, n)
		}
	}
	slices.Reverse(standing)
	said := c.setAll(unix.RTM_DELADDR, 0, len(standing), func(n int) (int, netspec.Address) {
		return on[standing[n]], list[standing[n]].Address
	})
	for n, err := range said {
		if err != nil && !absent(err) {
			errs[standing[n]] = err
		}
	}
	for n, err := range errs {
		if err != nil {
			errs[n] = fmt.Errorf("remove %s: %w", list[n].Address, err)
		}
	}
	return errs
}

// named returns the index of the interface that has a name now, 0 when there is
// none, and remembers it.
func (c *Conn) named(known map[string]int, name string) (int, error) {
	if index, ok := known[name]; ok {
		return index, nil
	}
	i, err := c.Interface(name)
	if err != nil && !errors.Is(err, ErrNoInterface) {
		return 0, err
	}
	known[name] = i.Index
	return i.Index, nil
}

// List reads the addresses of the interface, in the kernel's order. The error
// wraps ErrNoInterface when there is none of that name.
func (c *Conn) List(device string) ([]netspec.Address, error) {
	state, err := c.State()
	if err != nil {
		return nil, err
	}
	i, exists := state.Find(device)
	if !exists {
		return nil, noInterface(device)
	}
	return state.Addresses(i.Index), nil
}

// Addresses returns those of the interface with the index, in the kernel's
// order.
func (s *State) Addresses(index int) (list []netspec.Address) {
	for _, family := range s.on(index) {
		for i := range family {
			list = append(list, family[i].address)
		}
	}
	return list
}

// Followers returns the IPv4 addresses that the kernel removes with one that stands on
// its device: the others of its network if it is the first, without promote_secondaries.
func (s *State) Followers(a netspec.Address) (list []netspec.Address) {
	i, exists := s.Find(a.Device)
	if !exists || !a.Addr().Is4() {
		return nil
	}
	rows := s.on(i.Index)[0]
	if !slices.ContainsFunc(rows, func(r row) bool { return r.is(a) && !r.secondary }) {
		return nil
	}
	for _, r := range rows {
		if r.secondary && r.network() == (&row{address: a}).network() {
			list = append(list, r.address)
		}
	}
	return list
}

// network is the one that the row is in: that of its peer if it has one.
func (r *row) network() netip.Prefix {
	if r.address.Peer.IsValid() {
		return r.address.Peer.Masked()
	}
	return r.address.Prefix.Masked()
}

// Usable yields each address that is in use as it stands, with its interface's
// name as its device.
func (s *State) Usable() iter.Seq[netspec.Address] {
	return func(yield func(netspec.Address) bool) {
		for i := range s.rows {
			if !s.rows[i].unusable && !yield(s.rows[i].address) {
				return
			}
		}
	}
}

// takesPlaceOf reports whether the row and the wanted address cannot both
// stand: they are the same address but for attributes and peer.
func (r *row) takesPlaceOf(want netspec.Address) bool {
	if r.address.Addr() != want.Addr() {
		return false
	}
	return r.address.Prefix == want.Prefix || r.address.Peer.IsValid() || want.Peer.IsValid()
}

// asWanted reports whether nothing of the row needs to change.
func (r *row) asWanted(want netspec.Address, device string) bool {
	if !r.is(want) || r.unusable || r.address.Scope != kernelScope(want) || r.address.Flags != want.Flags {
		return false
	}
	if !r.sameLifetime(want) {
		return false
	}
	if want.Addr().Is6() {
		return true
	}
	label := want.Label
	if label == device {
		label = ""
	}
	return r.address.Label == label && r.address.Broadcast == want.Broadcast
}

// sameLifetime compares lifetimes. What is left of one is less each second; and
// of an IPv4 address that never goes the kernel knows only whether it is
// preferred.
func (r *row) sameLifetime(want netspec.Address) bool {
	limited := want.Limited && (want.Addr().Is6() || want.Preferred == 0)
	return r.address.Limited == limited && (!limited || (r.address.Preferred == 0) == (want.Preferred == 0))
}

// kernelScope is the scope that the kernel will show: that of an IPv6 address
// follows from the address.
func kernelScope(a netspec.Address) netspec.Scope {
	switch {
	case a.Addr().Is4():
		return a.Scope
	case a.Addr().IsLoopback():
		return netspec.ScopeHost
	case a.Addr().IsLinkLocalUnicast():
		return netspec.ScopeLink
	case netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfe, 0xc0}), 10).Contains(a.Addr()):
		return netspec.ScopeSite
	}
	return netspec.ScopeGlobal
}

// set adds or deletes one address.
func (c *Conn) set(kind, flags, index int, a netspec.Address) error {
	return c.changes.ask(kind, flags, func(b []byte) []byte { return setting(b, kind, index, a) })
}

// setAll is set for n addresses, which of names with their interfaces, in order.
func (c *Conn) setAll(kind, flags, n int, which func(n int) (index int, a netspec.Address)) []error {
	return c.changes.askMany(kind, flags, n, func(i int, b []byte) []byte {
		index, a := which(i)
		return setting(b, kind, index, a)
	})
}

// setting appends a request about an address. It is built here, not by the
// library, which makes up a broadcast address where none is wanted and has no
// socket that says in words what was wrong.
func setting(b []byte, kind, index int, a netspec.Address) []byte {
	ip := a.Addr()
	family := unix.AF_INET
	if ip.Is6() {
		family = unix.AF_INET6
	}
	far := a.Prefix
	if a.Peer.IsValid() {
		far = a.Peer
	}
	b = append(b, byte(family), byte(far.Bits()), 0, byte(a.Scope)) // struct ifaddrmsg
	b = binary.NativeEndian.AppendUint32(b, uint32(index))
	b = attribute(b, unix.IFA_LOCAL, ip.AsSlice())
	b = attribute(b, unix.IFA_ADDRESS, far.Addr().AsSlice())
	if kind != unix.RTM_NEWADDR {
		return b
	}
	b = attribute(b, unix.IFA_FLAGS, binary.NativeEndian.AppendUint32(nil, kernelFlags(a)))
	b = attribute(b, ifaProto, []byte{netspec.Keepalived})
	if a.Limited {
		b = attribute(b, unix.IFA_CACHEINFO, (&nl.IfaCacheInfo{IfaCacheinfo: unix.IfaCacheinfo{
			Prefered: uint32(a.Preferred / time.Second), Valid: forever,
		}}).Serialize())
	}
	if ip.Is4() && a.Broadcast.IsValid() {
		b = attribute(b, unix.IFA_BROADCAST, a.Broadcast.AsSlice())
	}
	if ip.Is4() && a.Label != "" {
		b = attribute(b, unix.IFA_LABEL, append([]byte(a.Label), 0))
	}
	return b
}

// ifaProto is IFA_PROTO, which says who set an address: `ip address show proto 18` lists
// ours, and mostly those of keepalived 2.3.2 and later. Kernels before 5.18 pass over it.
const ifaProto = 11

// forever is a lifetime without end.
const forever = math.MaxUint32

// addressFlags are the kernel's flags for ours, in the order of netspec.
var addressFlags = [...]uint32{unix.IFA_F_HOMEADDRESS, unix.IFA_F_MANAGETEMPADDR, unix.IFA_F_NOPREFIXROUTE, unix.IFA_F_MCAUTOJOIN}

func kernelFlags(a netspec.Address) (flags uint32) {
	for i, f := range addressFlags {
		if a.Flags&(1<<i) != 0 {
			flags |= f
		}
	}
	if a.Addr().Is6() && !a.DAD {
		flags |= unix.IFA_F_NODAD
	}
	return flags
}

// absent reports whether err says that what was to be deleted is not there. ENXIO
// is that of an interface without IPv6.
func absent(err error) bool {
	return slices.ContainsFunc([]unix.Errno{unix.EADDRNOTAVAIL, unix.ENODEV, unix.ESRCH, unix.ENXIO}, func(e unix.Errno) bool {
		return errors.Is(err, e)
	})
}
