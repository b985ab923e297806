//go:build linux

package kernel

import (
	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// guard removes what of the guarded addresses stands without being claimed.
func (k *Kernel) guard(state *link.State) error {
	if len(k.intruders(state)) == 0 {
		return nil
	}
	// The state may be of before a release that has ended since, and a claim may
	// be under way: what counts is what stands while nothing changes.
	k.changing.Lock()
	defer k.changing.Unlock()
	state, err := k.conn.State()
	if err != nil {
		return err
	}
	for _, a := range k.intruders(state) {
		if err := k.conn.Remove(a); err != nil {
			k.log.Error("cannot remove an address that somebody set while this node is not its master, will try again", "err", err)
			continue
		}
		k.log.Warn("removed "+a.Prefix.String()+" from "+a.Device+": somebody set it while this node is not its master",
			"address", a.Prefix.String(), "interface", a.Device)
	}
	return nil
}

// intruders are the guarded addresses that stand in the state and that nobody
// claims. Those that are due are tried again elsewhere.
func (k *Kernel) intruders(state *link.State) (list []netspec.Address) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.watched == nil {
		return nil
	}
	look := func(a netspec.Address) {
		if !k.claims.has(a.Addr()) && state.Stands(a) {
			list = append(list, a)
		}
	}
	for _, g := range k.guarded {
		look(netspec.Address{Device: g.device, Prefix: g.prefix})
	}
	for _, a := range k.guardedPeers {
		look(a)
	}
	return list
}
