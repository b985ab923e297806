package vrrp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// key1 is the key of the captured packets and of the published vectors.
func key1() Key {
	k := Key{ID: 1}
	for i := range byte(32) {
		k.Secret = append(k.Secret, i)
	}
	return k
}

func key2() Key { return Key{ID: 2, Secret: Secret(strings.Repeat("second ", 6))} }

// hmacs is the option of a router with one key.
func hmacs(mode HMACMode) func(*Config) {
	return func(c *Config) { c.HMAC = HMAC{Mode: mode, Keys: []Key{key1()}, Active: 1} }
}

// wallOf is the earliest wall clock that is stamped with a sequence.
func wallOf(sequence uint64) int64 {
	sec, frac := int64(sequence>>32), int64(sequence>>16&0xffff)
	return sec*int64(time.Second) + (frac*int64(time.Second)+65535)/65536
}

func trailerOf(p []byte) []byte { return p[len(p)-trailerLen:] }

func sequenceOf(p []byte) uint64 { return binary.BigEndian.Uint64(trailerOf(p)[4:]) }

// TestHMACCaptured, H-1..H-13, K-7. What keepalived 2.4.3 sent
// verifies, and from the same configuration at the same time we send the same
// octets.
func TestHMACCaptured(t *testing.T) {
	v2 := Config{Version: V2, VRID: 51, Priority: 150, Interval: time.Second, DownAdverts: 3, Addresses: parseAddrs("10.0.0.100")}
	v3 := v2
	v3.Version, v3.Checksum = V3, ChecksumPseudo
	v6 := v3
	v6.Addresses = parseAddrs("fe80::5e:100")
	unicast := v3
	unicast.Unicast = Unicast{On: true, Peers: []Peer{{Addr: netip.MustParseAddr("10.0.0.2")}}}
	configs := map[string]Config{
		"hmac-v2-2.4.3": v2, "hmac-v3-ipv4-2.4.3": v3, "hmac-v3-prio0-2.4.3": v3,
		"hmac-v3-ipv6-2.4.3": v6, "hmac-v3-unicast4-2.4.3": unicast,
	}
	seen := map[string]int{}
	senders, receivers := map[string]*Router{}, map[string]*Router{}
	for _, row := range readPackets(t, "testdata/hmac.txt") {
		seen[row.name]++
		t.Run(fmt.Sprintf("%s/%d", row.name, seen[row.name]), func(t *testing.T) {
			c, ok := configs[row.name]
			if !ok {
				t.Fatal("no expectation for this packet")
			}
			hmacs(HMACEnforce)(&c)
			wall := wallOf(sequenceOf(row.Payload))

			theirs := c
			if c.Unicast.On {
				theirs.Unicast.Peers = []Peer{{Addr: row.Source}}
			}
			r := receivers[row.name]
			if r == nil {
				r = New(epoch, new(theirs))
				r.SetSource(row.Source.Next().Next())
				receivers[row.name] = r
			}
			r.SetWall(wall - int64(epoch))
			r.Receive(epoch, &row.Packet, nil)
			if got := r.View().Counts; got.Received != uint64(seen[row.name]) || got.Unsigned != 0 {
				t.Fatalf("not accepted: %+v", got)
			}
			again := New(epoch, new(theirs))
			again.SetWall(wall + int64(time.Hour))
			again.Receive(epoch, &row.Packet, nil)
			if got := again.View().Counts.Rejected[RejectExtStale]; got != 1 {
				t.Errorf("an hour later %d are stale, want 1", got)
			}

			s := senders[row.name]
			if s == nil {
				s = New(epoch, new(c))
				s.SetSource(row.Source)
				s.Promote(epoch, "", nil)
				s.Start(epoch, "", nil)
				senders[row.name] = s
			}
			s.SetWall(wall - int64(epoch))
			out := s.transmit(epoch, s.frames(row.Payload[2]), nil)
			if len(out) != 1 || out[0].Destination != row.Destination || int(out[0].TTL) != row.TTL || out[0].Protocol != Protocol {
				t.Fatalf("sent %+v", out)
			}
			if !bytes.Equal(out[0].Payload, row.Payload) {
				t.Errorf("sent %x, want %x", out[0].Payload, row.Payload)
			}
		})
	}
	for name := range configs {
		if seen[name] != 3 {
			t.Errorf("%d packets of %s, want 3", seen[name], name)
		}
	}
}

// vector is one of the published ones, and one of version 2.
type vector struct {
	name, src, dst, packet string
	config                 Config
}

