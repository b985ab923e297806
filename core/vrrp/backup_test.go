package vrrp

import (
	"testing"
	"time"
)

// RFC 9568 6.4.2: a Backup must not answer ARP or Neighbor Solicitations for
// the addresses (S4, S5), not advertise routes for them (S6), not accept frames
// or packets to them (S7, S8). The kernel does none of it for an address that
// the host does not have: a BACKUP claims, announces and sends nothing.
func TestS4ToS8BackupHoldsNothing(t *testing.T) {
	d := backup(t, V3, 100)
	for range 100 {
		d.run(d.now + time.Second)
		d.hear(peerHigh, 200)
	}
	d.want()
}

// RFC 9568 6.4.2: Shutdown cancels Active_Down_Timer; no packet is sent.
func TestS9BackupStops(t *testing.T) {
	d := backup(t, V3, 100)
	d.hear(peerHigh, 200)
	d.stop()
	d.stop()
	d.run(time.Minute)
	d.want("0s BACKUP->INIT stopped")
}

// RFC 9568 6.4.2: when Active_Down_Timer fires the advert is first, before the
// addresses come and are announced; the next follows after our own interval,
// not after the learned one.
func TestS10TimerFires(t *testing.T) {
	d := backup(t, V3, 100, interval(100*ms))
	d.hear(peerHigh, 200, interval(time.Second))
	d.run(3_609_374_999)
	d.want("0s note interval")
	d.run(3_709_375_000)
	d.want("3.609375s send 100, claim, announce 5, BACKUP->MASTER", "3.709375s send 100")
	if got := d.r.View().Interval; got != 100*ms {
		t.Errorf("interval in MASTER is %v, want our own", got)
	}
}

// The tick of an expired timer that comes after the advert which re-armed it
// does nothing, and neither does an early one.
func TestS31StaleTimer(t *testing.T) {
	d := backup(t, V3, 100)
	d.jump(3_609_374_999)
	d.tick()
	d.jump(3_609_375_000)
	d.hear(peerHigh, 200)
	d.tick()
	d.want()
	d.wantDown(2 * 3_609_375_000)
}

// RFC 9568 6.4.2: priority 0 sets Active_Down_Timer to Skew_Time.
func TestS11Priority0(t *testing.T) {
	d := backup(t, V3, 100)
	d.hear(peerHigh, 200, interval(2*time.Second))
	d.run(time.Second)
	d.hear(peerHigh, 0, interval(2*time.Second))
	d.wantDown(time.Second + 1_218_750_000) // the skew of the learned interval
	d.run(2 * time.Second)
	d.want("0s note interval")
	d.run(2218750 * time.Microsecond)
	d.want("2.21875s send 100, claim, announce 5, BACKUP->MASTER")
	d.wantWhy("192.0.2.3 resigned (priority 0)")
}

// The RFC re-arms at each priority 0. We never put the timer off: repeated
// resignations must not hold a take-over back.
func TestS11Priority0Twice(t *testing.T) {
	d := backup(t, V3, 100)
	d.run(100 * ms)
	d.hear(peerHigh, 0)
	d.run(600 * ms)
	d.hear(peerHigh, 0)
	d.wantDown(709_375_000)

	d = backup(t, V3, 100)
	d.run(3600 * ms)
	d.hear(peerHigh, 0)
	d.wantDown(3_609_375_000) // not 4.2 s: the timer that ran is shorter
}

// RFC 9568 6.4.2: with a priority not below ours, or with Preempt_Mode False,
// the advert is accepted: its interval is learned and the timer is re-armed.
func TestS12Accepted(t *testing.T) {
	for _, tt := range []struct {
		name  string
		heard uint8
		opts  []func(*Config)
	}{
		{"higher", 101, nil},
		{"equal", 100, nil},
		{"lower with nopreempt", 99, []func(*Config){noPreempt}},
		{"owner", 255, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := backup(t, V3, 100, tt.opts...)
			d.run(500 * ms)
			d.hear(peerHigh, tt.heard, interval(100*ms))
			d.wantDown(860_937_500)
			d.run(860 * ms)
			d.want("500ms note interval")
			d.hear(peerHigh, tt.heard, interval(2*time.Second))
			d.wantDown(860*ms + 7_218_750_000)
			if v := d.r.View(); v.Interval != 2*time.Second || v.HeardFrom != peerHigh || v.HeardPriority != tt.heard {
				t.Errorf("view is %+v", v)
			}
		})
	}
}

