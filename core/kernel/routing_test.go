//go:build linux

package kernel_test

import (
	"net/netip"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// directed makes a host with an address of its own and a Kernel that watches.
func directed(t *testing.T) (*netnstest.Host, *netnstest.Host, *kernel.Kernel, *sink) {
	t.Helper()
	h, peer := netnstest.Pair(t, "eth0", "peer0")
	_, err := h.Link.Add(addr("192.0.2.1/24", "eth0"))
	netnstest.Must(t, err)
	k, s := open(t, h, kernel.Options{})
	netnstest.Must(t, k.Watch([]string{"eth0"}, nil))
	return h, peer, k, s
}

func routeTo(destination, device string) netspec.Route {
	return netspec.Route{Destination: netip.MustParsePrefix(destination), Hop: netspec.NextHop{Via: netip.MustParseAddr("192.0.2.9"), Device: device}}
}

func ruleFor(preference uint32) netspec.Rule {
	return netspec.Rule{Preference: preference, From: netip.MustParsePrefix("192.0.2.0/24"), Table: 100}
}

// heldAll reports how many of them stand, as the kernel says outside of k.
func heldAll(t *testing.T, h *netnstest.Host, r netspec.Routing) (n int) {
	t.Helper()
	routes, err := h.Link.Routes(netspec.Keepalived)
	netnstest.Must(t, err)
	rules, err := h.Link.Rules()
	netnstest.Must(t, err)
	for _, x := range r.Routes {
		if routes.Stands(x) {
			n++
		}
	}
	for _, x := range r.Rules {
		if rules.Stands(x) {
			n++
		}
	}
	return n
}

func lostRouting(events []node.Event, instance string, want netspec.Routing) bool {
	return slices.ContainsFunc(events, func(e node.Event) bool {
		g, ok := e.(*node.Gone)
		return ok && g.Instance == instance && g.Routing.Equal(want)
	})
}

func TestRoutingIsSetMissedAndRemoved(t *testing.T) {
	h, _, k, s := directed(t)
	a, b, x, y := routeTo("203.0.113.0/24", "eth0"), routeTo("198.51.100.0/24", "eth0"), ruleFor(100), ruleFor(200)
	b.NoTrack, y.NoTrack = true, true
	all := netspec.Routing{Routes: []netspec.Route{a, b}, Rules: []netspec.Rule{x, y}}
	netnstest.Must(t, k.SetRouting("VI_1", all))
	if n := heldAll(t, h, all); n != 4 {
		t.Fatalf("%d of 4 stand", n)
	}
	if held, err := k.HeldRouting(all); err != nil || !held.Equal(all) {
		t.Errorf("held are %v, %v", held, err)
	}
	// What somebody removes is missed at once, unless it is not tracked.
	for _, c := range []struct {
		remove func() error
		lost   netspec.Routing
	}{
		{func() error { return h.Link.DeleteRoute(a) }, netspec.Routing{Routes: []netspec.Route{a}}},
		{func() error { return h.Link.DeleteRule(x) }, netspec.Routing{Rules: []netspec.Rule{x}}},
	} {
		time.Sleep(50 * time.Millisecond)
		s.forget()
		netnstest.Must(t, c.remove())
		t.Log("missed after", s.await(t, soon, "loss", func(events []node.Event, _ []node.Received) bool { return lostRouting(events, "VI_1", c.lost) }))
		netnstest.Must(t, k.SetRouting("VI_1", all))
	}
	s.forget()
	netnstest.Must(t, h.Link.DeleteRoute(b))
	netnstest.Must(t, h.Link.DeleteRule(y))
	time.Sleep(link.Tick + soon)
	if g := s.gone(); len(g) > 0 {
		t.Errorf("missed %+v, which is not tracked", g[0])
	}
	// Of two instances' claims each keeps what both have.
	netnstest.Must(t, k.SetRouting("VI_2", netspec.Routing{Routes: []netspec.Route{a}}))
	netnstest.Must(t, k.SetRouting("VI_1", netspec.Routing{}))
	if n := heldAll(t, h, all); n != 1 {
		t.Errorf("%d stand, want the route of the other instance", n)
	}
	other := a
	other.Hop.Via = netip.MustParseAddr("192.0.2.8")
	netnstest.Must(t, k.SetRouting("VI_2", netspec.Routing{Routes: []netspec.Route{other}}))
	if n, m := heldAll(t, h, all), heldAll(t, h, netspec.Routing{Routes: []netspec.Route{other}}); n != 0 || m != 1 {
		t.Errorf("%d old and %d new stand, want 0 and 1", n, m)
	}
}

func TestRoutingThatCannotBeSet(t *testing.T) {
	h, _, k, _ := directed(t)
	bad, good := routeTo("203.0.113.0/24", "none0"), routeTo("198.51.100.0/24", "eth0")
	err := k.SetRouting("VI_1", netspec.Routing{Routes: []netspec.Route{bad, good}})
	if err == nil || !strings.Contains(err.Error(), "set routes and rules of VI_1: add route 203.0.113.0/24") {
		t.Errorf("got error %v, want one that names the route", err)
	}
	if n := heldAll(t, h, netspec.Routing{Routes: []netspec.Route{good}}); n != 1 {
		t.Error("the good route does not stand")
	}
	bad.NoTrack = true
	if err := k.SetRouting("VI_1", netspec.Routing{Routes: []netspec.Route{bad, good}}); err != nil {
		t.Errorf("got error %v for a route that is not tracked", err)
	}
	netnstest.Must(t, k.ClearRouting(netspec.Routing{Routes: []netspec.Route{good}}))
	if n := heldAll(t, h, netspec.Routing{Routes: []netspec.Route{good}}); n != 0 {
		t.Error("the route stands after it was cleared")
	}
}

// TestRoutingFollowsARenamedInterface: a route stays with an interface that
// gets another name, and is removed there.
func TestRoutingFollowsARenamedInterface(t *testing.T) {
	h, _, k, _ := directed(t)
	local := netspec.Route{Destination: netip.MustParsePrefix("203.0.113.0/24"), Type: netspec.UnicastRoute, Hop: netspec.NextHop{Device: "lo"}}
	six := netspec.Route{Destination: netip.MustParsePrefix("2001:db8:9::/64"), Hop: netspec.NextHop{Device: "eth0"}}
	netnstest.Must(t, k.SetRouting("VI_1", netspec.Routing{Routes: []netspec.Route{local, six}}))
	netnstest.Must(t, h.Link.Rename("eth0", "lan0"))
	moved := six
	moved.Hop.Device = "lan0"
	if n := heldAll(t, h, netspec.Routing{Routes: []netspec.Route{moved}}); n != 1 {
		t.Fatal("the route did not stay with its interface")
	}
	netnstest.Must(t, k.SetRouting("VI_1", netspec.Routing{}))
	if n := heldAll(t, h, netspec.Routing{Routes: []netspec.Route{moved, local}}); n != 0 {
		t.Errorf("%d routes are left behind", n)
	}
}

// TestGuard: an address of ours that somebody sets without a claim goes, one
// that is claimed stays.
func TestGuard(t *testing.T) {
	h, _, k, _ := directed(t)
	a, b := addr("192.0.2.100/24", "eth0"), addr("192.0.2.101/24", "eth0")
	k.Guard([]netspec.Address{a, b}, nil)
	netnstest.Must(t, kernel.Take(k, "VI_1", []netspec.Address{b}, false))
	began := time.Now()
	_, err := h.Link.Add(a)
	netnstest.Must(t, err)
	for len(must[[]netspec.Address](t)(k.Held([]netspec.Address{a}))) > 0 {
		if time.Since(began) > soon {
			t.Fatal("the address still stands")
		}
		time.Sleep(time.Millisecond)
	}
	t.Log("removed after", time.Since(began))
	if held := must[[]netspec.Address](t)(k.Held([]netspec.Address{b})); len(held) != 1 {
		t.Error("a claimed address was removed")
	}
	// The host answers for it whatever its length is, and its peer; also once what was
	// claimed beside it is given up.
	stands := func(a netspec.Address) bool { return len(must[[]netspec.Address](t)(k.Held([]netspec.Address{a}))) > 0 }
	short, peer, beside := addr("192.0.2.100/32", "eth0"), addr("192.0.2.100/32", "eth0"), addr("192.0.2.101/32", "eth0")
	peer.Peer = netip.MustParsePrefix("198.51.100.7/32")
	_, err = h.Link.Add(short, peer, beside)
	netnstest.Must(t, err)
	for began := time.Now(); stands(short) || stands(peer); time.Sleep(time.Millisecond) {
		if time.Since(began) > soon {
			t.Fatal("the address still stands with another length, or with a peer")
		}
	}
	if !stands(beside) {
		t.Error("an address that is claimed was removed with another length")
	}
	netnstest.Must(t, kernel.Drop(k, "VI_1", []netspec.Address{b}))
	for began := time.Now(); stands(beside); time.Sleep(time.Millisecond) {
		if time.Since(began) > soon {
			t.Fatal("the address still stands with another length after what was claimed was given up")
		}
	}
	k.Guard(nil, nil)
	_, err = h.Link.Add(a)
	netnstest.Must(t, err)
	time.Sleep(link.Tick + soon)
	if held := must[[]netspec.Address](t)(k.Held([]netspec.Address{a})); len(held) != 1 {
		t.Error("an address that is not guarded any more was removed")
	}
}

// TestGuardBeneath: an address that is claimed on an interface of the node's own goes
// from the one below, but not while another claims it there, or by another name.
func TestGuardBeneath(t *testing.T) {
	h, _, k, s := directed(t)
	netnstest.Must(t, h.Link.AddBridge("own0"))
	netnstest.Must(t, h.Link.SetUp("own0"))
	own, below := addr("192.0.2.100/32", "own0"), addr("192.0.2.100/32", "eth0")
	k.Guard([]netspec.Address{own}, []netspec.Address{below})
	netnstest.Must(t, kernel.Take(k, "VI_1", []netspec.Address{own}, false))
	stands := func(a netspec.Address) bool { return len(must[[]netspec.Address](t)(k.Held([]netspec.Address{a}))) > 0 }
	intrudes := func(what string) {
		t.Helper()
		_, err := h.Link.Add(below)
		netnstest.Must(t, err)
		for began := time.Now(); stands(below); time.Sleep(time.Millisecond) {
			if time.Since(began) > soon {
				t.Fatalf("%s: the address stands below", what)
			}
		}
	}
	intrudes("the master")
	if !stands(own) {
		t.Error("the claimed address was removed")
	}
	// Another instance holds it there.
	netnstest.Must(t, kernel.Take(k, "VI_2", []netspec.Address{below}, false))
	_, err := h.Link.Add(addr("192.0.2.77/32", "eth0")) // has it look
	netnstest.Must(t, err)
	time.Sleep(link.Tick + soon)
	if !stands(below) || !stands(own) || len(s.gone()) > 0 {
		t.Errorf("below %v, above %v, lost %v: want both, for both are claimed", stands(below), stands(own), s.gone())
	}
	netnstest.Must(t, kernel.Drop(k, "VI_2", []netspec.Address{below}))
	intrudes("the other has given it up")
	netnstest.Must(t, kernel.Drop(k, "VI_1", []netspec.Address{own}))
	intrudes("a backup")
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip: to give the interface another name")
	}
	cmd := exec.Command("ip", "link", "property", "add", "dev", "eth0", "altname", "lan0")
	netnstest.Must(t, h.Start(cmd))
	netnstest.Must(t, cmd.Wait())
	other := addr("192.0.2.100/32", "lan0")
	netnstest.Must(t, kernel.Take(k, "VI_2", []netspec.Address{other}, false))
	netnstest.Must(t, h.Link.Remove(addr("192.0.2.77/32", "eth0")))
	time.Sleep(link.Tick + soon)
	if !stands(below) || len(s.gone()) > 0 {
		t.Errorf("below %v, lost %v: want the address that is claimed by another name", stands(below), s.gone())
	}
}

