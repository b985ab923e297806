package vrrp

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// TestFormat3, the message of version 3, octet by octet.
func TestFormat3(t *testing.T) {
	c, p := sample(V3, false)
	c6, p6 := sample(V3, true)
	for _, tt := range []struct {
		rule      string
		got, want any
	}{
		{"F3-1 F3-2 version and type", p.Payload[0], byte(0x31)},
		{"F3-3 VRID", p.Payload[1], byte(51)},
		{"F3-4 priority", p.Payload[2], byte(200)},
		{"F3-4 owner", c.Append(nil, 255, p.Source, p.Destination)[2], byte(255)},
		{"F3-4 release", c.Append(nil, 0, p.Source, p.Destination)[2], byte(0)},
		{"F3-5 count", p.Payload[3], byte(2)},
		{"F3-6 reserved bits", p.Payload[4] >> 4, byte(0)},
		{"F3-7 interval", binary.BigEndian.Uint16(p.Payload[4:]), uint16(100)},
		{"F3-8 K-2 K-5 checksum", naiveChecksum(p.Payload, true, p.Source, p.Destination), uint16(0)},
		{"F3-8 K-3 checksum over IPv6", naiveChecksum(p6.Payload, true, p6.Source, p6.Destination), uint16(0)},
		{"F3-9 first address", netip.AddrFrom4([4]byte(p.Payload[8:])), c.Addresses[0]},
		{"F3-9 second address", netip.AddrFrom4([4]byte(p.Payload[12:])), c.Addresses[1]},
		{"F3-10 first IPv6 address", netip.AddrFrom16([16]byte(p6.Payload[8:])), c6.Addresses[0]},
		{"F3-11 F3-12 length", len(p.Payload), 8 + 2*4},
		{"F3-11 F3-12 length over IPv6", len(p6.Payload), 8 + 2*16},
		{"C-12 255 addresses", messageLen(V3, true, 255), MaxLen},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.rule, tt.got, tt.want)
		}
	}
	for _, interval := range []time.Duration{cs, 100 * cs, 4095 * cs} {
		c.Interval = interval
		b := c.Append(nil, 1, p.Source, p.Destination)
		if got := time.Duration(binary.BigEndian.Uint16(b[4:])) * cs; got != interval {
			t.Errorf("F3-7 C-9: interval %v is sent as %v", interval, got)
		}
	}
	runVerify(t, []verifyCase{
		{"F3-1 version 4", V3, false, set(0, 0x41), RejectVersion},
		{"F3-2 type 2", V3, false, set(0, 0x32), RejectType},
		{"F3-3 another VRID", V3, false, set(1, 52), RejectVRID},
		{"F3-5 no address", V3, false, func(c *Config, p *Packet) {
			p.Payload = p.Payload[:8]
			set(3, 0)(c, p)
		}, RejectCount},
		{"F3-6 reserved bits are ignored", V3, false, set(4, 0xf0), Accepted},
		{"F3-7 interval zero", V3, false, set(5, 0), RejectInterval0},
		{"F3-8 checksum", V3, false, func(_ *Config, p *Packet) { p.Payload[6]++ }, RejectChecksum},
		{"F3-9 IPv4 addresses over IPv6", V3, true, func(c *Config, p *Packet) { p.Payload = p.Payload[:16] }, RejectLength},
		{"F3-10 global address first", V3, true, func(c *Config, p *Packet) { c.Strict = true; set(8, 0x20)(c, p) }, RejectLinkLocal},
		{"F3-12 an octet more", V3, false, func(_ *Config, p *Packet) { p.Payload = append(p.Payload, 0) }, RejectLength},
		{"F3-13 W-2 another order", V3, false, func(c *Config, _ *Packet) { slices.Reverse(c.Addresses) }, Accepted},
		{"W-1 another interval", V3, false, set(5, 50), Accepted},
		{"W-2 another list", V3, false, func(c *Config, _ *Packet) { c.Addresses = parseAddrs("10.1.1.1") }, Accepted},
	})
	c, p = sample(V3, false)
	set(4, 0xf0)(&c, &p)
	if a, rule := c.Verify(&p); rule != Accepted || a.Interval != c.Interval {
		t.Errorf("F3-6 reserved bits are no part of the interval: got %v, %v, want %v", a.Interval, rule, c.Interval)
	}
}

