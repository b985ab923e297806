//go:build linux

package kernel

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel/firewall"
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
	// at holds what is common to all claims of an address on a device.
	at map[place]*holding
	// places are those of at, by their addresses: each of thousands of addresses is asked
	// for in each reading.
	places map[netip.Addr][]place
	// due are the addresses that nobody claims any more and that could not be
	// removed yet, with the reason.
	due map[link.Placed]string
	// of counts, for each address wherever it stands or is to stand, its
	// claims and the times it is due.
	of map[netip.Addr]int
	// closed counts the claims that have packets to an address dropped.
	closed map[firewall.Destination]int
	// freed are the claims that ended since the last begin, with the indexes of their
	// interfaces: what began to be read before may still show their addresses.
	freed map[netip.Prefix]map[string]int
	// kept are the host's own: they stand whoever claims them or gives them up.
	kept map[place]bool
}

// place is what netspec.Address.Same compares.
type place struct {
	device string
	prefix netip.Prefix
}

// holding is an address on a device for all who claim it.
type holding struct {
	claims int
	// leaving are those of them whose instance gives the address up now, and lasting
	// those of what is the host's whatever the roles are.
	leaving, lasting int
	// seen is the last reading in which it stood under its device's name.
	seen uint64
	// index is that of the interface on which it was set last; 0 means that it
	// never was. The device's name may be another interface's by now.
	index int
}

// key is one address claimed for one instance.
type key struct {
	instance string
	place
}

type claim struct {
	address *netspec.Address // its owner's
	// standing is true from a successful Claim to Release. Only then is the
	// loss of the address news.
	standing bool
	// since is the epoch in which it began to stand.
	since uint64
	// lost is true when its loss was reported and it did not stand since.
	lost bool
	// noAccept is true while packets to the address are dropped for this claim.
	noAccept bool
	// leaving is true from leave to forget, and lasting that of the Holding.
	leaving, lasting bool
}

func newClaims() claims {
	return claims{all: make(map[key]*claim), at: make(map[place]*holding), places: make(map[netip.Addr][]place), due: make(map[link.Placed]string), of: make(map[netip.Addr]int), closed: make(map[firewall.Destination]int), freed: make(map[netip.Prefix]map[string]int)}
}

func keyOf(instance string, a netspec.Address) key {
	return key{instance, place{a.Device, a.Prefix}}
}

// keep says which addresses are the host's own.
func (c *claims) keep(list []netspec.Address) {
	c.kept = make(map[place]bool, len(list))
	for _, a := range list {
		c.kept[place{a.Device, a.Prefix}] = true
	}
}

// begin says that the kernel is about to be read, and returns the number by
// which missing knows that reading.
func (c *claims) begin() uint64 {
	c.epoch++
	clear(c.freed)
	return c.epoch
}

// want notes addresses before they are added, and whether packets to them are
// to be dropped. It keeps their list, which is not changed afterwards.
func (c *claims) want(h *engine.Holding) {
	for i, a := range h.Addresses {
		k := keyOf(h.Instance, a)
		if c.all[k] == nil {
			if c.at[k.place] == nil {
				c.at[k.place] = &holding{}
				c.places[a.Addr()] = append(c.places[a.Addr()], k.place)
			}
			c.at[k.place].claims++
			c.of[a.Addr()]++
			if h.Lasting {
				c.at[k.place].lasting++
			}
		}
		c.open(c.all[k])
		c.all[k] = &claim{address: &h.Addresses[i], noAccept: h.NoAccept, lasting: h.Lasting}
		if h.NoAccept {
			c.closed[destination(a)]++
		}
	}
}

// stand notes that wanted addresses were added. What stands where it is wanted
// is not due any more. It returns the addresses that were set on an interface
// which has lost the name since: they stand there still.
func (c *claims) stand(instance string, added []link.Placed) (stale []link.Placed) {
	for _, p := range added {
		own := c.all[keyOf(instance, p.Address)]
		own.standing = true
		own.since = c.epoch
		held := c.at[keyOf(instance, p.Address).place]
		before := link.Placed{Address: p.Address, Index: held.index}
		held.index = p.Index
		if before.Index != 0 && before.Index != p.Index && !c.holds(before) {
			stale = append(stale, before)
		}
		for d := range c.due {
			if d.Address.Prefix == p.Address.Prefix && d.Address.Peer == p.Address.Peer &&
				(d.Index == p.Index || d.Index == 0 && d.Address.Device == p.Address.Device) {
				c.settle(d)
			}
		}
	}
	return stale
}

// leave says that the instance's addresses are about to be removed and forgotten, and
// returns those that nobody else claims, each on the interface on which it was
// set, and those of them that are due.
func (c *claims) leave(instance string, addresses []netspec.Address) []link.Placed {
	var free []link.Placed
	for _, a := range addresses {
		k := keyOf(instance, a)
		p := link.Placed{Address: a}
		if held := c.at[k.place]; held != nil {
			if own := c.all[k]; own != nil && !own.leaving {
				own.standing, own.leaving = false, true
				held.leaving++
			}
			if held.claims > held.leaving {
				continue
			}
			p.Index = held.index
		}
		free = append(free, p)
		for d := range c.due {
			if d != p && d.Address.Same(a) {
				free = append(free, d)
			}
		}
	}
	return free
}

