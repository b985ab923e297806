//go:build linux

package kernel

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/node"
)

// look is what the monitor calls.
func (k *Kernel) look(tick bool) error {
	// A socket that cannot be opened was logged; it is tried again on the
	// next tick.
	_, err := k.report(tick)
	if tick {
		k.retry()
		k.redirect()
		k.restoreFilter()
	}
	return err
}

// report is reportHeld.
func (k *Kernel) report(all bool) (opening, err error) {
	k.looking.Lock()
	defer k.looking.Unlock()
	return k.reportHeld(all)
}

// reportHeld reads the kernel, makes the sockets fit the interfaces, and tells the
// sink what is not as it was told last; with all, the state of every watched
// interface and the loss of every lost address. Sockets come first: an
// interface that is reported can be sent on. The first error is fitSockets', the
// second says that the kernel could not be read. looking is held.
func (k *Kernel) reportHeld(all bool) (opening, err error) {
	k.mu.Lock()
	watched, outlets, sought := k.watched, k.outlets, k.sought
	reading := k.claims.begin()
	k.mu.Unlock()

	state, err := k.conn.State()
	if err != nil {
		return nil, err
	}
	if state, err = k.fitDevices(state, all); err != nil {
		return nil, err
	}
	devices := k.devices.Devices()
	opening = k.fitSockets(state, outlets, devices)
	k.bfd.Place(func(name string) int {
		i, _ := state.Find(name)
		return i.Index
	})

	unpromoted := ""
	if err := k.promote(); err != nil {
		unpromoted = err.Error()
		if unpromoted != k.unpromoted {
			k.log.Warn("cannot set promote_secondaries, will try again", "err", err)
		}
	}
	k.unpromoted = unpromoted

	k.mu.Lock()
	gone := k.claims.missing(state, reading, all)
	links := make([]node.Link, 0, len(watched))
	for _, name := range slices.Sorted(maps.Keys(watched)) {
		l := k.present(state, name)
		if d, own := devices[name]; own && l.Exists && !d.IPVLAN() {
			over(&l, k.present(state, d.Parent))
			// Those of the virtual router's interface are its parent's.
			parent, _ := state.Find(d.Parent)
			l.Absent = absent(state, parent.Index, k.sources[name])
		}
		links = append(links, l)
	}
	k.mu.Unlock()

	told := make(map[string]node.Link, len(links))
	for _, l := range links {
		told[l.Name] = l
		if last, known := k.told[l.Name]; all || !known || last != l {
			k.sink.Event(&l)
		}
	}
	k.told = told
	if len(sought) > 0 || len(k.presence) > 0 {
		standing := k.standingOf(state, sought)
		if all || !maps.Equal(standing, k.presence) {
			k.sink.Event(&node.HostHas{Here: standing})
		}
		k.presence = standing
	}
	gone, err = k.astray(gone, reading, all)
	for _, g := range gone {
		g.Suspects = k.rivals.suspects(state, g)
		k.sink.Event(g)
	}
	if len(gone) > 0 {
		// For the next time: what is lost comes back first.
		k.rivals.look(k.ns, nil)
	}
	return opening, errors.Join(err, k.guard(state))
}

// standingOf says of each of the addresses whether an interface has it that no instance
// gives it to: what one has is for the node to say, and what one had until this moment
// is not the host's.
func (k *Kernel) standingOf(state *link.State, addresses []netip.Addr) map[netip.Addr]bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	here := make(map[netip.Addr]bool, len(addresses))
	for _, a := range addresses {
		here[a] = false
	}
	for a := range state.Usable() {
		if _, sought := here[a.Addr()]; sought && !k.claims.moved(a, state) {
			here[a.Addr()] = true
		}
	}
	return here
}

// present is the state of the interface as the node wants it. mu is held.
func (k *Kernel) present(state *link.State, name string) node.Link {
	i, exists := state.Find(name)
	if !exists {
		return node.Link{Name: name}
	}
	virtual := func(a netip.Addr) bool { return k.virtual[a] || k.claims.has(a) && !k.own[a] }
	return node.Link{
		Name:     name,
		Exists:   true,
		Up:       i.Up,
		Index:    i.Index,
		MTU:      i.MTU,
		Primary:  state.Source(i.Index, virtual),
		Primary6: state.LinkLocal(i.Index, virtual),
		Absent:   absent(state, i.Index, k.sources[name]),
		PortOf:   portOf(state, i),
	}
}

// portOf is what takes in all that comes for the interface: whatever it is a part
// of but a VRF, which only chooses the routes.
func portOf(state *link.State, i link.Interface) string {
	if i.Master == 0 {
		return ""
	}
	name := state.Name(i.Master)
	if master, exists := state.Find(name); !exists || master.Kind == link.VRF {
		return ""
	}
	return name
}

// absent lists the sources that are not on the interface.
func absent(state *link.State, index int, sources []netip.Addr) string {
	var list []string
	for _, a := range sources {
		if !state.Has(index, a) {
			list = append(list, a.String())
		}
	}
	return strings.Join(list, " ")
}
