package vrrp

import (
	"bytes"
	"net/netip"
	"testing"
	"time"
)

// sample returns a router and an advert of its peer that it accepts.
func sample(v Version, v6 bool) (Config, Packet) {
	c := Config{
		Version: v, VRID: 51, Priority: 100, Interval: time.Second,
		Checksum: ChecksumPseudo, Addresses: parseAddrs("192.0.2.100 192.0.2.101"),
	}
	src := netip.MustParseAddr("198.51.100.10")
	if v == V2 {
		c.Addresses = c.Addresses[:1]
		c.Auth, c.Password = AuthPass, password("1234")
	}
	if v6 {
		c.Addresses = parseAddrs("fe80::100 2001:db8::100")
		src = netip.MustParseAddr("fe80::10")
	}
	group := Group(v6)
	return c, Packet{Interface: "eth0", Source: src, Destination: group, TTL: 255, Payload: c.Append(nil, 200, src, group)}
}

// verifyCase changes a sample and says what Verify makes of it.
type verifyCase struct {
	name    string
	version Version
	v6      bool
	change  func(*Config, *Packet)
	want    Rejection
}

// set writes an octet and makes the checksum right again, so that it cannot
// hide the rule under test.
func set(at int, octet byte) func(*Config, *Packet) {
	return func(c *Config, p *Packet) {
		p.Payload[at] = octet
		seal(p, c.Version == V3)
	}
}

func runVerify(t *testing.T, cases []verifyCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			c, p := sample(tt.version, tt.v6)
			if tt.change != nil {
				tt.change(&c, &p)
			}
			before := bytes.Clone(p.Payload)
			if _, rule := c.Verify(&p); rule != tt.want {
				t.Errorf("Verify(%x) = %v, want %v", p.Payload, rule, tt.want)
			}
			if !bytes.Equal(before, p.Payload) {
				t.Errorf("Verify changed %x to %x", before, p.Payload)
			}
		})
	}
}

func cut(n int) func(*Config, *Packet) {
	return func(_ *Config, p *Packet) { p.Payload = p.Payload[:n] }
}

// The tests of the rules are numbered in the order in which Verify applies them.

func TestV1Short(t *testing.T) {
	runVerify(t, []verifyCase{
		{"nothing", V3, false, func(_ *Config, p *Packet) { p.Payload = nil }, RejectShort},
		{"7 octets", V3, false, cut(7), RejectShort},
		{"7 octets of version 2", V2, false, cut(7), RejectShort},
		{"8 octets are a header", V3, false, cut(8), RejectLength},
		{"whole", V3, false, nil, Accepted},
	})
}

func TestV2TTL(t *testing.T) {
	ttl := func(n int) func(*Config, *Packet) { return func(_ *Config, p *Packet) { p.TTL = n } }
	runVerify(t, []verifyCase{
		{"254", V3, false, ttl(254), RejectTTL},
		{"254 in version 2", V2, false, ttl(254), RejectTTL},
		{"hop limit 254", V3, true, ttl(254), RejectTTL},
		{"0", V3, false, ttl(0), RejectTTL},
		{"unknown", V3, false, ttl(-1), RejectTTL},
		{"256", V3, false, ttl(256), RejectTTL},
		{"255", V3, false, ttl(255), Accepted},
	})
}

func TestV3Mode(t *testing.T) {
	to := func(s string) func(*Config, *Packet) {
		return func(c *Config, p *Packet) {
			p.Destination = netip.MustParseAddr(s)
			if p.Destination.Is6() == p.Source.Is6() {
				seal(p, c.Version == V3)
			}
		}
	}
	runVerify(t, []verifyCase{
		{"unicast", V3, false, to("198.51.100.11"), RejectMode},
		{"unicast in version 2", V2, false, to("198.51.100.11"), RejectMode},
		{"unicast IPv6", V3, true, to("fe80::11"), RejectMode},
		{"another group", V3, false, to("224.0.0.1"), RejectMode},
		{"broadcast", V3, false, to("255.255.255.255"), RejectMode},
		{"group of the other family", V3, false, to("ff02::12"), RejectMode},
		{"another scope", V3, true, to("ff05::12"), RejectMode},
		{"no destination", V3, false, func(_ *Config, p *Packet) { p.Destination = netip.Addr{} }, RejectMode},
		{"no source", V3, false, func(_ *Config, p *Packet) { p.Source = netip.Addr{} }, RejectMode},
		{"group", V3, false, to("224.0.0.18"), Accepted},
		{"IPv6 group", V3, true, to("ff02::12"), Accepted},
		{"IPv6 group with a zone", V3, true, func(_ *Config, p *Packet) {
			p.Source, p.Destination = p.Source.WithZone("eth0"), p.Destination.WithZone("eth0")
		}, Accepted},
		{"IPv4 group in IPv6 form", V3, false, func(_ *Config, p *Packet) {
			p.Source, p.Destination = netip.AddrFrom16(p.Source.As16()), netip.AddrFrom16(p.Destination.As16())
		}, Accepted},
	})
}

