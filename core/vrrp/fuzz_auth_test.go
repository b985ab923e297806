package vrrp

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

// FuzzTrailer feeds a router with HMAC any octets. It must not panic, must take
// nothing as signed whose HMAC is not that of the definition, and what it takes
// must be what a sender with the key sends, but for the fields that a receiver
// ignores.
func FuzzTrailer(f *testing.F) {
	for _, row := range readPackets(f, "testdata/hmac.txt") {
		for kind := range uint8(12) {
			f.Add(kind, false, row.Payload)
			f.Add(kind, true, row.Payload[:len(row.Payload)-trailerLen+12])
		}
	}
	f.Add(uint8(0), false, hexBytes(f, "3133c80100644402c0000264"))
	f.Fuzz(func(t *testing.T, kind uint8, signed bool, payload []byte) {
		c := Config{Version: V3, VRID: 51, Priority: 100, Interval: time.Second, DownAdverts: 3}
		hmacs(HMACEnforce + HMACMode(kind/4%3))(&c)
		p := Packet{Source: netip.MustParseAddr("10.0.0.1"), Destination: Group(false), TTL: 255, Payload: bytes.Clone(payload)}
		switch kind % 4 {
		case 1:
			c.Version = V2
		case 2:
			p.Source, p.Destination = netip.MustParseAddr("fe80::ff:fe00:1"), Group(true)
		case 3:
			p.Destination = netip.MustParseAddr("10.0.0.2")
			c.Unicast = Unicast{On: true, Peers: []Peer{{Addr: p.Source}}}
		}
		v6 := p.Source.Is6()
		g := newGuard(&c, nil)
		signer := c
		signer.HMAC.Mode = HMACEnforce
		sg := newGuard(&signer, nil)
		if b := p.Payload; signed && len(b) >= HeaderLen+tagAt {
			// A fuzzer does not guess HMACs and checksums. The last octets are
			// the front of the trailer.
			message, head := b[:len(b)-tagAt], b[len(b)-tagAt:]
			if n := messageLen(c.Version, v6, int(b[3])); n == len(message) {
				seal(&Packet{Source: p.Source, Destination: p.Destination, Payload: message}, false)
				p.Payload = append(bytes.Clone(message), head...)
				p.Payload = append(p.Payload, sg.ring.tag(&sg.ring.keys[0], p.Source, message, head)...)
				if v6 {
					c.sum(p.Payload, V3, p.Source, p.Destination, ChecksumMessage)
				}
			}
		}
		whole := bytes.Clone(p.Payload)
		a, rule := c.verify(&p, g, noTime)
		if !bytes.Equal(whole, p.Payload) {
			t.Fatalf("verify changed %x to %x", whole, p.Payload)
		}
		if rule >= RejectSelf {
			t.Fatalf("verify = %d", rule)
		}
		if rule != Accepted {
			return
		}
		if !a.Signed {
			if c.HMAC.Mode == HMACEnforce {
				t.Fatalf("accepted %x, which is not signed", whole)
			}
			return
		}
		if naive := naiveTag(key1().Secret, p.Source, a.Version, a.VRID, whole); !bytes.Equal(naive, trailerOf(whole)[tagAt:]) {
			t.Fatalf("accepted %x, whose HMAC is %x", whole, naive)
		}
		signer.Addresses, signer.Interval, signer.Checksum = nil, a.Interval, a.Checksum
		for i := range a.Count {
			signer.Addresses = append(signer.Addresses, a.Address(i))
		}
		signer.Unicast.Peers = []Peer{{Addr: p.Destination}}
		r := New(0, new(signer))
		r.SetSource(p.Source)
		frames := r.frames(a.Priority)
		r.guard.ring.sign(frames[0].packet, p.Source, a.sequence)
		r.resum(&frames[0])
		sent := frames[0].packet
		if whole[4]&0xf0 != 0 || a.Version == V2 && !bytes.Equal(sent[:len(sent)-trailerLen], whole[:len(whole)-trailerLen]) {
			return // reserved bits and unused octets are signed as they came
		}
		if !bytes.Equal(sent, whole) {
			t.Fatalf("accepted %x, which would be sent as %x", whole, sent)
		}
	})
}

// FuzzAH feeds a router with AH any octets after any IP header. It must not
// panic, and what it takes must be what a sender with the password sends.
func FuzzAH(f *testing.F) {
	_, whole := capturedAH(f)
	for _, b := range whole {
		for kind := range uint8(2) {
			f.Add(kind, false, b)
			f.Add(kind, true, b)
		}
	}
	f.Add(uint8(0), false, []byte{0x45})
	f.Fuzz(func(t *testing.T, kind uint8, sealed bool, b []byte) {
		c := ahConfig()
		p := Packet{Source: netip.MustParseAddr("10.0.0.1"), Destination: Group(false), TTL: 255, Protocol: ProtocolAH}
		if kind%2 == 1 {
			p.Destination = netip.MustParseAddr("10.0.0.2")
			c.Unicast = Unicast{On: true, Peers: []Peer{{Addr: p.Source}}}
		}
		header := min(len(b), 20)
		p.Header, p.Payload = bytes.Clone(b[:header]), bytes.Clone(b[header:])
		g := newGuard(&c, nil)
		if sealed && header == 20 && len(p.Payload) >= ahLen {
			copy(p.Payload[icvAt:ahLen], g.sealer.icv(append(g.sealer.head[:0], p.Header...), p.Payload))
		}
		beforeHeader, before := bytes.Clone(p.Header), bytes.Clone(p.Payload)
		a, rule := c.verify(&p, g, noTime)
		if !bytes.Equal(p.Header, beforeHeader) || !bytes.Equal(p.Payload, before) {
			t.Fatal("verify changed the packet")
		}
		if rule >= RejectSelf {
			t.Fatalf("verify = %d", rule)
		}
		if rule != Accepted {
			return
		}
		// The ICV of the same header over the same octets, computed afresh.
		again := newSealer(&c)
		head := append(again.head[:0], p.Header...)
		if icv := again.icv(head, p.Payload); !bytes.Equal(icv, p.Payload[icvAt:ahLen]) {
			t.Fatalf("accepted %x %x, whose ICV is %x", p.Header, p.Payload, icv)
		}
		if a.sequence != uint64(binary.BigEndian.Uint32(p.Payload[8:])) || a.Count != int(p.Payload[ahLen+3]) {
			t.Fatalf("read %+v in %x", a, p.Payload)
		}
	})
}
