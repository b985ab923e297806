//go:build linux

package kernel_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/netspec"
)

func TestPromote(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	s := sysctl.New(h.NS, nil)
	setting := func(device string) string {
		t.Helper()
		v, err := s.Read("ipv4/conf/" + device + "/promote_secondaries")
		netnstest.Must(t, err)
		return v
	}
	k, _ := open(t, h, kernel.Options{})
	netnstest.Must(t, k.Promote([]string{"eth0", "eth2"}))
	first, second := addr("192.0.2.1/24", "eth0"), addr("192.0.2.2/24", "eth0")
	add(t, h, first)
	add(t, h, second)
	netnstest.Must(t, h.Link.Remove(first))
	if list := must[[]netspec.Address](t)(h.Link.List("eth0")); !slices.Contains(list, second) {
		t.Errorf("addresses %v, want the second of the network to have stayed", list)
	}
	netnstest.Connect(t, h, "eth2", peer, "eth3")
	for end := time.Now().Add(soon); setting("eth2") != "1" && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if got := setting("eth2"); got != "1" {
		t.Errorf("of an interface that came later it is %s, want 1", got)
	}
	netnstest.Must(t, k.Promote([]string{"eth2"}))
	if a, b := setting("eth0"), setting("eth2"); a != "0" || b != "1" {
		t.Errorf("after a change it is %s and %s, want 0 and 1", a, b)
	}
	netnstest.Must(t, k.Close())
	if got := setting("eth2"); got != "0" {
		t.Errorf("after Close it is %s, want 0", got)
	}
}

// TestGuardLeavesTheNetwork holds that a guarded address which is the first of a network
// goes without the host's own of that network, and the setting is as before.
func TestGuardLeavesTheNetwork(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	s := sysctl.New(h.NS, nil)
	k, _ := open(t, h, kernel.Options{})
	netnstest.Must(t, k.Watch([]string{"eth0"}, nil))
	guarded, stands, own := addr("192.0.2.100/32", "eth0"), addr("192.0.2.100/24", "eth0"), addr("192.0.2.5/24", "eth0")
	for _, promoted := range []string{"0", "1"} {
		k.Guard(nil, nil)
		netnstest.Must(t, k.Promote(map[string][]string{"1": {"eth0"}}[promoted]))
		netnstest.Must(t, h.Link.Remove(own))
		add(t, h, stands)
		add(t, h, own)
		k.Guard([]netspec.Address{guarded}, nil)
		for end := time.Now().Add(soon); slices.Contains(must[[]netspec.Address](t)(h.Link.List("eth0")), stands); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the guarded address still stands")
			}
		}
		if list := must[[]netspec.Address](t)(h.Link.List("eth0")); !slices.Contains(list, own) {
			t.Errorf("promote_secondaries %s: addresses %v, want the host's own to have stayed", promoted, list)
		}
		// It is put back after the address has gone, and one that is to stay is not.
		setting := ""
		for end := time.Now().Add(soon); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
			setting = must[string](t)(s.Read("ipv4/conf/eth0/promote_secondaries"))
			if promoted == "0" && setting == "0" || setting != promoted && promoted == "1" {
				break
			}
		}
		if setting != promoted {
			t.Errorf("promote_secondaries is %s, want %s as before", setting, promoted)
		}
	}
}

// TestReleaseLeavesTheNetwork holds that an address which is the first of a network goes,
// or is replaced, without those of other instances and the host's own, and that the
// setting is as before; where it is 1 already, nothing is changed.
func TestReleaseLeavesTheNetwork(t *testing.T) {
	for name, c := range map[string]struct {
		device, all string
		changes     int32 // that are written down, by one release
	}{
		"off":             {"0", "0", 2},
		"of the device":   {"1", "0", 0},
		"of all of them":  {"0", "1", 0},
		"by Promote":      {"promote", "0", 0},
		"of a single one": {"0", "0", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _ := netnstest.Pair(t, "eth0", "eth1")
			s := sysctl.New(h.NS, nil)
			var told atomic.Int32
			k, heard := open(t, h, kernel.Options{Settings: func([]sysctl.Change) error { told.Add(1); return nil }})
			setting := "ipv4/conf/eth0/promote_secondaries"
			want := c.device
			if want == "promote" {
				want = "1"
				netnstest.Must(t, k.Promote([]string{"eth0"}))
			} else {
				netnstest.Must(t, s.Put(setting, c.device))
			}
			netnstest.Must(t, s.Put("ipv4/conf/all/promote_secondaries", c.all))
			netnstest.Must(t, k.Watch([]string{"eth0"}, nil))
			first, other, own := addr("192.0.2.100/24", "eth0"), addr("192.0.2.101/24", "eth0"), addr("192.0.2.5/24", "eth0")
			single := addr("192.0.2.102/32", "eth0")
			netnstest.Must(t, kernel.Take(k, "VI_1", []netspec.Address{first, single}, false))
			netnstest.Must(t, kernel.Take(k, "VI_2", []netspec.Address{other}, false))
			add(t, h, own)
			before := told.Load()
			leaves := first
			if name == "of a single one" {
				leaves = single
			}
			stays := func(what string, list ...netspec.Address) {
				t.Helper()
				stand := must[[]netspec.Address](t)(h.Link.List("eth0"))
				for _, a := range list {
					if !slices.ContainsFunc(stand, func(b netspec.Address) bool { return a.Prefix == b.Prefix }) {
						t.Errorf("%s: there are %v, want %s among them", what, stand, a)
					}
				}
				netnstest.Must(t, k.Watch([]string{"eth0"}, nil))
				if gone := heard.gone(); len(gone) > 0 {
					t.Errorf("%s: told as gone: %+v", what, gone[0])
				}
				if got := must[string](t)(s.Read(setting)); got != want {
					t.Errorf("%s: promote_secondaries is %s, want %s as before", what, got, want)
				}
			}
			netnstest.Must(t, kernel.Drop(k, "VI_1", []netspec.Address{leaves}))
			stays("release", other, own)
			if got := told.Load() - before; got != c.changes {
				t.Errorf("%d changes of settings were written down, want %d", got, c.changes)
			}
			if leaves == single {
				return
			}
			// Now the other one is the first, and is to have a label.
			other.Label = "eth0:2"
			netnstest.Must(t, kernel.Take(k, "VI_2", []netspec.Address{other}, false))
			if got := must[[]netspec.Address](t)(h.Link.List("eth0")); !slices.ContainsFunc(got, func(a netspec.Address) bool { return a.Label == other.Label }) {
				t.Errorf("there are %v, want %s replaced", got, other)
			}
			stays("replacement", other, own)
		})
	}
}