func TestV4Version(t *testing.T) {
	runVerify(t, []verifyCase{
		{"2 at 3", V3, false, set(0, 0x21), RejectVersion},
		{"3 at 2", V2, false, set(0, 0x31), RejectVersion},
		{"0", V3, false, set(0, 0x01), RejectVersion},
		{"4", V3, false, set(0, 0x41), RejectVersion},
		{"3 at 3", V3, false, set(0, 0x31), Accepted},
		{"2 at 2", V2, false, set(0, 0x21), Accepted},
	})
}

func TestV5Type(t *testing.T) {
	runVerify(t, []verifyCase{
		{"0", V3, false, set(0, 0x30), RejectType},
		{"2", V3, false, set(0, 0x32), RejectType},
		{"15 in version 2", V2, false, set(0, 0x2f), RejectType},
		{"1", V3, true, set(0, 0x31), Accepted},
	})
}

func TestV6VRID(t *testing.T) {
	// The same octets as another family's router would see them.
	family := func(v6 bool) func(*Config, *Packet) {
		return func(c *Config, p *Packet) {
			_, *p = sample(V3, v6)
		}
	}
	runVerify(t, []verifyCase{
		{"52", V3, false, set(1, 52), RejectVRID},
		{"52 in version 2", V2, false, set(1, 52), RejectVRID},
		{"0", V3, false, set(1, 0), RejectVRID},
		{"IPv6 at a router of IPv4", V3, false, family(true), RejectVRID},
		{"IPv4 at a router of IPv6", V3, true, family(false), RejectVRID},
		{"IPv6 in version 2", V2, false, func(c *Config, p *Packet) {
			c.Addresses = nil
			_, *p = sample(V3, true)
			set(0, 0x21)(c, p)
		}, RejectVRID},
		{"51", V3, false, set(1, 51), Accepted},
		{"51 at a router without addresses", V3, true, func(c *Config, _ *Packet) { c.Addresses = nil }, Accepted},
	})
}

func TestV7Length(t *testing.T) {
	extra := func(n int) func(*Config, *Packet) {
		return func(_ *Config, p *Packet) { p.Payload = append(p.Payload, make([]byte, n)...) }
	}
	// one leaves a single address: a message of 12 octets with room for 14 of
	// padding in version 3, of 20 with 6 in version 2.
	one := func(then func(*Config, *Packet)) func(*Config, *Packet) {
		return func(c *Config, p *Packet) {
			c.Addresses = c.Addresses[:1]
			p.Payload = c.Append(nil, 200, p.Source, p.Destination)
			then(c, p)
		}
	}
	runVerify(t, []verifyCase{
		{"an octet too few", V3, false, cut(15), RejectLength},
		{"an address too few", V3, false, cut(12), RejectLength},
		{"an octet too few in version 2", V2, false, cut(19), RejectLength},
		{"version 2 without password", V2, false, cut(12), RejectLength},
		{"an octet too few over IPv6", V3, true, cut(39), RejectLength},
		{"count too large", V3, false, set(3, 3), RejectLength},
		{"count too small", V3, false, set(3, 1), RejectLength},
		{"count 255", V3, false, set(3, 255), RejectLength},
		{"trailer of 28 octets", V3, false, extra(28), RejectLength},
		{"trailer of 28 octets in version 2", V2, false, extra(28), RejectLength},
		{"trailer of 28 octets over IPv6", V3, true, extra(28), RejectLength},
		{"one address padded to 46 over IPv6", V3, true, one(extra(2)), RejectLength},
		{"an octet more", V3, false, extra(1), RejectLength},
		{"an address more", V3, false, extra(4), RejectLength},
		{"padding of two addresses to 46", V3, false, extra(10), Accepted},
		{"padding of one address to 46", V3, false, one(extra(14)), Accepted},
		{"padding of one address under a VLAN tag", V3, false, one(extra(10)), Accepted},
		{"padding of one address under three VLAN tags", V3, false, one(extra(2)), Accepted},
		{"padding not of a step", V3, false, one(extra(12)), RejectLength},
		{"padding beyond 46", V3, false, one(extra(18)), RejectLength},
		{"padding of version 2", V2, false, one(extra(6)), Accepted},
		{"padding beyond 46 in version 2", V2, false, one(extra(10)), RejectLength},
		{"padding is not summed", V3, false, one(func(c *Config, p *Packet) {
			extra(14)(c, p)
			p.Payload[20] = 0xaa
		}), Accepted},
		{"exact", V3, false, nil, Accepted},
		{"exact in version 2", V2, false, nil, Accepted},
		{"exact over IPv6", V3, true, nil, Accepted},
	})
}

