package daemon

import (
	"slices"
	"sync/atomic"

	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// spaceSink hands on what the kernel of another network namespace reports, with
// the names that the node has for its interfaces.
type spaceSink struct {
	engine.Sink
	space string
	// names are those of the interfaces on which packets come in, so that none
	// is made for each packet. The map is never changed, only replaced.
	names atomic.Pointer[map[string]string]
	// muted has nothing handed on any more but what was removed: the name is another
	// namespace's.
	muted atomic.Bool
}

// knows says on which interfaces packets may come in.
func (s *spaceSink) knows(interfaces []string, channels []netspec.Channel) {
	names := make(map[string]string)
	for _, i := range interfaces {
		names[i] = netspec.Within(s.space, i)
	}
	for _, c := range channels {
		names[c.Interface] = netspec.Within(s.space, c.Interface)
	}
	s.names.Store(&names)
}

// Packets implements engine.Sink.
func (s *spaceSink) Packets(list ...*node.Received) {
	if s.muted.Load() {
		return
	}
	names := *s.names.Load()
	for _, p := range list {
		name, known := names[p.Packet.Interface]
		if !known {
			name = netspec.Within(s.space, p.Packet.Interface)
		}
		p.Packet.Interface = name
	}
	s.Sink.Packets(list...)
}

// Removed implements engine.Sink.
func (s *spaceSink) Removed(addresses []netspec.Address, routing netspec.Routing) {
	s.Sink.Removed(addressesIn(s.space, addresses), routing.Within(s.space))
}

// Event implements engine.Sink.
func (s *spaceSink) Event(e node.Event) {
	if s.muted.Load() {
		return
	}
	switch x := e.(type) {
	case *node.Link:
		l := *x
		l.Name = netspec.Within(s.space, l.Name)
		e = &l
	case *node.Gone:
		g := *x
		g.Addresses, g.Routing = addressesIn(s.space, g.Addresses), g.Routing.Within(s.space)
		e = &g
	}
	s.Sink.Event(e)
}

// addressesIn are addresses with the names that the node has for interfaces of
// the namespace.
func addressesIn(space string, list []netspec.Address) []netspec.Address {
	if space == "" {
		return list
	}
	list = slices.Clone(list)
	for i := range list {
		list[i].Device = netspec.Within(space, list[i].Device)
	}
	return list
}
