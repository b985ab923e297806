package vrrp

import (
	"strings"
	"testing"
	"time"
)

// RFC 9568 6.4.3: Active answers ARP and Neighbor Solicitations (S16 to S19),
// forwards and accepts what is sent to the addresses (S20 to S22). The kernel
// does it while the host has them: from the claim to the release.
func TestS16ToS22MasterHoldsTheAddresses(t *testing.T) {
	d := master(t, V3, 100)
	for range 100 {
		d.run(d.now + time.Second)
		d.hear(peerLow, 50)
	}
	for _, line := range d.lines {
		if strings.Contains(line, "release") || strings.Contains(line, "->") {
			t.Errorf("a MASTER gave its addresses up: %s", line)
		}
	}
}

// RFC 9568 6.4.3: Shutdown sends priority 0. A master that heard nobody may
// have a backup all the same, which speaks only when it takes over, at the
// latest after the longest skew: that of the interval which it is told last.
func TestS23StopAlone(t *testing.T) {
	d := master(t, V2, 100)
	d.run(999 * ms)
	d.stop()
	d.run(time.Minute)
	d.want("999ms send 0", "2.04509375s release, MASTER->INIT stopped")
	d = master(t, V3, 100)
	d.run(999 * ms)
	d.stop()
	d.run(time.Minute)
	d.want("999ms hasten, send 0", "1.16853125s release, MASTER->INIT stopped")
	if c := d.r.View().Counts; c.SentZero != 1 || c.BecameMaster != 1 || c.LeftMaster != 1 {
		t.Errorf("counts are %+v", c)
	}
}

// RFC 9568 6.4.3: an advert every Advertisement_Interval.
func TestS24Rhythm(t *testing.T) {
	d := master(t, V3, 100, interval(30*ms))
	d.run(100 * ms)
	d.want("30ms send 100", "60ms send 100", "90ms send 100")
	d.tick()
	d.want() // early or repeated ticks are harmless
}

// RFC 9568 6.4.3: Adver_Timer starts when an advert leaves. One that is late makes
// the next one later, and there is no burst.
func TestS24LateTick(t *testing.T) {
	d := master(t, V3, 100)
	d.jump(1700 * ms)
	d.tick()
	d.run(2700 * ms)
	d.jump(5200 * ms)
	d.tick()
	d.run(6200 * ms)
	d.want("1.7s send 100", "2.7s send 100", "5.2s send 100, announce 5", "6.2s send 100")
}

// RFC 9568 6.4.3: priority 0 is answered at once and Adver_Timer starts anew.
func TestS25Priority0(t *testing.T) {
	d := master(t, V3, 100)
	d.run(400 * ms)
	d.hear(peerHigh, 0)
	d.run(1400 * ms)
	d.want("400ms send 100", "1.4s send 100")
	if c := d.r.View().Counts; c.Conflicts != 0 || c.ReceivedZero != 1 {
		t.Errorf("counts are %+v", c)
	}
}

// Forged resignations are not answered one for one, and the regular adverts go
// on meanwhile.
func TestS25Priority0Flood(t *testing.T) {
	d := master(t, V3, 100)
	for i := range 400 {
		d.run(time.Duration(i) * ms)
		d.hear(peerHigh, 0)
	}
	d.want("0s send 100", "100ms send 100", "200ms send 100", "300ms send 100")
	d.run(1300 * ms)
	d.want("1.3s send 100")
}

// RFC 9568 6.4.3: a higher priority, or ours from a higher address, makes us a
// Backup that listens by the new master's interval; Preempt_Mode has no say.
// (The advert that we send first is our own: see TestYield.)
func TestS26Yield(t *testing.T) {
	for _, tt := range []struct {
		name  string
		from  string
		heard uint8
		opts  []func(*Config)
	}{
		{"higher priority from a lower address", "192.0.2.1", 101, nil},
		{"higher priority with nopreempt", "192.0.2.1", 101, []func(*Config){noPreempt}},
		{"owner", "192.0.2.1", 255, nil},
		{"our priority from a higher address", "192.0.2.3", 100, nil},
		{"addresses compare as unsigned numbers", "200.0.0.1", 100, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := master(t, V3, 100, tt.opts...)
			d.run(500 * ms)
			d.hear(parseAddrs(tt.from)[0], tt.heard, interval(100*ms))
			d.want("500ms note interval, send 100, release in 10ms, MASTER->BACKUP")
			d.wantDown(860_937_500)
			d.run(860 * ms)
			d.want() // Adver_Timer is cancelled
		})
	}
}

// RFC 3768 6.4.3: the same in version 2, where no interval is learned.
func TestS26YieldVersion2(t *testing.T) {
	d := master(t, V2, 100, interval(2*time.Second))
	d.hear(peerLow, 101)
	d.want("0s send 100, release in 10ms, MASTER->BACKUP")
	d.wantWhy("192.0.2.1 has priority 101, ours is 100")
	d.wantDown(6_609_375_000)
}

