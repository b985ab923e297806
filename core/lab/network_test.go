//go:build linux

package lab

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// The network does what the steps say to an address that stands on node a
// whatever its daemon does.
func TestNetworkSteps(t *testing.T) {
	l, r := build(t, "exec sleep 1000")
	defer l.Close()
	if err := l.Boot(); err != nil {
		t.Fatal(err)
	}
	vip := netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.100/24"), Device: "eth0"}

	// By now the client's kernel has given the address up at least once, and
	// holds what waits for it.
	r.play(l, "wait 3300ms")
	stood := l.Now()
	if _, err := l.nodes[0].host.conn.Add(vip); err != nil {
		t.Fatal(err)
	}
	r.play(l, "await a VI_1 3s")
	eventually(t, "the first answer is told", func() bool { return len(l.Moves()) > 0 })
	if first := l.Moves()[0]; first.From != Nobody || first.Next < stood {
		t.Errorf("the first answered probe was sent at %s, but the address stood from %s on", first.Next, stood)
	}

	nobody := func(script string) {
		t.Helper()
		r.play(l, script+"; wait 100ms")
		if owner, _ := l.prober.owner(0); owner != Nobody {
			t.Errorf("after %q node %d answers, want nobody", script, owner)
		}
	}
	nobody("partition a")
	nobody("link down a eth0; link up a eth0")
	r.play(l, "heal; await a VI_1 3s; wait 100ms; partition b; partition a; heal b")
	nobody("wait 1ms")
	r.play(l, "heal a; await a VI_1 3s; wait 100ms")
	nobody("link down a eth0")
	nobody("partition a; heal")
	r.play(l, "link up a eth0; await a VI_1 3s; wait 100ms")
	nobody("crash a")
	nobody("heal; heal a")
	if h := l.Holdings(); !slices.Equal(h[0].Stands, []int{0}) {
		t.Errorf("after the crash the address stands on %v, want a, which cannot be asked any more", h[0].Stands)
	}
	nobody("start a")
	if h := l.Holdings(); len(h[0].Stands) > 0 {
		t.Errorf("after the boot the address stands on %v", h[0].Stands)
	}
	own, err := l.nodes[0].host.conn.List("eth0")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(own, func(a netspec.Address) bool { return a.Prefix.String() == "192.0.2.11/24" }) {
		t.Errorf("after the boot node a has %v, not its own address", own)
	}
}