// RFC 3768 6.4.2: version 2 learns nothing. 7.1: another interval is a discard,
// so that both become master; the log says with which two intervals.
func TestS12Version2(t *testing.T) {
	d := backup(t, V2, 100, interval(2*time.Second))
	d.run(time.Second)
	d.hear(peerHigh, 200)
	d.wantDown(7_609_375_000) // the skew is a part of a second, not of 2 s
	d.hear(peerHigh, 200, interval(time.Second))
	d.wantWhy("its 1s, ours 2s")
	d.run(8 * time.Second)
	d.hear(peerHigh, 200, interval(time.Second))
	d.want("1s alarm reject", "7.609375s send 100, claim, announce 5, BACKUP->MASTER")
	if n := d.r.View().Counts.Rejected[RejectInterval]; n != 2 {
		t.Errorf("%d rejected for their interval, want 2", n)
	}
}

// RFC 9568 6.4.2: a lower priority is discarded when we preempt. The timer
// runs on; we do not jump to Active at once.
func TestS13LowerIsDiscarded(t *testing.T) {
	d := backup(t, V3, 100)
	d.hear(peerLow, 100)
	for at := time.Duration(0); at < 3*time.Second; at += 500 * ms {
		d.run(at)
		d.hear(peerLow, 99, interval(10*time.Second))
		d.wantDown(3_609_375_000)
	}
	d.run(3610 * ms)
	d.want("0s note interval", "3.609375s send 100, claim, announce 5, BACKUP->MASTER")
	d.wantWhy("preempting 192.0.2.1: its priority is 99, ours 100")
}

// RFC 9568 6.4.2 compares priorities only: the address breaks ties in Active.
func TestS14EqualFromEitherSide(t *testing.T) {
	d := backup(t, V3, 100)
	for i, from := range []struct{ low bool }{{true}, {false}, {true}} {
		d.run(time.Duration(i+1) * time.Second)
		if from.low {
			d.hear(peerLow, 100)
		} else {
			d.hear(peerHigh, 100)
		}
		d.wantDown(d.now + 3_609_375_000)
	}
	d.want()
}

// RFC 9568 6.1: an owner preempts whatever Preempt_Mode says.
func TestS15OwnerPreempts(t *testing.T) {
	d := master(t, V3, 255, noPreempt)
	d.hear(peerHigh, 255)
	d.want("0s send 255, release in 10ms, MASTER->BACKUP")
	d.run(2 * time.Second)
	d.hear(peerLow, 254) // discarded; without being an owner we would accept it
	d.run(3004 * ms)
	d.want("3.00390625s send 255, claim, announce 5, BACKUP->MASTER")
}

// S33: preempt_delay is keepalived's: from the first lower advert on, lower
// ones are accepted until the delay is over; then they are discarded, and the
// take-over is up to an Active_Down_Interval after the delay.
func TestS33PreemptDelay(t *testing.T) {
	d := backup(t, V3, 100, preemptDelay(3*time.Second))
	for at := time.Second; at <= 8*time.Second; at += time.Second {
		d.run(at)
		d.hear(peerLow, 50)
	}
	// First seen at 1 s, over at 4 s, last accepted at 3 s.
	d.want("6.609375s send 100, claim, announce 5, BACKUP->MASTER",
		"7s send 100, defend 5", "7.609375s send 100", "8s alarm conflict, send 100, defend 5")
}

