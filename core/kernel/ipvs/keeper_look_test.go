//go:build linux

package ipvs

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

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

// TestKeeperReadMisses: a service that a read of the table passed over is neither taken for
// removed nor left behind.
func TestKeeperReadMisses(t *testing.T) {
	blind := func(x *kept) { x.f.passes = func(balance.Key) bool { return true } }
	x := keep(t, others(), Options{})
	x.Set(sample())
	x.wait()
	had, sent := 0, 0
	x.inside(func(balance.Table) { blind(x); had = x.f.sends })
	for sent < had+50 {
		x.inside(func(balance.Table) { sent = x.f.sends })
	}
	if c := x.Counts(); c.Repaired != 0 || c.Trouble != "" {
		t.Errorf("nobody touched the table: %+v: %s", c, x.log.b.String())
	}
	x.close(true, false)
	if diff := cmp.Diff(others(), x.f.table, same); diff != "" || len(x.journal) > 0 {
		t.Errorf("after the end, with %v written down: %s", x.journal, diff)
	}

	x = keep(t, with(others(), sample()), Options{Earlier: sample().Keys()}, blind)
	x.Set(nil) // nothing is wanted
	x.holds(others())
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
	x := keep(t, balance.Table{}, Options{}, func(x *kept) { x.f.slow = 60 * time.Microsecond })
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

// TestWithout: what the kernel has when it refused some operations is what those that
// it carried out make, whichever they are.
func TestWithout(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	key := balance.Key{Fwmark: 3}
	drawn := func() *balance.Service {
		if r.IntN(5) == 0 {
			return nil
		}
		s := balance.Service{Options: balance.Options{Scheduler: []string{"rr", "wrr"}[r.IntN(2)]}}
		for i := range byte(6) {
			if d := at(i + 1); r.IntN(2) == 0 {
				d.Weight = int32(r.IntN(3))
				s.Destinations = append(s.Destinations, d)
			}
		}
		return s.Normal(key)
	}
	for range 2000 {
		have, want := balance.Table{}, balance.Table{}
		old, now := drawn(), drawn()
		if old != nil {
			have[key] = old
		}
		if now != nil {
			want[key] = now
		}
		var failures []Failure
		for _, op := range balance.Diff(have, want) {
			switch missing := op.Kind != balance.AddService && have[key] == nil; {
			case missing:
				failures = append(failures, Failure{op, errNoService})
			case r.IntN(3) == 0:
				failures = append(failures, Failure{op, unix.ENOMEM})
			case !have.Apply(op):
				t.Fatalf("%+v cannot be applied", op)
			}
		}
		if len(failures) == 0 {
			continue
		}
		if got := without(key, old, now, failures); !equal(got, have[key]) {
			t.Fatalf("from %+v to %+v without %v: %+v, want %+v", old, now, failures, got, have[key])
		}
	}
}

// TestRefusedCost: a service of tens of thousands of servers of which the table takes
// half is no burden.
func TestRefusedCost(t *testing.T) {
	key := balance.Key{Fwmark: 3}
	var s balance.Service
	var failures []Failure
	for i := range 40_000 {
		d := balance.Destination{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 80)}
		s.Destinations = append(s.Destinations, d)
		if i%2 == 0 {
			failures = append(failures, Failure{balance.Op{Kind: balance.AddDestination, Key: key, Destination: d}, unix.ENOMEM})
		}
	}
	began := time.Now()
	if got := without(key, nil, s.Normal(key), failures); len(got.Destinations) != 20_000 {
		t.Errorf("%d are left", len(got.Destinations))
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}
