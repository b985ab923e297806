package config

import (
	"net/netip"
	"strings"
	"testing"
)

func TestBFDFault(t *testing.T) {
	before := []BFD{{Name: "first", NeighborIP: netip.MustParseAddr("192.0.2.9")}}
	for _, tt := range []struct {
		source, neighbor string
		multihop         bool
		key, text        string
	}{
		{"", "192.0.2.1", false, "", ""},
		{"192.0.2.2", "192.0.2.1", false, "", ""},
		{"2001:db8::2", "2001:db8::1", true, "", ""},
		{"", "fe80::1%eth0", false, "", ""},
		{"fe80::2", "fe80::1%eth0", false, "", ""},
		{"", "fe80::1", false, "neighbor_ip", "fe80::1%eth0"},
		{"", "224.0.0.1", false, "neighbor_ip", "one host"},
		{"", "::", false, "neighbor_ip", "one host"},
		{"", "::ffff:192.0.2.1", false, "neighbor_ip", "one host"},
		{"0.0.0.0", "192.0.2.1", false, "source_ip", "0.0.0.0"},
		{"::ffff:192.0.2.2", "192.0.2.1", false, "source_ip", "::ffff"},
		{"2001:db8::2", "192.0.2.1", false, "source_ip", "one family"},
		{"192.0.2.1", "2001:db8::2", false, "source_ip", "one family"},
		{"192.0.2.1", "192.0.2.1", false, "neighbor_ip", "two hosts"},
		{"fe80::1", "fe80::1%eth0", false, "neighbor_ip", "two hosts"},
		{"", "192.0.2.9", false, "neighbor_ip", "already"},
		{"", "192.0.2.9", true, "", ""},
		{"192.0.2.2", "192.0.2.9", false, "", ""},
	} {
		b := BFD{Multihop: tt.multihop, NeighborIP: netip.MustParseAddr(tt.neighbor)}
		if tt.source != "" {
			b.SourceIP = netip.MustParseAddr(tt.source)
		}
		key, text := b.Fault(before)
		if key != tt.key || !strings.Contains(text, tt.text) || (text == "") != (tt.key == "") {
			t.Errorf("from %q to %s: got %q, %q; want %q, %q", tt.source, tt.neighbor, key, text, tt.key, tt.text)
		}
	}
}
