//go:build linux

package kernel_test

import (
	"slices"
	"testing"
	"time"

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
