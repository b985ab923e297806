package vrrp

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// mutate changes a packet in one to four ways. Some of them, such as two words
// that change places, leave the checksum right.
func mutate(r *rand.Rand, p Packet) Packet {
	p.Payload, p.Header = slices.Clone(p.Payload), slices.Clone(p.Header)
	for range 1 + r.IntN(4) {
		b := p.Payload
		if len(b) < 4 {
			break
		}
		at, word := r.IntN(len(b)), r.IntN(len(b)/2)*2
		switch r.IntN(12) {
		case 0, 1:
			b[at] ^= 1 << r.IntN(8)
		case 2:
			b[at] = uint8(r.Uint32())
		case 3:
			p.Payload = b[:at]
		case 4:
			p.Payload = append(b, make([]byte, 1+r.IntN(32))...)
		case 5:
			other := r.IntN(len(b)/2) * 2
			b[word], b[other], b[word+1], b[other+1] = b[other], b[word], b[other+1], b[word+1]
		case 6:
			other := r.IntN(len(b)/2) * 2
			x, y := binary.BigEndian.Uint16(b[word:]), binary.BigEndian.Uint16(b[other:])
			if d := uint16(r.IntN(8)); word != other && x <= 0xffff-d && y >= d {
				binary.BigEndian.PutUint16(b[word:], x+d)
				binary.BigEndian.PutUint16(b[other:], y-d)
			}
		case 7:
			p.TTL = r.IntN(300) - 5
		case 8:
			p.Destination = []netip.Addr{Group(false), Group(true), ownAddr, ownAddr6, {}}[r.IntN(5)]
		case 9:
			p.Source = []netip.Addr{peerLow, ownAddr, ownAddr6, {}, netip.IPv4Unspecified()}[r.IntN(5)]
		case 10:
			p.Protocol = []uint8{0, Protocol, ProtocolAH, 6}[r.IntN(4)]
		case 11:
			if len(p.Header) > 0 {
				p.Header[r.IntN(len(p.Header))] ^= 1 << r.IntN(8)
			}
		}
	}
	return p
}

// TestMutatedAdverts: more than a million damaged adverts do nothing to a MASTER
// that a valid one would not. Each that is refused is counted once, and what is
// told of them is little.
func TestMutatedAdverts(t *testing.T) {
	rounds := 90_000
	if testing.Short() {
		rounds = 5_000
	}
	for name, k := range kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(1, uint64(len(name))))
			d := master(t, k.version, 100, k.opts...)
			d.r.SetWall(year26 - int64(epoch))
			from := peerHigh
			if d.r.Source().Is6() {
				from = netip.MustParseAddr("fe80::3")
			}
			s := signer(d, from)
			s.SetWall(year26 - int64(epoch))
			now := epoch
			var out []Action
			var good Packet
			accepted, notes := uint64(0), 0
			for i := range rounds {
				if i%100 == 0 {
					now = now.Add(10 * ms)
					sent := s.transmit(now, s.advert, nil)
					good = sentPacket(from, &sent[0])
				}
				p := mutate(r, good)
				before := d.r.View()
				_, rule := d.r.Config().Verify(&p)
				out = d.r.Receive(now, &p, out[:0])
				after := d.r.View()
				if took := after.Counts.Received > before.Counts.Received; took {
					accepted++
					if rule != Accepted {
						t.Fatalf("accepted %x from %v, which breaks a rule: %v", p.Payload, p.Source, rule)
					}
				} else if after.Role != before.Role || after.HeardFrom != before.HeardFrom || after.MasterDown != before.MasterDown {
					t.Fatalf("refused %x from %v, but view %+v became %+v", p.Payload, p.Source, before, after)
				}
				for _, a := range out {
					if a.Kind == DoNote {
						notes++
					}
				}
				if after.Role != Master {
					out = d.r.Promote(now, "test", out[:0])
				}
			}
			refused := uint64(0)
			for _, n := range d.r.View().Counts.Rejected {
				refused += n
			}
			if got := d.r.View().Counts.Received; got != accepted || refused+accepted != uint64(rounds) {
				t.Errorf("%d accepted and %d refused of %d", accepted, refused, rounds)
			}
			// A note for each rule, list or interval, and again after a pause.
			if most := (int(rejections) + 4) * (int(now.Sub(epoch)/notePause) + 1); notes > most {
				t.Errorf("%d notes, want %d at most", notes, most)
			}
			if refused < uint64(rounds)/2 {
				t.Errorf("%d of %d refused: the test does not test", refused, rounds)
			}
		})
	}
}
