//go:build linux

package ipvs

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
)

// TestKeeperUsageLetsChangesThrough: what is set while the counters of a large table are
// read is carried out before they all are, and a service that goes meanwhile is left out.
func TestKeeperUsageLetsChangesThrough(t *testing.T) {
	t.Run("of services", func(t *testing.T) { usageLetsChangesThrough(t, 20*usagePiece, 1) })
	t.Run("of destinations", func(t *testing.T) { usageLetsChangesThrough(t, usagePiece, usageDestinations/8) })
}

func usageLetsChangesThrough(t *testing.T, services, destinations int) {
	var list []balance.Destination
	for i := range destinations {
		list = append(list, at(byte(i+1)))
	}
	all := balance.Table{}
	key := func(i int) balance.Key { return balance.Key{Fwmark: uint32(i + 1)} }
	for i := range services {
		all[key(i)] = (balance.Service{Options: balance.Options{Scheduler: "rr"}, Destinations: list}).Normal(key(i))
	}
	x := keep(t, balance.Table{}, Options{LookEvery: time.Hour}, func(x *kept) { x.f.piece = 100 })
	x.Set(all)
	x.wait()
	other := (balance.Service{Options: balance.Options{Scheduler: "rr"}, Destinations: []balance.Destination{at(2), at(1)}}).Normal(key(0))
	read, carried := 0, 0
	x.inside(func(have balance.Table) {
		x.f.onRead = func() {
			if read++; read == 1 {
				x.Set(balance.Table{key(0): other})
				delete(have, key(services-1))
			}
			if carried == 0 && equal(have[key(0)], other) {
				carried = read
			}
		}
	})
	used, err := x.Usage(t.Context(), all.Keys())
	if err != nil || len(used) != services-1 || used[services-2].Key != key(services-2) || len(used[services-2].Destinations) != destinations {
		t.Errorf("%d services, %v", len(used), err)
	}
	if carried == 0 || carried > services/2 {
		t.Errorf("the change was carried out after %d services were read, of %d", carried, read)
	}
	x.inside(func(balance.Table) { x.f.onRead = nil })
	x.close(true, false)
}

// TestKeeperUsageMisses: a service that a dump passes over is counted all the same: its
// servers have connections. One that is named twice, or is not there, is not.
func TestKeeperUsageMisses(t *testing.T) {
	x := keep(t, others(), Options{LookEvery: time.Hour}, func(x *kept) { x.f.passes = func(balance.Key) bool { return true } })
	x.Set(sample())
	x.wait()
	keys := sample().Keys()
	used, err := x.Usage(t.Context(), append(keys, keys[0], balance.Key{Fwmark: 77}))
	if err != nil || len(used) != len(keys) {
		t.Errorf("%d of %d services, %v", len(used), len(keys), err)
	}
	x.close(true, false)
}
