package vrrp

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/moonkeep/moonkeep/core/mono"
)

// TestC12MTU: an advert carries what fits on the interface, and one that carries
// the same is no reason to tell of another list.
func TestC12MTU(t *testing.T) {
	six, four := netip.MustParseAddr("fe80::5"), netip.MustParseAddr("192.0.2.5")
	key := HMAC{Mode: HMACEnforce, Active: 1, Keys: []Key{{ID: 1, Secret: make(Secret, 32)}}}
	for _, tt := range []struct {
		name   string
		change func(*Config)
		source netip.Addr
		mtu    int
		want   int
		header int
	}{
		{"unknown", nil, six, 0, 200, 40},
		{"IPv6", nil, six, 1500, 89, 40},
		{"IPv6 with HMAC", func(c *Config) { c.HMAC = key }, six, 1500, 89, 40},
		{"IPv4", nil, four, 1500, 200, 20},
		{"IPv4, small", nil, four, 576, 130, 20},
		{"version 2", func(c *Config) { c.Version = V2 }, four, 576, 128, 20},
		{"AH", func(c *Config) { c.Version, c.Auth = V2, AuthAH }, four, 576, 122, 20},
		{"both versions", func(c *Config) { c.Interop = true }, four, 576, 128, 20},
		{"nothing fits", nil, six, 50, 1, 40},
	} {
		c := Defaults()
		c.Version, c.VRID, c.Priority = V3, 51, 255
		for i := range 200 {
			a := fmt.Sprintf("10.1.1.%d", i+1)
			if tt.source.Is6() {
				a = fmt.Sprintf("fe80::1:%x", i+1)
			}
			c.Addresses = append(c.Addresses, netip.MustParseAddr(a))
		}
		if tt.change != nil {
			tt.change(&c)
		}
		r := New(0, &c)
		r.SetSource(tt.source)
		r.SetMTU(tt.mtu)
		if got := len(r.Advertised()); got != tt.want {
			t.Errorf("%s: %d addresses, want %d", tt.name, got, tt.want)
		}
		var sent []byte
		for _, a := range r.Start(0, "test", nil) {
			if a.Kind == DoSend {
				sent = a.Payload
				if length := tt.header + len(a.Payload); tt.mtu > 100 && length > tt.mtu {
					t.Errorf("%s: a packet of %d octets, more than %d", tt.name, length, tt.mtu)
				}
			}
		}
		if tt.change != nil || tt.mtu == 50 {
			continue
		}
		if sent[3] != uint8(tt.want) {
			t.Errorf("%s: the advert counts %d addresses, want %d", tt.name, sent[3], tt.want)
		}
		peer := netip.MustParseAddr("192.0.2.6")
		if tt.source.Is6() {
			peer = netip.MustParseAddr("fe80::6")
		}
		short := c
		short.Addresses = c.Addresses[:tt.want]
		p := Packet{Source: peer, Destination: Group(peer.Is6()), TTL: TTL, Protocol: Protocol, Payload: short.Append(nil, 100, peer, Group(peer.Is6()))}
		r.Receive(mono.Instant(c.Interval), &p, nil)
		if n := r.View().Counts.AddressLists; n != 0 {
			t.Errorf("%s: the same list counts as another one", tt.name)
		}
	}
}
