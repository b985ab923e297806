//go:build linux

// Package vmac keeps the interfaces that virtual routers have of their own: a
// macvlan with the virtual router's hardware address (RFC 9568 7.3), or an
// ipvlan, on top of the interface that a configuration names.
//
// It creates them, adopts those that an earlier run left behind or somebody
// made beforehand, makes the settings without which the kernel would answer
// with the wrong hardware address or drop what comes in, makes an interface
// anew that was deleted, and at the end removes what it made and puts the
// settings back. What is its own it knows by a text on the interface, which
// outlives the process: no other interface is ever changed or removed.
//
// It sets no virtual address, sends nothing and does not watch: core/kernel
// drives it.
package vmac

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// ErrTaken is wrapped in the error of a device whose name is that of an
// interface which somebody else made for something else.
var ErrTaken = errors.New("there is another interface of that name: give use_vmac or use_ipvlan a name that is free")

// Keeper keeps the devices of one node in one network namespace. Its methods
// may be called by any goroutine; they wait for each other.
type Keeper struct {
	conn     *link.Conn
	settings *sysctl.Settings
	mark     string

	mu     sync.Mutex
	wanted map[string]netspec.Device
	// tuned holds, by name, the interface that was made ready for its device.
	tuned map[string]tuned
	// mtu is the parent's MTU at the last look, by the device's name.
	mtu map[string]int
	// around are the settings of parents that are made, moved those that took
	// the place of one for all interfaces.
	around, moved map[string]bool
	// lacked are the indexes of parents that lacked devices at the last look, by name.
	lacked map[string]int
}

// tuned is the index of an interface and the device for which it was made ready.
type tuned struct {
	index  int
	device netspec.Device
}

// New returns a keeper without devices. The mark is put on the interfaces that
// it makes; an interface that has it is taken for one of this node's. Conn and
// settings stay the caller's.
func New(conn *link.Conn, settings *sysctl.Settings, mark string) *Keeper {
	return &Keeper{
		conn: conn, settings: settings, mark: mark,
		wanted: make(map[string]netspec.Device), tuned: make(map[string]tuned), mtu: make(map[string]int),
		around: make(map[string]bool), moved: make(map[string]bool),
	}
}

// Keep has the devices stand, and no other of this node's. One that stands as
// it is wanted is left alone. A parent that is not there is no error: the
// device is made by Fit when the parent comes. The error joins one for each
// device that could not be made ready, and wraps ErrTaken or link.ErrNoKind
// where that is why.
func (k *Keeper) Keep(list []netspec.Device) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.wanted = make(map[string]netspec.Device, len(list))
	for _, d := range list {
		k.wanted[d.Name] = d
	}
	state, err := k.conn.State()
	if err != nil {
		return err
	}
	state, swept := k.sweep(state, true)
	_, err = k.fit(state, true)
	return errors.Join(swept, err)
}

// Fit makes the devices fit what was read of the kernel: those that are gone
// are made anew, those that somebody took down are set up, and their settings and
// addresses of their own are made again. With settings it looks at the settings of
// their parents too. It reports whether interfaces changed, so that the state is
// to be read again.
func (k *Keeper) Fit(state *link.State, settings bool) (changed bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.fit(state, settings)
}

// Devices returns the devices by their names.
func (k *Keeper) Devices() map[string]netspec.Device {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.wanted)
}

// Close removes what this node made. Settings of other interfaces are put back
// by who closes the settings.
func (k *Keeper) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.wanted) == 0 {
		return nil
	}
	clear(k.wanted)
	state, err := k.conn.State()
	if err != nil {
		return fmt.Errorf("remove the interfaces of virtual routers: %w", err)
	}
	_, err = k.sweep(state, false)
	return err
}

func (k *Keeper) remove(name string) error {
	delete(k.tuned, name)
	delete(k.mtu, name)
	if err := k.conn.Delete(name); err != nil && !errors.Is(err, link.ErrNoInterface) {
		return err
	}
	return nil
}

