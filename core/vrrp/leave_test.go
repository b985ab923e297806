package vrrp

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// RFC 9568 6.4.3 gives the addresses up at once. We keep them until the new
// master has spoken, and a moment more in which it claims them, so that clients
// lose nothing in between.
func TestHandOver(t *testing.T) {
	d := master(t, V3, 100)
	d.hear(peerLow, 50)
	d.run(500 * ms)
	d.lines = nil
	d.stop()
	d.stop()
	d.want("500ms hasten, send 0")
	if v := d.r.View(); v.Role != Master || !v.Leaving || v.NextAdvert != mono.Never || v.Why != "stopping" {
		t.Errorf("view is %+v", v)
	}
	d.run(700 * ms)
	d.hear(peerLow, 50)
	d.run(705 * ms)
	d.hear(peerLow, 50) // its second advert does not put the end off
	d.run(time.Minute)
	d.want("710ms release, MASTER->INIT stopped")
	d.wantWhy("stopping")
}

// The longest that a new master may take is the skew of priority 1. That of
// version 2 is a part of a second, that of version 3 of our interval.
func TestHandOverWithoutNewMaster(t *testing.T) {
	for _, tt := range []struct {
		v        Version
		interval time.Duration
		want     string
	}{
		{V3, time.Second, "1.04609375s release, MASTER->INIT stopped"},
		{V3, 100 * ms, "149.609375ms release, MASTER->INIT stopped"},
		{V2, 2 * time.Second, "1.04609375s release, MASTER->INIT stopped"},
	} {
		d := master(t, tt.v, 100, interval(tt.interval))
		d.hear(peerLow, 50)
		d.lines = nil
		d.stop()
		d.run(time.Minute)
		resigns := "0s send 0"
		if tt.v == V3 && tt.interval > hastened {
			resigns = "0s hasten, send 0"
		}
		d.want(resigns, tt.want)
	}
}

// A router that took over because the master fell silent has no peer either: it waits
// for nobody but those who hear that they are to hasten. One that preempted, or that
// has met a master since, has; and one that took over long ago may have.
func TestHandOverBereft(t *testing.T) {
	const short, whole = 169531250, 1046093750
	for name, tt := range map[string]struct {
		opts []func(*Config)
		do   func(*driver)
		want time.Duration
	}{
		"it died":              {nil, func(d *driver) { d.hear(peerHigh, 200); d.run(4 * time.Second) }, short},
		"it died a minute ago": {nil, func(d *driver) { d.hear(peerHigh, 200); d.run(63 * time.Second) }, short},
		"it died, and may be there again": {nil, func(d *driver) {
			d.hear(peerHigh, 200)
			d.run(64 * time.Second)
		}, whole},
		"it died, and its interval was longer": {nil, func(d *driver) {
			d.hear(peerHigh, 200, interval(3*time.Second))
			d.run(15 * time.Second)
		}, short},
		"it died, and its group waited": {[]func(*Config){hold}, func(d *driver) {
			d.hear(peerHigh, 200)
			d.run(5 * time.Second)
			d.promote()
		}, short},
		"it died, and another was heard since": {nil, func(d *driver) {
			d.hear(peerHigh, 200)
			d.run(4 * time.Second)
			d.hear(peerLow, 50)
		}, whole},
		"it was preempted": {nil, func(d *driver) {
			d.run(3500 * ms)
			d.hear(peerLow, 50)
			d.run(4 * time.Second)
		}, whole},
		"the group took over before it was missed": {[]func(*Config){hold}, func(d *driver) {
			d.hear(peerHigh, 200)
			d.run(3 * time.Second)
			d.promote()
		}, whole},
		"it was not listened to": {nil, func(d *driver) {
			d.hear(peerHigh, 200)
			d.fault()
			d.run(20 * time.Second)
			d.clear()
			d.promote()
		}, whole},
	} {
		t.Run(name, func(t *testing.T) {
			d := backup(t, V3, 100, append(tt.opts, func(c *Config) { c.Announce.Delay = 0 })...)
			tt.do(d)
			if d.r.Role() != Master {
				t.Fatalf("role is %v", d.r.Role())
			}
			begin := d.now
			d.stop()
			d.lines = nil
			d.run(begin + time.Minute)
			d.want(fmt.Sprintf("%v release, MASTER->INIT stopped", begin+tt.want))
		})
	}
}

// Where adverts go to nobody, nobody is waited for.
func TestLeaveWithoutPeers(t *testing.T) {
	nobody := func(c *Config) { c.Unicast.On = true }
	for _, v := range []Version{V2, V3} {
		d := master(t, v, 100, nobody)
		d.stop()
		d.run(0)
		d.want("0s release, MASTER->INIT stopped")

		d = master(t, v, 100, nobody)
		d.hand(0, false)
		d.run(0)
		d.want("0s stay")

		d = master(t, v, 100, nobody)
		d.hand(0, true)
		d.run(0)
		d.want("0s release, MASTER->BACKUP")
	}
}

// While it leaves, a router is nobody's rival: it does not answer, defend,
// yield, advertise or fault.
func TestHandOverIsQuiet(t *testing.T) {
	d := master(t, V3, 100, announces(AnnounceConfig{Repeat: 1, Delay: ms, Refresh: ms}), interval(time.Second))
	d.hear(peerLow, 50)
	d.stop()
	d.lines = nil
	d.hear(peerLow, 0) // a resignation is no new master
	d.demote()
	d.promote()
	d.start()
	d.clear()
	d.fault()
	d.r.SetPriority(d.at(), 7)
	d.r.Reconfigure(d.at(), d.r.Config())
	d.tick()
	d.run(time.Second)
	d.want()
	d.hear(peerHigh, 200)
	d.run(time.Minute)
	d.want("1.01s release, MASTER->INIT stopped")
}

