//go:build linux

package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// guardQuiet is how long it is not told again that an address was removed: who
// sets it may be a daemon that does so at once each time.
const guardQuiet = 10 * time.Second

// mostIntrusions bounds what is remembered for that. Beyond it some are told
// more often.
const mostIntrusions = 4096

// post is an address that is not to stand on a device, whatever its prefix length or
// peer: the host answers for all of them.
type post struct {
	addr   netip.Addr
	device string
}

// posts are in order: each address that stands is looked for, and either may be
// thousands.
type posts []post

func postsOf(addresses []netspec.Address) posts {
	list := make(posts, 0, len(addresses))
	for _, a := range addresses {
		list = append(list, post{a.Addr(), a.Device})
	}
	slices.SortFunc(list, func(a, b post) int { return cmp.Or(a.addr.Compare(b.addr), cmp.Compare(a.device, b.device)) })
	return list
}

// has reports whether an address that stands is one of them, on a device by that or
// another of its names.
func (p posts) has(a netspec.Address, state *link.State) bool {
	at, _ := slices.BinarySearchFunc(p, a.Addr(), func(x post, addr netip.Addr) int { return x.addr.Compare(addr) })
	for ; at < len(p) && p[at].addr == a.Addr(); at++ {
		if p[at].device == a.Device {
			return true
		}
		if i, exists := state.Find(p[at].device); exists && i.Name == a.Device {
			return true
		}
	}
	return false
}

// intruder is an address that stands where nobody claims it, with what is told of
// that.
type intruder struct {
	netspec.Address
	told string
}

// intrusion is an address that was removed because nobody claimed it.
type intrusion struct {
	told  time.Time
	since int // how often it was removed since that was told
}

// guard removes what of the guarded addresses stands without being claimed.
// looking is held.
func (k *Kernel) guard(state *link.State) error {
	if len(k.intruders(state)) == 0 {
		return nil
	}
	removed, err := k.expel()
	for _, a := range removed {
		k.intruded(state, a)
	}
	return err
}

// expel removes the intruders, and returns which.
func (k *Kernel) expel() (removed []intruder, err error) {
	// The state may be of before a release that has ended since, and a claim may
	// be under way: what counts is what stands while nothing changes.
	k.changing.Lock()
	defer k.changing.Unlock()
	state, err := k.conn.State()
	if err != nil {
		return nil, err
	}
	for _, a := range k.intruders(state) {
		if err := k.oust(a.Address); err != nil {
			k.log.Error("cannot remove an address that "+a.told+", will try again", "err", err)
			continue
		}
		removed = append(removed, a)
	}
	return removed, nil
}

// oust removes an address, and leaves the others of its network: the kernel would
// remove them with the first, and one of them may be the host's own.
func (k *Kernel) oust(a netspec.Address) error {
	network := a.Prefix
	if a.Peer.IsValid() {
		network = a.Peer
	}
	if !a.Addr().Is4() || network.IsSingleIP() {
		return k.conn.Remove(a)
	}
	setting := promoteSetting(a.Device)
	if err := k.settings.Set(setting, "1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := k.conn.Remove(a)
	k.mu.Lock()
	stays := k.promoted[a.Device]
	k.mu.Unlock()
	if !stays {
		if err := k.settings.Restore(setting); err != nil {
			k.log.Warn("cannot put promote_secondaries back", "err", err)
		}
	}
	return err
}

// intruded tells of an address that was removed, and of who may have set it.
func (k *Kernel) intruded(state *link.State, a intruder) {
	at := place{a.Device, a.Prefix}
	seen := k.intrusions[at]
	now := time.Now()
	if !seen.told.IsZero() && now.Sub(seen.told) < guardQuiet {
		seen.since++
		k.intrusions[at] = seen
		return
	}
	text := "removed " + a.Prefix.String() + " from " + a.Device + ": " + a.told
	if seen.since > 0 {
		text += fmt.Sprintf(", %d times since that was told", seen.since+1)
	}
	k.rivals.look(k.ns, func() {
		text := text
		if who := k.rivals.suspects(state, &node.Gone{Addresses: []netspec.Address{a.Address}}); who != "" {
			text += "; " + who
		}
		k.log.Warn(text, "address", a.Prefix.String(), "interface", a.Device)
	})
	if len(k.intrusions) >= mostIntrusions {
		clear(k.intrusions)
	}
	k.intrusions[at] = intrusion{told: now}
}

// intruders are the guarded addresses that stand in the state and that nobody
// claims, and those beneath that nobody claims there. Those that are due are tried
// again elsewhere.
func (k *Kernel) intruders(state *link.State) (list []intruder) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.watched == nil {
		return nil
	}
	for a := range state.Usable() {
		switch {
		case k.guarded.has(a, state) && !k.claims.has(a.Addr()):
			list = append(list, intruder{a, "somebody or an earlier run set it while this node is not its master"})
		case k.beneath.has(a, state) && !k.claims.standsFor(a, state):
			list = append(list, intruder{a, "somebody or an earlier run set it below the interface that it is to be on"})
		}
	}
	return list
}
