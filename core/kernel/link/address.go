//go:build linux

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
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
// broadcast address, wanted peer, flags or lifetime are others. One that stands
// under a peer is another address to the kernel; it stays beside one without.
//
// The error joins one for each address that does not stand; each names the
// address, its device and what the kernel said. It wraps ErrNoInterface when
// the device is not there.
func (c *Conn) Add(addresses ...netspec.Address) ([]Placed, error) {
	standing := make([]Placed, 0, len(addresses))
	var failed []error
	var state *State
	index := make(map[string]int)
	for _, a := range addresses {
		added, err := c.addNew(index, a)
		on := index[a.Device]
		if err == nil && !added {
			// Reading all addresses takes longer than adding one, so it is
			// done only for an address that is there already in some form.
			if state == nil {
				state, err = c.State()
			}
			if err == nil {
				on, err = c.add(state, a)
			}
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("add %s: %w", a, err))
			continue
		}
		standing = append(standing, Placed{a, on})
	}
	return standing, errors.Join(failed...)
}

// addNew adds an address that does not stand yet; it is not added, without
// error, when the kernel has it in some form, or may have it under a peer.
// index remembers the devices' indexes.
func (c *Conn) addNew(index map[string]int, a netspec.Address) (added bool, err error) {
	if a.Peer.IsValid() {
		return false, nil
	}
	look := c.Recent
	for {
		if _, known := index[a.Device]; !known {
			i, err := look(a.Device)
			if err != nil {
				return false, err
			}
			index[a.Device] = i.Index
		}
		err = c.set(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, index[a.Device], a)
		if errors.Is(err, unix.ENODEV) && c.recent.forget(a.Device) {
			// It was made anew since it was looked up.
			delete(index, a.Device)
			look = c.Interface
			continue
		}
		if errors.Is(err, unix.EEXIST) {
			return false, nil
		}
		return err == nil, err
	}
}

// add returns the index of the interface on which the address stands.
func (c *Conn) add(state *State, want netspec.Address) (index int, err error) {
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
	_, err := c.Withdraw(list...)
	return err
}

// Withdraw removes the addresses, and returns those that may still stand. One
// that is not there is no error, nor is an interface that is not there. The
// error joins one for each address that could not be removed.
//
// Without the sysctl promote_secondaries the kernel removes with the first
// address of a network on an interface all others of the same network.
func (c *Conn) Withdraw(list ...Placed) (left []Placed, err error) {
	var failed []error
	named := make(map[string]int)
	for _, p := range list {
		if err := c.withdraw(named, p); err != nil {
			failed = append(failed, fmt.Errorf("remove %s: %w", p.Address, err))
			left = append(left, p)
		}
	}
	return left, errors.Join(failed...)
}

// withdraw removes one address; named remembers the indexes of names, 0 for
// one that no interface has.
func (c *Conn) withdraw(named map[string]int, p Placed) error {
	index := p.Index
	if index == 0 {
		var known bool
		if index, known = named[p.Address.Device]; !known {
			i, err := c.Interface(p.Address.Device)
			if err != nil && !errors.Is(err, ErrNoInterface) {
				return err
			}
			index = i.Index
			named[p.Address.Device] = index
		}
		if index == 0 {
			return nil
		}
	}
	if err := c.set(unix.RTM_DELADDR, 0, index, p.Address); err != nil && !absent(err) {
		return err
	}
	return nil
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

// set adds or deletes one address. The request is built here, not by the
// library, which makes up a broadcast address where none is wanted and has no
// socket that says in words what was wrong.
func (c *Conn) set(kind, flags, index int, a netspec.Address) error {
	ip := a.Addr()
	family := unix.AF_INET
	if ip.Is6() {
		family = unix.AF_INET6
	}
	far := a.Prefix
	if a.Peer.IsValid() {
		far = a.Peer
	}
	return c.changes.ask(kind, flags, func(b []byte) []byte {
		msg := nl.NewIfAddrmsg(family)
		msg.Index, msg.Prefixlen, msg.Scope = uint32(index), uint8(far.Bits()), uint8(a.Scope)
		b = append(b, msg.Serialize()...)
		b = attribute(b, unix.IFA_LOCAL, ip.AsSlice())
		b = attribute(b, unix.IFA_ADDRESS, far.Addr().AsSlice())
		if kind != unix.RTM_NEWADDR {
			return b
		}
		b = attribute(b, unix.IFA_FLAGS, binary.NativeEndian.AppendUint32(nil, kernelFlags(a)))
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
	})
}

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
