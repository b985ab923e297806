//go:build linux

package wire

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

func address(prefix, device string) netspec.Address {
	return netspec.Address{Prefix: netip.MustParsePrefix(prefix), Device: device}
}

// datagram is an IPv4 header of length octets that claims total, and what
// follows.
func datagram(length, total int, rest string) []byte {
	b := make([]byte, max(length, 20))
	header(b)
	b[0] = 4<<4 | byte(length/4)
	b[2], b[3] = byte(total>>8), byte(total)
	copy(b[12:], []byte{192, 0, 2, 1})
	copy(b[16:], []byte{224, 0, 0, 18})
	return append(b[:max(length, 20)], rest...)
}

func TestParse(t *testing.T) {
	v6 := datagram(20, 24, "abcd")
	v6[0] = 6<<4 | 5
	for _, c := range []struct {
		name string
		in   []byte
		want string
		ok   bool
	}{
		{"plain", datagram(20, 24, "abcd"), "abcd", true},
		{"padding is cut off", datagram(20, 24, "abcdPADDING"), "abcd", true},
		{"options are skipped", datagram(24, 28, "abcd"), "abcd", true},
		{"all options", datagram(60, 64, "abcd"), "abcd", true},
		{"no payload", datagram(20, 20, ""), "", true},
		{"what was cut off is missing", datagram(20, 100, "abcd"), "abcd", true},
		{"nothing", nil, "", false},
		{"short header", datagram(20, 24, "")[:19], "", false},
		{"not IPv4", v6, "", false},
		{"header length below 20", datagram(16, 24, "abcd"), "", false},
		{"header longer than the datagram", datagram(24, 20, ""), "", false},
		{"header longer than the frame", datagram(60, 64, "")[:40], "", false},
		{"total length zero", datagram(20, 0, "abcd"), "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p node.Received
			p.Packet.Payload = []byte("left from the last packet")
			ok := parse(c.in, &p)
			if ok != c.ok {
				t.Fatalf("parse returned %v, want %v", ok, c.ok)
			}
			if ok && (string(p.Packet.Payload) != c.want || p.Packet.TTL != 255 ||
				p.Packet.Source != netip.MustParseAddr("192.0.2.1") || p.Packet.Destination != Group) {
				t.Errorf("got %+v, want payload %q", p.Packet, c.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(datagram(20, 24, "abcd"))
	f.Add(datagram(60, 64, "abcd"))
	f.Add(datagram(24, 20, ""))
	f.Fuzz(func(t *testing.T, in []byte) {
		var p node.Received
		before := bytes.Clone(in)
		if parse(in, &p) && (len(p.Packet.Payload) > len(in)-headerLen || !bytes.Contains(in, p.Packet.Payload)) {
			t.Errorf("payload % x is not in % x", p.Packet.Payload, in)
		}
		if !bytes.Equal(in, before) {
			t.Error("parse changed its input")
		}
	})
}
