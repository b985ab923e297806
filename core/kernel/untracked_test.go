//go:build linux

package kernel

import (
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// What is not tracked and cannot be set costs its instance nothing, and is told once
// in the kernel's words, until it was set or given up.
func TestWhatIsNotTrackedIsTold(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	k, told := quiet(t, h)
	a, b := vip("192.0.2.100/24"), vip("192.0.2.101/24")
	b.Device, b.NoTrack = "eth9", true
	route := netspec.Route{Destination: vip("203.0.113.0/24").Prefix, Hop: netspec.NextHop{Via: vip("198.51.100.9/32").Addr()}, NoTrack: true}
	want := netspec.Routing{Routes: []netspec.Route{route}}
	serve := func(what string, addresses, routes int) {
		t.Helper()
		told.Reset()
		for range 2 {
			netnstest.Must(t, Take(k, "VI_1", []netspec.Address{a, b}, false))
			netnstest.Must(t, k.SetRouting("VI_1", want))
		}
		lines := strings.Split(told.String(), "\n")
		count := func(texts ...string) (n int) {
			for _, line := range lines {
				all := strings.Contains(line, "instance=VI_1")
				for _, text := range texts {
					all = all && strings.Contains(line, text)
				}
				if all {
					n++
				}
			}
			return n
		}
		if x, y := count("192.0.2.101/24 dev eth9", "no such interface eth9"), count("203.0.113.0/24", "network is unreachable"); x != addresses || y != routes {
			t.Errorf("%s: told %d times of the address and %d of the route, want %d and %d:\n%s", what, x, y, addresses, routes, told)
		}
	}
	serve("at first", 1, 1)
	serve("again", 0, 0)
	netnstest.Must(t, h.Link.AddBridge("eth9"))
	serve("the address can be set", 0, 0)
	netnstest.Must(t, h.Link.Delete("eth9"))
	serve("and cannot any more", 1, 0)
	netnstest.Must(t, Drop(k, "VI_1", []netspec.Address{a, b}))
	netnstest.Must(t, k.SetRouting("VI_1", netspec.Routing{}))
	if n := len(k.without); n != 0 {
		t.Errorf("%d are remembered after they were given up", n)
	}
	serve("claimed again", 1, 1)
}
