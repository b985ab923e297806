package balance

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func dest(last byte, weight int32) Destination {
	return Destination{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, last}), 80), Weight: weight}
}

func web(last byte) Key {
	return Key{Protocol: TCP, Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, last}), 80)}
}

func service(k Key, scheduler string, list ...Destination) *Service {
	return Service{Options: Options{Scheduler: scheduler}, Destinations: list}.Normal(k)
}

func text(ops []Op) (lines []string) {
	for _, op := range ops {
		line := op.Kind.String() + " " + op.Key.String()
		switch op.Kind {
		case AddDestination, EditDestination:
			line += fmt.Sprintf(" %v %d", op.Destination.Address, op.Destination.Weight)
		case RemoveDestination:
			line += " " + op.Destination.Address.String()
		case AddService, EditService:
			line += " " + op.Options.Scheduler
		}
		lines = append(lines, line)
	}
	return lines
}

func TestDiff(t *testing.T) {
	one, two := web(1), web(2)
	tests := []struct {
		name       string
		have, want Table
		ops        []string
	}{
		{"nothing", Table{}, Table{}, nil},
		{"the same", Table{one: service(one, "rr", dest(1, 1))}, Table{one: service(one, "rr", dest(1, 1))}, nil},
		{"a new service", Table{}, Table{one: service(one, "rr", dest(2, 3), dest(1, 1))}, []string{
			"add service TCP 198.51.100.1:80 rr",
			"add destination TCP 198.51.100.1:80 192.0.2.1:80 1",
			"add destination TCP 198.51.100.1:80 192.0.2.2:80 3",
		}},
		{"a weight is one edit", Table{one: service(one, "rr", dest(1, 1), dest(2, 1))}, Table{one: service(one, "rr", dest(1, 1), dest(2, 5))}, []string{
			"edit destination TCP 198.51.100.1:80 192.0.2.2:80 5",
		}},
		{"the last server is replaced by the sorry server", Table{one: service(one, "rr", dest(1, 1))}, Table{one: service(one, "rr", dest(9, 1))}, []string{
			"add destination TCP 198.51.100.1:80 192.0.2.9:80 1",
			"remove destination TCP 198.51.100.1:80 192.0.2.1:80",
		}},
		{"one rises before the other falls", Table{one: service(one, "rr", dest(1, 4), dest(2, 0))}, Table{one: service(one, "rr", dest(1, 0), dest(2, 4))}, []string{
			"edit destination TCP 198.51.100.1:80 192.0.2.2:80 4",
			"edit destination TCP 198.51.100.1:80 192.0.2.1:80 0",
		}},
		{"another scheduler is an edit", Table{one: service(one, "rr", dest(1, 4))}, Table{one: service(one, "wlc", dest(1, 4))}, []string{
			"edit service TCP 198.51.100.1:80 wlc",
		}},
		{"a service goes after another came", Table{one: service(one, "rr", dest(1, 1))}, Table{two: service(two, "rr", dest(1, 1))}, []string{
			"add service TCP 198.51.100.2:80 rr",
			"add destination TCP 198.51.100.2:80 192.0.2.1:80 1",
			"remove service TCP 198.51.100.1:80",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.ops, text(Diff(tt.have, tt.want))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// draw makes a table of a few services and destinations, so that two of them
// have much in common.
func draw(r *rand.Rand) Table {
	t := Table{}
	for i := range byte(4) {
		k := web(i + 1)
		switch {
		case r.IntN(3) == 0:
			continue
		case i == 2:
			k = Key{Fwmark: 7, IPv6: r.IntN(2) == 0}
		case i == 3:
			k = Key{IPv6: true, Protocol: UDP, Address: netip.MustParseAddrPort("[2001:db8::1]:53")}
		}
		s := Service{Options: Options{Scheduler: []string{"rr", "wrr"}[r.IntN(2)], Flags: Flags(r.IntN(64)), Persistence: uint32(r.IntN(2) * 300)}}
		for d := range byte(r.IntN(6)) {
			if r.IntN(3) > 0 {
				x := dest(d+1, int32(r.IntN(4)))
				x.Forward, x.Upper = Forward(r.IntN(4)), uint32(r.IntN(2))
				x.Tunnel, x.TunnelPort = Encapsulation(r.IntN(3)), uint16(r.IntN(2))
				s.Destinations = append(s.Destinations, x)
			}
		}
		t[k] = s.Normal(k)
	}
	return t
}

// check applies Diff(have, want) step by step and holds the rules of every
// step.
func check(t *testing.T, have, want Table) {
	t.Helper()
	ops := Diff(have, want)
	now := maps.Clone(have)
	for i, op := range ops {
		if !now.Apply(op) {
			t.Fatalf("operation %d of %q cannot be carried out", i, text(ops))
		}
		for k, s := range now {
			before, after := have[k], want[k]
			if before == nil || after == nil {
				continue
			}
			for _, d := range before.Destinations {
				if holds(after, d.Address) && !holds(s, d.Address) {
					t.Fatalf("after %d of %q %v lacks %v, which both ends have", i, text(ops), k, d.Address)
				}
			}
			if serves(before) && serves(after) && !serves(s) {
				t.Fatalf("after %d of %q nobody serves %v", i, text(ops), k)
			}
		}
		for k, s := range have {
			if now[k] == nil && want[k] != nil {
				t.Fatalf("after %d of %q there is no %v of %d servers", i, text(ops), k, len(s.Destinations))
			}
		}
	}
	if diff := cmp.Diff(want, now, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Fatalf("%q leads elsewhere: %s", text(ops), diff)
	}
	// The naive twin: as many operations as there are differences.
	if n := differences(have, want); len(ops) != n {
		t.Fatalf("%d operations for %d differences: %q", len(ops), n, text(ops))
	}
}

func holds(s *Service, a netip.AddrPort) bool {
	return slices.ContainsFunc(s.Destinations, func(d Destination) bool { return d.Address == a })
}

func serves(s *Service) bool {
	return slices.ContainsFunc(s.Destinations, func(d Destination) bool { return d.Weight > 0 })
}

func differences(have, want Table) (n int) {
	type at struct {
		k Key
		a netip.AddrPort
	}
	flat := func(t Table) (map[at]Destination, map[Key]Options) {
		dests, options := map[at]Destination{}, map[Key]Options{}
		for k, s := range t {
			options[k] = s.Options
			for _, d := range s.Destinations {
				dests[at{k, d.Address}] = d
			}
		}
		return dests, options
	}
	oldDests, oldOptions := flat(have)
	newDests, newOptions := flat(want)
	for k, o := range newOptions {
		if was, there := oldOptions[k]; !there || was != o {
			n++
		}
	}
	for k := range oldOptions {
		if _, stays := newOptions[k]; !stays {
			n++
		}
	}
	for p, d := range newDests {
		if was, there := oldDests[p]; !there || was != d {
			n++
		}
	}
	for p := range oldDests {
		if _, stays := newDests[p]; !stays && want[p.k] != nil {
			n++
		}
	}
	return n
}

func TestDiffOfRandomTables(t *testing.T) {
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 1))
		check(t, draw(r), draw(r))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func FuzzDiff(f *testing.F) {
	f.Add([]byte("0123456789abcdef"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var seeds [16]byte
		copy(seeds[:], b)
		one := draw(rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seeds[:8]), 1)))
		two := draw(rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seeds[8:]), 2)))
		check(t, one, two)
		check(t, two, one)
	})
}

