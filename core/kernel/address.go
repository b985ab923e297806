//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/moonkeep/moonkeep/core/engine"
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
func (k *Kernel) Claim(list []engine.Holding, errs []error) {
	k.changing.Lock()
	defer k.changing.Unlock()
	clear(errs)
	k.mu.Lock()
	for i := range list {
		k.claims.want(&list[i])
	}
	k.mu.Unlock()
	var all []netspec.Address
	for i := range list {
		if list[i].NoAccept {
			errs[i] = k.shut(list[i].Addresses)
		}
		if errs[i] == nil {
			all = append(all, list[i].Addresses...)
		}
	}
	var spared []string
	on, failed := k.conn.AddAll(all, func(device string) {
		if !slices.Contains(spared, device) && k.spare(device) == nil {
			spared = append(spared, device)
		}
	})
	k.unspare(spared)
	rest := failed
	for i := range list {
		if errs[i] != nil {
			continue
		}
		for j, a := range list[i].Addresses {
			if a.NoTrack {
				k.serves(list[i].Instance, a.String(), rest[j])
			}
		}
		rest = rest[len(list[i].Addresses):]
	}
	var added, stale []link.Placed
	k.mu.Lock()
	for i := range list {
		if errs[i] != nil {
			continue
		}
		n := len(list[i].Addresses)
		added = added[:0]
		for j, a := range list[i].Addresses {
			if failed[j] == nil {
				added = append(added, link.Placed{Address: a, Index: on[j]})
			}
		}
		stale = append(stale, k.claims.stand(list[i].Instance, added)...)
		if missed(list[i].Addresses, failed[:n]) {
			errs[i] = errors.Join(failed[:n]...)
		}
		on, failed = on[n:], failed[n:]
	}
	k.mu.Unlock()
	// What is claimed does stand: that its old place is not clean is no failure
	// of the claim, and so is told here.
	if began, err := k.withdraw(stale, make(map[string]link.Interface)); began {
		k.log.Error("addresses could not be removed from an interface that was renamed, will try again", "err", errors.Join(err...))
	}
	for i := range list {
		if !list[i].NoAccept {
			errs[i] = errors.Join(errs[i], k.open(list[i].Addresses))
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("claim addresses of %s: %w", list[i].Instance, errs[i])
		}
	}
}

// Release implements engine.Kernel. An address that is still claimed for
// another instance stays. One that could not be removed is tried again on each
// tick until it is gone or claimed.
//
// An address is removed from the interface on which it was set, whatever name
// that has now, and from the one that has the name of its device.
func (k *Kernel) Release(list []engine.Holding, errs []error) {
	for i := range list {
		k.announcer.Drop(list[i].Instance, list[i].Addresses)
	}
	k.changing.Lock()
	defer k.changing.Unlock()
	clear(errs)
	named := make(map[string]link.Interface)
	var all []link.Placed
	var of []int // whose each of them is
	for i := range list {
		k.mu.Lock()
		free := k.claims.leave(list[i].Instance, list[i].Addresses)
		k.mu.Unlock()
		for _, p := range k.everywhere(free, named) {
			all, of = append(all, p), append(of, i)
		}
	}
	_, failed := k.withdraw(all, named)
	for n, err := range failed {
		if err != nil {
			errs[of[n]] = errors.Join(errs[of[n]], err)
		}
	}
	// Forgotten only now: while it stood, an address of ours must not be taken
	// for the interface's own.
	k.mu.Lock()
	for i := range list {
		k.claims.forget(list[i].Instance, list[i].Addresses)
		k.forgo(list[i].Instance, list[i].Addresses, netspec.Routing{})
	}
	k.mu.Unlock()
	for i := range list {
		errs[i] = errors.Join(errs[i], k.open(list[i].Addresses))
		if errs[i] != nil {
			errs[i] = fmt.Errorf("release addresses of %s: %w", list[i].Instance, errs[i])
		}
	}
}

// everywhere adds to each address whose interface has lost its name the one
// that has that name now; named remembers these. It leaves out what is claimed
// under the new name.
func (k *Kernel) everywhere(free []link.Placed, named map[string]link.Interface) []link.Placed {
	list := make([]link.Placed, 0, len(free))
	for _, p := range free {
		device := p.Address.Device
		if p.Index == 0 || p.Index == k.called(device, named).Index {
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

// called returns the interface that has the name now, and remembers it in named. One
// that cannot be read is as one that is not there: the removal by name says why.
func (k *Kernel) called(device string, named map[string]link.Interface) link.Interface {
	i, known := named[device]
	if !known {
		i, _ = k.conn.Interface(device)
		named[device] = i
	}
	return i
}

// withdraw removes the addresses, and no others, and notes which are due; named are
// interfaces that are known by their names. It reports whether
// one became due, or is for another reason, with the errors of each, and tells the
// log of each that is no longer. changing is held.
func (k *Kernel) withdraw(list []link.Placed, named map[string]link.Interface) (news bool, errs []error) {
	spared := k.spareOthers(list, named)
	errs = k.conn.Withdraw(list)
	k.unspare(spared)
	var gone []link.Placed
	k.mu.Lock()
	for n, p := range list {
		if errs[n] != nil {
			news = k.claims.owe(p, errs[n].Error()) || news
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
	return news, errs
}

// missed reports whether one of the addresses, of those that are tracked,
// failed. keepalived, too, takes none amiss that has no_track.
func missed(addresses []netspec.Address, failed []error) bool {
	for i, a := range addresses {
		if failed[i] != nil && !a.NoTrack {
			return true
		}
	}
	return false
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
		_, still := k.claims.due[p]
		k.mu.Unlock()
		if still {
			// Whoever made it due told why.
			if news, err := k.withdraw([]link.Placed{p}, make(map[string]link.Interface)); news {
				k.log.Error("an address could not be removed for another reason now, will try again", "err", errors.Join(err...))
			}
			if err := k.open([]netspec.Address{p.Address}); err != nil {
				k.log.Error("an address that was removed stays closed, will try again", "err", err)
			}
		}
		k.changing.Unlock()
	}
}
