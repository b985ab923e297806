//go:build linux

package ipvs

import (
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
)

// TestKeeperSeesAll: also what the kernel's short list does not show is put
// right, soon where the table is small.
func TestKeeperSeesAll(t *testing.T) {
	x := keep(t, others(), Options{})
	x.Set(sample())
	x.wait()
	x.inside(func(have balance.Table) {
		k := sample().Keys()[0]
		s := *have[k]
		s.Destinations = append([]balance.Destination(nil), s.Destinations...)
		s.Destinations[0].Upper = 77
		have[k] = &s
	})
	x.holds(with(others(), sample()))
	x.eventually("told", func(c Counts) bool { return c.Repaired == 1 })
	x.close(true, false)
}

// TestKeeperReadsInParts: where the table is large a part of it is read at a time, and
// what a look does not show is found in all of it, of services at each time.
func TestKeeperReadsInParts(t *testing.T) {
	const services = 400
	large, last := balance.Table{}, balance.Key{}
	for i := range services {
		last = balance.Key{Fwmark: uint32(i + 1)}
		s := balance.Service{Options: balance.Options{Scheduler: "rr", Flags: balance.Persistent, Persistence: 60}}
		s.Destinations = []balance.Destination{at(1), at(2)}
		large[last] = s.Normal(last)
	}
	x := keep(t, balance.Table{}, Options{}, func(x *kept) { x.f.slow = 20 * time.Microsecond })
	x.Set(large)
	x.wait()
	change := func(key balance.Key, f func(*balance.Service)) {
		x.inside(func(have balance.Table) {
			s := *have[key]
			s.Destinations = slices.Clone(s.Destinations)
			f(&s)
			have[key] = &s
			x.f.most, x.f.reads = 0, 0
		})
	}
	change(last, func(s *balance.Service) { s.Destinations[1].Upper = 77 })
	x.holds(large)
	most := 0
	x.inside(func(balance.Table) { most = x.f.most })
	if most >= services {
		t.Errorf("%d services were read at a time", most)
	}
	change(last, func(s *balance.Service) { s.Persistence = 5 })
	x.holds(large)
	x.eventually("told", func(c Counts) bool { return c.Repaired == 2 && c.Trouble == "" })
	x.close(true, false)
}
