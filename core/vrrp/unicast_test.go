package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// unicast is the option of a router with two peers.
func unicast(opts ...func(*Unicast)) func(*Config) {
	return func(c *Config) {
		c.Unicast = Unicast{On: true, Peers: []Peer{{Addr: peerLow}, {Addr: peerHigh}}}
		for _, o := range opts {
			o(&c.Unicast)
		}
	}
}

// TestU1U3Unicast: whom a router of unicast hears, and from how far.
func TestU1U3Unicast(t *testing.T) {
	stranger := netip.MustParseAddr("192.0.2.9")
	limits := func(low, high uint8) func(*Unicast) {
		return func(u *Unicast) { u.Peers[1].MinTTL, u.Peers[1].MaxTTL = low, high }
	}
	anySource := func(u *Unicast) { u.AnySource = true }
	for _, tt := range []struct {
		rule     string
		opts     []func(*Unicast)
		from, to netip.Addr
		ttl      int
		want     Rejection
	}{
		{"U-3 peer", nil, peerHigh, ownAddr, 255, Accepted},
		{"U-3 the other peer", nil, peerLow, ownAddr, 255, Accepted},
		{"U-3 stranger", nil, stranger, ownAddr, 255, RejectSource},
		{"U-3 stranger without check", []func(*Unicast){anySource}, stranger, ownAddr, 255, Accepted},
		{"U-3 limits imply the check", []func(*Unicast){anySource, limits(1, 0)}, stranger, ownAddr, 255, RejectSource},
		{"U-1 multicast", nil, peerHigh, Group(false), 255, RejectMode},
		{"U-1 multicast without check", []func(*Unicast){anySource}, peerHigh, Group(false), 255, RejectMode},
		{"U-1 another group", nil, peerHigh, netip.MustParseAddr("224.0.0.1"), 255, RejectMode},
		{"U-1 no destination", nil, peerHigh, netip.Addr{}, 255, RejectMode},
		{"U-1 destination of the other family", nil, peerHigh, ownAddr6, 255, RejectMode},
		{"U-1 no source", nil, netip.Addr{}, ownAddr, 255, RejectMode},
		{"U-4 any TTL", nil, peerHigh, ownAddr, 1, Accepted},
		{"U-4 unknown TTL without limits", nil, peerHigh, ownAddr, -1, Accepted},
		{"U-4 below min_ttl", []func(*Unicast){limits(254, 0)}, peerHigh, ownAddr, 253, RejectTTL},
		{"U-4 min_ttl", []func(*Unicast){limits(254, 0)}, peerHigh, ownAddr, 254, Accepted},
		{"U-4 max_ttl", []func(*Unicast){limits(0, 64)}, peerHigh, ownAddr, 64, Accepted},
		{"U-4 above max_ttl", []func(*Unicast){limits(0, 64)}, peerHigh, ownAddr, 65, RejectTTL},
		{"U-4 limits are each peer's own", []func(*Unicast){limits(254, 0)}, peerLow, ownAddr, 1, Accepted},
		{"U-6 unknown below min_ttl", []func(*Unicast){limits(1, 0)}, peerHigh, ownAddr, -1, RejectTTL},
		{"U-6 unknown below max_ttl", []func(*Unicast){limits(0, 64)}, peerHigh, ownAddr, -1, RejectTTL},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			d := backup(t, V3, 100, unicast(tt.opts...), func(c *Config) { c.Checksum = ChecksumMessage })
			p := Packet{Source: tt.from, Destination: tt.to, TTL: tt.ttl, Payload: d.r.Config().Append(nil, 200, peerHigh, ownAddr)}
			if _, rule := d.r.Config().Verify(&p); rule != tt.want {
				t.Errorf("Verify = %v, want %v", rule, tt.want)
			}
		})
	}
	t.Run("U-1 unicast at a router of multicast", func(t *testing.T) {
		d := backup(t, V3, 100)
		d.receive(Packet{Source: peerHigh, Destination: ownAddr, TTL: 255, Payload: d.r.Config().Append(nil, 200, peerHigh, ownAddr)})
		if got := d.r.View().Counts.Rejected[RejectMode]; got != 1 {
			t.Errorf("%d refused, want 1", got)
		}
	})
	t.Run("S-28 our own address", func(t *testing.T) {
		d := master(t, V3, 100, unicast(anySource))
		d.receive(Packet{Source: ownAddr, Destination: ownAddr, TTL: 255, Payload: d.r.Config().Append(nil, 200, ownAddr, ownAddr)})
		d.want("0s alarm reject")
		if d.r.Role() != Master {
			t.Errorf("role is %v, want MASTER", d.r.Role())
		}
	})
}

