package vrrp

import (
	"bytes"
	"net/netip"
	"testing"
	"time"
)

// FuzzVerify feeds Verify any octets. It must not panic, and what it accepts
// must be what a router of that configuration sends, but for the fields that a
// receiver ignores.
func FuzzVerify(f *testing.F) {
	for _, row := range readCaptured(f) {
		for kind := range uint8(4) {
			f.Add(kind, false, row.Payload)
		}
	}
	for _, seed := range []string{
		"", "31", "3133c801 006444",
		"3133c801 00644402 c0000264",                              // message checksum
		"3133c801 f0644402 c0000264",                              // reserved bits
		"3133c801 00644402 c0000264 0000000000000000000000000000", // padding
		"3133c8ff 00644402 c0000264",                              // 255 addresses, one there
		"3133c800 00644402",                                       // none
		"2133c801 00015465 c0000264 ffffffffffffffff",             // data without authentication
		"2133c801 0101eefe c0000264 3132333400000000 000000000000",
		"3133c801 00644402 c0000264 0101000068000000800000001b84bc4e8e43892dc6d98448f8ee2265",
		"3133c802 0064d9ed fe800000000000000000000000000100 20010db8000000000000000000000100",
	} {
		for kind := range uint8(4) {
			f.Add(kind, true, hexBytes(f, seed))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, sealed bool, payload []byte) {
		c := Config{Version: V3, VRID: 51, Interval: time.Second}
		p := Packet{Source: netip.MustParseAddr("10.0.0.1"), TTL: 255, Payload: bytes.Clone(payload)}
		switch kind % 4 {
		case 0:
			c.Version = V2
		case 1:
			c.Version, c.Auth, c.Password = V2, AuthPass, password("1234")
		case 2:
			p.Source = netip.MustParseAddr("fe80::ff:fe00:1")
		}
		v6 := p.Source.Is6()
		p.Destination = Group(v6)
		if sealed && len(payload) >= HeaderLen {
			// A fuzzer does not guess checksums.
			if n := messageLen(c.Version, v6, int(payload[3])); n <= len(payload) {
				whole := p.Payload
				p.Payload = whole[:n]
				seal(&p, c.Version == V3 && (v6 || kind&4 != 0))
				p.Payload = whole
			}
		}
		a, rule := c.Verify(&p)
		if rule >= RejectSelf {
			t.Fatalf("Verify = %d", rule)
		}
		if rule != Accepted {
			return
		}
		sender := c
		sender.VRID, sender.Interval, sender.Checksum, sender.Addresses = a.VRID, a.Interval, a.Checksum, nil
		for i := range a.Count {
			sender.Addresses = append(sender.Addresses, a.Address(i))
		}
		sent := sender.Append(nil, a.Priority, p.Source, p.Destination)
		if len(sent) > len(p.Payload) {
			t.Fatalf("accepted %x, which would be sent as %x", p.Payload, sent)
		}
		want := p.Payload[:len(sent)]
		if rest := naiveChecksum(want, c.Version == V3 && a.Checksum == ChecksumPseudo, p.Source, p.Destination); rest != 0 {
			t.Fatalf("accepted %x, whose checksum in form %d is off by %#x", want, a.Checksum, rest)
		}
		if c.Version == V3 {
			want[4] &= 0x0f
		} else if c.Auth == AuthNone {
			clear(want[len(want)-8:])
		}
		seal(&Packet{Source: p.Source, Destination: p.Destination, Payload: want},
			c.Version == V3 && a.Checksum == ChecksumPseudo)
		if !bytes.Equal(sent, want) {
			t.Fatalf("accepted %x, which would be sent as %x", want, sent)
		}
		if again, rule := sender.Verify(&Packet{Source: p.Source, Destination: p.Destination, TTL: 255, Payload: sent}); rule != Accepted || !again.SameAddresses(sender.Addresses) {
			t.Fatalf("accepted %x, but not %x: %v", want, sent, rule)
		}
	})
}
