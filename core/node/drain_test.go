package node

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
)

// emptied says of a server that its connections are gone.
func emptied(service, name string) *Drained {
	return &Drained{[]Draining{{Service: service, Server: name, Keys: []balance.Key{vip(1)}}}}
}

// doubles is a service of an address and a mark, where a and b are one in the table.
func doubles(v *Service) {
	v.Layout.Keys, v.Layout.Doubles = []balance.Key{vip(1), {Fwmark: 7}}, true
	for i := range v.Layout.Servers[:2] {
		d := &v.Layout.Servers[i]
		d.Forward, d.Address = balance.Direct, netip.AddrPortFrom(v.Layout.Servers[0].Address.Addr(), uint16(81+i))
	}
}

// TestDrainBesideItsDouble: a drain waits for connections where the server itself has
// the place in the table, and not where one with the same place has it and clients.
func TestDrainBesideItsDouble(t *testing.T) {
	s := three(t, doubles)
	waits := func(when string, want ...string) {
		t.Helper()
		var got []string
		for _, d := range s.node.Draining() {
			got = append(got, fmt.Sprint(d.Server, len(d.Keys)))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	s.hand("b", WishDrain, 0, -1)
	waits("behind one with clients", "b0")
	s.hand("c", WishDrain, 0, -1)
	waits("one of its own", "c2", "b0")
	s.hand("a", WishDrain, 0, -1)
	waits("the first, too", "a2", "b2", "c2")
	s.take(s.node.Step(s.now, emptied("web", "a")))
	waits("the first is gone, and nobody counted for the second", "b2", "c2")
	s.take(s.node.Step(s.now, emptied("web", "b")))
	waits("both are gone", "c2")
	s.hand("b", WishAuto, 0, -1)
	s.hand("b", WishDrain, 0, -1)
	waits("the second again", "b2", "c2")
	s.hand("a", WishAuto, 0, -1)
	waits("the first is back", "c2", "b0")
	for range 2 {
		s.run(0, health.Failed)
	}
	waits("the first is down", "b2", "c2")
}

// TestDrainIsToldOnce: of several real servers that are one in the table, in one service
// or in several, it is told once that the connections are gone; and of one beside which
// another has clients, that it had no place.
func TestDrainIsToldOnce(t *testing.T) {
	wide := laid(web(backend("a", tcp("1")), backend("b", tcp("2")), backend("c", tcp("3"))))
	doubles(&wide)
	wide.Layout.Servers = append(wide.Layout.Servers[:0:0], wide.Layout.Servers...)
	narrow := laid(web(backend("a", tcp("1")), backend("d", tcp("4"))), vip(1))
	narrow.Name, narrow.Layout.Servers[0] = "narrow", wide.Layout.Servers[0]
	apart := laid(web(backend("a", tcp("1"))), vip(2))
	apart.Name, apart.Layout.Servers[0] = "apart", wide.Layout.Servers[0]
	wide.Shares, narrow.Shares = true, true
	wide.Name = "wide"
	s := newSite(t, Config{Services: []Service{wide, narrow, apart}})
	wish := func(service, server string, w Wish) {
		s.take(s.node.Step(s.now, &Handle{[]Hand{{Service: service, Server: server, Wish: w, Weight: -1}}}))
	}
	// gone says that the connections of a server are gone, of those that wait for it.
	gone := func(want ...string) {
		t.Helper()
		s.notes = nil
		list := slices.DeleteFunc(s.node.Draining(), func(d Draining) bool { return d.Server == "d" })
		s.take(s.node.Step(s.now, &Drained{list}))
		if !slices.Equal(s.notes, want) {
			t.Errorf("%q, want %q", s.notes, want)
		}
	}
	wish("wide", "b", WishDrain)
	gone("real server b of virtual server wide is drained: another real server has its place in IPVS, and clients there")
	wish("wide", "b", WishAuto)
	wish("narrow", "d", WishDrain)
	for _, service := range []string{"apart", "narrow", "wide"} {
		wish(service, "a", WishDrain)
	}
	wish("wide", "b", WishDrain)
	gone("real server a of virtual server wide is drained: its connections are gone; so is real server b of virtual server wide, which is the same there; so is real server a of virtual server narrow, which is the same there",
		"real server a of virtual server apart is drained: its connections are gone")
}

// TestDrainOfTwinLater: who comes to be drained after connections were counted keeps its
// place, though the one that has it too loses its own.
func TestDrainOfTwinLater(t *testing.T) {
	s := three(t, doubles)
	s.hand("b", WishDrain, 0, -1)
	list := s.node.Draining() // b, behind a
	s.hand("a", WishDrain, 0, -1)
	s.notes = nil
	s.take(s.node.Step(s.now, &Drained{list}))
	want := []string{"real server b of virtual server web is drained: another real server has its place in IPVS, and clients there"}
	if !slices.Equal(s.notes, want) {
		t.Errorf("%q, want %q", s.notes, want)
	}
	if got := s.node.Draining(); len(got) != 1 || got[0].Server != "a" {
		t.Errorf("draining %+v, want a", got)
	}
}