// TestU2Send: the same advert to every peer, with the TTL that is configured.
func TestU2Send(t *testing.T) {
	for _, tt := range []struct {
		rule string
		v    Version
		ttl  uint8
		want uint8
	}{
		{"U-4 default", V3, 0, 255}, {"U-4 unicast_ttl", V3, 64, 64}, {"U-4 version 2", V2, 0, 255},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			d := backup(t, tt.v, 100, unicast(func(u *Unicast) { u.TTL = tt.ttl }))
			d.promote()
			d.want("0s send 100, send 100, claim, announce 5, BACKUP->MASTER")
			for i, to := range []netip.Addr{peerLow, peerHigh} {
				if a := d.buf[i]; a.Destination != to || a.TTL != tt.want || a.Protocol != Protocol || a.ID != 0 {
					t.Errorf("sent %+v to %v", a, to)
				}
			}
			if a, b := d.buf[0].Payload, d.buf[1].Payload; string(a[8:]) != string(b[8:]) || string(a[:6]) != string(b[:6]) {
				t.Errorf("sent %x and %x", a, b)
			}
			d.stop()
			resigns, sent := "0s hasten, hasten, send 0, send 0", uint64(3)
			if tt.v == V2 {
				resigns, sent = "0s send 0, send 0", 2
			}
			d.want(resigns)
			if v := d.r.View().Counts; v.Sent != sent || v.SentZero != 1 {
				t.Errorf("%d adverts and %d of priority 0 counted, want %d and 1", v.Sent, v.SentZero, sent)
			}
		})
	}
	t.Run("no peers", func(t *testing.T) {
		d := backup(t, V3, 100, func(c *Config) { c.Unicast.On = true })
		d.promote()
		d.want("0s claim, announce 5, BACKUP->MASTER")
	})
	t.Run("a reload changes the peers", func(t *testing.T) {
		d := master(t, V3, 100, unicast())
		d.reconfigure(unicast(func(u *Unicast) { u.Peers = u.Peers[1:] }))
		d.run(time.Second)
		d.want("1s send 100")
	})
}

// TestU5IPv6Unicast: between link-local and between global addresses.
func TestU5IPv6Unicast(t *testing.T) {
	for _, list := range []string{"fe80::2 fe80::3", "2001:db8::2 2001:db8::3"} {
		pair := parseAddrs(list)
		d := backup(t, V3, 100, addresses("fe80::100"), func(c *Config) { c.Unicast = Unicast{On: true, Peers: []Peer{{Addr: pair[1]}}} })
		d.r.SetSource(pair[0])
		d.promote()
		d.want("0s send 100, claim, announce 5, BACKUP->MASTER")
		d.receive(signedBy(d, pair[1].WithZone("eth0"), 200, 0))
		if d.r.Role() != Backup {
			t.Errorf("%s: role is %v, want BACKUP: %v", list, d.r.Role(), d.r.View().Counts.Rejected)
		}
	}
}

// TestK6OldChecksum: the form of keepalived before 1.3.6 is accepted and answered
// in kind if it is asked for, and for the peer that sends it.
func TestK6OldChecksum(t *testing.T) {
	for _, tt := range []struct {
		name                   string
		policy                 OldChecksum
		want                   Rejection
		toThatPeer, toTheOther ChecksumForm
	}{
		{"refused", OldChecksumRefuse, RejectChecksum, ChecksumPseudo, ChecksumPseudo},
		{"detected", OldChecksumDetect, Accepted, ChecksumGroup, ChecksumPseudo},
		{"sent", OldChecksumSend, Accepted, ChecksumGroup, ChecksumGroup},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := backup(t, V3, 100, unicast(func(u *Unicast) { u.OldChecksum = tt.policy }))
			c := *d.r.Config()
			payload := c.appendVersion(nil, V3, 50, peerHigh, ownAddr, ChecksumGroup)
			if want := c.Append(nil, 50, peerHigh, Group(false)); string(payload) != string(want) {
				t.Fatalf("the old form is %x, want %x", payload, want)
			}
			before := d.r.View().Counts
			d.receive(Packet{Source: peerHigh, Destination: ownAddr, TTL: 255, Payload: payload})
			if got := d.r.View().Counts; tt.want == Accepted && got.ChecksumGroup != before.ChecksumGroup+1 || tt.want != Accepted && got.Rejected[tt.want] != 1 {
				t.Errorf("want %v, got %+v", tt.want, got)
			}
			out := d.r.transmit(d.at(), d.r.advert, nil)
			for i, form := range []ChecksumForm{tt.toTheOther, tt.toThatPeer} {
				if want := c.appendVersion(nil, V3, 100, ownAddr, out[i].Destination, form); string(out[i].Payload) != string(want) {
					t.Errorf("sent %x to %v, want %x", out[i].Payload, out[i].Destination, want)
				}
			}
			if payload[7]++; tt.want == Accepted {
				d.receive(Packet{Source: peerHigh, Destination: ownAddr, TTL: 255, Payload: payload})
				if got := d.r.View().Counts.Rejected[RejectChecksum]; got != 1 {
					t.Errorf("%d wrong checksums, want 1", got)
				}
			}
		})
	}
	t.Run("a stranger's is not remembered", func(t *testing.T) {
		d := backup(t, V3, 100, unicast(func(u *Unicast) { u.OldChecksum, u.AnySource = OldChecksumDetect, true }))
		stranger := netip.MustParseAddr("192.0.2.9")
		payload := d.r.Config().appendVersion(nil, V3, 50, stranger, ownAddr, ChecksumGroup)
		d.receive(Packet{Source: stranger, Destination: ownAddr, TTL: 255, Payload: payload})
		if v := d.r.View().Counts; v.ChecksumGroup != 1 || len(d.r.oldSums) != 0 {
			t.Errorf("heard %d, remembered %v", v.ChecksumGroup, d.r.oldSums)
		}
	})
	t.Run("not in multicast", func(t *testing.T) {
		d := backup(t, V3, 100, func(c *Config) { c.Unicast.OldChecksum = OldChecksumSend })
		d.promote()
		if want := d.r.Config().Append(nil, 100, ownAddr, Group(false)); string(d.buf[0].Payload) != string(want) {
			t.Errorf("sent %x, want %x", d.buf[0].Payload, want)
		}
	})
}

