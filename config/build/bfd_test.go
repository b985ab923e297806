package build

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/node"
)

func TestBFD(t *testing.T) {
	ms := time.Millisecond
	ttl := config.Keys{{Name: "ttl"}}
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for _, tt := range []struct {
		name   string
		config config.BFD
		want   bfd.Config
	}{
		{"IPv4, all defaults", config.BFD{NeighborIP: four, MinRX: 10 * ms, MinTX: 10 * ms, IdleTX: 1000 * ms, Multiplier: 5},
			bfd.Config{Path: bfd.Path{Neighbor: four}, MinRx: 10 * ms, MinTx: 10 * ms, IdleTx: 1000 * ms, Mult: 5, TTL: 255, MinTTL: 255}},
		{"IPv6, all defaults: keepalived's 64 is taken", config.BFD{NeighborIP: six, MinRX: 10 * ms, MinTX: 10 * ms, IdleTX: 1000 * ms, Multiplier: 5},
			bfd.Config{Path: bfd.Path{Neighbor: six}, MinRx: 10 * ms, MinTx: 10 * ms, IdleTx: 1000 * ms, Mult: 5, TTL: 255, MinTTL: 64}},
		{"keepalived's own default is not what is meant", config.BFD{NeighborIP: six, TTL: 64}, bfd.Config{Path: bfd.Path{Neighbor: six}, TTL: 255, MinTTL: 64}},
		{"IPv6 with hoplimit", config.BFD{NeighborIP: six, TTL: 255, Written: ttl},
			bfd.Config{Path: bfd.Path{Neighbor: six}, TTL: 255, MinTTL: 255}},
		{"everything", config.BFD{SourceIP: four.Next(), NeighborIP: four, MinRX: 1 * ms, MinTX: 2 * ms, IdleTX: 3000 * ms, Multiplier: 255, Passive: true, TTL: 200, Written: ttl, MaxHops: 5, Multihop: true},
			bfd.Config{Path: bfd.Path{Source: four.Next(), Neighbor: four, Multihop: true}, MinRx: 1 * ms, MinTx: 2 * ms, IdleTx: 3000 * ms, Mult: 255, Passive: true, TTL: 200, MinTTL: 195}},
		{"hops are not looked at", config.BFD{NeighborIP: four, MaxHops: -1}, bfd.Config{Path: bfd.Path{Neighbor: four}, TTL: 255}},
		{"as many hops as there are", config.BFD{NeighborIP: four, TTL: 10, Written: ttl, MaxHops: 255}, bfd.Config{Path: bfd.Path{Neighbor: four}, TTL: 10}},
		{"link-local", config.BFD{SourceIP: netip.MustParseAddr("fe80::1%eth0"), NeighborIP: netip.MustParseAddr("fe80::2%eth0")},
			bfd.Config{Path: bfd.Path{Source: netip.MustParseAddr("fe80::1"), Neighbor: netip.MustParseAddr("fe80::2%eth0")}, TTL: 255, MinTTL: 64}},
	} {
		tt.config.Name = "S"
		got := Node(&config.Config{
			BFDs:      []config.BFD{tt.config},
			Instances: []config.Instance{{Name: "V", Priority: 100, TrackBFDs: []config.Track{{Name: "S", Weight: -20, Reverse: true}}}},
			Groups:    []config.SyncGroup{{Name: "G", TrackBFDs: []config.Track{{Name: "S"}}}},
		})
		if want := []node.Session{{Name: "S", BFD: tt.want}}; !reflect.DeepEqual(got.Sessions, want) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got.Sessions, want)
		}
		if want := []node.TrackSession{{Name: "S", Weight: -20, Reverse: true}}; !reflect.DeepEqual(got.Instances[0].Sessions, want) {
			t.Errorf("%s: the instance tracks %+v, want %+v", tt.name, got.Instances[0].Sessions, want)
		}
		if want := []node.TrackSession{{Name: "S"}}; !reflect.DeepEqual(got.Groups[0].Sessions, want) {
			t.Errorf("%s: the group tracks %+v, want %+v", tt.name, got.Groups[0].Sessions, want)
		}
	}
}