func vectors() []vector {
	c := Config{Version: V3, VRID: 51, Priority: 200, Interval: time.Second, DownAdverts: 3}
	v4, v6, v2 := c, c, c
	v4.Addresses, v6.Addresses = parseAddrs(vip), parseAddrs("fe80::100")
	v2.Version, v2.Addresses = V2, parseAddrs(vip)
	v6.Unicast = Unicast{On: true, Peers: []Peer{{Addr: netip.MustParseAddr("fe80::20")}, {Addr: netip.MustParseAddr("fe80::10")}}}
	return []vector{
		{"A1", "198.51.100.10", "224.0.0.18", "3133c80100644402c0000264 010100006800000080000000 1b84bc4e8e43892dc6d98448f8ee2265", v4},
		{"A2", "fe80::10", "fe80::20", "3133c8010064a2e9 fe800000000000000000000000000100 010100006800000080000000 c8c56146ebfd66ee10ec4d8186461b78", v6},
		{"A3", "198.51.100.10", "224.0.0.18", "2133c80100015465c00002640000000000000000 010100006800000080000000 d0b9391b8d008f779ef2e8cf66238947", v2},
	}
}

func TestHMACPublished(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			want := hexBytes(t, v.packet)
			c := v.config
			hmacs(HMACEnforce)(&c)
			src, dst := netip.MustParseAddr(v.src), netip.MustParseAddr(v.dst)
			p := Packet{Source: src, Destination: dst, TTL: 255, Payload: want}
			if v.name != "A2" { // whose checksum is that of the message alone
				if a, rule := c.Verify(&p); rule != Accepted || !a.Signed || a.sequence != 0x6800000080000000 {
					t.Errorf("Verify = %v, %+v", rule, a)
				}
			}
			g := newGuard(&c, nil)
			message, trailer := want[:len(want)-trailerLen], trailerOf(want)
			if _, rule := g.ring.verify(src, message, trailer, noTime); rule != Accepted {
				t.Errorf("verify = %v", rule)
			}
			got := append(bytes.Clone(message), make([]byte, trailerLen)...)
			g.ring.sign(got, src, g.ring.next(wallOf(0x6800000080000000)))
			if !bytes.Equal(got, want) {
				t.Errorf("signed %x, want %x", got, want)
			}
			if naive := naiveTag(key1().Secret, src, c.Version, c.VRID, want); !bytes.Equal(naive, trailer[tagAt:]) {
				t.Errorf("computed plainly it is %x", naive)
			}
		})
	}
}

// naiveTag is the HMAC of a packet as the definition reads.
func naiveTag(secret []byte, src netip.Addr, v Version, vrid uint8, packet []byte) []byte {
	m := hmac.New(sha256.New, secret)
	family, pseudo := byte(4), make([]byte, 16)
	copy(pseudo, src.AsSlice())
	if src.Is6() {
		family = 6
	}
	m.Write([]byte{family, byte(v), vrid, 0})
	m.Write(pseudo)
	zeroed := bytes.Clone(packet)
	zeroed[6], zeroed[7] = 0, 0
	clear(zeroed[len(zeroed)-16:])
	m.Write(zeroed)
	return m.Sum(nil)[:16]
}

// TestHMACMutations. Each change of a signed packet is found, and named.
func TestHMACMutations(t *testing.T) {
	const seq = 0x6800000080000000
	src := netip.MustParseAddr("fe80::10")
	flip := func(at int) func(*Config, *netip.Addr, []byte) {
		return func(_ *Config, _ *netip.Addr, b []byte) { b[at] ^= 1 }
	}
	tests := []struct {
		rule   string
		change func(*Config, *netip.Addr, []byte)
		want   Rejection
	}{
		{"H-7 unchanged", func(*Config, *netip.Addr, []byte) {}, Accepted},
		{"priority", flip(2), RejectExtHMAC},
		{"interval", flip(5), RejectExtHMAC},
		{"count", flip(3), RejectExtHMAC},
		{"last octet of the address", flip(23), RejectExtHMAC},
		{"H-10 checksum", flip(7), Accepted},
		{"H-1 type", flip(24), RejectExtMalformed},
		{"H-2 key", flip(25), RejectExtKey},
		{"H-3 first reserved octet", flip(26), RejectExtMalformed},
		{"H-3 second reserved octet", flip(27), RejectExtMalformed},
		{"H-4 seconds", flip(31), RejectExtHMAC},
		{"H-5 subseconds", flip(33), RejectExtHMAC},
		{"H-6 counter", flip(35), RejectExtHMAC},
		{"H-7 first octet", flip(36), RejectExtHMAC},
		{"H-7 last octet", flip(51), RejectExtHMAC},
		{"H-11 source", func(_ *Config, src *netip.Addr, _ []byte) { *src = netip.MustParseAddr("fe80::20") }, RejectExtHMAC},
		{"H-11 VRID", flip(1), RejectExtHMAC},
		{"H-11 version", func(_ *Config, _ *netip.Addr, b []byte) { b[0] = 0x21 }, RejectExtHMAC},
		{"H-13 another secret", func(c *Config, _ *netip.Addr, _ []byte) { c.HMAC.Keys[0].Secret[31]++ }, RejectExtHMAC},
		{"H-13 one of several keys", func(c *Config, _ *netip.Addr, _ []byte) { c.HMAC.Keys = []Key{key2(), key1()} }, Accepted},
		{"H-13 without that key", func(c *Config, _ *netip.Addr, _ []byte) { c.HMAC.Keys = []Key{key2()} }, RejectExtKey},
	}
	for _, tt := range tests {
		for _, monotonic := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, monotonic %v", tt.rule, monotonic), func(t *testing.T) {
				v := vectors()[1]
				b, c, from := hexBytes(t, v.packet), v.config, src
				hmacs(HMACEnforce)(&c)
				c.HMAC.Monotonic = monotonic
				tt.change(&c, &from, b)
				g := newGuard(&c, nil)
				if _, rule := g.ring.verify(from, b[:24], b[24:], wallOf(seq)); rule != tt.want {
					t.Errorf("verify = %v, want %v", rule, tt.want)
				}
			})
		}
	}
}

