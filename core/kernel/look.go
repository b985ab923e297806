//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/wire"
	"github.com/moonkeep/moonkeep/core/node"
)

// look is what the monitor calls.
func (k *Kernel) look(tick bool) error {
	// A socket that cannot be opened was logged; it is tried again on the
	// next tick.
	_, err := k.report(tick)
	if tick {
		k.retry()
	}
	return err
}

// report reads the kernel, makes the sockets fit the interfaces, and tells the
// sink what is not as it was told last; with all, the state of every watched
// interface and the loss of every lost address. Sockets come first: an
// interface that is reported can be sent on. The first error says which
// sockets could not be opened, the second that the kernel could not be read.
func (k *Kernel) report(all bool) (opening, err error) {
	k.looking.Lock()
	defer k.looking.Unlock()
	k.mu.Lock()
	watched, vrrp := k.watched, k.vrrp
	reading := k.claims.begin()
	k.mu.Unlock()

	state, err := k.conn.State()
	if err != nil {
		return nil, err
	}
	opening = k.fitSockets(state, vrrp)

	k.mu.Lock()
	gone := k.claims.missing(state, reading, all)
	links := make([]node.Link, 0, len(watched))
	for _, name := range slices.Sorted(maps.Keys(watched)) {
		links = append(links, k.present(state, name))
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
	for _, g := range gone {
		k.sink.Event(g)
	}
	return opening, nil
}

// present is the state of the interface as the node wants it. mu is held.
func (k *Kernel) present(state *link.State, name string) node.Link {
	i, exists := state.Find(name)
	if !exists {
		return node.Link{Name: name}
	}
	return node.Link{
		Name:   name,
		Exists: true,
		Up:     i.Up,
		Index:  i.Index,
		MTU:    i.MTU,
		Primary: state.Source(i.Index, func(a netip.Addr) bool {
			return k.virtual[a] || k.claims.has(a)
		}),
	}
}

// fitSockets opens and closes VRRP sockets so that there is one for each
// wanted interface that is there. Another index under a name is another
// interface: a socket stays bound to the one it was opened for, and its
// membership ended with that. An interface that goes down and up again keeps
// both.
func (k *Kernel) fitSockets(state *link.State, wanted map[string]bool) error {
	have := *k.sockets.Load()
	next := make(map[string]*wire.Socket, len(wanted))
	var stale []*wire.Socket
	for name, s := range have {
		if i, exists := state.Find(name); wanted[name] && exists && i.Index == s.Index() {
			next[name] = s
		} else {
			stale = append(stale, s)
		}
	}
	var failed []error
	failing := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		i, exists := state.Find(name)
		if !exists || next[name] != nil {
			continue
		}
		s, err := k.openSocket(name, i.Index)
		if err != nil {
			failed = append(failed, err)
			failing[name] = err.Error()
			if k.failing[name] != err.Error() {
				k.log.Warn("cannot open VRRP socket, will try again", "err", err)
			}
			continue
		}
		next[name] = s
	}
	k.failing = failing
	k.sockets.Store(&next)
	for _, s := range stale {
		if err := s.Close(); err != nil {
			k.log.Warn("close VRRP socket", "err", err)
		}
	}
	return errors.Join(failed...)
}

func (k *Kernel) openSocket(name string, index int) (s *wire.Socket, err error) {
	err = k.ns.Do(func() error {
		s, err = wire.Open(name, index, k.sink, k.log)
		return err
	})
	if err != nil && s != nil {
		// Only leaving the namespace failed.
		err = errors.Join(err, s.Close())
		s = nil
	}
	if err != nil {
		return nil, fmt.Errorf("receive VRRP: %w", err)
	}
	return s, nil
}