// TestFormat2, the message of version 2, octet by octet.
func TestFormat2(t *testing.T) {
	c, p := sample(V2, false)
	none := c
	none.Auth = AuthNone
	plain := none.Append(nil, 200, p.Source, p.Destination)
	for _, tt := range []struct {
		rule      string
		got, want any
	}{
		{"F2-1 version and type", p.Payload[0], byte(0x21)},
		{"F2-2 VRID", p.Payload[1], byte(51)},
		{"F2-2 priority", p.Payload[2], byte(200)},
		{"F2-2 count", p.Payload[3], byte(1)},
		{"F2-3 password", p.Payload[4], byte(1)},
		{"F2-3 no authentication", plain[4], byte(0)},
		{"F2-4 D-2 interval in seconds", p.Payload[5], byte(1)},
		{"F2-5 K-4 D-4 checksum without pseudo header", naiveChecksum(p.Payload, false, p.Source, p.Destination), uint16(0)},
		{"F2-6 D-3 password, padded", string(p.Payload[12:]), "1234\x00\x00\x00\x00"},
		{"F2-6 zeros without password", string(plain[12:]), "\x00\x00\x00\x00\x00\x00\x00\x00"},
		{"F2-7 length", len(p.Payload), 8 + 4 + 8},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.rule, tt.got, tt.want)
		}
	}
	c.Interval = 255 * time.Second
	if got := c.Append(nil, 1, p.Source, p.Destination)[5]; got != 255 {
		t.Errorf("C-10: 255 s is sent as %d", got)
	}
	runVerify(t, []verifyCase{
		{"F2-1 version 3", V2, false, set(0, 0x31), RejectVersion},
		{"F2-3 another type", V2, false, set(4, 0), RejectAuthType},
		{"F2-4 D-6 another interval", V2, false, set(5, 2), RejectInterval},
		{"F2-5 data are covered", V2, false, func(_ *Config, p *Packet) { p.Payload[19]++ }, RejectChecksum},
		{"F2-5 D-4 a pseudo header is wrong", V2, false, func(_ *Config, p *Packet) { seal(p, true) }, RejectChecksum},
		{"F2-6 data are ignored without password", V2, false, func(c *Config, p *Packet) {
			c.Auth = AuthNone
			set(4, 0)(c, p)
			set(19, 7)(c, p)
		}, Accepted},
		{"F2-7 without data", V2, false, func(_ *Config, p *Packet) { p.Payload = p.Payload[:12] }, RejectLength},
		{"F2-8 D-1 IPv6", V2, false, func(c *Config, p *Packet) { _, *p = sample(V3, true); set(0, 0x21)(c, p); c.Addresses = nil }, RejectVRID},
		{"F2-9 behind the password", V2, false, func(_ *Config, p *Packet) { p.Payload = append(p.Payload, 9, 9, 9, 9, 9, 9) }, Accepted},
		{"F2-9 wrong password before padding", V2, false, func(c *Config, p *Packet) {
			set(12, '2')(c, p)
			p.Payload = append(p.Payload, "1234\x00\x00"...)
		}, RejectAuth},
		{"W-3 W-5 D-10 another list", V2, false, func(c *Config, _ *Packet) { c.Addresses = parseAddrs("10.1.1.1") }, Accepted},
	})
}

// TestHeader, what the socket is told to put into the IP header.
func TestHeader(t *testing.T) {
	for _, tt := range []struct {
		rule  string
		v     Version
		addrs string
		want  string
	}{
		{"C-2 T-3 version 2", V2, vip, "224.0.0.18"},
		{"C-2 T-3 version 3", V3, vip, "224.0.0.18"},
		{"C-3 T-3 IPv6", V3, "fe80::100", "ff02::12"},
	} {
		d := backup(t, tt.v, 100, addresses(tt.addrs))
		d.promote()
		a := d.buf[0]
		if a.Destination != netip.MustParseAddr(tt.want) || a.TTL != 255 || a.Protocol != 112 || a.ID != 0 {
			t.Errorf("%s: C-1 C-4 T-1 T-4: %+v", tt.rule, a)
		}
	}
	d := backup(t, V3, 100, func(c *Config) { c.Unicast.TTL = 7 })
	if d.promote(); d.buf[0].TTL != 255 {
		t.Errorf("C-4: multicast leaves with TTL %d, want 255", d.buf[0].TTL)
	}
}

