//go:build linux

package kernel

import (
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// quiet opens a Kernel whose monitor has ended, so that only the test ticks.
func quiet(t *testing.T, h *netnstest.Host) (*Kernel, *strings.Builder) {
	t.Helper()
	told := &strings.Builder{}
	var k *Kernel
	h.Run(t, func() (err error) {
		k, err = Open(make(packets, 10), Options{Log: slog.New(slog.NewTextHandler(told, nil))})
		return err
	})
	t.Cleanup(func() { k.Close() })
	netnstest.Must(t, k.monitor.Close())
	return k, told
}

// powerless runs f on a thread that may not change addresses. The thread ends
// with it.
func powerless(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		err := unix.Capget(&header, &data[0])
		if err == nil {
			data[0].Effective &^= 1 << unix.CAP_NET_ADMIN
			err = unix.Capset(&header, &data[0])
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	netnstest.Must(t, <-done)
}

func stands(t *testing.T, h *netnstest.Host, device string, a netspec.Address) bool {
	t.Helper()
	list, err := h.Link.List(device)
	netnstest.Must(t, err)
	return slices.ContainsFunc(list, func(b netspec.Address) bool { return b.Prefix == a.Prefix })
}

func rename(t *testing.T, h *netnstest.Host, name, to string) {
	t.Helper()
	netnstest.Must(t, h.Link.SetDown(name))
	netnstest.Must(t, h.Link.Rename(name, to))
	netnstest.Must(t, h.Link.SetUp(to))
}

func TestReleaseFollowsARenamedInterface(t *testing.T) {
	a := vip("192.0.2.100/24")
	list := []netspec.Address{a}
	for _, c := range []struct {
		name string
		// follow is what happens between the renaming and the release.
		follow func(*testing.T, *netnstest.Host, *Kernel)
		other  bool // whether another interface is eth0 now
	}{
		{"nobody has the name", func(*testing.T, *netnstest.Host, *Kernel) {}, false},
		{"claimed again in vain", func(t *testing.T, _ *netnstest.Host, k *Kernel) {
			if err := Take(k, "VI_1", list, false); err == nil {
				t.Error("claimed on an interface that is not there")
			}
		}, false},
		{"another has the name and the address", func(t *testing.T, h *netnstest.Host, _ *Kernel) {
			netnstest.Must(t, h.Link.AddBridge("eth0"))
			_, err := h.Link.Add(a)
			netnstest.Must(t, err)
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, _ := netnstest.Pair(t, "eth0", "eth1")
			k, _ := quiet(t, h)
			netnstest.Must(t, Take(k, "VI_1", list, false))
			rename(t, h, "eth0", "eth7")
			if !stands(t, h, "eth7", a) {
				t.Fatal("the renaming removed the address")
			}
			c.follow(t, h, k)
			netnstest.Must(t, Drop(k, "VI_1", list))
			if stands(t, h, "eth7", a) {
				t.Error("the address stands on the renamed interface")
			}
			if c.other && stands(t, h, "eth0", a) {
				t.Error("the address stands on the interface that has the name")
			}
			if n := len(k.claims.at) + len(k.claims.of) + len(k.claims.due) + len(k.claims.places); n != 0 {
				t.Errorf("something is left: %+v", k.claims)
			}
		})
	}
}

func TestAClaimClearsTheInterfaceThatLostTheName(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	k, _ := quiet(t, h)
	list := []netspec.Address{vip("192.0.2.100/24")}
	netnstest.Must(t, Take(k, "VI_1", list, false))
	rename(t, h, "eth0", "eth7")
	netnstest.Must(t, h.Link.AddBridge("eth0"))
	netnstest.Must(t, Take(k, "VI_1", list, false))
	if stands(t, h, "eth7", list[0]) || !stands(t, h, "eth0", list[0]) {
		t.Error("the address does not stand on the new eth0 only")
	}
}

// The name it was claimed under is another's, but it is claimed under the new
// name too: there it must stay.
func TestReleaseSparesAClaimUnderTheNewName(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	k, _ := quiet(t, h)
	a := vip("192.0.2.100/24")
	b := a
	b.Device = "eth7"
	netnstest.Must(t, Take(k, "VI_1", []netspec.Address{a}, false))
	rename(t, h, "eth0", "eth7")
	netnstest.Must(t, Take(k, "VI_2", []netspec.Address{b}, false))
	netnstest.Must(t, Drop(k, "VI_1", []netspec.Address{a}))
	if !stands(t, h, "eth7", b) {
		t.Error("removed what VI_2 claims")
	}
	netnstest.Must(t, Drop(k, "VI_2", []netspec.Address{b}))
	if stands(t, h, "eth7", b) {
		t.Error("the last release left the address")
	}
}

func TestARemovalThatFailedIsTriedAgain(t *testing.T) {
	a := vip("192.0.2.100/24")
	list := []netspec.Address{a}
	const gone = "removed an address that could not be removed before"
	for _, c := range []struct {
		name  string
		then  func(*testing.T, *netnstest.Host, *Kernel)
		on    string // where the address may stand
		stays bool
		told  int
	}{
		{"until it is gone", func(*testing.T, *netnstest.Host, *Kernel) {}, "eth0", false, 1},
		{"also on a renamed interface", func(t *testing.T, h *netnstest.Host, _ *Kernel) { rename(t, h, "eth0", "eth7") }, "eth7", false, 1},
		{"until it is claimed", func(t *testing.T, _ *netnstest.Host, k *Kernel) { netnstest.Must(t, Take(k, "VI_2", list, false)) }, "eth0", true, 0},
		{"by a release too", func(t *testing.T, h *netnstest.Host, k *Kernel) {
			rename(t, h, "eth0", "eth7")
			netnstest.Must(t, Drop(k, "VI_1", list))
			if stands(t, h, "eth7", a) {
				t.Error("the second release left the address, without error")
			}
		}, "eth7", false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, _ := netnstest.Pair(t, "eth0", "eth1")
			k, told := quiet(t, h)
			netnstest.Must(t, Take(k, "VI_1", list, false))
			powerless(t, func() {
				const want = "release addresses of VI_1: remove 192.0.2.100/24 dev eth0: operation not permitted"
				if err := Drop(k, "VI_1", list); err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("error %v, want %s", err, want)
				}
				for range 2 {
					if err := k.look(true); err != nil {
						t.Error(err)
					}
				}
			})
			if !stands(t, h, "eth0", a) || told.Len() != 0 {
				t.Fatalf("without power: stands %v, told %q", stands(t, h, "eth0", a), told)
			}
			if !k.claims.has(a.Addr()) {
				t.Error("what could not be removed may be taken for the interface's own")
			}
			c.then(t, h, k)
			for range 2 {
				netnstest.Must(t, k.look(true))
			}
			if got := stands(t, h, c.on, a); got != c.stays {
				t.Errorf("stands on %s: %v, want %v", c.on, got, c.stays)
			}
			if got := strings.Count(told.String(), gone); got != c.told {
				t.Errorf("told %d times that it is gone, want %d:\n%s", got, c.told, told)
			}
			if len(k.claims.due) != 0 {
				t.Errorf("still due: %v", k.claims.due)
			}
		})
	}
}

