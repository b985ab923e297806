package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// The tests S1 to S34 go through RFC 9568 6.4 in its order: Initialize (S1 to
// S3), Backup (S4 to S15), Active (S16 to S28), and what crosses the states.

// RFC 9568 6.4.1: an owner sends an advert, announces its addresses and is
// Active from the first moment.
func TestS1StartOwner(t *testing.T) {
	for _, v := range []Version{V2, V3} {
		d := made(t, v, 255)
		d.start()
		d.want("0s send 255, claim, announce 5, INIT->MASTER")
		d.run(time.Second)
		d.want("1s send 255") // Adver_Timer is Advertisement_Interval
	}
}

// RFC 9568 6.4.1: any other router waits a whole Active_Down_Interval of its
// own Advertisement_Interval, and sends nothing.
func TestS2StartBackup(t *testing.T) {
	d := backup(t, V3, 254, interval(100*ms))
	d.wantDown(300*ms + 781_250)
	d.run(300*ms + 781_249)
	d.want()
}

// keepalived's "state MASTER" with a priority below 255 shortens the first
// wait to an interval and the skew of priority 1; nothing in RFC 9568.
func TestS2InitialMaster(t *testing.T) {
	d := backup(t, V3, 100, func(c *Config) { c.InitialMaster = true })
	d.wantDown(1_996_093_750)
	d.hear(peerLow, 101)
	d.wantDown(3_609_375_000) // a better one was heard
	d.fault()
	d.clear()
	d.wantDown(3_609_375_000) // only the first wait is short
}

// RFC 9568 6.4.1: Initialize waits for Startup only.
func TestS3InitDoesNothing(t *testing.T) {
	d := made(t, V3, 100)
	for _, p := range []uint8{0, 1, 100, 255} {
		d.hear(peerHigh, p)
	}
	d.run(time.Hour)
	d.tick()
	d.promote()
	d.demote()
	d.clear()
	d.abandon()
	d.r.SetPriority(d.at(), 7)
	d.want()
	if v := d.r.View(); v.Role != Init || v.HeardFrom.IsValid() || v.Effective != 7 {
		t.Errorf("view is %+v", v)
	}
	d.start()
	d.start() // a second Startup is none
	d.want("1h0m0s INIT->BACKUP")
}

// S32: FAULT is Initialize with a cause. A master says priority 0 while it
// still can, and gives the addresses up after that, not before.
func TestS32FaultFromEachRole(t *testing.T) {
	d := made(t, V3, 100)
	d.fault()
	d.want("0s INIT->FAULT")
	d.wantWhy("eth0 is down")

	d = backup(t, V3, 100)
	d.fault()
	d.fault()
	d.want("0s BACKUP->FAULT") // no packet: RFC 9568 6.4.2, Shutdown

	d = master(t, V3, 100)
	d.fault()
	d.want("0s hasten, send 0, release, MASTER->FAULT")
}

// Without an address to send from no farewell can leave.
func TestS32FaultWithoutSource(t *testing.T) {
	d := master(t, V3, 100)
	d.r.SetSource(netip.Addr{})
	d.fault()
	d.want("0s release, MASTER->FAULT")
}

// In FAULT adverts and timers do nothing; it ends with Clear only.
func TestS32FaultIsDeaf(t *testing.T) {
	d := backup(t, V3, 100)
	d.fault()
	d.lines = nil
	d.hear(peerHigh, 0)
	d.hear(peerHigh, 255)
	d.run(time.Minute)
	d.start()
	d.promote()
	d.demote()
	d.want()
	d.clear()
	d.clear()
	d.want("1m0s FAULT->BACKUP")
	d.run(64 * time.Second)
	d.want("1m3.609375s send 100, claim, announce 5, BACKUP->MASTER")
	d.wantWhy("no master heard for 3.6094s") // it was deaf before, not without a master
}

// RFC 9568 6.4.1: Startup sets Active_Adver_Interval to our own: what a master
// said before the fault is no longer known to hold.
func TestS32ClearForgetsTheLearnedInterval(t *testing.T) {
	d := backup(t, V3, 100)
	d.hear(peerHigh, 200, interval(10*time.Second))
	d.wantDown(36_093_750_000)
	d.fault()
	d.jump(time.Second)
	d.clear()
	d.wantDown(4_609_375_000)
	d.run(5 * time.Second)
	d.wantWhy("no master heard for 3.6094s") // not "no advert from" the old one
}

// An owner that recovers waits for nobody.
func TestS32ClearOwner(t *testing.T) {
	d := master(t, V3, 255)
	d.fault()
	d.lines = nil
	d.now = time.Second
	d.clear()
	d.run(time.Second)
	d.want("1s FAULT->BACKUP", "1s send 255, claim, announce 5, BACKUP->MASTER")
}
