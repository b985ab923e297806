package vrrp

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// A flood of forged lower adverts must not become a flood of ours: at most one
// answer in 100 ms, or in half an interval where that is shorter.
func TestS27AnswersAreRateLimited(t *testing.T) {
	for _, tt := range []struct {
		interval, gap time.Duration
	}{{time.Second, 100 * ms}, {10 * ms, 5 * ms}} {
		d := master(t, V3, 100, interval(tt.interval))
		d.r.t.advert = epoch.Add(time.Hour) // answers only
		for at := 2 * time.Second; at < 3*time.Second; at += ms {
			d.run(at)
			d.hear(peerLow, 50)
		}
		c := d.r.View().Counts
		if want := uint64(time.Second/tt.gap) + 1; c.Sent != want || c.Conflicts != 1000 { // and the first advert
			t.Errorf("every %v: sent %d adverts for %d, want %d for 1000", tt.interval, c.Sent, c.Conflicts, want)
		}
	}
}

// The announcements that answer other masters are 100 ms apart. One that is
// held back is made when the time is over, not forgotten.
func TestDefenceIsDeferred(t *testing.T) {
	d := master(t, V3, 100, func(c *Config) { c.Announce.LowerPrioRepeat = 2 })
	d.run(900 * ms)
	d.hear(peerLow, 50)
	d.run(910 * ms)
	d.hear(peerLow, 50)
	d.run(950 * ms)
	d.hear(peerLow, 50)
	d.run(1999 * ms)
	d.want("900ms send 100, defend 2", "1s send 100, defend 2")
}

// The first 100 ms after becoming MASTER count too: the addresses have just
// been announced.
func TestDefenceAfterTakeOver(t *testing.T) {
	d := backup(t, V3, 100)
	d.hear(peerLow, 50)
	d.run(3650 * ms)
	d.hear(peerLow, 50) // the answer of the master that we replace
	d.run(4 * time.Second)
	d.want("3.609375s send 100, claim, announce 5, BACKUP->MASTER", "3.65s send 100", "3.709375s defend 5")
}

// After another master's advert the addresses are announced now and once more
// after the delay that keepalived calls garp_lower_prio_delay.
func TestDefenceIsRepeated(t *testing.T) {
	d := master(t, V3, 100, interval(10*time.Second), func(c *Config) {
		c.Announce.LowerPrioRepeat, c.Announce.LowerPrioDelay = 3, 2*time.Second
	})
	d.run(500 * ms)
	d.hear(peerLow, 50, interval(10*time.Second))
	d.run(9 * time.Second)
	d.want("500ms send 100, defend 3", "2.5s announce 5")
}

// With a repeat of 0 no burst answers a lower advert; the others of the sync group
// hear of it, and what a MASTER asserts for other reasons is announced once.
func TestDefenceOfNone(t *testing.T) {
	none := func(c *Config) { c.Announce.LowerPrioRepeat = 0 }
	d := master(t, V3, 100, none)
	d.run(900 * ms)
	d.hear(peerLow, 50)
	d.run(910 * ms)
	d.hear(peerLow, 50)
	d.do(d.r.Defend(d.at(), d.buf[:0]))
	d.run(1999 * ms)
	d.want("900ms send 100, defend 0", "1s send 100, defend 0")

	d = master(t, V3, 100, none, interval(100*ms))
	d.jump(401 * ms)
	d.tick() // after a lapse
	d.want("401ms alarm stall, send 100, defend 1")
}

// A member of a sync group defends its addresses when another member meets a
// master; that is no conflict of its own.
func TestDefendForTheGroup(t *testing.T) {
	d := master(t, V3, 100)
	defend := func() { t.Helper(); d.do(d.r.Defend(d.at(), d.buf[:0])) }
	d.run(500 * ms)
	defend()
	d.run(510 * ms)
	defend() // too early
	d.run(900 * ms)
	d.want("500ms announce 5", "600ms announce 5")
	d.hear(peerLow, 50)
	d.run(950 * ms)
	defend()
	d.hear(peerLow, 50) // our own conflict, too early as well
	defend()
	d.run(1100 * ms)
	d.want("900ms send 100, defend 5", "1s send 100, defend 5")
	if n := d.r.View().Counts.Conflicts; n != 2 {
		t.Errorf("%d conflicts, want 2", n)
	}
	for _, leave := range []func(){d.demote, d.fault, d.stop} {
		leave()
		d.lines = nil
		defend()
		d.want()
	}
}

