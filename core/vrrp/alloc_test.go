package vrrp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// kinds are the ways in which an advert can travel.
func kinds() map[string]struct {
	version Version
	opts    []func(*Config)
} {
	six := addresses("fe80::100 2001:db8::100")
	unicast6 := func(c *Config) {
		c.Unicast = Unicast{On: true, Peers: []Peer{{Addr: netip.MustParseAddr("fe80::1")}, {Addr: netip.MustParseAddr("fe80::3")}}}
	}
	type kind = struct {
		version Version
		opts    []func(*Config)
	}
	return map[string]kind{
		"version 2":       {V2, nil},
		"AH":              {V2, []func(*Config){withAH}},
		"AH in unicast":   {V2, []func(*Config){withAH, unicast()}},
		"version 3":       {V3, nil},
		"IPv6":            {V3, []func(*Config){six}},
		"unicast":         {V3, []func(*Config){unicast()}},
		"IPv6 in unicast": {V3, []func(*Config){six, unicast6}},
		"HMAC":            {V3, []func(*Config){hmacs(HMACEnforce)}},
		"HMAC over IPv6":  {V3, []func(*Config){six, hmacs(HMACEnforce)}},
		"HMAC in unicast": {V3, []func(*Config){unicast(), hmacs(HMACEnforce)}},
		"HMAC version 2":  {V2, []func(*Config){hmacs(HMACEnforce)}},
		"both versions":   {V3, []func(*Config){interopOpt}},
	}
}

// TestNoAllocationSent: an advert leaves without garbage, to one or many peers.
func TestNoAllocationSent(t *testing.T) {
	for name, k := range kinds() {
		t.Run(name, func(t *testing.T) {
			d := master(t, k.version, 100, k.opts...)
			out, now, sent := make([]Action, 0, 8), d.at(), 0
			n := testing.AllocsPerRun(100, func() {
				now = now.Add(time.Second)
				out = d.r.Tick(now, out[:0])
				sent += len(out)
			})
			if n != 0 {
				t.Errorf("%v allocations", n)
			}
			if want := 101 * len(d.r.advert); sent != want {
				t.Errorf("%d sent, want %d", sent, want)
			}
		})
	}
}

// TestNoAllocationReceived: nor does one that arrives, or that is refused, make
// garbage.
func TestNoAllocationReceived(t *testing.T) {
	for name, k := range kinds() {
		t.Run(name, func(t *testing.T) {
			d := backup(t, k.version, 100, k.opts...)
			d.r.SetWall(year26 - int64(epoch))
			from := peerHigh
			if d.r.Source().Is6() {
				from = netip.MustParseAddr("fe80::3")
			}
			var packets []Packet
			s := signer(d, from)
			for i := range 110 {
				s.SetWall(year26 + int64(i)*1e6)
				out := s.transmit(0, s.advert, nil)
				packets = append(packets, sentPacket(from, &out[0]))
			}
			out, now := make([]Action, 0, 8), d.at()
			hear := func(p *Packet) {
				now = now.Add(ms)
				out = d.r.Receive(now, p, out[:0])
			}
			next := 0
			hear(&packets[108])
			clearMarks(d.r)
			if n := testing.AllocsPerRun(100, func() { hear(&packets[next]); next++ }); n != 0 {
				t.Errorf("%v allocations for an accepted one", n)
			}
			if got := d.r.View().Counts; got.Received != 102 {
				t.Fatalf("%d heard, want 102: %v", got.Received, got.Rejected)
			}
			bad := packets[109]
			bad.Payload[len(bad.Payload)-1] ^= 1
			hear(&bad)
			if n := testing.AllocsPerRun(100, func() { hear(&bad) }); n != 0 {
				t.Errorf("%v allocations for a refused one", n)
			}
			if got := d.r.View().Counts.Received; got != 102 {
				t.Errorf("%d heard, want 102", got)
			}
		})
	}
}

// signer is a peer that is configured like d.
func signer(d *driver, from netip.Addr) *Router {
	c := *d.r.Config()
	c.Priority = 200
	if c.Unicast.On {
		c.Unicast.Peers = []Peer{{Addr: d.r.Source()}}
	}
	s := New(0, new(c))
	s.SetSource(from)
	return s
}

// clearMarks forgets the numbers of all senders, but not their room.
func clearMarks(r *Router) {
	if r.guard != nil {
		for i := range r.guard.marks.list {
			r.guard.marks.list[i].value = 0
			if r.guard.ring != nil {
				r.guard.marks.list[i].value = stamp(year26 - 1e9)
			}
		}
	}
}

func BenchmarkSend(b *testing.B) {
	for name, k := range kinds() {
		b.Run(name, func(b *testing.B) {
			d := made(b, k.version, 100, k.opts...)
			d.r.Start(d.at(), "", nil)
			out, now := d.r.Promote(d.at(), "", nil), d.at()
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Second)
				out = d.r.send(now, out[:0])
			}
		})
	}
}

func BenchmarkReceive(b *testing.B) {
	for name, k := range kinds() {
		b.Run(name, func(b *testing.B) {
			d := made(b, k.version, 100, k.opts...)
			d.r.Start(d.at(), "", nil)
			d.r.SetWall(-int64(epoch))
			from := peerHigh
			if d.r.Source().Is6() {
				from = netip.MustParseAddr("fe80::3")
			}
			s := signer(d, from)
			now, heard := mono.Instant(0), uint64(0)
			out := s.send(now, nil)
			p := sentPacket(from, &out[0])
			b.ReportAllocs()
			for b.Loop() {
				clearMarks(d.r)
				out = d.r.Receive(epoch, &p, out[:0])
				heard++
			}
			if got := d.r.View().Counts; got.Received != heard {
				b.Fatalf("%d of %d heard: %v", got.Received, heard, got.Rejected)
			}
		})
	}
}