// TestHMACOrder. Every rule is broken at once and mended one by one; each
// time the first broken one decides.
func TestHMACOrder(t *testing.T) {
	d := made(t, V3, 100, hmacs(HMACEnforce))
	d.r.SetWall(1e18)
	d.start()
	p := signedBy(d, peerHigh, 200, 1e18+int64(epoch))
	good := bytes.Clone(p.Payload)
	for i, s := range []struct {
		rule string
		want Rejection
		mend func([]byte)
	}{
		{"H-20 type", RejectExtMalformed, func(b []byte) { trailerOf(b)[0] = 1 }},
		{"H-21 time", RejectExtStale, func(b []byte) { copy(trailerOf(b)[4:8], trailerOf(good)[4:8]) }},
		{"H-22 key", RejectExtKey, func(b []byte) { trailerOf(b)[1] = 1 }},
		{"H-23 HMAC", RejectExtHMAC, func(b []byte) { copy(trailerOf(b)[12:], trailerOf(good)[12:]) }},
		{"K-7 checksum", RejectChecksum, func(b []byte) { b[6] ^= 0xff }},
		{"H-25 accepted", Accepted, func([]byte) {}},
		{"H-24 replay", RejectExtReplay, nil},
	} {
		if i == 0 {
			b := p.Payload
			b[6] ^= 0xff
			tr := trailerOf(b)
			tr[0], tr[1], tr[4], tr[12] = 9, 9, tr[4]^0x40, tr[12]^1
		}
		before := d.r.View().Counts
		d.receive(p)
		after := d.r.View().Counts
		if s.want == Accepted {
			if after.Received != before.Received+1 {
				t.Fatalf("%s: not accepted: %+v", s.rule, after)
			}
		} else if after.Rejected[s.want] != before.Rejected[s.want]+1 {
			t.Fatalf("%s: not counted as %v: %v", s.rule, s.want, after.Rejected)
		}
		if s.mend != nil {
			s.mend(p.Payload)
		}
	}
}

// signedBy is the advert of a peer that is configured like d but for opts, sent
// when its wall clock shows wall.
func signedBy(d *driver, from netip.Addr, priority uint8, wall int64, opts ...func(*Config)) Packet {
	c := *d.r.Config()
	c.Priority = priority
	if c.HMAC.Mode == HMACReceiveOnly {
		c.HMAC.Mode = HMACPermissive
	}
	if c.Unicast.On {
		c.Unicast.Peers = []Peer{{Addr: d.r.Source()}}
	}
	for _, o := range opts {
		o(&c)
	}
	s := New(0, new(c))
	s.SetSource(from)
	s.SetWall(wall)
	out := s.transmit(0, s.advert, nil)
	return sentPacket(from, &out[0])
}

// TestH36SecretsAreMasked: no way of printing shows a key.
func TestH36SecretsAreMasked(t *testing.T) {
	var c Config
	hmacs(HMACEnforce)(&c)
	c.HMAC.Keys[0].Secret = Secret("a very secret key of 32 octets!!")
	text, err := json.Marshal(c.HMAC)
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{fmt.Sprint(c), string(text)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		printed = append(printed, fmt.Sprintf(verb, c.HMAC), fmt.Sprintf(verb, c.HMAC.Keys[0].Secret))
	}
	for _, s := range printed {
		if strings.Contains(s, "very") || strings.Contains(s, "76657279") || strings.Contains(s, "118, 101") || strings.Contains(s, "118 101") || !strings.Contains(s, "***") && !strings.Contains(s, "2a2a2a") {
			t.Errorf("printed as %s", s)
		}
	}
}
