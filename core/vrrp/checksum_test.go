package vrrp

import (
	"math/rand/v2"
	"net/netip"
	"testing"
)

// naiveChecksum is RFC 1071 octet by octet, to compare with. The pseudo header
// is built as RFC 8200 8.1 and RFC 5798 5.2.8 draw it.
func naiveChecksum(message []byte, pseudo bool, src, dst netip.Addr) uint16 {
	var b []byte
	if pseudo {
		b = append(src.AsSlice(), dst.AsSlice()...)
		n := len(message)
		if src.Is6() {
			b = append(b, 0, 0, uint8(n>>8), uint8(n), 0, 0, 0, 112)
		} else {
			b = append(b, 0, 112, uint8(n>>8), uint8(n))
		}
	}
	b = append(b, message...)
	sum := 0
	for i := 0; i < len(b); i += 2 {
		sum += int(b[i])<<8 | int(b[i+1])
		if sum > 0xffff {
			sum -= 0xffff
		}
	}
	return ^uint16(sum)
}

// seal writes the checksum into a message.
func seal(p *Packet, pseudo bool) {
	p.Payload[6], p.Payload[7] = 0, 0
	sum := naiveChecksum(p.Payload, pseudo, p.Source, p.Destination)
	p.Payload[6], p.Payload[7] = uint8(sum>>8), uint8(sum)
}

func TestChecksumNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		c, priority, src := randomRouter(r)
		dst := Group(src.Is6())
		got := c.Append(nil, priority, src, dst)
		p := Packet{Source: src, Destination: dst, Payload: append([]byte(nil), got...)}
		seal(&p, c.Version == V3 && (src.Is6() || c.Checksum == ChecksumPseudo))
		if [2]byte(got[6:]) != [2]byte(p.Payload[6:]) {
			t.Fatalf("checksum %x of %x, want %x", got[6:8], got, p.Payload[6:8])
		}
	}
}

// TestChecksumCarries: the most that a message can sum up to does not overflow.
func TestChecksumCarries(t *testing.T) {
	message := make([]byte, MaxLen)
	for i := range message {
		message[i] = 0xff
	}
	all := netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
	got := ^fold(pseudoHeader(sum16(0, message), all, all, len(message)))
	if want := naiveChecksum(message, true, all, all); got != want {
		t.Errorf("checksum %#x, want %#x", got, want)
	}
}

// TestChecksumForms: both forms are taken from IPv4 peers of version 3 whatever
// we send, and the form is recorded; nothing else has a choice.
func TestChecksumForms(t *testing.T) {
	tests := []struct {
		name         string
		version      Version
		v6           bool
		sent         ChecksumForm // what the test writes
		configured   ChecksumForm
		want         Rejection
		wantRecorded ChecksumForm
	}{
		{"message to message", V3, false, ChecksumMessage, ChecksumMessage, Accepted, ChecksumMessage},
		{"message to pseudo", V3, false, ChecksumMessage, ChecksumPseudo, Accepted, ChecksumMessage},
		{"pseudo to message", V3, false, ChecksumPseudo, ChecksumMessage, Accepted, ChecksumPseudo},
		{"pseudo to pseudo", V3, false, ChecksumPseudo, ChecksumPseudo, Accepted, ChecksumPseudo},
		{"IPv6 with message only", V3, true, ChecksumMessage, ChecksumMessage, RejectChecksum, 0},
		{"IPv6 with pseudo header", V3, true, ChecksumPseudo, ChecksumMessage, Accepted, ChecksumPseudo},
		{"v2 with message only", V2, false, ChecksumMessage, ChecksumPseudo, Accepted, ChecksumMessage},
		{"v2 with pseudo header", V2, false, ChecksumPseudo, ChecksumPseudo, RejectChecksum, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, p := sample(tt.version, tt.v6)
			c.Checksum = tt.configured
			seal(&p, tt.sent == ChecksumPseudo)
			a, rule := c.Verify(&p)
			if rule != tt.want || rule == Accepted && a.Checksum != tt.wantRecorded {
				t.Errorf("Verify = %v with form %d, want %v with %d", rule, a.Checksum, tt.want, tt.wantRecorded)
			}
		})
	}
}

// TestChecksumAmbiguous: where the pseudo header sums up to zero both forms are
// the same octets, and ours is named.
func TestChecksumAmbiguous(t *testing.T) {
	c, p := sample(V3, false)
	p.Source = netip.MustParseAddr("31.109.0.0")
	rest := fold(pseudoHeader(0, p.Source, p.Destination, len(p.Payload)))
	low := 0xffff - rest
	p.Source = netip.AddrFrom4([4]byte{31, 109, uint8(low >> 8), uint8(low)})
	for _, form := range []ChecksumForm{ChecksumMessage, ChecksumPseudo} {
		for _, pseudo := range []bool{false, true} {
			c.Checksum = form
			seal(&p, pseudo)
			if a, rule := c.Verify(&p); rule != Accepted || a.Checksum != form {
				t.Errorf("from %v: %v with form %d, want %d", p.Source, rule, a.Checksum, form)
			}
		}
	}
}

// TestBitFlips: no message with one wrong bit is accepted.
func TestBitFlips(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	rules := map[Rejection]int{}
	for range 300 {
		c, priority, src := randomRouter(r)
		dst := Group(src.Is6())
		p := Packet{Source: src, Destination: dst, TTL: 255, Payload: c.Append(nil, priority, src, dst)}
		if c.Version == V3 && oneBitApart(&p) {
			continue
		}
		for bit := range len(p.Payload) * 8 {
			p.Payload[bit/8] ^= 1 << (bit % 8)
			_, rule := c.Verify(&p)
			switch rule {
			case RejectVersion, RejectType, RejectVRID, RejectLength, RejectChecksum:
				rules[rule]++
			default:
				t.Fatalf("bit %d of %x: %v", bit, p.Payload, rule)
			}
			p.Payload[bit/8] ^= 1 << (bit % 8)
		}
		if _, rule := c.Verify(&p); rule != Accepted {
			t.Fatalf("the whole message %x: %v", p.Payload, rule)
		}
	}
	if len(rules) != 5 {
		t.Errorf("rules that decided: %v", rules)
	}
}

// oneBitApart reports whether one bit turns the one form of checksum into the
// other, which is so for 1 in 2000 sources: the price of accepting both.
func oneBitApart(p *Packet) bool {
	if p.Source.Is6() {
		return false
	}
	apart := int(fold(pseudoHeader(0, p.Source, p.Destination, len(p.Payload))))
	for k := range 16 {
		if apart == 1<<k || apart == 0xffff-1<<k {
			return true
		}
	}
	return false
}
