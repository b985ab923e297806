package vrrp

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// year26 is a wall clock, in nanoseconds since 1970.
const year26 = int64(1_790_000_000) * int64(time.Second)

// TestH5Stamp: seconds and 2^-16 seconds, rounded down.
func TestH5Stamp(t *testing.T) {
	for _, tt := range []struct {
		wall int64
		want uint64
	}{
		{0, 0},
		{15_258, 0},
		{15_259, 1 << 16},
		{999_999_999, 0xffff << 16},
		{int64(time.Second), 1 << 32},
		{year26 + 500_000_000, 1_790_000_000<<32 | 0x8000<<16},
		{(1<<32 + 7) * int64(time.Second), 7 << 32}, // modulo 2^32
		{-1, 0xffffffff<<32 | 0xffff<<16},
	} {
		if got := stamp(tt.wall); got != tt.want {
			t.Errorf("stamp(%d) = %#x, want %#x", tt.wall, got, tt.want)
		}
	}
}

// TestH15H16SenderSequence: the clock, or one more than the last; and the clock
// again when it went back further than receivers would follow.
func TestH15H16SenderSequence(t *testing.T) {
	const s = uint64(1_790_000_000) << 32
	at := func(seconds float64) int64 { return year26 + int64(seconds*1e9) }
	for _, tt := range []struct {
		rule      string
		monotonic bool
		walls     []int64
		want      []uint64
	}{
		{"H-15 the clock", false, []int64{at(0), at(1), at(1.5)}, []uint64{s, s + 1<<32, s + 1<<32 + 0x8000<<16}},
		{"H-15 within one tick", false, []int64{at(0), at(0), at(0.000001), at(1)}, []uint64{s, s + 1, s + 2, s + 1<<32}},
		{"H-15 back by less than the window", false, []int64{at(5), at(0), at(1)}, []uint64{s + 5<<32, s + 5<<32 + 1, s + 5<<32 + 2}},
		{"H-16 back by more", false, []int64{at(6), at(0), at(1)}, []uint64{s + 6<<32, s, s + 1<<32}},
		{"H-16 back by more, monotonic", true, []int64{at(600), at(0), at(1)}, []uint64{s + 600<<32, s + 600<<32 + 1, s + 600<<32 + 2}},
		{"H-15 the first, in any year", false, []int64{1 << 62}, []uint64{stamp(1 << 62)}},
		{"H-15 over the end of 32 bits", true, []int64{(1<<32 - 1) * 1e9, 1 << 32 * 1e9}, []uint64{0xffffffff << 32, 0}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			r := &ring{window: 5, monotonic: tt.monotonic}
			for i, wall := range tt.walls {
				if got := r.next(wall); got != tt.want[i] {
					t.Errorf("advert %d: %#x, want %#x", i, got, tt.want[i])
				}
			}
		})
	}
	t.Run("H-15 the carry runs into the time", func(t *testing.T) {
		r := &ring{window: 5}
		for range 0x10001 {
			r.next(year26)
		}
		if want := s + 0x10000; r.last != want {
			t.Errorf("after 65537 adverts at once %#x, want %#x", r.last, want)
		}
	})
}