func TestV8Count(t *testing.T) {
	none := func(c *Config, p *Packet) {
		full := c.Addresses
		c.Addresses = nil
		p.Payload = c.Append(nil, 200, p.Source, p.Destination)
		c.Addresses = full
	}
	neither := func(strict bool) func(*Config, *Packet) {
		return func(c *Config, p *Packet) {
			none(c, p)
			c.Addresses, c.Strict = nil, strict
		}
	}
	runVerify(t, []verifyCase{
		{"0", V3, false, none, RejectCount},
		{"0 in version 2", V2, false, none, RejectCount},
		{"0 over IPv6", V3, true, none, RejectCount},
		{"0 as we have", V3, false, neither(false), Accepted},
		{"0 as we have, in version 2", V2, false, neither(false), Accepted},
		{"0 as we have, over IPv6", V3, true, neither(false), Accepted},
		{"0 as we have, strictly", V3, false, neither(true), RejectCount},
		{"0 as we have, strictly over IPv6", V3, true, neither(true), RejectCount},
		{"1 where we have none", V3, false, func(c *Config, _ *Packet) { c.Addresses = nil }, Accepted},
		{"fewer than ours", V3, false, func(c *Config, _ *Packet) { c.Addresses = parseAddrs("10.0.0.1 10.0.0.2 10.0.0.3") }, Accepted},
		{"others than ours", V2, false, func(c *Config, _ *Packet) { c.Addresses = parseAddrs("10.0.0.1") }, Accepted},
	})
}

func TestV9Checksum(t *testing.T) {
	flip := func(at int) func(*Config, *Packet) {
		return func(_ *Config, p *Packet) { p.Payload[at] ^= 0x10 }
	}
	from := func(s string) func(*Config, *Packet) {
		return func(_ *Config, p *Packet) { p.Source = netip.MustParseAddr(s) }
	}
	runVerify(t, []verifyCase{
		{"wrong priority", V3, false, flip(2), RejectChecksum},
		{"wrong sum", V3, false, flip(7), RejectChecksum},
		{"wrong address", V3, true, flip(39), RejectChecksum},
		{"wrong authentication data", V2, false, flip(12), RejectChecksum},
		{"pseudo header of another source", V3, false, from("198.51.100.11"), RejectChecksum},
		{"pseudo header of another IPv6 source", V3, true, from("fe80::11"), RejectChecksum},
		{"another source without pseudo header", V2, false, from("198.51.100.11"), Accepted},
		{"right", V3, false, nil, Accepted},
	})
}

func TestV10Interval0(t *testing.T) {
	runVerify(t, []verifyCase{
		{"0", V3, false, set(5, 0), RejectInterval0},
		{"0 over IPv6", V3, true, set(5, 0), RejectInterval0},
		{"0 but for the reserved bits", V3, false, func(c *Config, p *Packet) {
			p.Payload[4] = 0xf0
			set(5, 0)(c, p)
		}, RejectInterval0},
		{"1 cs", V3, false, set(5, 1), Accepted},
		{"another than ours is learned", V3, false, set(4, 0x0f), Accepted},
		{"reserved bits are ignored", V3, false, set(4, 0xf0), Accepted},
	})
}

