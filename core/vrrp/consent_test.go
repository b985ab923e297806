package vrrp

import (
	"testing"
	"time"
)

func askPreempt(c *Config) { c.AskPreempt = true }

func (d *driver) consent(objection string) {
	d.t.Helper()
	d.do(d.r.Consent(d.at(), objection, d.buf[:0]))
}

// hearEach has a peer advertise each second from now until then.
func (d *driver) hearEach(until time.Duration, priority uint8) {
	d.t.Helper()
	for at := d.now; at <= until; at += time.Second {
		d.run(at)
		if d.r.Role() == Backup {
			d.hear(peerHigh, priority)
		}
	}
}

// A BACKUP asks once before it preempts, obeys while it waits for the answer, and
// then preempts as without a question.
func TestConsentGiven(t *testing.T) {
	d := backup(t, V3, 100, askPreempt)
	d.hearEach(5*time.Second, 50)
	d.want("0s BACKUP ask")
	d.wantWhy("preempting 192.0.2.3: its priority is 50, ours 100")
	d.consent("")
	d.hearEach(9*time.Second, 50)
	d.want("8.609375s send 100, claim, announce 5, BACKUP->MASTER")
}

// An objection holds it back, for a while; then it asks again. That is told once.
func TestConsentRefused(t *testing.T) {
	d := backup(t, V3, 100, askPreempt)
	d.hearEach(time.Second, 50)
	d.consent("a backup runs")
	d.want("0s BACKUP ask", "1s note policy")
	d.wantWhy("not preempting 192.0.2.3: a backup runs; asking again every 10s while it is MASTER")
	d.hearEach(11*time.Second, 50)
	d.want("11s BACKUP ask")
	d.consent("a backup runs")
	d.hearEach(21*time.Second, 50)
	d.want("21s BACKUP ask")
	d.consent("")
	d.hearEach(25*time.Second, 50)
	d.want("24.609375s send 100, claim, announce 5, BACKUP->MASTER")
}

// Who is asked and does not answer holds nothing up for long.
func TestConsentUnanswered(t *testing.T) {
	d := backup(t, V3, 100, askPreempt)
	d.hearEach(5*time.Second, 50)
	d.want("0s BACKUP ask")
	d.hearEach(9*time.Second, 50)
	d.want("6s alarm policy", "8.609375s send 100, claim, announce 5, BACKUP->MASTER")
	d.consent("too late")
	d.want()
}

// Nobody is asked when the master falls silent or resigns, not even while an
// answer or an objection holds its preemption back.
func TestConsentNotForFailures(t *testing.T) {
	for _, objected := range []bool{false, true} {
		for _, resigns := range []bool{false, true} {
			d := backup(t, V3, 100, askPreempt)
			d.hearEach(2*time.Second, 50)
			if objected {
				d.consent("no")
			}
			d.lines = nil
			if resigns {
				d.hear(peerHigh, 0)
				d.run(3 * time.Second)
				d.want("2.609375s send 100, claim, announce 5, BACKUP->MASTER")
				d.wantWhy("192.0.2.3 resigned")
			} else {
				d.run(6 * time.Second)
				d.want("5.609375s send 100, claim, announce 5, BACKUP->MASTER")
				d.wantWhy("no advert from 192.0.2.3 for 3.609")
			}
		}
	}
	d := backup(t, V3, 100, askPreempt)
	d.run(4 * time.Second)
	d.want("3.609375s send 100, claim, announce 5, BACKUP->MASTER") // nobody was heard at all
}

// What was allowed holds for a while, and for the master of then only.
func TestConsentEnds(t *testing.T) {
	d := backup(t, V3, 100, askPreempt, hold)
	d.hearEach(0, 50)
	d.consent("")
	d.hearEach(59*time.Second, 50) // another member of its group is not ready
	if !d.r.Wanting() {
		t.Error("it does not want to be MASTER")
	}
	d.hearEach(61*time.Second, 50)
	d.want("0s BACKUP ask", "1m0s BACKUP ask")
	if d.r.Wanting() {
		t.Error("it wants to be MASTER and was not allowed again")
	}
	d.consent("")
	d.hear(peerHigh, 150)
	d.hearEach(62*time.Second, 50)
	d.want("1m1s BACKUP ask")
}

// An owner, one that does not preempt, and one that waits ask nobody.
func TestConsentNotAsked(t *testing.T) {
	for name, opts := range map[string][]func(*Config){
		"nopreempt": {askPreempt, noPreempt}, "preempt_delay": {askPreempt, preemptDelay(time.Minute)},
	} {
		d := backup(t, V3, 100, opts...)
		d.hearEach(9*time.Second, 50)
		if d.want(); d.r.Role() != Backup {
			t.Errorf("%s: it is %v", name, d.r.Role())
		}
	}
	d := backup(t, V3, 100, askPreempt, preemptDelay(5*time.Second))
	d.hearEach(6*time.Second, 50)
	d.want("5s BACKUP ask")
	d.consent("")
	d.hearEach(10*time.Second, 50)
	d.want("9.609375s send 100, claim, announce 5, BACKUP->MASTER")
	d = made(t, V3, 255, askPreempt)
	d.start()
	d.want("0s send 255, claim, announce 5, INIT->MASTER")
}