// TestDefaults: what a router is without being told.
func TestDefaults(t *testing.T) {
	c := Defaults()
	for _, tt := range []struct {
		rule      string
		got, want any
	}{
		{"C-8 priority", c.Priority, uint8(100)},
		{"C-9 C-10 interval", c.Interval, time.Second},
		{"C-11 Preempt_Mode", !c.NoPreempt, true},
		{"P-7 down_timer_adverts", c.DownAdverts, 3},
		{"K-5 checksum of keepalived", c.Checksum, ChecksumPseudo},
		{"H-28 no HMAC", c.HMAC.Mode, HMACOff},
		{"U-1 multicast", c.Unicast.On, false},
		{"X-1 one version", c.Interop, false},
		{"S-29 an owner hears others", c.OwnerIgnoresAdverts, false},
		// RFC 9568 6.1 has False; keepalived accepts unless no_accept says so.
		{"C-11 D-9 Accept_Mode", !c.NoAccept, true},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.rule, tt.got, tt.want)
		}
	}
}

// TestK8EveryPriority: a change of priority makes the message anew, and its
// checksum is right for each.
func TestK8EveryPriority(t *testing.T) {
	d := master(t, V3, 100)
	for p := 1; p < 255; p++ {
		d.r.SetPriority(d.at(), uint8(p))
		out := d.r.transmit(d.at(), d.r.advert, nil)
		if got := d.advert(&out[0]); got != uint8(p) {
			t.Fatalf("priority %d is sent as %d", p, got)
		}
	}
}

// TestP8WallClock: a wall clock that is set moves no timer.
func TestP8WallClock(t *testing.T) {
	for _, d := range []*driver{backup(t, V3, 100, hmacs(HMACEnforce)), master(t, V3, 100, hmacs(HMACEnforce))} {
		before := d.r.Deadline()
		for _, wall := range []int64{year26, 0, -year26, 1 << 62} {
			d.r.SetWall(wall)
			if got := d.r.Deadline(); got != before {
				t.Errorf("deadline %v, want %v", got, before)
			}
		}
	}
}

// TestH9Length: only 28 octets more are a trailer, and H-8 its sequence lies in
// octets 4..11.
func TestH9Length(t *testing.T) {
	d := backup(t, V3, 100, hmacs(HMACEnforce))
	d.r.SetWall(year26 - int64(epoch))
	p := signedBy(d, peerHigh, 200, year26)
	for n, want := range map[int]Rejection{len(p.Payload) - 1: RejectLength, len(p.Payload): Accepted, len(p.Payload) + 1: RejectLength, len(p.Payload) + 4: RejectLength, 12: RejectExtMissing} {
		short := p
		short.Payload = append(slices.Clone(p.Payload), make([]byte, 4)...)[:n]
		a, rule := d.r.Config().Verify(&short)
		if rule != want {
			t.Errorf("%d octets: %v, want %v", n, rule, want)
		}
		if rule == Accepted && (a.sequence != stamp(year26) || a.sequence != binary.BigEndian.Uint64(p.Payload[16:])) {
			t.Errorf("H-8: sequence %#x, want %#x", a.sequence, stamp(year26))
		}
	}
}

// TestH14NoActiveKey: without it adverts carry what nobody accepts, in no mode.
func TestH14NoActiveKey(t *testing.T) {
	for _, mode := range []HMACMode{HMACEnforce, HMACPermissive} {
		d := backup(t, V3, 100, hmacs(mode))
		d.r.SetWall(year26 - int64(epoch))
		p := signedBy(d, peerHigh, 200, year26, func(c *Config) { c.HMAC.Keys = []Key{key2()} })
		d.receive(p)
		if got := d.r.View().Counts.Rejected[RejectExtHMAC]; got != 1 {
			t.Errorf("mode %d: %d refused, want 1: %x", mode, got, p.Payload)
		}
	}
}

// TestHMACBitFlips: V-14, K-7. Any bit that changes on the way has the advert
// refused.
func TestHMACBitFlips(t *testing.T) {
	for _, v := range vectors() {
		d := made(t, v.config.Version, 100, hmacs(HMACEnforce), func(c *Config) { c.Addresses = v.config.Addresses })
		d.r.SetWall(year26 - int64(epoch))
		from := peerHigh
		if d.r.Config().Addresses[0].Is6() {
			from = netip.MustParseAddr("fe80::3")
			d.r.SetSource(ownAddr6)
		}
		p := signedBy(d, from, 200, year26)
		for bit := range 8 * len(p.Payload) {
			bad := p
			bad.Payload = slices.Clone(p.Payload)
			bad.Payload[bit/8] ^= 1 << (bit % 8)
			d.receive(bad)
			if v := d.r.View().Counts.Received; v != 0 {
				t.Fatalf("bit %d of %x may change", bit, p.Payload)
			}
		}
		d.receive(p)
		if v := d.r.View().Counts; v.Received != 1 {
			t.Errorf("unchanged it is refused: %v", v.Rejected)
		}
	}
}
