//go:build linux

package kernel

import (
	"fmt"

	"github.com/moonkeep/moonkeep/core/kernel/firewall"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// CheckFilter reports whether this kernel can drop packets to addresses that are
// claimed with noAccept. The error wraps firewall.ErrUnavailable if it lacks
// nftables.
func (k *Kernel) CheckFilter() error { return k.firewall.Check() }

// clear removes the filter that an earlier run left behind. That waits for the
// first Watch: until then addresses of that run may stand, which nobody answers
// for.
func (k *Kernel) clear() error {
	if k.cleared {
		return nil
	}
	if err := k.firewall.Reset(); err != nil {
		return fmt.Errorf("remove the packet filter of an earlier run: %w", err)
	}
	k.cleared = true
	return nil
}

// shut has packets to the addresses dropped.
func (k *Kernel) shut(addresses []netspec.Address) error {
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
	switch {
	case err != nil:
		k.log.Error("packets to addresses with no_accept may be answered: will try again", "err", err)
	case restored:
		k.log.Warn("another program removed or changed the packet filter for addresses with no_accept: put it back")
	}
}