func TestV11LinkLocal(t *testing.T) {
	first := func(strict bool, list string) func(*Config, *Packet) {
		return func(c *Config, p *Packet) {
			c.Addresses, c.Strict = parseAddrs(list), strict
			p.Payload = c.Append(nil, 200, p.Source, p.Destination)
		}
	}
	runVerify(t, []verifyCase{
		{"global first", V3, true, first(true, "2001:db8::100 fe80::100"), RejectLinkLocal},
		{"beyond fe80::/10", V3, true, first(true, "fec0::1"), RejectLinkLocal},
		{"end of fe80::/10", V3, true, first(true, "febf::1"), Accepted},
		{"link-local first", V3, true, first(true, "fe80::100 2001:db8::100"), Accepted},
		{"not for IPv4", V3, false, first(true, "10.0.0.1"), Accepted},
		{"as keepalived may send it", V3, true, first(false, "2001:db8::100"), Accepted},
	})
}

func TestV12Authentication(t *testing.T) {
	ours := func(auth AuthType, s string) func(*Config, *Packet) {
		return func(c *Config, _ *Packet) { c.Auth, c.Password = auth, password(s) }
	}
	both := func(auth AuthType) func(*Config, *Packet) {
		return func(c *Config, p *Packet) {
			c.Auth = auth
			set(4, byte(auth))(c, p)
		}
	}
	runVerify(t, []verifyCase{
		{"password at a router without", V2, false, ours(AuthNone, ""), RejectAuthType},
		{"none at a router with password", V2, false, set(4, 0), RejectAuthType},
		{"AH", V2, false, set(4, 2), RejectAuthType},
		{"AH on both sides, without its header", V2, false, both(AuthAH), RejectAHMissing},
		{"unknown", V2, false, set(4, 77), RejectAuthType},
		{"unknown on both sides", V2, false, both(77), RejectAuthType},
		{"wrong password", V2, false, ours(AuthPass, "1235"), RejectAuth},
		{"longer password", V2, false, ours(AuthPass, "12345"), RejectAuth},
		{"shorter password", V2, false, ours(AuthPass, "123"), RejectAuth},
		{"empty password", V2, false, ours(AuthPass, ""), RejectAuth},
		{"wrong in the last octet", V2, false, set(19, 'x'), RejectAuth},
		{"password", V2, false, ours(AuthPass, "1234"), Accepted},
		{"password before padding", V2, false, func(_ *Config, p *Packet) {
			p.Payload = append(p.Payload, make([]byte, 6)...)
		}, Accepted},
		{"none ignores the data", V2, false, func(c *Config, p *Packet) {
			c.Auth = AuthNone
			set(4, 0)(c, p)
		}, Accepted},
		{"not in version 3", V3, false, ours(AuthPass, "1234"), Accepted},
	})
}

func TestV13Interval(t *testing.T) {
	runVerify(t, []verifyCase{
		{"2 s", V2, false, set(5, 2), RejectInterval},
		{"0 s", V2, false, set(5, 0), RejectInterval},
		{"1 s at a router of 255 s", V2, false, func(c *Config, _ *Packet) { c.Interval = 255 * time.Second }, RejectInterval},
		{"255 s", V2, false, func(c *Config, p *Packet) {
			c.Interval = 255 * time.Second
			set(5, 255)(c, p)
		}, Accepted},
		{"1 s", V2, false, set(5, 1), Accepted},
	})
}

