//go:build linux

package vmac

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// own are the settings of a device, by family, with what they are for.
//
// Traffic to a virtual address comes in on the device while the route back to
// its sender leads over the parent: rp_filter would drop it. Adverts of other
// nodes come from addresses that this host may have too (accept_local). The
// device answers ARP for its own addresses only (arp_ignore).
func own(d netspec.Device) (list [][2]string) {
	add := func(family, name, value string) {
		list = append(list, [2]string{family + "/conf/" + d.Name + "/" + name, value})
	}
	if d.IPv4 {
		add("ipv4", "rp_filter", "0")
		add("ipv4", "accept_local", "1")
		add("ipv4", "arp_ignore", "1")
		add("ipv4", "promote_secondaries", "1")
	}
	switch {
	case !d.IPv6:
		add("ipv6", "disable_ipv6", "1")
	case !d.IPVLAN():
		// No address of its own may be made of the virtual hardware address,
		// which all nodes share (RFC 9568 7.4), nor by what a router tells.
		add("ipv6", "disable_ipv6", "0")
		add("ipv6", "addr_gen_mode", "1")
		add("ipv6", "accept_ra", "0")
	}
	return list
}

// settle makes the settings of a device. They go with it, so that nothing needs
// to be put back.
func (k *Keeper) settle(d netspec.Device) error {
	var failed []error
	for _, s := range own(d) {
		err := k.settings.Put(s[0], s[1])
		if errors.Is(err, fs.ErrNotExist) && s[0][:4] == "ipv6" {
			continue // this kernel has no IPv6
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// everywhere is the setting that counts for each interface beside its own.
const (
	everywhere = "ipv4/conf/all/rp_filter"
	later      = "ipv4/conf/default/rp_filter"
)

// surround makes the settings of the parents, and of all interfaces, that IPv4
// devices need, and puts back what is needed no more. A parent does not answer
// ARP for addresses of its devices (arp_ignore, arp_filter).
func (k *Keeper) surround(state *link.State) error {
	var failed []error
	parents := make(map[string]bool)
	for _, d := range k.wanted {
		if d.IPv4 {
			parents[d.Parent] = true
		}
	}
	need := make(map[string]bool)
	for _, p := range slices.Sorted(maps.Keys(parents)) {
		for _, setting := range [...]string{"arp_ignore", "arp_filter"} {
			failed = append(failed, k.set(need, "ipv4/conf/"+p+"/"+setting, "1"))
		}
	}
	if len(parents) > 0 {
		failed = append(failed, k.unfilter(state))
	} else {
		failed = append(failed, k.putBack(k.moved))
		clear(k.moved)
	}
	for name := range need {
		delete(k.around, name)
	}
	failed = append(failed, k.putBack(k.around))
	k.around = need
	return errors.Join(failed...)
}

// set makes a setting and notes it. One whose interface is not there is no
// error.
func (k *Keeper) set(made map[string]bool, name, value string) error {
	made[name] = true
	if err := k.settings.Set(name, value); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (k *Keeper) putBack(made map[string]bool) error {
	var failed []error
	for _, name := range slices.Sorted(maps.Keys(made)) {
		failed = append(failed, k.settings.Restore(name))
	}
	return errors.Join(failed...)
}

// unfilter moves the reverse path filter that counts for all interfaces to each
// of them, because a device could not do without it otherwise. The greater of
// both values counts (Documentation/networking/ip-sysctl of Linux).
func (k *Keeper) unfilter(state *link.State) error {
	all, err := k.number(everywhere)
	if err != nil || all == 0 {
		return err
	}
	move := []string{later}
	for i := range state.All() {
		if _, device := k.wanted[i.Name]; !device {
			move = append(move, "ipv4/conf/"+i.Name+"/rp_filter")
		}
	}
	for _, name := range move {
		if has, err := k.number(name); err == nil && has < all {
			if err := k.set(k.moved, name, strconv.Itoa(all)); err != nil {
				return err
			}
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return k.set(k.moved, everywhere, "0")
}

func (k *Keeper) number(name string) (int, error) {
	text, err := k.settings.Read(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("setting net/%s: %w", name, err)
	}
	return n, nil
}