// RFC 9568 6.4.3: any other advert is discarded and answered at once, so that
// bridges learn us again; Adver_Timer is not reset.
func TestS27Assert(t *testing.T) {
	for _, tt := range []struct {
		name  string
		from  string
		heard uint8
	}{
		{"lower priority from a higher address", "192.0.2.3", 99},
		{"our priority from a lower address", "192.0.2.1", 100},
		{"addresses compare as unsigned numbers", "9.0.0.1", 100},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := master(t, V3, 100)
			d.run(1500 * ms)
			d.hear(parseAddrs(tt.from)[0], tt.heard, interval(100*ms))
			d.want("1s send 100", "1.5s note interval, alarm conflict, send 100, defend 5")
			d.run(2 * time.Second)
			d.want("2s send 100")
			if v := d.r.View(); v.Interval != time.Second || v.Counts.Conflicts != 1 {
				t.Errorf("view is %+v", v)
			}
		})
	}
}

// RFC 3768 6.4.3 only discards in version 2. We answer as keepalived does.
func TestS27Version2Answers(t *testing.T) {
	d := master(t, V2, 100)
	d.run(500 * ms)
	d.hear(peerHigh, 99)
	d.want("500ms send 100, defend 5")
}

// keepalived's lower_prio_no_advert suppresses the answer, not the
// announcement, which is for the clients and not for the other master.
func TestS27NoAdvert(t *testing.T) {
	d := master(t, V3, 100, func(c *Config) { c.LowerPrioNoAdvert = true })
	d.run(500 * ms)
	d.hear(peerHigh, 99)
	d.want("500ms defend 5")
}

// S28: a packet from our own address is ours, come back, or that of a machine
// that took it: neither may make us yield, whatever its priority.
func TestS28OwnAddress(t *testing.T) {
	for _, priority := range []uint8{0, 100, 255} {
		d := master(t, V3, 100)
		d.hear(ownAddr, priority)
		d.hear(ownAddr, priority)
		d.run(time.Second)
		d.want("0s alarm reject", "1s send 100")
		d.wantWhy("192.0.2.2: sent from our own address: another machine uses it")
		if v := d.r.View(); v.Counts.Rejected[RejectSelf] != 2 || v.Counts.Received != 0 || v.HeardFrom.IsValid() {
			t.Errorf("view is %+v", v)
		}
	}
	d := backup(t, V3, 100)
	d.run(time.Second)
	d.hear(ownAddr, 200)
	d.wantDown(3_609_375_000)
}

// The zone of a link-local address is a name of this host's: with it our own
// advert would be a peer's, and one with the higher address.
func TestS28Zone(t *testing.T) {
	d := master(t, V3, 100, addresses("fe80::100 2001:db8::100"))
	c := d.r.Config()
	p := Packet{Source: ownAddr6.WithZone("eth0"), Destination: Group(true), TTL: 255, Payload: c.Append(nil, 100, ownAddr6, Group(true))}
	d.receive(p)
	d.want("0s alarm reject")
	d.r.SetSource(ownAddr6.WithZone("eth0"))
	d.receive(p)
	d.want()
	if n := d.r.View().Counts.Rejected[RejectSelf]; n != 2 {
		t.Errorf("%d rejected as our own, want 2", n)
	}
	d.hear(parseAddrs("fe80::1")[0], 100)
	d.want("0s send 100")
	d.hear(parseAddrs("fe80::3")[0], 100)
	d.want("0s send 100, release in 10ms, MASTER->BACKUP")
}

// S29, RFC 9568 7.1 with erratum 8298: an owner processes adverts; of two
// owners the one with the higher address stays. In version 2 RFC 3768 7.1
// discards, and both would be master for ever: we elect there too.
func TestS29TwoOwners(t *testing.T) {
	for _, v := range []Version{V2, V3} {
		d := master(t, v, 255)
		d.run(1500 * ms)
		d.hear(peerLow, 255)
		d.want("1s send 255", "1.5s alarm conflict, send 255, defend 5")
		d.hear(peerHigh, 255)
		d.want("1.5s send 255, release in 10ms, note conflict, MASTER->BACKUP")
		d.wantDown(1500*ms + 3_003_906_250)
	}
}

// In MASTER a priority change waits for the next advert, and counts at once
// against other masters.
func TestPriorityChangeInMaster(t *testing.T) {
	d := master(t, V3, 100)
	d.run(500 * ms)
	d.r.SetPriority(d.at(), 80)
	d.want()
	d.run(time.Second)
	d.want("1s send 80")
	d.hear(peerLow, 81)
	d.want("1s send 80, release in 10ms, MASTER->BACKUP")
}

// The last advert of a master that yields tells a winner which never heard us,
// as after a partition, to announce the addresses again. RFC 9568 has none;
// YieldSilently keeps to it.
func TestYield(t *testing.T) {
	silent := func(c *Config) { c.YieldSilently = true }
	d := master(t, V3, 100, silent)
	d.hear(peerHigh, 200)
	d.want("0s release in 10ms, MASTER->BACKUP")

	loser, winner := master(t, V3, 100), master(t, V3, 200)
	loser.run(1500 * ms)
	winner.run(1500 * ms)
	winner.r.SetSource(peerHigh)
	loser.lines, winner.lines = nil, nil
	loser.hear(peerHigh, 200)
	loser.want("1.5s send 100, release in 10ms, MASTER->BACKUP")
	winner.hear(ownAddr, 100)
	winner.want("1.5s alarm conflict, send 200, defend 5")
	loser.hear(peerHigh, 200) // the answer does not start it all again
	loser.want()
}
