package vrrp

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

// longest returns a router with 255 distinct addresses, of version 2 or of
// version 3 over IPv6, and a packet that it sent.
func longest(v Version) (Config, Packet) {
	c := Config{Version: v, VRID: 51, Interval: 100 * cs}
	if v == V2 {
		c.Auth, c.Password = AuthPass, password("12345678")
	}
	src := netip.MustParseAddr("10.9.9.9")
	next := netip.MustParseAddr("10.0.0.1")
	if v == V3 {
		src = netip.MustParseAddr("fe80::9:9")
		next = netip.MustParseAddr("fe80::1")
	}
	for range 255 {
		c.Addresses = append(c.Addresses, next)
		next = next.Next()
	}
	group := Group(src.Is6())
	return c, Packet{Source: src, Destination: group, TTL: 255, Payload: c.Append(nil, 100, src, group)}
}

func TestSameAddresses(t *testing.T) {
	tests := []struct {
		name, sent, ours string
		want             bool
	}{
		{"one", "10.0.0.1", "10.0.0.1", true},
		{"another", "10.0.0.1", "10.0.0.2", false},
		{"same order", "10.0.0.1 10.0.0.2 10.0.0.3", "10.0.0.1 10.0.0.2 10.0.0.3", true},
		{"other order", "10.0.0.1 10.0.0.2 10.0.0.3", "10.0.0.3 10.0.0.1 10.0.0.2", true},
		{"we have more", "10.0.0.1", "10.0.0.1 10.0.0.2", false},
		{"we have fewer", "10.0.0.1 10.0.0.2", "10.0.0.1", false},
		{"we have none", "10.0.0.1", "", false},
		{"twice on both sides", "10.0.0.1 10.0.0.2 10.0.0.1", "10.0.0.1 10.0.0.1 10.0.0.2", true},
		{"twice there only", "10.0.0.1 10.0.0.1", "10.0.0.1 10.0.0.2", false},
		{"twice here only", "10.0.0.1 10.0.0.2", "10.0.0.1 10.0.0.1", false},
		{"each twice, other counts", "10.0.0.1 10.0.0.1 10.0.0.2", "10.0.0.2 10.0.0.2 10.0.0.1", false},
		{"IPv6 in other order", "fe80::1 2001:db8::1 2001:db8::2", "2001:db8::2 fe80::1 2001:db8::1", true},
		{"IPv6 differs in its last octet", "fe80::1 2001:db8::1", "fe80::1 2001:db8::2", false},
		{"another family", "10.0.0.1", "fe80::1", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sent := parseAddrs(tt.sent)
			c := Config{Version: V3, VRID: 1, Interval: cs, Addresses: sent}
			group := Group(sent[0].Is6())
			a, rule := c.Verify(&Packet{Source: sent[0], Destination: group, TTL: 255, Payload: c.Append(nil, 1, sent[0], group)})
			if rule != Accepted {
				t.Fatalf("Verify = %v", rule)
			}
			if got := a.SameAddresses(parseAddrs(tt.ours)); got != tt.want {
				t.Errorf("SameAddresses = %v, want %v", got, tt.want)
			}
		})
	}
}

// TestSameAddressesShuffled compares with sorting, over lists with duplicates.
func TestSameAddressesShuffled(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	equal := 0
	for range 3000 {
		pick := func(n int) (list []netip.Addr) {
			for range n {
				list = append(list, netip.AddrFrom4([4]byte{10, 0, 0, uint8(r.IntN(3))}))
			}
			return list
		}
		sent := pick(1 + r.IntN(6))
		ours := pick(len(sent))
		if r.IntN(2) == 0 {
			ours = slices.Clone(sent)
		}
		r.Shuffle(len(ours), func(i, j int) { ours[i], ours[j] = ours[j], ours[i] })
		a := Advert{Count: len(sent)}
		for _, x := range sent {
			a.addresses = append(a.addresses, x.AsSlice()...)
		}
		want := slices.Equal(slices.SortedFunc(slices.Values(sent), netip.Addr.Compare),
			slices.SortedFunc(slices.Values(ours), netip.Addr.Compare))
		if got := a.SameAddresses(ours); got != want {
			t.Fatalf("%v sent, %v ours: %v, want %v", sent, ours, got, want)
		}
		if want {
			equal++
		}
	}
	if equal < 1000 || equal > 2900 {
		t.Errorf("%d of 3000 lists equal: the test does not test", equal)
	}
}