// A conflict is told once, until it has been over for as long as backups wait.
func TestConflictIsToldOnce(t *testing.T) {
	d := master(t, V3, 100)
	var told []time.Duration
	for _, at := range []time.Duration{0, 900, 1000, 2000, 4999, 7998, 10998, 13999} {
		d.run(at * ms)
		d.lines = nil
		d.hear(peerLow, 50)
		for _, line := range d.lines {
			if strings.Contains(line, "alarm conflict") {
				told = append(told, d.now)
			}
		}
	}
	// In the first interval the master that we replaced may still speak. Then
	// adverts come within 3 s of each other until 7.998 s.
	if want := []time.Duration{time.Second, 10998 * ms, 13999 * ms}; !slices.Equal(told, want) {
		t.Errorf("told at %v, want %v", told, want)
	}
	d.wantWhy("192.0.2.1 is master too, with priority 50 against our 100")
}

// A MASTER whose advert is later than backups wait, but by less than a second,
// was busy: it asserts itself and brings the clients back.
func TestMasterShortLapse(t *testing.T) {
	d := master(t, V3, 100, interval(100*ms))
	d.jump(400 * ms)
	d.tick() // 300 ms late is not yet longer than every backup waits
	d.want("400ms send 100")
	d.jump(500*ms + 300*ms + 1)
	d.tick()
	d.want("800.000001ms alarm stall, send 100, defend 5")
	d.wantWhy("no advert left for 400ms")
	d.run(901 * ms)
	d.want("900.000001ms send 100")
	d.hear(peerLow, 50)
	d.want("901ms alarm conflict, send 100, defend 5")
}

// After a second and more, or without preemption, the network has moved on and
// nothing is advertised into it: a BACKUP listens first.
func TestMasterLongSleep(t *testing.T) {
	d := master(t, V3, 100, interval(100*ms))
	d.jump(100*ms + time.Second)
	d.tick()
	d.want("1.1s release, MASTER->BACKUP")
	d.wantWhy("slept 1.1s, longer than backups wait")
	d.wantDown(1100*ms + 360_937_500)

	d = master(t, V3, 100, interval(100*ms), noPreempt)
	d.jump(400*ms + 1)
	d.tick()
	d.want("400.000001ms release, MASTER->BACKUP")

	d = master(t, V3, 100) // every lapse is long at this interval
	d.jump(4 * time.Second)
	d.tick()
	d.want("4s send 100, announce 5") // it may have been moved meanwhile
	d.jump(8*time.Second + 1)
	d.tick()
	d.want("8.000000001s release, MASTER->BACKUP")
}

// The others wait by the interval that they were told last, which a reload does not
// change until the next advert.
func TestMasterLongSleepAfterReload(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after time.Duration
		late          time.Duration
		slept         bool
	}{
		{"longer, and given up", time.Second, 10 * time.Second, 3001 * ms, true},
		{"longer, and not given up", time.Second, 10 * time.Second, 2999 * ms, false},
		{"shorter, and given up", 10 * time.Second, time.Second, 30_001 * ms, true},
		{"shorter, and not given up", 10 * time.Second, time.Second, 29_999 * ms, false},
	} {
		d := master(t, V3, 100, interval(tt.before))
		d.run(tt.before / 2)
		d.reconfigure(interval(tt.after))
		d.reconfigure(interval(tt.after), priority(90)) // nor does another
		d.jump(tt.before + tt.late)
		if got := d.r.Overslept(d.at()); got != tt.slept {
			t.Errorf("%s: overslept %v", tt.name, got)
		}
		if tolerance := d.r.Tolerance(); tt.slept && tolerance >= tt.late {
			t.Errorf("%s: it may be %v late", tt.name, tolerance)
		}
		d.tick()
		if got := d.r.Role() == Backup; got != tt.slept {
			t.Errorf("%s: %q", tt.name, d.lines)
		}
	}
	// Once they were told, they wait by the new one.
	d := master(t, V3, 100)
	d.reconfigure(interval(10 * time.Second))
	d.run(time.Second)
	d.jump(11*time.Second + 30*time.Second)
	if d.r.Overslept(d.at()) {
		t.Error("it goes by the interval of before")
	}
	d.jump(11*time.Second + 30_001*ms)
	if !d.r.Overslept(d.at()) {
		t.Error("it does not go by the new interval")
	}
}

// An advert may be read before the timer is seen: what slept judges it as a
// BACKUP, so that it neither answers nor counts a conflict.
func TestMasterLongSleepHearsFirst(t *testing.T) {
	d := master(t, V3, 100, interval(100*ms))
	d.jump(5 * time.Second)
	d.hear(peerLow, 50)
	d.hear(peerHigh, 200)
	d.want("5s release, MASTER->BACKUP")
	d.wantDown(5*time.Second + 360_937_500)
	if n := d.r.View().Counts.Conflicts; n != 0 {
		t.Errorf("%d conflicts, want none", n)
	}
}

// RFC 9568 6.1: an owner preempts always, so stepping back would only cut the
// clients off once more.
func TestOwnerLongSleep(t *testing.T) {
	d := master(t, V3, 255, noPreempt)
	d.jump(time.Minute)
	d.tick()
	d.want("1m0s alarm stall, send 255, defend 5")
}
