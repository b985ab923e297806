//go:build linux

package kernel

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// claims is the list of claimed addresses.
//
// A claim is compared only with a state that began to be read after the claim
// was made: an older one shows what was before it, and would call lost what
// is not there yet. epoch tells the two apart; it counts readings.
type claims struct {
	epoch uint64
	all   map[key]*claim
	// at counts the claims for each address on a device, of for each address
	// wherever it is to stand.
	at map[place]int
	of map[netip.Addr]int
}

// place is what netspec.Address.Same compares.
type place struct {
	device string
	prefix netip.Prefix
}

// key is one address claimed for one instance.
type key struct {
	instance string
	place
}

type claim struct {
	address netspec.Address
	// standing is true from a successful Claim to Release. Only then is the
	// loss of the address news.
	standing bool
	// since is the epoch in which it began to stand.
	since uint64
	// lost is true when its loss was reported and it did not stand since.
	lost bool
}

func newClaims() claims {
	return claims{all: make(map[key]*claim), at: make(map[place]int), of: make(map[netip.Addr]int)}
}

func keyOf(instance string, a netspec.Address) key {
	return key{instance, place{a.Device, a.Prefix}}
}

// begin says that the kernel is about to be read, and returns the number by
// which missing knows that reading.
func (c *claims) begin() uint64 {
	c.epoch++
	return c.epoch
}

// want notes addresses before they are added.
func (c *claims) want(instance string, addresses []netspec.Address) {
	for _, a := range addresses {
		k := keyOf(instance, a)
		if c.all[k] == nil {
			c.at[k.place]++
			c.of[a.Addr()]++
		}
		c.all[k] = &claim{address: a}
	}
}

// stand notes that wanted addresses were added.
func (c *claims) stand(instance string, addresses []netspec.Address) {
	for _, a := range addresses {
		own := c.all[keyOf(instance, a)]
		own.standing = true
		own.since = c.epoch
	}
}

// leave says that the instance's addresses are about to be removed, and
// returns those that nobody else claims.
func (c *claims) leave(instance string, addresses []netspec.Address) []netspec.Address {
	var free []netspec.Address
	for _, a := range addresses {
		k := keyOf(instance, a)
		others := c.at[k.place]
		if own := c.all[k]; own != nil {
			own.standing = false
			others--
		}
		if others == 0 {
			free = append(free, a)
		}
	}
	return free
}

// forget ends the claims.
func (c *claims) forget(instance string, addresses []netspec.Address) {
	for _, a := range addresses {
		k := keyOf(instance, a)
		if c.all[k] == nil {
			continue
		}
		delete(c.all, k)
		if c.at[k.place]--; c.at[k.place] == 0 {
			delete(c.at, k.place)
		}
		if c.of[a.Addr()]--; c.of[a.Addr()] == 0 {
			delete(c.of, a.Addr())
		}
	}
}

// has reports whether the address is claimed, on whatever device.
func (c *claims) has(a netip.Addr) bool { return c.of[a] > 0 }

// missing returns the claimed addresses that do not stand in the state of that
// reading, an event for each instance, in order of name. One that was returned
// before is returned again only if again is true.
func (c *claims) missing(state *link.State, reading uint64, again bool) []*node.Gone {
	gone := make(map[string]*node.Gone)
	for k, claim := range c.all {
		if !claim.standing || claim.since >= reading {
			continue
		}
		if state.Stands(claim.address) {
			claim.lost = false
			continue
		}
		if claim.lost && !again {
			continue
		}
		claim.lost = true
		if gone[k.instance] == nil {
			gone[k.instance] = &node.Gone{Instance: k.instance}
		}
		gone[k.instance].Addresses = append(gone[k.instance].Addresses, claim.address)
	}
	list := make([]*node.Gone, 0, len(gone))
	for _, g := range gone {
		slices.SortFunc(g.Addresses, func(a, b netspec.Address) int {
			return cmp.Or(a.Prefix.Compare(b.Prefix), cmp.Compare(a.Device, b.Device))
		})
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b *node.Gone) int { return cmp.Compare(a.Instance, b.Instance) })
	return list
}