// A route that could not be removed is no news on each tick, whatever else is removed
// meanwhile, and is for another reason.
func TestARouteThatStaysIsToldOnce(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	k, told := quiet(t, h)
	route := func(to string) netspec.Routing {
		return netspec.Routing{Routes: []netspec.Route{{Destination: netip.MustParsePrefix(to), Hop: netspec.NextHop{Device: "eth0"}}}}
	}
	netnstest.Must(t, k.SetRouting("VI_1", route("198.51.100.0/24")))
	netnstest.Must(t, k.SetRouting("VI_2", route("203.0.113.0/24")))
	powerless(t, func() {
		if err := k.SetRouting("VI_1", netspec.Routing{}); err == nil {
			t.Error("a route was removed without the right to")
		}
	})
	netnstest.Must(t, k.SetRouting("VI_2", netspec.Routing{}))
	powerless(t, func() {
		for range 2 {
			netnstest.Must(t, k.look(true))
		}
	})
	if strings.Contains(told.String(), "another reason") {
		t.Errorf("told anew: %s", told)
	}
	k.mu.Lock()
	k.directions.why = nil // as if it had been another
	k.mu.Unlock()
	powerless(t, func() {
		for range 2 {
			netnstest.Must(t, k.look(true))
		}
	})
	if got := strings.Count(told.String(), "for another reason now"); got != 1 {
		t.Errorf("another reason is told %d times: %s", got, told)
	}
	told.Reset()
	netnstest.Must(t, k.look(true))
	if !strings.Contains(told.String(), "removed routes or rules that could not be removed before") {
		t.Errorf("the route is there still: %s", told)
	}
}

