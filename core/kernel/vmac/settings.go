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

// setting is one of a device, with where it is in what the kernel tells of an
// interface.
type setting struct {
	family, name string
	want         uint32
	is           func(link.Settings) uint32
}

// most is how many settings a device has at most.
const most = 7

// own appends the settings of a device, in the order in which they are made.
//
// Traffic to a virtual address comes in on the device while the route back to
// its sender leads over the parent: rp_filter would drop it. Adverts of other
// nodes come from addresses that this host may have too (accept_local). The
// device answers ARP for its own addresses only (arp_ignore).
func own(list []setting, d netspec.Device) []setting {
	if d.IPv4 {
		list = append(list,
			setting{"ipv4", "rp_filter", 0, func(s link.Settings) uint32 { return s.RPFilter }},
			setting{"ipv4", "accept_local", 1, func(s link.Settings) uint32 { return s.AcceptLocal }},
			setting{"ipv4", "arp_ignore", 1, func(s link.Settings) uint32 { return s.ARPIgnore }},
			setting{"ipv4", "promote_secondaries", 1, func(s link.Settings) uint32 { return s.PromoteSecondaries }},
		)
	}
	if d.IPv6 && !d.IPVLAN() {
		// No address of its own may be made of the virtual hardware address,
		// which all nodes share (RFC 9568 7.4), nor by what a router tells. On a
		// device that is up, one would be made with IPv6.
		list = append(list,
			setting{"ipv6", "addr_gen_mode", 1, func(s link.Settings) uint32 { return s.AddrGenMode }},
			setting{"ipv6", "accept_ra", 0, func(s link.Settings) uint32 { return s.AcceptRA }},
		)
	}
	off := uint32(1)
	if d.IPv6 {
		off = 0
	}
	return append(list, setting{"ipv6", "disable_ipv6", off, func(s link.Settings) uint32 { return s.DisableIPv6 }})
}

// settled reports whether an interface has the settings of its device, as far as the
// kernel tells. It asks for nothing: others may set them at any time, as when
// systemd applies what is configured for all interfaces to a new one.
func settled(d netspec.Device, s link.Settings) bool {
	var list [most]setting // a thousand devices are looked at each time: no memory for that
	for _, o := range own(list[:0], d) {
		has := s.Has4
		if o.family == "ipv6" {
			has = s.Has6
		}
		if has && o.is(s) != o.want {
			return false
		}
	}
	return true
}

// settle makes the settings of a device. They go with it, so that nothing needs
// to be put back.
func (k *Keeper) settle(d netspec.Device) error {
	var failed []error
	for _, s := range own(nil, d) {
		err := k.settings.Put(s.family+"/conf/"+d.Name+"/"+s.name, strconv.Itoa(int(s.want)))
		if errors.Is(err, fs.ErrNotExist) && s.family == "ipv6" {
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
