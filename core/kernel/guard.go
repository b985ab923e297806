//go:build linux

package kernel

import (
	"cmp"
	"fmt"
	"maps"
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
		k.unremoved = nil
		return nil
	}
	removed, err := k.expel()
	for _, a := range removed {
		k.intruded(state, a)
	}
	return err
}

// expel removes the intruders, and returns which. looking is held.
func (k *Kernel) expel() (removed []intruder, err error) {
	// The state may be of before a release that has ended since, and a claim may
	// be under way: what counts is what stands while nothing changes.
	k.changing.Lock()
	defer k.changing.Unlock()
	state, err := k.conn.State()
	if err != nil {
		return nil, err
	}
	of := make(map[string][]intruder)
	for _, a := range k.intruders(state) {
		of[a.Device] = append(of[a.Device], a)
	}
	unremoved := make(map[place]string)
	for _, device := range slices.Sorted(maps.Keys(of)) {
		for n, err := range k.oust(state, device, of[device]) {
			a := of[device][n]
			if err == nil {
				removed = append(removed, a)
				continue
			}
			at, text := place{a.Device, a.Prefix}, err.Error()
			unremoved[at] = text
			if k.unremoved[at] != text {
				k.log.Error("cannot remove an address that "+a.told+", will try again", "err", err)
			}
		}
	}
	k.unremoved = unremoved
	return removed, nil
}

// oust removes intruders of a device, and leaves the others of their networks: the
// kernel would remove them with the first, and one of them may be the host's own. Where
// it cannot be told to leave them, one that has such others stays. The errors are those
// of each.
func (k *Kernel) oust(state *link.State, device string, list []intruder) []error {
	errs := make([]error, len(list))
	var unset error
	if slices.ContainsFunc(list, func(a intruder) bool { return leads(a.Address) }) {
		if unset = k.spare(device); unset == nil {
			defer k.unspare([]string{device})
		}
	}
	going := make(map[netspec.Address]bool, len(list))
	for _, a := range list {
		going[a.Address] = true
	}
	var placed []link.Placed
	var which []int
	for n, a := range list {
		if unset != nil {
			others := state.Followers(a.Address)
			if at := slices.IndexFunc(others, func(o netspec.Address) bool { return !going[o] }); at >= 0 {
				errs[n] = fmt.Errorf("remove %s: %s would go with it: %w", a.Address, others[at].Prefix, unset)
				continue
			}
		}
		placed, which = append(placed, link.Placed{Address: a.Address}), append(which, n)
	}
	for n, err := range k.conn.Withdraw(placed) {
		errs[which[n]] = err
	}
	return errs
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