// Abandon ends the wait, and nothing but that.
func TestAbandon(t *testing.T) {
	d := master(t, V3, 100)
	d.hear(peerLow, 50)
	d.abandon()
	d.stop()
	d.lines = nil
	d.run(20 * ms)
	d.abandon()
	d.abandon()
	d.want("20ms release, MASTER->INIT stopped")
	d.wantWhy("stopping")
}

// Stop in the other roles sends nothing and holds nothing.
func TestStopFromFault(t *testing.T) {
	d := backup(t, V3, 100)
	d.fault()
	d.stop()
	d.want("0s BACKUP->FAULT", "0s FAULT->INIT stopped")
	d.start() // and may be followed by a new start, which listens
	d.wantDown(3_609_375_000)
	d.want("0s INIT->BACKUP")
}

// Without a source address priority 0 cannot leave, so there is nobody to wait
// for.
func TestStopWithoutSource(t *testing.T) {
	d := master(t, V3, 100)
	d.hear(peerLow, 50)
	d.lines = nil
	d.r.SetSource(netip.Addr{})
	d.stop()
	d.want("0s release, MASTER->INIT stopped")
}

// A member of a sync group whose timer fires waits for the others.
func TestHold(t *testing.T) {
	d := backup(t, V3, 100, hold)
	d.run(3610 * ms)
	d.want()
	v := d.r.View()
	if !v.Wanting || !d.r.Wanting() || v.Role != Backup || v.Why != "no master heard since start; waiting for the sync group" {
		t.Errorf("view is %+v", v)
	}
	d.hear(peerLow, 0)
	d.hear(peerLow, 50) // neither takes the wish back
	d.run(time.Minute)
	d.want()
	d.promote()
	d.want("1m0s send 100, claim, announce 5, BACKUP->MASTER")
	d.wantWhy("group ready")
}

// Even an owner waits for its group, but for nothing else.
func TestHoldOwner(t *testing.T) {
	d := made(t, V3, 255, hold)
	d.start()
	d.tick()
	d.want("0s INIT->BACKUP")
	if !d.r.Wanting() {
		t.Error("an owner does not want to be MASTER")
	}
}

// An accepted advert takes the wish back, and so does the group.
func TestHoldWithdrawn(t *testing.T) {
	d := backup(t, V3, 100, hold)
	d.run(4 * time.Second)
	d.hear(peerHigh, 200)
	d.wantDown(7_609_375_000)
	if v := d.r.View(); v.Wanting || v.Why != "started" {
		t.Errorf("view is %+v", v)
	}
	d.run(8 * time.Second)
	d.demote()
	d.wantDown(11_609_375_000)
	d.demote() // nothing to take back now
	d.want()
}

// A member yields with its group without an advert: nobody else has won.
func TestDemote(t *testing.T) {
	d := master(t, V3, 100)
	d.run(500 * ms)
	d.demote()
	d.want("500ms release in 10ms, MASTER->BACKUP")
	d.wantWhy("group yielded")
	d.wantDown(4_109_375_000)
}

// Promote is for a BACKUP only, whether it waits or not.
func TestPromote(t *testing.T) {
	d := backup(t, V3, 100)
	d.promote()
	d.promote()
	d.want("0s send 100, claim, announce 5, BACKUP->MASTER")
}

// A master that resigns tells of a short interval first, from which a BACKUP
// takes its skew: it takes over sooner, also when one of the two is lost. In
// version 2 there is no such thing.
func TestHasten(t *testing.T) {
	for _, tt := range []struct {
		name        string
		v           Version
		first, last bool // are heard
		want        time.Duration
	}{
		{"both", V3, true, true, V3.Skew(100, hastened)},
		{"priority 0 alone", V3, false, true, V3.Skew(100, hastened)},
		{"the first alone", V3, true, false, 3*hastened + V3.Skew(100, hastened)},
		{"version 2", V2, false, true, V2.Skew(100, time.Second)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := backup(t, tt.v, 100)
			d.hear(peerHigh, 200)
			d.run(500 * ms)
			haste := interval(hastened)
			if tt.v == V2 {
				haste = interval(time.Second)
			}
			if tt.first {
				d.hear(peerHigh, 200, haste)
			}
			if tt.last {
				d.hear(peerHigh, 0, haste)
			}
			d.run(4 * time.Second)
			if v := d.r.View(); v.Role != Master || v.Since != epoch.Add(500*ms+tt.want) {
				t.Errorf("%v since %v, want MASTER since %v", v.Role, time.Duration(v.Since-epoch), 500*ms+tt.want)
			}
			for _, line := range d.lines {
				if strings.Contains(line, "note") {
					t.Errorf("people are told: %s", line)
				}
			}
		})
	}
	// One that has it for good is told of.
	d := backup(t, V3, 100)
	d.hear(peerHigh, 200, interval(hastened))
	d.hear(peerHigh, 200, interval(hastened))
	d.want("0s note interval")
}

// A router that waits in INIT says that it ends, as keepalived's does, and once.
func TestInitStops(t *testing.T) {
	d := made(t, V3, 100)
	d.stop()
	d.stop()
	d.abandon()
	d.run(time.Hour)
	d.want("0s INIT->INIT stopped")
}
