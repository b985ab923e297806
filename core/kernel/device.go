//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/moonkeep/moonkeep/core/kernel/firewall"
	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// Devices has the interfaces stand that virtual routers have of their own, and
// none that was named before or that an earlier run left behind. One that
// stands as it is wanted is left alone; one that is deleted, or whose parent
// comes later, is made anew. The error says which could not be made ready. It is
// called before the first Watch, with none if there are none, and once before
// and once after a reload: first with those of both configurations.
func (k *Kernel) Devices(list []netspec.Device) error {
	before := k.devices.Devices()
	if k.kept && len(list) == len(before) && !slices.ContainsFunc(list, func(d netspec.Device) bool { return before[d.Name] != d }) {
		return nil // what could not be made is tried again by each look
	}
	k.kept = false
	both := maps.Clone(before)
	for _, d := range list {
		both[d.Name] = d
	}
	// What says nothing from its first moment to its last is silenced around
	// both.
	k.hush(both)
	if err := k.devices.Keep(list); err != nil {
		return fmt.Errorf("make the interfaces of virtual routers: %w", err)
	}
	if len(both) > len(list) || len(both) == 0 {
		k.hush(k.devices.Devices())
	}
	k.monitor.Poke()
	k.kept = true
	return nil
}

// RestoreSettings puts back what an earlier run changed and this one does not
// need. It is called when all that needs settings was told of it.
func (k *Kernel) RestoreSettings() error {
	// Whoever removes addresses may count on one of them.
	k.changing.Lock()
	defer k.changing.Unlock()
	return k.settings.RestoreAdopted()
}

// hush has the interfaces say nothing by themselves, and no others. Without it a
// switch may send a frame to the wrong node, now and then, which is no reason
// not to run. An ipvlan has the hardware address of its parent.
func (k *Kernel) hush(devices map[string]netspec.Device) {
	var sources []firewall.Source
	for _, d := range devices {
		if !d.IPVLAN() {
			sources = append(sources, firewall.Source{Device: d.Name, MAC: d.MAC})
		}
	}
	if len(sources) > 0 {
		k.watchTables()
	}
	if err := k.silence.Set(sources); err != nil {
		k.log.Warn("switches may take a backup for the master for a moment", "err", err)
	}
}

// fitDevices makes our own interfaces fit the state, and returns it, read anew
// if something changed.
func (k *Kernel) fitDevices(state *link.State, tick bool) (*link.State, error) {
	changed, err := k.devices.Fit(state, tick)
	if tick {
		err = errors.Join(err, k.silence.Restore())
	}
	unfit := ""
	if err != nil {
		unfit = err.Error()
		if unfit != k.unfit {
			k.log.Warn("cannot make the interfaces of virtual routers, will try again", "err", err)
		}
	}
	k.unfit = unfit
	if !changed {
		return state, nil
	}
	return k.conn.State()
}

// endDevices removes what Devices made.
func (k *Kernel) endDevices() error {
	if len(k.devices.Devices()) == 0 {
		return nil
	}
	return errors.Join(k.devices.Close(), k.silence.Set(nil))
}

// over makes what is told of a macvlan of ours that of a virtual router: its
// parent's link counts, and its parent's address is where adverts come from.
func over(l *node.Link, parent node.Link) {
	l.Up = l.Up && parent.Up
	l.Primary, l.Primary6 = parent.Primary, parent.Primary6
}