func TestWhatIsDueIsNewsOnce(t *testing.T) {
	c := newClaims()
	p := link.Placed{Address: vip("192.0.2.1/24"), Index: 2}
	if c.settle(p) {
		t.Error("settled what was not due")
	}
	if !c.owe(p, "busy") || c.owe(p, "busy") || !c.owe(p, "not permitted") {
		t.Error("not news the first time, and for another reason, only")
	}
	if !c.has(p.Address.Addr()) {
		t.Error("not known while due")
	}
	if !c.settle(p) || c.settle(p) || c.has(p.Address.Addr()) {
		t.Error("not settled once")
	}
}

// An address that two instances claim goes when both give it up in one call, and
// not when one does.
func TestReleaseTogether(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	k, _ := quiet(t, h)
	shared, own := vip("192.0.2.100/24"), vip("192.0.2.101/24")
	list := []engine.Holding{
		{Instance: "VI_1", Addresses: []netspec.Address{shared, own}},
		{Instance: "VI_2", Addresses: []netspec.Address{shared}},
		{Instance: "VI_3", Addresses: []netspec.Address{shared}},
	}
	var errs [3]error
	k.Claim(list, errs[:])
	netnstest.Must(t, errors.Join(errs[:]...))
	k.Release(list[:2], errs[:2])
	netnstest.Must(t, errors.Join(errs[:]...))
	if !stands(t, h, "eth0", shared) || stands(t, h, "eth0", own) {
		t.Error("the shared address went with two of three claims, or the other did not go")
	}
	k.Claim(list[:2], errs[:2])
	netnstest.Must(t, errors.Join(errs[:]...))
	k.Release(list, errs[:])
	netnstest.Must(t, errors.Join(errs[:]...))
	if stands(t, h, "eth0", shared) || stands(t, h, "eth0", own) {
		t.Error("an address stands after all gave it up together")
	}
	if n := len(k.claims.at) + len(k.claims.of) + len(k.claims.due) + len(k.claims.places); n != 0 {
		t.Errorf("something is left: %+v", k.claims)
	}
}

// Claims that are made together fail each for itself.
func TestClaimTogether(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	k, _ := quiet(t, h)
	nowhere := vip("192.0.2.101/24")
	nowhere.Device = "eth9"
	list := []engine.Holding{
		{Instance: "VI_1", Addresses: []netspec.Address{vip("192.0.2.100/24")}},
		{Instance: "VI_2", Addresses: []netspec.Address{nowhere, vip("192.0.2.102/24")}},
		{Instance: "VI_3", Addresses: []netspec.Address{vip("192.0.2.103/24")}},
	}
	var errs [3]error
	k.Claim(list, errs[:])
	if errs[0] != nil || errs[2] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), "claim addresses of VI_2: add 192.0.2.101/24 dev eth9") {
		t.Errorf("got %v, want an error of VI_2 alone", errs)
	}
	for _, a := range []string{"192.0.2.100/24", "192.0.2.102/24", "192.0.2.103/24"} {
		if !stands(t, h, "eth0", vip(a)) {
			t.Errorf("%s does not stand", a)
		}
	}
}
