//go:build linux

package kernel

import (
	"errors"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/firewall"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// restoredGap is the least time between two lines of the log that the packet
// filter was put back; the next tells how often that was since the last.
const restoredGap = time.Second

// CheckFilter reports whether this kernel can drop packets to addresses that are
// claimed with noAccept. The error wraps firewall.ErrUnavailable if it lacks
// nftables.
func (k *Kernel) CheckFilter() error { return k.firewall.Check() }

// clear removes the filter that an earlier run left behind. That waits for the
// first Watch: until then addresses of that run may stand, which nobody answers
// for. Whoever has addresses with noAccept asked CheckFilter; to all others a
// filter that cannot be removed is no reason not to run, for mostly there is none.
func (k *Kernel) clear() {
	if k.cleared {
		return
	}
	k.cleared = true
	if err := k.firewall.Reset(); err != nil {
		k.tables.Lock()
		defer k.tables.Unlock()
		k.tables.unrestored = err.Error()
		k.log.Warn("cannot remove the packet filter of an earlier run: what it dropped stays dropped, will try again", "err", err)
	}
}

// watchTables has what others take from our tables of nftables come back at
// once. It may be called again. Without it that waits for the next tick.
func (k *Kernel) watchTables() {
	k.tables.Lock()
	defer k.tables.Unlock()
	if k.tables.watcher != nil {
		return
	}
	w, err := firewall.Watch(k.ns, []string{k.firewall.Name(), k.silence.Name()}, k.restoreTables)
	switch {
	case err == nil:
		k.tables.watcher = w
	case err.Error() != k.tables.failing:
		k.tables.failing = err.Error()
		k.log.Warn("cannot watch the packet filter: what another program removes from it comes back within seconds, not at once", "err", err)
	}
}

// restoreTables puts back what another program took from our tables.
func (k *Kernel) restoreTables() {
	k.restoreFilter()
	if err := k.silence.Restore(); err != nil {
		k.log.Warn("interfaces with a virtual hardware address may tell of themselves, will try again", "err", err)
	}
}

// shut has packets to the addresses dropped.
func (k *Kernel) shut(addresses []netspec.Address) error {
	k.watchTables()
	list := make([]firewall.Destination, 0, len(addresses))
	for _, a := range addresses {
		list = append(list, destination(a))
	}
	return k.firewall.Drop(list...)
}

// open has packets accepted to those of the addresses that nothing keeps
// closed. changing is held.
func (k *Kernel) open(addresses []netspec.Address) error {
	k.mu.Lock()
	list := k.claims.opened(addresses)
	k.mu.Unlock()
	return k.firewall.Pass(list...)
}

// restoreFilter puts back what another program took from the filter.
func (k *Kernel) restoreFilter() {
	restored, err := k.firewall.Restore()
	k.tables.Lock()
	defer k.tables.Unlock()
	before := k.tables.unrestored
	if k.tables.unrestored = ""; err != nil {
		k.tables.unrestored = err.Error()
	}
	switch {
	case err != nil && err.Error() == before:
	case errors.Is(err, firewall.ErrStays):
		k.log.Warn("cannot remove the packet filter: what it dropped stays dropped, will try again", "err", err)
	case err != nil:
		k.log.Error("packets to addresses with no_accept may be answered: will try again", "err", err)
	case restored:
		k.tables.restored++
		if now := time.Now(); now.Sub(k.tables.told) >= restoredGap {
			k.log.Warn("another program removed or changed the packet filter for addresses with no_accept: put it back", "times", k.tables.restored)
			k.tables.told, k.tables.restored = now, 0
		}
	}
}