// An advert of our priority or more cancels the delay: the next lower one
// starts it anew, also when it had run out.
func TestS33PreemptDelayStartsAnew(t *testing.T) {
	d := backup(t, V3, 100, preemptDelay(2*time.Second))
	d.hear(peerLow, 50)
	d.run(time.Second)
	d.hear(peerHigh, 100) // cancels
	d.run(1500 * ms)
	d.hear(peerLow, 50) // until 3.5 s
	d.run(3 * time.Second)
	d.hear(peerLow, 50)
	d.wantDown(6_609_375_000)
	d.run(4 * time.Second)
	d.hear(peerLow, 50) // the delay is over
	d.wantDown(6_609_375_000)
	d.hear(peerHigh, 200)
	d.run(5 * time.Second)
	d.hear(peerLow, 50) // a new delay
	d.wantDown(8_609_375_000)
	d.want()
}

// A delay that ran out is over until then, and one entry to BACKUP has nothing
// of the last one's.
func TestS33PreemptDelayAndRole(t *testing.T) {
	d := backup(t, V3, 100, preemptDelay(time.Second))
	d.hear(peerLow, 50)
	d.run(1500 * ms)
	for range 3 {
		d.hear(peerLow, 50)
		d.wantDown(3_609_375_000)
	}
	d.fault()
	d.clear()
	d.hear(peerLow, 50)
	d.run(2 * time.Second)
	d.hear(peerLow, 50)
	d.wantDown(2*time.Second + 3_609_375_000)
	d.run(6 * time.Second)
	if d.r.Role() != Master {
		t.Errorf("role is %v, want MASTER", d.r.Role())
	}
}

// The delay does not hold back the take-over from a master that resigned.
func TestS33PreemptDelayAndPriority0(t *testing.T) {
	d := backup(t, V3, 100, preemptDelay(time.Hour))
	d.hear(peerLow, 50)
	d.hear(peerLow, 0)
	d.wantDown(609_375_000)
}

// Priority changes move the running timer by the difference of the skews, as
// keepalived does: what has passed of it stays passed.
func TestPriorityChangeInBackup(t *testing.T) {
	d := backup(t, V3, 100)
	d.run(2 * time.Second)
	d.r.SetPriority(d.at(), 200)
	d.wantDown(3_218_750_000)
	d.r.SetPriority(d.at(), 1)
	d.wantDown(3_996_093_750)
	d.hear(peerHigh, 1) // not lower than the new priority
	d.wantDown(5_996_093_750)
	d.run(5990 * ms)
	d.r.SetPriority(d.at(), 254)
	d.wantDown(5990 * ms) // never in the past
	d.run(5990 * ms)
	d.want("5.99s send 254, claim, announce 5, BACKUP->MASTER")
}

// A timer that is seen more than an interval late means that the process
// slept: adverts may wait unread, and a living master's next is an interval
// away. A BACKUP looks at those before it takes over.
func TestBackupWokenLateListensFirst(t *testing.T) {
	d := backup(t, V3, 100, interval(100*ms))
	d.jump(360_937_500 + 100*ms) // as late as a busy machine may be
	d.tick()
	d.want("460.9375ms send 100, claim, announce 5, BACKUP->MASTER")

	d = backup(t, V3, 100, interval(100*ms))
	d.jump(10 * time.Second)
	d.tick()
	d.want("10s alarm stall")
	d.wantWhy("woke 9.639s too late")
	d.wantDown(10*time.Second + 100*ms)
	d.hear(peerHigh, 200)
	d.wantDown(10*time.Second + 360_937_500)
}

// It does so once: on a machine that is always late somebody must take over.
func TestBackupWokenLateTwiceTakesOver(t *testing.T) {
	d := backup(t, V3, 100, interval(10*ms))
	d.jump(time.Second)
	d.tick()
	d.jump(2 * time.Second)
	d.tick()
	d.want("1s alarm stall", "2s send 100, claim, announce 5, BACKUP->MASTER")

	d = backup(t, V3, 100, interval(10*ms))
	for at := time.Second; at < 10*time.Second; at += time.Second {
		d.jump(at)
		d.tick()
		d.hear(peerHigh, 200) // each accepted advert gives it the patience again
	}
	if len(d.lines) != 9 || d.r.Role() != Backup {
		t.Errorf("in %v after %v, want 9 stalls in BACKUP", d.r.Role(), d.lines)
	}
}