// TestH18Modes: what is accepted without HMAC, and what is sent.
func TestH18Modes(t *testing.T) {
	for _, tt := range []struct {
		mode             HMACMode
		unsigned, wrong  Rejection
		signs            bool
		countsAsUnsigned uint64
	}{
		{HMACOff, Accepted, RejectLength, false, 0},
		{HMACEnforce, RejectExtMissing, RejectExtHMAC, true, 0},
		{HMACPermissive, Accepted, RejectExtHMAC, true, 1},
		{HMACReceiveOnly, Accepted, RejectExtHMAC, false, 1},
	} {
		t.Run(fmt.Sprintf("H-28 mode %d", tt.mode), func(t *testing.T) {
			d := backup(t, V3, 100, hmacs(tt.mode))
			d.r.SetWall(year26 - int64(epoch))
			hear := func(what string, p Packet, want Rejection) {
				t.Helper()
				before := d.r.View().Counts
				d.receive(p)
				after := d.r.View().Counts
				if want == Accepted && after.Received != before.Received+1 ||
					want != Accepted && after.Rejected[want] != before.Rejected[want]+1 {
					t.Errorf("%s: want %v, got %+v", what, want, after)
				}
			}
			hear("unsigned", signedBy(d, peerHigh, 100, year26, hmacs(HMACOff)), tt.unsigned)
			if got := d.r.View().Counts.Unsigned; got != tt.countsAsUnsigned {
				t.Errorf("%d counted as unsigned, want %d", got, tt.countsAsUnsigned)
			}
			bad := signedBy(d, peerHigh, 100, year26, hmacs(HMACEnforce))
			bad.Payload[len(bad.Payload)-1] ^= 1
			hear("wrong", bad, tt.wrong)
			if tt.mode != HMACOff {
				hear("right", signedBy(d, peerHigh, 100, year26, hmacs(HMACEnforce)), Accepted)
			}
			d.promote()
			sent := d.buf[0].Payload
			if got := len(sent) > 12; got != tt.signs || len(sent) != 12 && len(sent) != 12+28 {
				t.Errorf("sent %d octets, signed %v, want %v", len(sent), got, tt.signs)
			}
		})
	}
}

// TestH26RejectedTouchesNothing: an advert with a bad trailer moves no timer and
// no role, and the limit of log lines holds against it.
func TestH26RejectedTouchesNothing(t *testing.T) {
	d := backup(t, V3, 100, hmacs(HMACEnforce))
	d.r.SetWall(year26 - int64(epoch))
	d.run(time.Second)
	before := d.r.View()
	for i := range 100 {
		p := signedBy(d, netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i)}), 0, year26+1e9)
		p.Payload[len(p.Payload)-1] ^= 1
		d.receive(p)
	}
	d.want("1s alarm reject")
	after := d.r.View()
	if after.Counts.Rejected[RejectExtHMAC] != 100 {
		t.Errorf("%v rejected, want 100", after.Counts.Rejected)
	}
	after.Counts = before.Counts
	if after != before {
		t.Errorf("view %+v, want %+v", after, before)
	}
	if len(d.r.guard.marks.list) != 0 {
		t.Error("a sender without the key is remembered")
	}
}

// TestH21H25Window: what is too far is stale in both directions, and half of it
// is told.
func TestH21H25Window(t *testing.T) {
	for _, tt := range []struct {
		rule      string
		monotonic bool
		window    time.Duration
		off       time.Duration // of the sender's clock
		want      Rejection
		told      bool
	}{
		{"H-21 same", false, 0, 0, Accepted, false},
		{"H-25 half the window", false, 0, 2 * time.Second, Accepted, false},
		{"H-25 more than half", false, 0, 3 * time.Second, Accepted, true},
		{"H-25 more than half, behind", false, 0, -3 * time.Second, Accepted, true},
		{"H-21 at the limit", false, 0, 5 * time.Second, Accepted, true},
		{"H-21 at the limit, behind", false, 0, -5 * time.Second, Accepted, true},
		{"H-21 beyond", false, 0, 6 * time.Second, RejectExtStale, false},
		{"H-21 behind", false, 0, -6 * time.Second, RejectExtStale, false},
		{"H-29 wider window", false, 300 * time.Second, 299 * time.Second, Accepted, true},
		{"H-29 narrow window", false, time.Second, 2 * time.Second, RejectExtStale, false},
		{"H-30 monotonic knows no time", true, 0, -time.Hour, Accepted, false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			d := backup(t, V3, 100, hmacs(HMACEnforce), func(c *Config) { c.HMAC.Monotonic, c.HMAC.Window = tt.monotonic, tt.window })
			d.r.SetWall(year26 - int64(epoch))
			p := signedBy(d, peerHigh, 200, year26+int64(tt.off))
			d.receive(p)
			v := d.r.View().Counts
			switch {
			case tt.want == Accepted:
				if v.Received != 1 {
					t.Fatalf("not accepted: %+v", v)
				}
				if told := len(d.lines) == 1; told != tt.told {
					t.Errorf("told %v, want %v: %q", told, tt.told, d.lines)
				}
				d.lines = nil
				d.receive(signedBy(d, peerHigh, 200, year26+int64(tt.off)+1e6))
				d.want() // told once
			case v.Rejected[tt.want] != 1:
				t.Fatalf("want %v, got %+v", tt.want, v)
			default:
				d.wantWhy("compare the clocks")
			}
		})
	}
}

