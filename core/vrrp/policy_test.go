package vrrp

import (
	"strings"
	"testing"
	"time"
)

// TestS29OwnerIgnoresAdverts: an owner that is told to hears nobody, but for the
// count (keepalived's owner_ignore_adverts, RFC 3768 7.1).
func TestS29OwnerIgnoresAdverts(t *testing.T) {
	ignore := func(c *Config) { c.OwnerIgnoresAdverts = true }
	for _, v := range []Version{V2, V3} {
		d := made(t, v, 255, ignore, func(c *Config) { c.Announce.Delay = 0 })
		d.start()
		d.lines = nil
		d.hear(peerHigh, 255)
		d.hear(peerHigh, 0)
		d.want("0s alarm reject")
		if v := d.r.View(); v.Role != Master || v.Counts.Rejected[RejectOwner] != 2 || v.Counts.Received != 0 {
			t.Errorf("role is %v, counts %+v", v.Role, v.Counts)
		}
		d = master(t, v, 254, ignore)
		d.hear(peerHigh, 255)
		if d.r.Role() != Backup {
			t.Errorf("role of another than the owner is %v, want BACKUP", d.r.Role())
		}
	}
}

// TestS29IgnoringOwnerMoves: an owner that ignores adverts hears who takes its
// addresses while it hands over, and obeys that one as any other does until it is to
// take them back.
func TestS29IgnoringOwnerMoves(t *testing.T) {
	ignore := func(c *Config) { c.OwnerIgnoresAdverts = true }
	quiet := func(c *Config) { c.Announce.Delay = 0 }
	begin := func(t *testing.T, do func(*driver)) *driver {
		d := made(t, V2, 255, ignore, quiet)
		d.start()
		d.lines = nil
		do(d)
		d.run(75 * ms)
		d.hear(peerLow, 100)
		d.run(time.Second)
		return d
	}
	for _, tt := range []struct {
		name string
		do   func(*driver)
		want []string
	}{
		{"failover", func(d *driver) { d.hand(0, false) }, []string{"0s send 0", "85ms release, MASTER->BACKUP"}},
		{"failover by force", func(d *driver) { d.hand(0, true) }, []string{"0s send 0", "85ms release, MASTER->BACKUP"}},
		{"maintenance", func(d *driver) { d.bar(true, false) }, []string{"0s send 0", "85ms release, MASTER->BACKUP"}},
		{"stop", func(d *driver) { d.stop() }, []string{"0s send 0", "85ms release, MASTER->INIT stopped"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := begin(t, tt.do)
			d.want(tt.want...)
			if tt.name == "stop" {
				return
			}
			for range 10 {
				d.run(d.now + time.Second)
				d.hear(peerLow, 100)
			}
			d.want() // it obeys
			d.run(d.now + 4*time.Second)
			if got, want := d.r.Role() == Master, tt.name != "maintenance"; got != want {
				t.Errorf("the other failed: MASTER is %v, want %v", got, want)
			}
		})
	}
	t.Run("return", func(t *testing.T) {
		d := begin(t, func(d *driver) { d.hand(0, false) })
		d.lines = nil
		d.r.Return()
		for d.now < 4*time.Second && d.r.Role() == Backup {
			d.run(d.now + 500*ms)
			d.hear(peerLow, 100)
		}
		if d.r.Role() != Master {
			t.Fatalf("role is %v", d.r.Role())
		}
		if why := d.r.View().Why; !strings.Contains(why, "preempting 192.0.2.1") {
			t.Errorf("it takes over because: %s", why)
		}
	})
	t.Run("return with preempt_delay", func(t *testing.T) {
		d := made(t, V2, 255, ignore, quiet, preemptDelay(time.Minute))
		d.start()
		d.hand(0, true)
		d.run(75 * ms)
		d.hear(peerLow, 100)
		d.run(time.Second)
		d.r.Return()
		for d.now < 5*time.Second && d.r.Role() == Backup {
			d.run(d.now + 500*ms)
			d.hear(peerLow, 100)
		}
		if d.r.Role() != Master {
			t.Errorf("role is %v", d.r.Role())
		}
	})
	t.Run("the numbers of AH", func(t *testing.T) {
		ah := func(c *Config) { c.Auth, c.Password = AuthAH, [8]byte{'s'} }
		d, peer := made(t, V2, 255, ignore, quiet, ah), made(t, V2, 100, quiet, ah)
		d.start()
		peer.r.SetSource(peerLow)
		peer.r.guard.sealer.sequence = 1000
		var p Packet
		for _, a := range peer.r.becomeMaster(peer.at(), "", nil) {
			if a.Kind == DoSend {
				p = sentPacket(peerLow, &a)
			}
		}
		d.receive(p)
		if v := d.r.View(); v.Role != Master || v.Counts.Rejected[RejectOwner] != 1 || d.r.guard.sealer.sequence != 1001 {
			t.Errorf("it goes on from %d, view %+v", d.r.guard.sealer.sequence, v)
		}
	})
	t.Run("another owner", func(t *testing.T) {
		d := made(t, V2, 255, ignore, quiet, hold)
		d.start()
		d.lines = nil
		d.hear(peerHigh, 255) // which does not keep it from its turn
		d.run(10 * ms)
		d.promote()
		if v := d.r.View(); v.Role != Master || v.Counts.Rejected[RejectOwner] != 1 {
			t.Errorf("view is %+v", v)
		}
	})
}

