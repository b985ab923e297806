//go:build linux

package kernel

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"slices"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// promoteSetting has the kernel, when the first address of a network leaves an
// interface, keep the others of that network. Without it they go, too.
func promoteSetting(device string) string { return "ipv4/conf/" + device + "/promote_secondaries" }

// Promote has the interfaces keep other addresses of a network when the first
// of it is removed (keepalived's promote_secondaries). What was named before and
// is not now is put back to what it was; so is all at Close. An interface that
// comes later is set when it comes.
func (k *Kernel) Promote(devices []string) error {
	// Whoever removes addresses may have set it for that time.
	k.changing.Lock()
	defer k.changing.Unlock()
	k.mu.Lock()
	before := k.promoted
	k.promoted = set(devices)
	k.mu.Unlock()
	var failed []error
	for _, device := range slices.Sorted(maps.Keys(before)) {
		if !slices.Contains(devices, device) {
			failed = append(failed, k.settings.Restore(promoteSetting(device)))
		}
	}
	return errors.Join(append(failed, k.promote())...)
}

// leads reports whether others may be in the network of an address, which the kernel
// removes with it if it is the first.
func leads(a netspec.Address) bool {
	return a.Addr().Is4() && (a.Peer.IsValid() || !a.Prefix.IsSingleIP())
}

// spareOthers has the kernel leave the others of the networks of addresses that are to
// be removed: one may be the host's own, or another instance's. It returns the devices
// whose setting unspare is to put back. What cannot be set was told of, and does not
// keep the addresses here: another node has them by now.
//
// Each device costs two files that are written. Where there are several, those are left
// out that have no others: what stands is read once for all. changing is held.
func (k *Kernel) spareOthers(list []link.Placed, named map[string]link.Interface) (spared []string) {
	seen := make(map[link.Placed]bool) // by device and index alone
	var devices []string
	for _, p := range list {
		at := link.Placed{Address: netspec.Address{Device: p.Address.Device}, Index: p.Index}
		if !leads(p.Address) || seen[at] {
			continue
		}
		seen[at] = true
		i := k.called(p.Address.Device, named)
		if p.Index != 0 && p.Index != i.Index {
			// It has another name now. If it cannot be read, it is gone.
			i, _ = k.conn.InterfaceAt(p.Index)
		}
		if i.Index == 0 || i.Settings.PromoteSecondaries != 0 {
			continue
		}
		devices = append(devices, i.Name)
	}
	if len(devices) == 0 {
		return nil
	}
	// If it cannot be read, that of the device says why.
	if all, _ := k.settings.Read(promoteSetting("all")); all == "1" {
		return nil
	}
	slices.Sort(devices)
	devices = slices.Compact(devices)
	if len(devices) > 1 {
		// If it cannot be read, none is left out.
		if state, err := k.conn.State(); err == nil {
			of := byDevice(state, list)
			devices = slices.DeleteFunc(devices, func(device string) bool { return alone(state, of[device]) })
		}
	}
	for _, device := range devices {
		if k.spare(device) == nil {
			spared = append(spared, device)
		}
	}
	return spared
}

// byDevice are the addresses that leads holds for, by the names that their interfaces have
// in the state, which are their devices then.
func byDevice(state *link.State, list []link.Placed) map[string][]netspec.Address {
	of := make(map[string][]netspec.Address)
	for _, p := range list {
		if !leads(p.Address) {
			continue
		}
		on, _ := state.Find(p.Address.Device)
		a := p.Address
		a.Device = cmp.Or(state.Name(p.Index), on.Name)
		of[a.Device] = append(of[a.Device], a)
	}
	return of
}

// alone reports whether none but those of the list, which are of one device, would leave it
// with them.
func alone(state *link.State, list []netspec.Address) bool {
	for _, a := range list {
		for _, follower := range state.Followers(a) {
			if !slices.ContainsFunc(list, func(b netspec.Address) bool { return b.Prefix == follower.Prefix && b.Peer == follower.Peer }) {
				return false
			}
		}
	}
	return true
}

// spare has the kernel leave the others of a network when its first address leaves the
// device, until unspare. Why it cannot is told once. changing is held.
func (k *Kernel) spare(device string) error {
	err := k.settings.Set(promoteSetting(device), "1")
	if err == nil || errors.Is(err, fs.ErrNotExist) { // then the device is gone
		delete(k.unspared, device)
		return nil
	}
	if text := err.Error(); k.unspared[device] != text {
		k.unspared[device] = text
		k.log.Warn("cannot set promote_secondaries: the kernel removes other addresses of a network with its first", "err", err)
	}
	return err
}

// unspare puts the settings of devices back, unless they are to stay. changing is held.
func (k *Kernel) unspare(devices []string) {
	for _, device := range devices {
		k.mu.Lock()
		stays := k.promoted[device]
		k.mu.Unlock()
		if stays {
			continue
		}
		if err := k.settings.Restore(promoteSetting(device)); err != nil {
			k.log.Warn("cannot put promote_secondaries back", "err", err)
		}
	}
}

// reports is the setting of whether the kernel reports its membership of
// link-local groups, that of VRRP among them.
const reports = "ipv4/igmp_link_local_mcast_reports"

// DisableReports keeps the kernel from telling of link-local groups that are
// joined (keepalived's disable_local_igmp), or, with false, puts that back to what
// it was; so does Close.
func (k *Kernel) DisableReports(on bool) error {
	if on {
		return k.settings.Set(reports, "0")
	}
	return k.settings.Restore(reports)
}

// promote sets what is to be promoted and there.
func (k *Kernel) promote() error {
	k.mu.Lock()
	devices := slices.Sorted(maps.Keys(k.promoted))
	k.mu.Unlock()
	var failed []error
	for _, device := range devices {
		if err := k.settings.Set(promoteSetting(device), "1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