// TestH29DefaultWindow: three intervals in whole seconds, within 5..300 s.
func TestH29DefaultWindow(t *testing.T) {
	for _, tt := range []struct{ interval, want time.Duration }{
		{cs, 5 * time.Second},
		{990 * ms, 5 * time.Second},
		{time.Second, 5 * time.Second},
		{1990 * ms, 5 * time.Second},
		{2 * time.Second, 6 * time.Second},
		{40950 * ms, 120 * time.Second},
		{100 * time.Second, 300 * time.Second},
		{255 * time.Second, 300 * time.Second},
	} {
		if got := DefaultWindow(tt.interval); got != tt.want {
			t.Errorf("DefaultWindow(%v) = %v, want %v", tt.interval, got, tt.want)
		}
	}
}

// TestH24Replay: a number is good once for each sender.
func TestH24Replay(t *testing.T) {
	start := func(monotonic bool) *driver {
		d := backup(t, V3, 100, hmacs(HMACEnforce), func(c *Config) { c.HMAC.Monotonic = monotonic })
		d.r.SetWall(year26 - int64(epoch))
		return d
	}
	accepted := func(d *driver, p Packet, want bool) {
		t.Helper()
		before := d.r.View().Counts
		d.receive(p)
		after := d.r.View().Counts
		if want && after.Received != before.Received+1 || !want && after.Rejected[RejectExtReplay] != before.Rejected[RejectExtReplay]+1 {
			t.Fatalf("accepted %v, want %v: %v", after.Received > before.Received, want, after.Rejected)
		}
	}
	for _, monotonic := range []bool{false, true} {
		t.Run(fmt.Sprintf("monotonic %v", monotonic), func(t *testing.T) {
			d := start(monotonic)
			first, second := signedBy(d, peerHigh, 200, year26), signedBy(d, peerHigh, 200, year26+1e6)
			accepted(d, second, true)
			accepted(d, second, false)
			accepted(d, first, false)
			accepted(d, signedBy(d, peerLow, 200, year26), true) // each sender has its own
			accepted(d, signedBy(d, peerLow, 200, year26), false)
			accepted(d, signedBy(d, peerHigh, 200, year26+2e6), true)
		})
	}
	t.Run("a mark from a clock that was wrong is forgotten", func(t *testing.T) {
		d := start(false)
		accepted(d, signedBy(d, peerHigh, 200, year26), true)
		d.r.guard.marks.store(peerHigh, stamp(year26+3600e9))
		accepted(d, signedBy(d, peerHigh, 200, year26+1e6), true)
		accepted(d, signedBy(d, peerHigh, 200, year26+1e6), false)
	})
	t.Run("monotonic forgets nothing", func(t *testing.T) {
		d := start(true)
		d.r.guard.marks.store(peerHigh, stamp(year26+7200e9))
		accepted(d, signedBy(d, peerHigh, 200, year26+1e6), false)
	})
	t.Run("the sender heard longest ago makes room", func(t *testing.T) {
		d := start(true)
		from := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i)}) }
		for i := range 4 {
			accepted(d, signedBy(d, from(i), 200, year26), true)
		}
		accepted(d, signedBy(d, from(0), 200, year26+1e6), true)
		accepted(d, signedBy(d, from(4), 200, year26), true) // instead of 1
		accepted(d, signedBy(d, from(0), 200, year26+1e6), false)
		accepted(d, signedBy(d, from(2), 200, year26), false)
		accepted(d, signedBy(d, from(3), 200, year26), false)
		accepted(d, signedBy(d, from(4), 200, year26), false)
		accepted(d, signedBy(d, from(1), 200, year26), true)
	})
	t.Run("an advert refused for another reason leaves no mark", func(t *testing.T) {
		d := start(true)
		p := signedBy(d, peerHigh, 200, year26)
		damaged := p
		damaged.Payload = append([]byte(nil), p.Payload...)
		damaged.Payload[6] ^= 0xff
		d.receive(damaged)
		if got := d.r.View().Counts.Rejected[RejectChecksum]; got != 1 {
			t.Fatalf("%d wrong checksums, want 1", got)
		}
		accepted(d, p, true)
	})
	t.Run("a reload keeps the marks and the sender's number", func(t *testing.T) {
		d := start(false)
		p := signedBy(d, peerHigh, 50, year26)
		accepted(d, p, true)
		d.promote()
		sent := sequenceOf(d.buf[0].Payload)
		d.reconfigure(func(c *Config) { c.HMAC.Keys = []Key{key2(), key1()} })
		d.r.SetWall(year26 - int64(epoch) - 1e9)
		accepted(d, p, false)
		if got := d.r.guard.ring.next(year26 - 1e9); got != sent+1 {
			t.Errorf("the next number is %#x, want %#x", got, sent+1)
		}
	})
}