// holds reports whether the address is claimed on that interface under another
// name than its device's.
func (c *claims) holds(p link.Placed) bool {
	return slices.ContainsFunc(c.places[p.Address.Addr()], func(at place) bool {
		return at.device != p.Address.Device && at.prefix == p.Address.Prefix && c.at[at].index == p.Index
	})
}

// owe notes that an address could not be removed, and why, and reports whether that
// is news.
func (c *claims) owe(p link.Placed, why string) bool {
	before, due := c.due[p]
	if !due {
		c.of[p.Address.Addr()]++
	}
	c.due[p] = why
	return !due || before != why
}

// settle notes that an address needs not be removed any more, and reports
// whether it was due.
func (c *claims) settle(p link.Placed) bool {
	if _, due := c.due[p]; !due {
		return false
	}
	delete(c.due, p)
	c.uncount(p.Address.Addr())
	return true
}

// forget ends the claims.
func (c *claims) forget(instance string, addresses []netspec.Address) {
	for _, a := range addresses {
		k := keyOf(instance, a)
		if c.all[k] == nil {
			continue
		}
		c.open(c.all[k])
		held := c.at[k.place]
		if c.all[k].leaving {
			held.leaving--
		}
		if c.all[k].lasting {
			held.lasting--
		} else {
			if c.freed[a.Prefix] == nil {
				c.freed[a.Prefix] = map[string]int{}
			}
			c.freed[a.Prefix][a.Device] = held.index
		}
		delete(c.all, k)
		if held.claims--; held.claims == 0 {
			delete(c.at, k.place)
			left := slices.DeleteFunc(c.places[a.Addr()], func(p place) bool { return p == k.place })
			if c.places[a.Addr()] = left; len(left) == 0 {
				delete(c.places, a.Addr())
			}
		}
		c.uncount(a.Addr())
	}
}

func (c *claims) uncount(a netip.Addr) {
	if c.of[a]--; c.of[a] == 0 {
		delete(c.of, a)
	}
}

// open ends what a claim, which may be nil, has dropped.
func (c *claims) open(own *claim) {
	if own == nil || !own.noAccept {
		return
	}
	own.noAccept = false
	d := destination(*own.address)
	if c.closed[d]--; c.closed[d] == 0 {
		delete(c.closed, d)
	}
}

// opened returns where packets to the addresses go that no claim has dropped
// and that do not wait to be removed.
func (c *claims) opened(addresses []netspec.Address) []firewall.Destination {
	var list []firewall.Destination
	for _, a := range addresses {
		d := destination(a)
		if c.closed[d] == 0 && !c.owed(d) {
			list = append(list, d)
		}
	}
	return list
}

// owed reports whether an address is due.
func (c *claims) owed(d firewall.Destination) bool {
	for p := range c.due {
		if destination(p.Address) == d {
			return true
		}
	}
	return false
}

// destination is where packets to an address go.
func destination(a netspec.Address) firewall.Destination { return firewall.To(a.Addr(), a.Device) }

// has reports whether the address is claimed or due, on whatever device.
func (c *claims) has(a netip.Addr) bool { return c.of[a] > 0 }

// standsFor reports whether an address that stands on its device is claimed or due
// there, by that or another name of the device and with whatever prefix length.
func (c *claims) standsFor(a netspec.Address, state *link.State) bool {
	if c.of[a.Addr()] == 0 {
		return false
	}
	on, _ := state.Find(a.Device)
	for _, at := range c.places[a.Addr()] {
		if at.device == a.Device || c.at[at].index == on.Index {
			return true
		}
	}
	for d := range c.due {
		if d.Address.Addr() == a.Addr() && (d.Address.Device == a.Device || d.Index == on.Index) {
			return true
		}
	}
	return false
}

// moved reports whether an address that stands on its device, in the state that is being
// read, may stand there only because an instance has it, or had it when the reading began.
func (c *claims) moved(a netspec.Address, state *link.State) bool {
	here := place{a.Device, a.Prefix}
	if c.kept[here] {
		return false
	}
	if held := c.at[here]; held != nil && held.claims > held.lasting {
		return true
	}
	on, _ := state.Find(a.Device)
	there := func(device string, index int) bool { return device == a.Device || index == on.Index }
	for device, index := range c.freed[a.Prefix] {
		if there(device, index) {
			return true
		}
	}
	if c.of[a.Addr()] == 0 {
		return false
	}
	for _, at := range c.places[a.Addr()] { // by another name of the interface
		if held := c.at[at]; at.prefix == a.Prefix && held.claims > held.lasting && there(at.device, held.index) {
			return true
		}
	}
	for d := range c.due {
		if d.Address.Prefix == a.Prefix && there(d.Address.Device, d.Index) {
			return true
		}
	}
	return false
}

// missing returns the claimed addresses that do not stand in the state of that
// reading, an event for each instance, in order of name. One that was returned
// before is returned again only if again is true, one that is not tracked never.
func (c *claims) missing(state *link.State, reading uint64, again bool) []*node.Gone {
	gone := make(map[string]*node.Gone)
	for device, prefix := range state.Standing() {
		if held := c.at[place{device, prefix}]; held != nil {
			held.seen = reading
		}
	}
	for k, claim := range c.all {
		if !claim.standing || claim.since >= reading || claim.address.NoTrack {
			continue
		}
		// By another name of the interface, or with a peer, it was not seen.
		if c.at[k.place].seen == reading && !claim.address.Peer.IsValid() || state.Stands(*claim.address) {
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
		gone[k.instance].Addresses = append(gone[k.instance].Addresses, *claim.address)
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
