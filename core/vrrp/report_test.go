package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// foreign is a packet that a router of version 3 discards for its TTL.
func foreign(d *driver, source string) Packet {
	from := parseAddrs(source)[0]
	return Packet{Source: from, Destination: Group(false), TTL: 64, Payload: d.r.Config().Append(nil, 100, from, Group(false))}
}

// RFC 9568 7.1: a discard should be logged, at a limited rate. It is once for
// each rule until another master is accepted, and not twice in ten seconds; all
// are counted.
func TestDiscardsAreToldOnce(t *testing.T) {
	d := backup(t, V3, 100)
	d.receive(foreign(d, "192.0.2.66"))
	d.want("0s alarm reject")
	d.wantWhy("discarded a packet from 192.0.2.66: TTL is not 255")
	d.receive(foreign(d, "192.0.2.66"))
	d.receive(foreign(d, "192.0.2.67")) // a spoofed source does not reset the limit
	d.want()
	d.hear(ownAddr, 100) // another rule
	d.want("0s alarm reject")
	d.hear(peerHigh, 200) // another master, but so soon again
	d.receive(foreign(d, "192.0.2.66"))
	d.want()
	for i := range 11 {
		d.run(time.Duration(i) * time.Second)
		d.hear(peerHigh, 200) // the same one
	}
	d.receive(foreign(d, "192.0.2.66"))
	d.want("10s alarm reject")
	d.hear(peerHigh, 200)
	d.receive(foreign(d, "192.0.2.66"))
	d.want()
	if n := d.r.View().Counts.Rejected[RejectTTL]; n != 6 {
		t.Errorf("%d rejected for their TTL, want 6", n)
	}
}

// A discarded packet touches neither timers nor the master that is known.
func TestDiscardsChangeNothing(t *testing.T) {
	d := backup(t, V3, 100)
	d.run(time.Second)
	d.hear(peerHigh, 200)
	d.run(2 * time.Second)
	before := d.r.View()
	d.receive(foreign(d, "192.0.2.66"))
	after := d.r.View()
	before.Counts.Rejected[RejectTTL]++
	if before != after {
		t.Errorf("view is %+v, want %+v", after, before)
	}
}

// What differs in number is told with both numbers.
func TestDiscardDetails(t *testing.T) {
	for _, tt := range []struct {
		v    Version
		peer func(*Config)
		want string
	}{
		{V2, interval(3 * time.Second), "another advertisement interval (its 3s, ours 1s)"},
		{V2, func(c *Config) { c.Auth = AuthPass }, "another authentication type (its 1, ours 0)"},
		{V3, func(c *Config) { c.Version = V2 }, "another VRRP version (its 2, ours 3)"},
	} {
		d := backup(t, tt.v, 100)
		d.hear(peerHigh, 200, tt.peer)
		d.want("0s alarm reject")
		d.wantWhy(tt.want)
	}
}

// RFC 9568 7.1: another interval should be logged and must not be dropped.
// It is told once for each master, and not twice in ten seconds.
func TestIntervalIsTold(t *testing.T) {
	d := backup(t, V3, 100)
	d.hear(peerHigh, 200, interval(2*time.Second))
	d.hear(peerHigh, 200, interval(2*time.Second))
	d.want("0s note interval")
	d.wantWhy("192.0.2.3 advertises every 2s, our own interval is 1s")
	d.hear(peerLow, 200)
	d.want()
	d.hear(peerHigh, 200, interval(2*time.Second))
	d.want() // not so soon again, whoever sends in between
	for i := range 11 {
		d.run(time.Duration(i) * time.Second)
		d.hear(peerLow, 200)
	}
	d.hear(peerHigh, 200, interval(2*time.Second))
	d.want("10s note interval")
	if n := d.r.View().Counts.Intervals; n != 4 {
		t.Errorf("%d intervals counted, want 4", n)
	}
}

// RFC 9568 7.1: another address list may be reported and is not dropped. RFC
// 3768 7.1 would drop it in version 2; we accept there too, as keepalived does.
func TestAddressListIsTold(t *testing.T) {
	for _, v := range []Version{V2, V3} {
		d := backup(t, v, 100, addresses("192.0.2.100 192.0.2.101"))
		d.run(time.Second)
		d.hear(peerHigh, 200, addresses("192.0.2.101 192.0.2.100")) // order means nothing
		d.want()
		d.hear(peerHigh, 200, addresses("192.0.2.100"))
		d.hear(peerHigh, 200, addresses("192.0.2.100"))
		d.want("1s alarm addresses")
		d.wantWhy("192.0.2.3 advertises another list of addresses than ours: 192.0.2.101 is missing")
		d.wantDown(4_609_375_000)
		if n := d.r.View().Counts.AddressLists; n != 2 {
			t.Errorf("version %d: %d lists counted, want 2", v, n)
		}
	}
	d := backup(t, V3, 100, func(c *Config) { c.CheckAddresses = false })
	d.hear(peerHigh, 200, addresses("192.0.2.99"))
	d.want()
}

