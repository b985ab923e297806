//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// Claim implements engine.Kernel. The loss of those addresses that do stand is
// reported even if others failed. An address may be claimed for several
// instances; it is the same address. One that was set on an interface which
// has lost its name to another is removed there.
//
// One that packets are dropped to for any of its claims is closed for all, and
// stays so until it is removed.
func (k *Kernel) Claim(instance string, addresses []netspec.Address, noAccept bool) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	k.mu.Lock()
	k.claims.want(instance, addresses, noAccept)
	k.mu.Unlock()
	if noAccept {
		if err := k.shut(addresses); err != nil {
			return fmt.Errorf("claim addresses of %s: %w", instance, err)
		}
	}
	added, err := k.conn.Add(addresses...)
	k.mu.Lock()
	stale := k.claims.stand(instance, added)
	k.mu.Unlock()
	// What is claimed does stand: that its old place is not clean is no failure
	// of the claim, and so is told here.
	if began, err := k.withdraw(stale); began {
		k.log.Error("addresses could not be removed from an interface that was renamed, will try again", "err", err)
	}
	if err != nil && !missed(addresses, added) {
		// keepalived, too, takes none amiss that has no_track.
		err = nil
	}
	if !noAccept {
		err = errors.Join(err, k.open(addresses))
	}
	if err != nil {
		return fmt.Errorf("claim addresses of %s: %w", instance, err)
	}
	return nil
}

// Release implements engine.Kernel. An address that is still claimed for
// another instance stays. One that could not be removed is tried again on each
// tick until it is gone or claimed.
//
// An address is removed from the interface on which it was set, whatever name
// that has now, and from the one that has the name of its device.
func (k *Kernel) Release(instance string, addresses []netspec.Address) error {
	k.announcer.Drop(instance, addresses)
	k.changing.Lock()
	defer k.changing.Unlock()
	k.mu.Lock()
	free := k.claims.leave(instance, addresses)
	k.mu.Unlock()
	_, err := k.withdraw(k.everywhere(free))
	// Forgotten only now: while it stood, an address of ours must not be taken
	// for the interface's own.
	k.mu.Lock()
	k.claims.forget(instance, addresses)
	k.mu.Unlock()
	err = errors.Join(err, k.open(addresses))
	if err != nil {
		return fmt.Errorf("release addresses of %s: %w", instance, err)
	}
	return nil
}

// everywhere adds to each address whose interface has lost its name the one
// that has that name now. It leaves out what is claimed under the new name.
func (k *Kernel) everywhere(free []link.Placed) []link.Placed {
	list := make([]link.Placed, 0, len(free))
	named := make(map[string]int)
	for _, p := range free {
		device := p.Address.Device
		if _, known := named[device]; !known {
			// A name that cannot be read is left to the removal by name, which
			// says why.
			i, _ := k.conn.Interface(device)
			named[device] = i.Index
		}
		if p.Index == 0 || p.Index == named[device] {
			list = append(list, p)
			continue
		}
		k.mu.Lock()
		held := k.claims.holds(p)
		k.mu.Unlock()
		if !held {
			list = append(list, p)
		}
		list = append(list, link.Placed{Address: p.Address})
	}
	return list
}

// withdraw removes the addresses and notes which are due. It reports whether
// one became due, and tells the log of each that is no longer. changing is
// held.
func (k *Kernel) withdraw(list []link.Placed) (began bool, err error) {
	left, err := k.conn.Withdraw(list...)
	stays := set(left)
	var gone []link.Placed
	k.mu.Lock()
	for _, p := range list {
		if stays[p] {
			began = k.claims.owe(p) || began
		} else if k.claims.settle(p) {
			gone = append(gone, p)
		}
	}
	k.mu.Unlock()
	var removed []netspec.Address
	for _, p := range gone {
		removed = append(removed, p.Address)
		k.log.Info("removed an address that could not be removed before", "address", p.Address.Prefix.String(), "interface", p.Address.Device)
	}
	if len(removed) > 0 {
		k.sink.Removed(removed, netspec.Routing{})
	}
	return began, err
}

// missed reports whether one of the addresses, of those that are tracked, is
// not among the added.
func missed(addresses []netspec.Address, added []link.Placed) bool {
	return slices.ContainsFunc(addresses, func(a netspec.Address) bool {
		return !a.NoTrack && !slices.ContainsFunc(added, func(p link.Placed) bool { return p.Address == a })
	})
}

// retry tries to remove what is due. The lock is taken for each address alone:
// a claim must not wait for all of them.
func (k *Kernel) retry() {
	k.mu.Lock()
	due := slices.Collect(maps.Keys(k.claims.due))
	k.mu.Unlock()
	for _, p := range due {
		k.changing.Lock()
		k.mu.Lock()
		still := k.claims.due[p]
		k.mu.Unlock()
		if still {
			// Whoever made it due told why; a failure now is no news.
			_, _ = k.withdraw([]link.Placed{p})
			if err := k.open([]netspec.Address{p.Address}); err != nil {
				k.log.Error("an address that was removed stays closed, will try again", "err", err)
			}
		}
		k.changing.Unlock()
	}
}