func (k *Keeper) fit(state *link.State, settings bool) (changed bool, err error) {
	var failed []error
	lacking, fresh := k.lacking(state)
	if settings || fresh { // a parent that is new has none yet
		failed = append(failed, k.surround(state))
	}
	if lacking {
		var swept error
		state, swept = k.sweep(state, false)
		failed = append(failed, swept)
	}
	for _, name := range slices.Sorted(maps.Keys(k.wanted)) {
		did, err := k.fitOne(state, k.wanted[name])
		changed = changed || did
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", k.wanted[name], err))
		}
	}
	return changed, errors.Join(failed...)
}

// lacking reports whether a device is to be made, and whether one is on a parent that
// lacked none at the last look. What is this node's under names that are not wanted goes
// first: somebody may have given the device another one, and no second interface with
// its hardware address could be set up beside it.
func (k *Keeper) lacking(state *link.State) (lacking, fresh bool) {
	var parents map[string]int
	for name, d := range k.wanted {
		i, exists := state.Find(name)
		if parent, there := state.Find(d.Parent); there && (!exists || i.Alias == k.mark && !k.fits(i, parent, d)) {
			if parents == nil {
				parents = make(map[string]int)
			}
			parents[d.Parent] = parent.Index
			fresh = fresh || k.lacked[d.Parent] != parent.Index
		}
	}
	k.lacked = parents
	return len(parents) > 0, fresh
}

// sweep removes what is this node's and not wanted, or not as it is wanted, which
// fitOne makes anew: two devices may have changed places. At first that is also
// an ipvlan of an earlier run that has not the address of its own. It returns the
// state as it is then.
func (k *Keeper) sweep(state *link.State, first bool) (*link.State, error) {
	var failed []error
	removed := false
	for i := range state.All() {
		if i.Alias != k.mark {
			continue
		}
		d, wanted := k.wanted[i.Name]
		parent, there := state.Find(d.Parent)
		if wanted && (!there || k.fits(i, parent, d)) {
			_, known := k.tuned[i.Name]
			if !first || !there || known || !d.Address.IsValid() || state.Has(i.Index, d.Address.Addr()) {
				continue
			}
		}
		removed = true
		failed = append(failed, k.remove(i.Name))
	}
	if removed {
		after, err := k.conn.State()
		failed = append(failed, err)
		if err == nil {
			state = after
		}
	}
	return state, errors.Join(failed...)
}

func (k *Keeper) fitOne(state *link.State, d netspec.Device) (changed bool, err error) {
	parent, exists := state.Find(d.Parent)
	if !exists {
		return false, nil
	}
	i, exists := state.Find(d.Name)
	// Below that there is no IPv6 on an interface, and when there is again the
	// settings are gone: too late for addr_gen_mode.
	const least6 = 1280
	stunted := d.IPv6 && i.Alias == k.mark && i.MTU < least6 && parent.MTU >= least6
	if exists && (stunted || !k.fits(i, parent, d)) {
		if i.Alias != k.mark {
			return false, ErrTaken
		}
		if err := k.remove(d.Name); err != nil {
			return true, err
		}
		exists = false
	}
	if !exists {
		if i, err = k.create(d); err != nil {
			return true, err
		}
		changed = true
	}
	// The kernel lowers the MTU of a device with its parent's, and does not raise
	// it again.
	if before := k.mtu[d.Name]; before != 0 && before != parent.MTU && i.MTU < parent.MTU && i.Alias == k.mark {
		changed = true
		if err := k.conn.SetMTU(d.Name, parent.MTU); err != nil {
			return true, err
		}
	}
	k.mtu[d.Name] = parent.MTU
	if k.tuned[d.Name] != (tuned{i.Index, d}) {
		changed = true
		if err := k.tune(d, i); err != nil {
			return true, err
		}
		k.tuned[d.Name] = tuned{i.Index, d}
	} else if did, err := k.mend(state, d, i); err != nil || did {
		changed = true
		if err != nil {
			return true, err
		}
	}
	if !d.IPVLAN() && !bytes.Equal(i.MAC, d.MAC[:]) {
		changed = true
		if err := k.conn.SetMAC(d.Name, d.MAC[:]); err != nil {
			return true, err
		}
	}
	// A device in another VRF than its parent would hear nothing.
	vrf := state.Name(parent.Master)
	if m, _ := state.Find(vrf); m.Kind != link.VRF {
		return changed, nil
	}
	if i.Master != parent.Master {
		return true, k.conn.SetMaster(d.Name, vrf)
	}
	return changed, nil
}