func TestNormal(t *testing.T) {
	v6 := Key{IPv6: true, Protocol: TCP, Address: netip.MustParseAddrPort("[2001:db8::1]:80")}
	s := Service{
		Options:      Options{Flags: Hashed | OnePacket, Persistence: 5, Mask: [4]byte{255}},
		Destinations: []Destination{dest(2, 1), dest(1, -3), {Address: dest(2, 9).Address, Weight: 4, TunnelPort: 9}},
	}.Normal(v6)
	want := &Service{Options: Options{Flags: OnePacket, Bits: 128}, Destinations: []Destination{dest(1, 0), dest(2, 4)}}
	if diff := cmp.Diff(want, s, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	for _, mask := range [][4]byte{{}, {255, 255, 0, 0}} { // 0.0.0.0 is a mask as any other
		if got := (Service{Options: Options{Bits: 24, Mask: mask}}).Normal(web(1)); got.Mask != mask || got.Bits != 0 {
			t.Errorf("IPv4: %+v", got)
		}
	}
}

// BenchmarkDiff compares two tables of 37,000 destinations of which ten differ.
func BenchmarkDiff(b *testing.B) {
	build := func(weight int32) Table {
		t := Table{}
		for v := range 3700 {
			k := Key{Protocol: TCP, Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(v / 250), byte(v % 250)}), 80)}
			s := Service{Options: Options{Scheduler: "rr"}}
			for d := range 10 {
				x := Destination{Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 32, byte(v / 25), byte(v%25*10 + d)}), 80), Weight: 1}
				if v%370 == 0 && d == 0 {
					x.Weight = weight
				}
				s.Destinations = append(s.Destinations, x)
			}
			t[k] = s.Normal(k)
		}
		return t
	}
	have, want := build(1), build(2)
	for b.Loop() {
		if n := len(Diff(have, want)); n != 10 {
			b.Fatalf("%d operations", n)
		}
	}
}