// Both forms of the checksum are accepted and counted, where there are two.
func TestChecksumFormsAreCounted(t *testing.T) {
	d := backup(t, V3, 100)
	message := func(c *Config) { c.Checksum = ChecksumMessage }
	pseudo := func(c *Config) { c.Checksum = ChecksumPseudo }
	d.hear(peerHigh, 200, message)
	d.hear(peerHigh, 200, pseudo)
	d.hear(peerHigh, 200, pseudo)
	if c := d.r.View().Counts; c.ChecksumMessage != 1 || c.ChecksumPseudo != 2 || c.Received != 3 {
		t.Errorf("counts are %+v", c)
	}
	for _, d := range []*driver{backup(t, V2, 100), backup(t, V3, 100, addresses("fe80::100"))} {
		from := peerHigh
		if d.r.Source().Is6() {
			from = ownAddr6.Next()
		}
		d.hear(from, 200)
		if c := d.r.View().Counts; c.ChecksumMessage+c.ChecksumPseudo != 0 || c.Received != 1 {
			t.Errorf("counts are %+v", c)
		}
	}
}

// The counters and the view of a life in all roles.
func TestCountersAndView(t *testing.T) {
	d := backup(t, V3, 100)
	d.hear(peerHigh, 0)
	d.run(700 * ms) // MASTER since 609.375 ms
	d.hear(peerLow, 50)
	v := d.r.View()
	if v.Role != Master || v.Since != epoch.Add(609_375_000) || v.LastHeard != d.at() || v.LastSent != d.at() ||
		v.HeardFrom != peerLow || v.HeardPriority != 50 || v.NextAdvert != epoch.Add(1_609_375_000) ||
		v.Source != ownAddr || v.Effective != 100 || v.Why != "192.0.2.3 resigned (priority 0)" {
		t.Errorf("view is %+v", v)
	}
	d.run(2 * time.Second)
	d.fault()
	d.clear()
	want := Counters{Tally: Tally{
		Sent: 5, SentZero: 1, Received: 2, ReceivedZero: 1, BecameMaster: 1, LeftMaster: 1,
		Announced: 2, Conflicts: 1, ChecksumPseudo: 2,
	}}
	if got := d.r.View().Counts; got != want {
		t.Errorf("counts are %+v, want %+v", got, want)
	}
}

// Once everything has been told, an advert heard in BACKUP and one sent in
// MASTER cost no allocation.
func TestNoAllocations(t *testing.T) {
	d := backup(t, V3, 100, addresses("192.0.2.100 192.0.2.101 192.0.2.102"))
	p := Packet{Source: peerHigh, Destination: Group(false), TTL: 255}
	p.Payload = d.r.Config().Append(nil, 200, peerHigh, Group(false))
	if n := testing.AllocsPerRun(100, func() {
		d.now += time.Second
		if d.buf = d.r.Receive(d.at(), &p, d.buf[:0]); len(d.buf) != 0 {
			t.Fatalf("BACKUP did %v", d.buf)
		}
	}); n != 0 {
		t.Errorf("%v allocations for an advert heard in BACKUP", n)
	}

	d = master(t, V3, 100)
	if n := testing.AllocsPerRun(100, func() {
		d.now += time.Second
		if d.buf = d.r.Tick(d.at(), d.buf[:0]); len(d.buf) != 1 || d.buf[0].Kind != DoSend {
			t.Fatalf("MASTER did %v", d.buf)
		}
	}); n != 0 {
		t.Errorf("%v allocations for an advert sent in MASTER", n)
	}
}

// What differs between two address lists is named.
func TestDifference(t *testing.T) {
	one, two, three := netip.MustParseAddr("192.0.2.101"), netip.MustParseAddr("192.0.2.102"), netip.MustParseAddr("192.0.2.103")
	for _, tt := range []struct {
		theirs, ours []netip.Addr
		want         string
	}{
		{[]netip.Addr{one}, []netip.Addr{one, two}, "192.0.2.102 is missing"},
		{[]netip.Addr{one, three}, []netip.Addr{one}, "192.0.2.103 is not one of ours"},
		{[]netip.Addr{one, three}, []netip.Addr{one, two}, "192.0.2.102 is missing"},
		{[]netip.Addr{one, one}, []netip.Addr{one}, "2 against 1 of the same addresses"},
	} {
		theirs := Defaults()
		theirs.VRID, theirs.Addresses = 1, tt.theirs
		src := netip.MustParseAddr("192.0.2.9")
		a, rule := theirs.Verify(&Packet{Source: src, Destination: Group(false), TTL: TTL, Payload: theirs.Append(nil, 100, src, Group(false))})
		if rule != Accepted {
			t.Fatal(rule)
		}
		cfg := Defaults()
		cfg.Addresses = tt.ours
		if got := New(0, new(cfg)).difference(&a); got != tt.want {
			t.Errorf("%v against %v: %q, want %q", tt.theirs, tt.ours, got, tt.want)
		}
	}
}