// TestReleaseOfManySetsOnce holds that the setting is changed once for all that leave an
// interface together, and for none of another's that need nothing.
func TestReleaseOfManySetsOnce(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	var told atomic.Int32
	k, _ := open(t, h, kernel.Options{Settings: func([]sysctl.Change) error { told.Add(1); return nil }})
	var list []engine.Holding
	for n := range 200 {
		list = append(list, engine.Holding{Instance: fmt.Sprint("VI_", n), Addresses: []netspec.Address{
			addr(fmt.Sprintf("192.0.2.%d/24", n+1), "eth0"), addr(fmt.Sprintf("198.51.100.%d/32", n+1), "lo"),
		}})
	}
	errs := make([]error, len(list))
	k.Claim(list, errs)
	netnstest.Must(t, errors.Join(errs...))
	k.Release(list, errs)
	netnstest.Must(t, errors.Join(errs...))
	if n := told.Load(); n != 2 {
		t.Errorf("%d changes of settings were written down, want 2", n)
	}
	if left := must[[]netspec.Address](t)(h.Link.List("eth0")); slices.ContainsFunc(left, func(a netspec.Address) bool { return a.Addr().Is4() }) {
		t.Errorf("there are %v, want none", left)
	}
}

// processorTime is what the process has used, in the kernel too: it does not depend on
// what else the machine does.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	netnstest.Must(t, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestReleaseOfANetworkIsQuick holds that a thousand addresses of one network leave an
// interface about as fast as others do: each that goes as the first of those that are left
// would have the kernel go through these, which takes seconds in all.
func TestReleaseOfANetworkIsQuick(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	k, _ := open(t, h, kernel.Options{})
	netnstest.Must(t, k.Promote([]string{"eth0"}))
	var list []netspec.Address
	for n := range 1000 {
		list = append(list, addr(fmt.Sprintf("10.0.%d.%d/16", n/250, n%250+1), "eth0"))
	}
	netnstest.Must(t, kernel.Take(k, "VI_1", list, false))
	begin := processorTime(t)
	netnstest.Must(t, kernel.Drop(k, "VI_1", list))
	if took := processorTime(t) - begin; took > time.Second {
		t.Errorf("it took %v of a processor, want tens of milliseconds", took)
	}
	if left := must[[]netspec.Address](t)(k.Held(list)); len(left) > 0 {
		t.Errorf("%d stand, want none", len(left))
	}
}

// TestReleaseSparesWhereOthersAre holds that of many interfaces only those have their
// setting changed on which others would go along.
func TestReleaseSparesWhereOthersAre(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "peer0")
	var told atomic.Int32
	k, _ := open(t, h, kernel.Options{Settings: func([]sysctl.Change) error { told.Add(1); return nil }})
	var list []engine.Holding
	var stay []netspec.Address
	for n := range 6 {
		device := fmt.Sprint("eth", n)
		if n > 0 {
			netnstest.Connect(t, h, device, peer, fmt.Sprint("peer", n))
		}
		virtual, own := addr(fmt.Sprintf("10.%d.0.100/24", n), device), addr(fmt.Sprintf("10.%d.0.1/24", n), device)
		also := addr(fmt.Sprintf("10.%d.0.101/24", n), device)
		switch n {
		case 0: // the host's own comes after those of the instance
			add(t, h, virtual, also, own)
			stay = append(stay, own)
		case 1: // and here before them
			add(t, h, own)
			stay = append(stay, own)
		}
		list = append(list, engine.Holding{Instance: fmt.Sprint("VI_", n), Addresses: []netspec.Address{virtual, also}})
	}
	errs := make([]error, len(list))
	k.Claim(list, errs)
	netnstest.Must(t, errors.Join(errs...))
	k.Release(list, errs)
	netnstest.Must(t, errors.Join(errs...))
	if n := told.Load(); n != 2 {
		t.Errorf("%d changes of settings were written down, want 2, of one interface", n)
	}
	if held := must[[]netspec.Address](t)(k.Held(stay)); !slices.Equal(held, stay) {
		t.Errorf("there are %v, want %v", held, stay)
	}
	for _, x := range list {
		if held := must[[]netspec.Address](t)(k.Held(x.Addresses)); len(held) > 0 {
			t.Errorf("there are still %v", held)
		}
	}
}
