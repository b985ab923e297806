//go:build linux

package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// datagram is an IPv4 header of length octets that claims total, and what
// follows.
func datagram(length, total int, rest string) []byte {
	b := make([]byte, max(length, 20))
	b[0] = 4<<4 | byte(length/4)
	b[2], b[3] = byte(total>>8), byte(total)
	b[8] = 255
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
			ok := parse4(c.in, true, &p)
			if ok != c.ok {
				t.Fatalf("parse4 returned %v, want %v", ok, c.ok)
			}
			if ok && (string(p.Packet.Payload) != c.want || p.Packet.TTL != 255 ||
				p.Packet.Source != netip.MustParseAddr("192.0.2.1") || p.Packet.Destination != vrrp.Group(false)) {
				t.Errorf("got %+v, want payload %q", p.Packet, c.want)
			}
			if ok && !bytes.Equal(p.Packet.Header, c.in[:int(c.in[0]&15)*4]) {
				t.Errorf("got header % x, want that of % x", p.Packet.Header, c.in)
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
		if parse4(in, true, &p) && (len(p.Packet.Payload) > len(in)-header4Len || !bytes.Contains(in, p.Packet.Payload)) {
			t.Errorf("payload % x is not in % x", p.Packet.Payload, in)
		}
		if !bytes.Equal(in, before) {
			t.Error("parse4 changed its input")
		}
	})
}

// control is one control message of IPv6.
func control(kind int32, data ...byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(data)))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = unix.IPPROTO_IPV6, kind
	h.SetLen(unix.CmsgLen(len(data)))
	copy(b[unix.CmsgLen(0):], data)
	return b
}

func TestParseControl(t *testing.T) {
	to := vrrp.Group(true)
	octets := to.As16()
	info := control(unix.IPV6_PKTINFO, append(octets[:], 1, 0, 0, 0)...)
	hops := control(unix.IPV6_HOPLIMIT, binary.NativeEndian.AppendUint32(nil, 64)...)
	for _, c := range []struct {
		name string
		in   []byte
		ttl  int
		ok   bool
	}{
		{"both", append(bytes.Clone(info), hops...), 64, true},
		{"in the other order", append(bytes.Clone(hops), info...), 64, true},
		{"an unknown hop limit is no 255", info, -1, true},
		{"no destination", hops, 64, false},
		{"nothing", nil, -1, false},
		{"something else", append(control(unix.IPV6_TCLASS, 1, 2, 3, 4), info...), -1, true},
		{"cut off", info[:20], -1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := node.Received{Packet: vrrp.Packet{TTL: 255, Destination: to}}
			ok := parseControl(c.in, &p)
			if ok != c.ok || p.Packet.TTL != c.ttl || ok && p.Packet.Destination != to {
				t.Errorf("got %v, TTL %d to %s, want %v, %d to %s", ok, p.Packet.TTL, p.Packet.Destination, c.ok, c.ttl, to)
			}
		})
	}
}