// TestS21NoAccept: whether packets to the addresses are dropped while MASTER.
func TestS21NoAccept(t *testing.T) {
	for _, tt := range []struct {
		rule     string
		priority uint8
		noAccept bool
		want     bool
	}{
		{"S-21 Accept_Mode True", 100, false, false},
		{"S-21 Accept_Mode False", 100, true, true},
		{"S-21 owner", 255, true, false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			c := Config{Priority: tt.priority, NoAccept: tt.noAccept}
			if c.Drops() != tt.want {
				t.Errorf("it drops: %v, want %v", c.Drops(), tt.want)
			}
		})
	}
}

// TestStallPriority: keepalived's timer_expired_backup. A silence of three
// intervals and the skew of that priority makes a MASTER with nopreempt listen.
func TestStallPriority(t *testing.T) {
	stall := func(p uint8) func(*Config) { return func(c *Config) { c.StallPriority = p } }
	silence := 3*time.Second + V3.Skew(200, time.Second) // of a peer of priority 200
	for _, tt := range []struct {
		name string
		opts []func(*Config)
		wake time.Duration
		want Role
	}{
		{"in time", []func(*Config){noPreempt, stall(200)}, silence, Master},
		{"late", []func(*Config){noPreempt, stall(200)}, silence + 1, Backup},
		{"late for a higher peer only", []func(*Config){noPreempt, stall(1)}, silence + 1, Master},
		{"not with preemption", []func(*Config){stall(200)}, silence + 1, Master},
		{"not said", []func(*Config){noPreempt}, silence + 1, Master},
		{"not an owner", []func(*Config){noPreempt, stall(200), priority(255)}, silence + 1, Master},
		{"not said and an interval later", []func(*Config){noPreempt}, 4*time.Second + 1, Backup},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := master(t, V3, 100, tt.opts...)
			d.jump(tt.wake) // the last advert left at 0
			d.tick()
			if got := d.r.Role(); got != tt.want {
				t.Errorf("role is %v, want %v: %v", got, tt.want, d.lines)
			}
		})
	}
}

// TestSkipSameMaster: keepalived's skip_check_adv_addr.
func TestSkipSameMaster(t *testing.T) {
	d := backup(t, V3, 100, func(c *Config) { c.SkipSameMaster = true })
	for range 3 {
		d.hear(peerHigh, 200, addresses("192.0.2.7"))
	}
	d.hear(peerLow, 200, addresses("192.0.2.7"))
	if got := d.r.View().Counts.AddressLists; got != 2 {
		t.Errorf("%d compared and different, want one for each master", got)
	}
}

// TestH27RejectionNames: each rule has a name of its own, and those that
// keepalived counts its key.
func TestH27RejectionNames(t *testing.T) {
	seen := map[string]Rejection{}
	for r := range rejections {
		if other, ok := seen[r.Name()]; ok || r.Name() == "" || r.Name() == "?" {
			t.Errorf("rejection %d is called %q, as is %d", r, r.Name(), other)
		}
		seen[r.Name()] = r
	}
	for _, tt := range []struct {
		rule Rejection
		want string
	}{
		{RejectExtMissing, "auth_ext_missing"}, {RejectExtMalformed, "auth_ext_malformed"}, {RejectExtKey, "auth_ext_unknown_key"},
		{RejectExtHMAC, "auth_ext_invalid_hmac"}, {RejectExtStale, "auth_ext_stale"}, {RejectExtReplay, "auth_ext_replay"},
		{RejectTTL, "ip_ttl_err"}, {RejectInterval, "advert_interval_err"}, {RejectLength, "packet_len_err"},
		{RejectType, "invalid_type_rcvd"}, {RejectAuthType, "authtype_mismatch"}, {RejectAuth, "auth_failure"},
		{RejectSource, ""}, {rejections, ""},
	} {
		if got := tt.rule.Key(); got != tt.want {
			t.Errorf("key of %v is %q, want %q", tt.rule, got, tt.want)
		}
	}
	if got := rejections.Name(); got != "?" {
		t.Errorf("an unknown rejection is called %q", got)
	}
}

// TestRejectionDetails: what the text of a rule leaves open.
func TestRejectionDetails(t *testing.T) {
	d := backup(t, V3, 100, unicast(func(u *Unicast) { u.Peers[1].MinTTL = 255 }))
	d.receive(Packet{Source: peerHigh, Destination: Group(false), TTL: 255, Payload: make([]byte, 8)})
	d.wantWhy("unicast only")
	d.receive(Packet{Source: peerHigh, Destination: ownAddr, TTL: 64, Payload: make([]byte, 8)})
	d.wantWhy("it is 64")
	d = backup(t, V2, 100, withAH)
	p := signedBy(d, peerHigh, 200, 0)
	p.Payload[12] ^= 1
	d.receive(p)
	d.wantWhy("authentication header")
}