// TestH12H19Unicast: one signature for all peers, and only peers are heard.
func TestH12H19Unicast(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("IPv6 %v", v6), func(t *testing.T) {
			low, high, stranger, addrs := peerLow, peerHigh, netip.MustParseAddr("192.0.2.9"), "192.0.2.100"
			if v6 {
				low, high, stranger, addrs = netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::3"), netip.MustParseAddr("fe80::9"), "fe80::100"
			}
			d := backup(t, V3, 100, hmacs(HMACEnforce), addresses(addrs), func(c *Config) {
				c.Unicast = Unicast{On: true, AnySource: true, Peers: []Peer{{Addr: low}, {Addr: high}}}
			})
			d.r.SetWall(year26 - int64(epoch))
			d.receive(signedBy(d, stranger, 200, year26))
			if got := d.r.View().Counts.Rejected[RejectSource]; got != 1 {
				t.Errorf("%d from a stranger refused, want 1", got)
			}
			p := signedBy(d, high, 50, year26)
			d.receive(p)
			d.receive(p)
			if v := d.r.View().Counts; v.Received != 1 || v.Rejected[RejectExtReplay] != 1 {
				t.Errorf("heard %+v, want one, and one replayed", v)
			}
			d.promote() // the driver verifies each
			a, b := d.buf[0], d.buf[1]
			if a.Destination != low || b.Destination != high || string(trailerOf(a.Payload)) != string(trailerOf(b.Payload)) {
				t.Errorf("sent %+v and %+v", a, b)
			}
			if string(a.Payload[6:8]) == string(b.Payload[6:8]) { // over the destination
				t.Errorf("checksums %x and %x", a.Payload[6:8], b.Payload[6:8])
			}
		})
	}
}

// TestH13Rotation: adding a key everywhere, signing with it, removing the old.
func TestH13Rotation(t *testing.T) {
	only1, both1, both2, only2 := []Key{key1()}, []Key{key1(), key2()}, []Key{key1(), key2()}, []Key{key2()}
	steps := []HMAC{
		{Mode: HMACEnforce, Keys: only1, Active: 1}, {Mode: HMACEnforce, Keys: both1, Active: 1},
		{Mode: HMACEnforce, Keys: both2, Active: 2}, {Mode: HMACEnforce, Keys: only2, Active: 2},
	}
	use := func(h HMAC) func(*Config) { return func(c *Config) { c.HMAC = h } }
	for i, receiver := range steps {
		for j, sender := range steps {
			d := backup(t, V3, 100, use(receiver))
			d.r.SetWall(year26 - int64(epoch))
			d.receive(signedBy(d, peerHigh, 200, year26, use(sender)))
			near := i-j <= 1 && j-i <= 1
			if got := d.r.View().Counts.Received == 1; near && !got || (i-j == 3 || j-i == 3) && got {
				t.Errorf("receiver in step %d, sender in %d: heard %v", i, j, got)
			}
		}
	}
}