// TestSameAddressesLongest: 255 addresses in reverse, the most comparisons.
func TestSameAddressesLongest(t *testing.T) {
	for _, v := range []Version{V2, V3} {
		c, p := longest(v)
		a, rule := c.Verify(&p)
		if rule != Accepted {
			t.Fatalf("Verify = %v", rule)
		}
		slices.Reverse(c.Addresses)
		if !a.SameAddresses(c.Addresses) {
			t.Errorf("version %d: reversed list differs", v)
		}
		c.Addresses[0] = netip.MustParseAddr("192.0.2.1")
		if a.SameAddresses(c.Addresses) {
			t.Errorf("version %d: a list with another address is the same", v)
		}
	}
}

// TestNoAllocation: adverts arrive and leave without garbage.
func TestNoAllocation(t *testing.T) {
	for _, v := range []Version{V2, V3} {
		c, p := longest(v)
		ours := slices.Clone(c.Addresses)
		slices.Reverse(ours)
		var (
			a     Advert
			rule  Rejection
			same  bool
			sent  = make([]byte, 0, MaxLen)
			check = func(what string, f func()) {
				t.Helper()
				if n := testing.AllocsPerRun(50, f); n != 0 {
					t.Errorf("version %d: %s allocates %v times", v, what, n)
				}
			}
		)
		check("Verify", func() { a, rule = c.Verify(&p) })
		check("SameAddresses", func() { same = a.SameAddresses(ours) })
		check("Append", func() { sent = c.Append(sent[:0], 100, p.Source, p.Destination) })
		if rule != Accepted || !same || len(sent) != len(p.Payload) {
			t.Errorf("version %d: %v %v %d octets", v, rule, same, len(sent))
		}
		p.Payload[checksumAt] ^= 1
		check("a rejection", func() { _, rule = c.Verify(&p) })
		if rule != RejectChecksum {
			t.Errorf("version %d: %v, want %v", v, rule, RejectChecksum)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, row := range readCaptured(b) {
		c := Config{Version: V2, VRID: 51, Interval: 100 * cs}
		switch row.name {
		case "v2-pass-2.4.3":
			c.Auth, c.Password = AuthPass, password("1234")
		case "v3-ipv4-2.4.3", "v3-ipv6-2.4.3":
			c.Version = V3
		default:
			continue
		}
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, rule := c.Verify(&row.Packet); rule != Accepted {
					b.Fatal(rule)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, list := range []string{"10.0.0.100", "fe80::5e:100 fd00::100"} {
		c := Config{Version: V3, VRID: 51, Interval: 100 * cs, Checksum: ChecksumPseudo, Addresses: parseAddrs(list)}
		src := c.Addresses[0]
		b.Run(src.String(), func(b *testing.B) {
			b.ReportAllocs()
			buffer := make([]byte, 0, MaxLen)
			for b.Loop() {
				buffer = c.Append(buffer[:0], 100, src, Group(src.Is6()))
			}
		})
	}
}

// BenchmarkSameAddresses is the worst case: the longest list in reverse.
func BenchmarkSameAddresses(b *testing.B) {
	c, p := longest(V3)
	a, _ := c.Verify(&p)
	slices.Reverse(c.Addresses)
	b.ReportAllocs()
	for b.Loop() {
		if !a.SameAddresses(c.Addresses) {
			b.Fatal("lists differ")
		}
	}
}