// TestT3Group: another group is sent to and heard, and the usual one is not.
func TestT3Group(t *testing.T) {
	group := netip.MustParseAddr("224.0.0.99")
	d := backup(t, V3, 100, func(c *Config) { c.Group = group })
	payload := d.r.Config().Append(nil, 200, peerHigh, group)
	d.receive(Packet{Source: peerHigh, Destination: Group(false), TTL: 255, Payload: payload})
	d.receive(Packet{Source: peerHigh, Destination: group, TTL: 255, Payload: payload})
	if v := d.r.View().Counts; v.Received != 1 || v.Rejected[RejectMode] != 1 {
		t.Errorf("heard %d, refused %v", v.Received, v.Rejected)
	}
	d.promote()
	if d.buf[0].Destination != group {
		t.Errorf("sent to %v, want %v", d.buf[0].Destination, group)
	}
	group6 := netip.MustParseAddr("ff05::99")
	d = backup(t, V3, 100, addresses("fe80::100"), func(c *Config) { c.Group = group6 })
	d.promote()
	if d.buf[0].Destination != group6 {
		t.Errorf("sent to %v, want %v", d.buf[0].Destination, group6)
	}
}

// TestServes tells routers apart that share a VRID.
func TestServes(t *testing.T) {
	other := netip.MustParseAddr("224.0.0.99")
	for _, tt := range []struct {
		name     string
		opt      func(*Config)
		src, dst netip.Addr
		want     bool
	}{
		{"group", func(*Config) {}, peerHigh, Group(false), true},
		{"IPv6 group with a zone", func(*Config) {}, ownAddr6, Group(true).WithZone("eth0"), true},
		{"another group", func(*Config) {}, peerHigh, other, false},
		{"its own group", func(c *Config) { c.Group = other }, peerHigh, other, true},
		{"unicast to multicast", func(*Config) {}, peerHigh, ownAddr, false},
		{"peer", unicast(), peerHigh, ownAddr, true},
		{"stranger", unicast(), netip.MustParseAddr("192.0.2.9"), ownAddr, false},
		{"stranger without check", unicast(func(u *Unicast) { u.AnySource = true }), netip.MustParseAddr("192.0.2.9"), ownAddr, true},
		{"multicast to unicast", unicast(), peerHigh, Group(false), false},
	} {
		c := Defaults()
		tt.opt(&c)
		if got := c.Serves(tt.src, tt.dst); got != tt.want {
			t.Errorf("%s: Serves = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestFamily: what tells the family of a router.
func TestFamily(t *testing.T) {
	for _, tt := range []struct {
		name       string
		config     Config
		six, known bool
	}{
		{"nothing", Config{}, false, false},
		{"address", Config{Addresses: parseAddrs(vip)}, false, true},
		{"IPv6 address", Config{Addresses: parseAddrs("fe80::1")}, true, true},
		{"peer", Config{Unicast: Unicast{Peers: []Peer{{Addr: peerLow}}}}, false, true},
		{"IPv6 peer", Config{Unicast: Unicast{Peers: []Peer{{Addr: ownAddr6}}}}, true, true},
		{"group", Config{Group: Group(false)}, false, true},
		{"IPv6 group", Config{Group: Group(true)}, true, true},
		{"said so", Config{IPv6: true}, true, true},
	} {
		if six, known := tt.config.Family(); six != tt.six || known != tt.known {
			t.Errorf("%s: Family = %v, %v, want %v, %v", tt.name, six, known, tt.six, tt.known)
		}
	}
	c, p := sample(V3, false)
	c.Addresses, c.IPv6 = nil, true
	if _, rule := c.Verify(&p); rule != RejectVRID {
		t.Errorf("IPv4 at a router that is said to be of IPv6: %v, want %v", rule, RejectVRID)
	}
}