// TestVerifyOrder breaks all rules at once and mends them one by one: each time
// the first broken one decides.
func TestVerifyOrder(t *testing.T) {
	type step struct {
		want Rejection
		mend func(*Packet)
	}
	whole := func(p *Packet, b []byte) { p.Payload = append([]byte(nil), b...) }
	octet := func(at int, v byte) func(*Packet) { return func(p *Packet) { p.Payload[at] = v } }

	t.Run("version 2", func(t *testing.T) {
		c, p := sample(V2, false)
		long := hexBytes(t, "4f00c800 0209ffff c0000264 3132333500000000")
		p.Destination, p.TTL, p.Payload = netip.MustParseAddr("192.0.2.1"), 64, long[:7]
		for i, s := range []step{
			{RejectShort, func(p *Packet) { whole(p, long) }},
			{RejectTTL, func(p *Packet) { p.TTL = 255 }},
			{RejectMode, func(p *Packet) { p.Destination = Group(false) }},
			{RejectVersion, octet(0, 0x2f)},
			{RejectType, octet(0, 0x21)},
			{RejectVRID, octet(1, 51)},
			{RejectLength, func(p *Packet) { p.Payload = p.Payload[:16] }},
			{RejectCount, func(p *Packet) { whole(p, long); copy(p.Payload, []byte{0x21, 51, 200, 1}) }},
			{RejectChecksum, func(p *Packet) { seal(p, false) }},
			{RejectAuthType, func(p *Packet) { p.Payload[4] = 1; seal(p, false) }},
			{RejectAuth, func(p *Packet) { p.Payload[15] = '4'; seal(p, false) }},
			{RejectInterval, func(p *Packet) { p.Payload[5] = 1; seal(p, false) }},
			{Accepted, func(*Packet) {}},
		} {
			if _, rule := c.Verify(&p); rule != s.want {
				t.Fatalf("step %d: Verify(%x) = %v, want %v", i, p.Payload, rule, s.want)
			}
			s.mend(&p)
		}
	})
	t.Run("version 3 over IPv6", func(t *testing.T) {
		c, p := sample(V3, true)
		c.Strict = true
		long := hexBytes(t, "4f00c800 0000ffff 20010db8000000000000000000000100")
		p.Destination, p.TTL, p.Payload = netip.MustParseAddr("fe80::1"), -1, long[:7]
		for i, s := range []step{
			{RejectShort, func(p *Packet) { whole(p, long) }},
			{RejectTTL, func(p *Packet) { p.TTL = 255 }},
			{RejectMode, func(p *Packet) { p.Destination = Group(true) }},
			{RejectVersion, octet(0, 0x3f)},
			{RejectType, octet(0, 0x31)},
			{RejectVRID, octet(1, 51)},
			{RejectLength, func(p *Packet) { p.Payload = p.Payload[:8] }},
			{RejectCount, func(p *Packet) { whole(p, long); copy(p.Payload, []byte{0x31, 51, 200, 1}) }},
			{RejectChecksum, func(p *Packet) { seal(p, true) }},
			{RejectInterval0, func(p *Packet) { p.Payload[5] = 1; seal(p, true) }},
			{RejectLinkLocal, func(p *Packet) { copy(p.Payload[8:], []byte{0xfe, 0x80, 0, 0}); seal(p, true) }},
			{Accepted, func(*Packet) {}},
		} {
			if _, rule := c.Verify(&p); rule != s.want {
				t.Fatalf("step %d: Verify(%x) = %v, want %v", i, p.Payload, rule, s.want)
			}
			s.mend(&p)
		}
	})
}

// TestVerifyTellsWhatItRead: the message to the user names both sides' value.
func TestVerifyTellsWhatItRead(t *testing.T) {
	c, p := sample(V2, false)
	set(5, 9)(&c, &p)
	if a, rule := c.Verify(&p); rule != RejectInterval || a.Interval != 9*time.Second {
		t.Errorf("%v with interval %v, want 9s", rule, a.Interval)
	}
	set(4, 2)(&c, &p)
	if a, rule := c.Verify(&p); rule != RejectAuthType || a.Auth != AuthAH {
		t.Errorf("%v with type %d, want %d", rule, a.Auth, AuthAH)
	}
	set(0, 0x31)(&c, &p)
	if a, rule := c.Verify(&p); rule != RejectVersion || a.Version != V3 {
		t.Errorf("%v with version %d, want 3", rule, a.Version)
	}
}

// TestRejectionTexts: each rule has words of its own.
func TestRejectionTexts(t *testing.T) {
	seen := map[string]Rejection{}
	for r := range rejections {
		s := r.String()
		if other, ok := seen[s]; ok || s == "" || s == "?" {
			t.Errorf("rejection %d says %q, as does %d", r, s, other)
		}
		seen[s] = r
	}
	if got := rejections.String(); got != "?" {
		t.Errorf("an unknown rejection says %q", got)
	}
}