// TestStorm: 1,000 flaps of the interface and 10,000 messages end in the right
// state, with memory as before.
func TestStorm(t *testing.T) {
	h, peer, k, s := directed(t)
	netnstest.Must(t, h.Link.AddBridge("br0"))
	netnstest.Must(t, h.Link.SetUp("br0"))
	a := addr("192.0.2.100/24", "eth0")
	wanted := netspec.Routing{Routes: []netspec.Route{routeTo("203.0.113.0/24", "eth0")}, Rules: []netspec.Rule{ruleFor(100)}}
	claim := func() error {
		if err := kernel.Take(k, "VI_1", []netspec.Address{a}, false); err != nil {
			return err
		}
		return k.SetRouting("VI_1", wanted)
	}
	netnstest.Must(t, claim())
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	began := time.Now()
	for i := range 1000 {
		netnstest.Must(t, h.Link.SetDown("eth0"))
		netnstest.Must(t, h.Link.SetUp("eth0"))
		for range 5 {
			other := addr("198.51.100.7/24", "br0")
			_, err := h.Link.Add(other)
			netnstest.Must(t, err)
			netnstest.Must(t, h.Link.Remove(other))
		}
		if i%100 == 0 {
			s.forget()
		}
	}
	storm := time.Since(began)
	s.forget()
	peer.AwaitUp(t, "peer0")
	// The node's part: it claims again what is missed.
	s.awaitLink(t, 5*time.Second, "link", "eth0", func(l *node.Link) bool { return l.Up })
	s.await(t, 5*time.Second, "loss", func(events []node.Event, _ []node.Received) bool {
		return slices.ContainsFunc(events, func(e node.Event) bool { g, ok := e.(*node.Gone); return ok && !g.Routing.Empty() })
	})
	netnstest.Must(t, claim())
	time.Sleep(link.Tick)
	s.forget()
	time.Sleep(link.Tick + soon)
	if g := s.gone(); len(g) > 0 {
		t.Errorf("missed after the storm: %+v", g[0])
	}
	if n := heldAll(t, h, wanted); n != 2 {
		t.Errorf("%d of 2 stand after the storm", n)
	}
	after := heap()
	t.Logf("storm of %v, heap %d KiB before and %d KiB after", storm, before>>10, after>>10)
	if after > before+2<<20 {
		t.Errorf("the heap grew from %d to %d octets", before, after)
	}
}
