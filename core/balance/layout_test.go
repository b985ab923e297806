package balance

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLayout(t *testing.T) {
	at := netip.MustParseAddrPort
	l := Layout{
		Keys:    []Key{web(1), {Fwmark: 3}},
		Options: Options{Scheduler: "wrr", Flags: Persistent, Persistence: 50, Mask: [4]byte{255, 255, 255, 255}},
		Servers: []Destination{
			{Address: at("192.0.2.1:8080"), Weight: 9},
			{Address: at("192.0.2.2:8080"), Forward: Direct},
		},
		Sorry: Destination{Address: at("127.0.0.1:80"), Forward: Direct},
	}
	got := Table{web(9): nil}
	l.Table(got, []Place{{1, 4}, {0, -1}, {SorryServer, 1 << 40}})
	options := Options{Scheduler: "wrr", Flags: Persistent, Persistence: 50, Mask: [4]byte{255, 255, 255, 255}}
	want := Table{
		web(9): nil,
		web(1): {options, []Destination{
			{Address: at("127.0.0.1:80"), Weight: MostWeight, Forward: Direct},
			{Address: at("192.0.2.1:8080")},
			{Address: at("192.0.2.2:80"), Weight: 4, Forward: Direct},
		}},
		{Fwmark: 3}: {options, []Destination{
			{Address: at("127.0.0.1:0"), Weight: MostWeight, Forward: Direct},
			{Address: at("192.0.2.1:8080")},
			{Address: at("192.0.2.2:0"), Weight: 4, Forward: Direct},
		}},
	}
	ports := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	if diff := cmp.Diff(want, got, ports); diff != "" {
		t.Error(diff)
	}
}

// TestDoubles: of two servers that are one in a service the first counts, while
// it has a place.
func TestDoubles(t *testing.T) {
	k := web(1)
	one, two := Destination{Address: netip.MustParseAddrPort("192.0.2.1:81"), Forward: Direct}, Destination{Address: netip.MustParseAddrPort("192.0.2.1:82"), Forward: Tunnel}
	l := Layout{Keys: []Key{k}, Servers: []Destination{one, two}, Doubles: true, Sorry: Destination{Address: one.Address, Forward: Direct}}
	for _, tt := range []struct {
		places []Place
		by     Forward
		weight int32
	}{
		{[]Place{{0, 5}, {1, 7}}, Direct, 5},
		{[]Place{{1, 7}}, Tunnel, 7},
		{[]Place{{0, 5}, {1, 7}, {SorryServer, 0}}, Direct, 5},
		{[]Place{{1, 7}, {SorryServer, 0}}, Tunnel, 7},
		{[]Place{{0, 0}, {1, 0}, {SorryServer, 1}}, Direct, 1},
	} {
		table := Table{}
		l.Table(table, tt.places)
		if list := table[k].Destinations; len(list) != 1 || list[0].Forward != tt.by || list[0].Weight != tt.weight {
			t.Errorf("%v leads to %+v", tt.places, list)
		}
	}
}

// TestSorryAmongServers: a sorry server that is a real server, too, and keeps its
// place while it rests does not take the real server's weight.
func TestSorryAmongServers(t *testing.T) {
	k := web(1)
	l := Layout{Keys: []Key{k}, Options: Options{Scheduler: "rr"}, Servers: []Destination{dest(1, 0), dest(2, 0)}, Sorry: dest(2, 0)}
	for _, tt := range []struct {
		places []Place
		weight int32
	}{
		{[]Place{{0, 5}, {1, 7}, {SorryServer, 0}}, 7},
		{[]Place{{1, 0}, {SorryServer, 1}}, 1},
		{[]Place{{0, 5}, {SorryServer, 0}}, 0},
	} {
		table := Table{}
		l.Table(table, tt.places)
		list := table[k].Destinations
		if last := list[len(list)-1]; last.Address != dest(2, 0).Address || last.Weight != tt.weight {
			t.Errorf("%v leads to %+v", tt.places, list)
		}
	}
}

// TestDoublesCost: that servers may be one in a service does not make a large
// table dear: to look for each among those before it takes a hundred times as
// long as the rest.
func TestDoublesCost(t *testing.T) {
	l, places := largeLayout(8000)
	took := func(doubles bool) time.Duration {
		l.Doubles = doubles
		best := time.Hour
		for range 5 {
			began := time.Now()
			l.Table(Table{}, places)
			best = min(best, time.Since(began))
		}
		return best
	}
	without, with := took(false), took(true)
	t.Logf("%v without doubles, %v with", without, with)
	if with > 20*without {
		t.Errorf("a table of %d places takes %v, and %v when two may be one", len(places), without, with)
	}
}

// largeLayout has n servers of which each two share an address.
func largeLayout(n int) (l Layout, places []Place) {
	l = Layout{Keys: []Key{web(1)}, Options: Options{Scheduler: "wrr"}}
	for i := range n {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i / 2 / 256), byte(i / 2)}), uint16(80+i%2))
		l.Servers = append(l.Servers, Destination{Address: a, Forward: Direct})
		places = append(places, Place{i, 1})
	}
	return l, places
}

// BenchmarkDoubles makes the table of a service with 8,000 places of which each
// two are one.
func BenchmarkDoubles(b *testing.B) {
	l, places := largeLayout(8000)
	l.Doubles = true
	for b.Loop() {
		l.Table(Table{}, places)
	}
}