// mend puts right what others changed of an interface that was tuned. Settings do
// not count as a change.
func (k *Keeper) mend(state *link.State, d netspec.Device, i link.Interface) (changed bool, err error) {
	if !settled(d, i.Settings) {
		err = k.settle(d)
		own := netspec.Address{Prefix: generated(d), Device: d.Name}
		// A virtual address may be the same. It is set without detection of duplicates,
		// and the kernel's is with it.
		virtual := func(a netspec.Address) bool { return a.Prefix == own.Prefix && !a.DAD }
		if d.IPv6 && !d.IPVLAN() && i.Settings.AddrGenMode == 0 && !slices.ContainsFunc(state.Addresses(i.Index), virtual) {
			err = errors.Join(err, k.conn.Remove(own))
		}
	}
	if !i.Enabled && i.Alias == k.mark {
		// Nobody but us may say whether it serves.
		changed = true
		err = errors.Join(err, k.conn.SetUp(d.Name))
	}
	if d.Address.IsValid() && !state.Has(i.Index, d.Address.Addr()) {
		changed = true
		err = errors.Join(err, k.address(d))
	}
	return changed, err
}

// generated is the link-local address that the kernel makes of a hardware address
// while addr_gen_mode is 0 (RFC 4291 appendix A).
func generated(d netspec.Device) netip.Prefix {
	m := d.MAC
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]}), 64)
}

// address has an ipvlan's own address stand.
func (k *Keeper) address(d netspec.Device) error {
	_, err := k.conn.Add(netspec.Address{Prefix: d.Address, Device: d.Name})
	return err
}

// fits reports whether the interface is what the device should be, but for what
// can be changed. The mode of an ipvlan that was made is not looked at again: one
// of the same parent that was made later has changed it.
func (k *Keeper) fits(i, parent link.Interface, d netspec.Device) bool {
	if d.IPVLAN() {
		t := k.tuned[d.Name]
		made := t.index == i.Index && t.device.Mode == d.Mode
		return i.Kind == link.IPVLAN && i.Parent == parent.Index && (made || i.Mode == uint16(d.Mode))
	}
	return i.Kind == link.MACVLAN && i.Parent == parent.Index && i.Private
}

// create makes the interface and leaves it administratively down.
func (k *Keeper) create(d netspec.Device) (link.Interface, error) {
	var err error
	if d.IPVLAN() {
		err = k.conn.AddIPVLAN(d.Name, d.Parent, uint16(d.Mode))
	} else {
		err = k.conn.AddMACVLAN(d.Name, d.Parent, d.MAC[:])
	}
	if err != nil {
		return link.Interface{}, err
	}
	if err := k.conn.SetAlias(d.Name, k.mark); err != nil {
		return link.Interface{}, errors.Join(err, k.remove(d.Name))
	}
	return k.conn.Interface(d.Name)
}

// tune makes an interface ready that was created, is adopted, or was for a device
// that is another one now, and sets it up.
func (k *Keeper) tune(d netspec.Device, i link.Interface) error {
	var was netspec.Device
	if t := k.tuned[d.Name]; t.index == i.Index {
		was = t.device
	}
	if err := k.settle(d); err != nil {
		return err
	}
	if d.Group != "" || i.Group != 0 && i.Alias == k.mark {
		group, err := groupNumber(cmp.Or(d.Group, "0"))
		if err == nil {
			err = k.conn.SetGroup(d.Name, group)
		}
		if err != nil {
			return err
		}
	}
	if !i.Enabled {
		if err := k.conn.SetUp(d.Name); err != nil {
			return err
		}
	}
	if d.Address.IsValid() {
		if err := k.address(d); err != nil {
			return err
		}
	}
	if was.Address.IsValid() && was.Address != d.Address {
		return k.conn.Remove(netspec.Address{Prefix: was.Address, Device: d.Name})
	}
	return nil
}
