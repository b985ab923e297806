//go:build linux

package kernel

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/netspec"
)

func vip(prefix string) netspec.Address {
	return netspec.Address{Prefix: netip.MustParsePrefix(prefix), Device: "eth0"}
}

// on places the addresses on an interface.
func on(index int, list ...netspec.Address) []link.Placed {
	var placed []link.Placed
	for _, a := range list {
		placed = append(placed, link.Placed{Address: a, Index: index})
	}
	return placed
}

// A state that began to be read before an address was added does not show it.
// That is no loss.
func TestAStateOlderThanTheClaimIsNotBelieved(t *testing.T) {
	nothing := &link.State{}
	c := newClaims()
	a := []netspec.Address{vip("192.0.2.1/24")}
	c.want(&engine.Holding{Instance: "VI_1", Addresses: a})
	if gone := c.missing(nothing, c.begin(), true); len(gone) != 0 {
		t.Errorf("lost before it stood: %+v", gone[0])
	}
	reading := c.begin()
	c.stand("VI_1", on(2, a...))
	if gone := c.missing(nothing, reading, true); len(gone) != 0 {
		t.Errorf("lost in a state from before: %+v", gone[0])
	}
	if gone := c.missing(nothing, c.begin(), false); len(gone) != 1 || !slices.Equal(gone[0].Addresses, a) {
		t.Errorf("in a newer state: %v, want the address", gone)
	}
	if gone := c.missing(nothing, c.begin(), false); len(gone) != 0 {
		t.Errorf("told twice: %+v", gone[0])
	}
	if gone := c.missing(nothing, c.begin(), true); len(gone) != 1 {
		t.Errorf("not told again: %v", gone)
	}
	c.leave("VI_1", a)
	if gone := c.missing(nothing, c.begin(), true); len(gone) != 0 {
		t.Errorf("lost while being released: %+v", gone[0])
	}
}

func TestLossesAreGroupedAndInOrder(t *testing.T) {
	c := newClaims()
	one := []netspec.Address{vip("192.0.2.2/24"), vip("192.0.2.1/24")}
	two := []netspec.Address{vip("192.0.2.3/24")}
	for instance, list := range map[string][]netspec.Address{"b": one, "a": two} {
		c.want(&engine.Holding{Instance: instance, Addresses: list})
		c.stand(instance, on(2, list...))
	}
	gone := c.missing(&link.State{}, c.begin(), false)
	if len(gone) != 2 || gone[0].Instance != "a" || gone[1].Instance != "b" ||
		!slices.Equal(gone[1].Addresses, []netspec.Address{one[1], one[0]}) {
		t.Errorf("got %+v", gone)
	}
}

func TestHoldersAreCounted(t *testing.T) {
	c := newClaims()
	a := []netspec.Address{vip("192.0.2.1/24")}
	if free := c.leave("nobody", a); !slices.Equal(free, on(0, a...)) {
		t.Errorf("an address that nobody claims: %v is free, want it", free)
	}
	// Claimed twice for one instance it is one claim.
	c.want(&engine.Holding{Instance: "VI_1", Addresses: a})
	c.want(&engine.Holding{Instance: "VI_1", Addresses: a})
	c.want(&engine.Holding{Instance: "VI_2", Addresses: a})
	if free := c.leave("nobody", a); len(free) != 0 {
		t.Errorf("claimed by two: %v is free", free)
	}
	if free := c.leave("VI_1", a); len(free) != 0 {
		t.Errorf("the first leaves: %v is free", free)
	}
	c.forget("VI_1", a)
	if !c.has(a[0].Addr()) {
		t.Error("not claimed any more, though VI_2 does")
	}
	if free := c.leave("VI_2", a); !slices.Equal(free, on(0, a...)) {
		t.Errorf("the last leaves: %v is free, want the address", free)
	}
	c.forget("VI_2", a)
	c.forget("VI_2", a)
	if c.has(a[0].Addr()) || len(c.all)+len(c.at)+len(c.of)+len(c.places) != 0 {
		t.Errorf("something is left: %+v", c)
	}
}

// TestMoved: an address stands for an instance as long as that claims it, and in what
// began to be read before it gave it up; for what lasts it stands by itself, and so does
// what the host keeps, though the instance of an owner claims it.
func TestMoved(t *testing.T) {
	state := &link.State{}
	c := newClaims()
	a, longer := vip("192.0.2.1/24"), vip("192.0.2.1/32")
	claim := func(instance string, lasting bool) {
		c.want(&engine.Holding{Instance: instance, Addresses: []netspec.Address{a}, Lasting: lasting})
		c.stand(instance, on(2, a))
	}
	release := func(instance string) {
		c.leave(instance, []netspec.Address{a})
		c.forget(instance, []netspec.Address{a})
	}
	is := func(when string, want bool) {
		t.Helper()
		if c.moved(a, state) != want || c.moved(longer, state) {
			t.Errorf("%s: moved %v, and with another length %v", when, c.moved(a, state), c.moved(longer, state))
		}
	}
	c.begin()
	is("nobody's", false)
	claim("static", true)
	is("that of the host", false)
	claim("VI_1", false)
	is("that of an instance, too", true)
	release("VI_1")
	is("as when the reading began", true)
	c.begin()
	is("that of the host again", false)
	release("static")
	claim("VI_1", false)
	c.begin()
	c.leave("VI_1", []netspec.Address{a})
	is("while it is given up", true)
	c.owe(on(2, a)[0], "no such luck")
	c.forget("VI_1", []netspec.Address{a})
	c.begin()
	is("that could not be removed", true)
	c.keep([]netspec.Address{a})
	is("that the host keeps", false)
	claim("VI_1", false)
	is("that an owner claims and the host keeps", false)
	c.keep(nil)
	is("that it keeps no more", true)
}
