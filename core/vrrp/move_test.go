package vrrp

import (
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

func (d *driver) hand(rest time.Duration, must bool) {
	d.t.Helper()
	d.do(d.r.Hand(d.at(), "asked", rest, must, d.buf[:0]))
}

func (d *driver) bar(on, must bool) {
	d.t.Helper()
	d.do(d.r.Bar(d.at(), on, "asked", must, d.buf[:0]))
}

// A planned move keeps the addresses until the successor is heard, and then
// obeys it although its priority is lower, until it fails.
func TestHand(t *testing.T) {
	d := master(t, V3, 100)
	d.hand(0, false)
	d.hand(0, true) // it hands over already: that changes nothing
	d.want("0s hasten, send 0")
	d.run(600 * ms)
	d.hear(peerLow, 50)
	d.run(time.Second)
	d.want("610ms release, MASTER->BACKUP")
	d.wantWhy("asked: 192.0.2.1 has them now, with priority 50")
	if v := d.r.View(); !v.Resting || v.RestEnd != mono.Never {
		t.Errorf("view is %+v", v)
	}
	for range 20 {
		d.run(d.now + time.Second)
		d.hear(peerLow, 50)
	}
	d.want()
	d.run(d.now + 3700*ms) // it fails
	if d.r.Role() != Master || d.r.View().Resting {
		t.Errorf("the other failed: %v, resting %v", d.r.Role(), d.r.View().Resting)
	}
}

// TestHandAfterPreemption: the last word of a master that was just preempted is no sign
// that it has the addresses again, for which they were asked at once.
func TestHandAfterPreemption(t *testing.T) {
	for _, leave := range []func(*driver){func(d *driver) { d.hand(0, false) }, (*driver).stop} {
		d := backup(t, V3, 100)
		for d.r.Role() != Master {
			d.run(d.now + 100*ms)
			d.hear(peerLow, 50)
		}
		d.run(d.now + ms)
		d.lines = nil
		leave(d)
		d.run(d.now + 9*ms)
		d.hear(peerLow, lastWord)
		d.hear(peerLow, lastWord) // a copy
		d.run(d.now + 50*ms)
		for _, line := range d.lines {
			if strings.Contains(line, "release") {
				t.Errorf("nobody has the addresses: %q", d.lines)
			}
		}
		d.hear(peerLow, 50)
		d.run(d.now + 50*ms)
		if !strings.Contains(strings.Join(d.lines, " "), "release") {
			t.Errorf("it took over: %q", d.lines)
		}
	}
	// One whose priority is that has said so before.
	d := backup(t, V3, 100)
	for d.r.Role() != Master {
		d.run(d.now + 100*ms)
		d.hear(peerLow, lastWord)
	}
	d.hand(0, false)
	d.hear(peerLow, lastWord)
	d.run(d.now + 50*ms)
	if d.r.Role() != Backup {
		t.Errorf("it took over: %q", d.lines)
	}
}

// TestRestEnds: what lets a router preempt again.
func TestRestEnds(t *testing.T) {
	tests := []struct {
		name string
		rest time.Duration
		do   func(*driver)
		// by is when it must be MASTER at the latest, after which it began; and
		// not before from.
		from, by time.Duration
	}{
		{"its time", 10 * time.Second, func(*driver) {}, 10 * time.Second, 15 * time.Second},
		{"return", 0, func(d *driver) { d.r.Return() }, 0, 5 * time.Second},
		{"the successor resigns", 0, func(d *driver) { d.hear(peerLow, 0) }, 0, time.Second},
		{"nothing", 0, func(*driver) {}, time.Hour, 2 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := master(t, V3, 100)
			d.hand(tt.rest, false)
			d.hear(peerLow, 50)
			d.run(50 * ms)
			if d.r.Role() != Backup {
				t.Fatalf("role is %v", d.r.Role())
			}
			begun := d.now
			tt.do(d)
			for d.now-begun < min(tt.by, time.Minute) && d.r.Role() == Backup {
				d.run(d.now + 500*ms)
				if tt.name != "the successor resigns" {
					d.hear(peerLow, 50)
				}
			}
			after := d.now - begun
			if tt.by > time.Minute {
				if d.r.Role() != Backup {
					t.Errorf("it preempts after %v", after)
				}
				return
			}
			if d.r.Role() != Master || after < tt.from {
				t.Errorf("%v after %v, want MASTER between %v and %v", d.r.Role(), after, tt.from, tt.by)
			}
		})
	}
}

// Nobody takes over: the addresses stay, and the router is MASTER as before.
func TestHandToNobody(t *testing.T) {
	d := master(t, V3, 100)
	d.hand(0, false)
	d.run(2 * time.Second)
	d.want("0s hasten, send 0", "1.24609375s stay, send 100")
	if v := d.r.View(); v.Role != Master || v.Leaving || v.Resting || !strings.Contains(v.Why, "no other node took the addresses") {
		t.Errorf("view is %+v", v)
	}
	d.run(2300 * ms)
	d.want("2.24609375s send 100")
	d.hand(0, true)
	d.run(10 * time.Second)
	d.want("2.3s hasten, send 0", "3.34609375s release, MASTER->BACKUP", "6.95546875s send 100, claim, announce 5, BACKUP->MASTER",
		"7.95546875s send 100", "8.95546875s send 100", "9.95546875s send 100")
}

// One that stands still while it hands over as planned, and looks at its clock first,
// reads what came meanwhile before it says that nobody took the addresses. Each
// hand-over is late at most once.
func TestHandThatSlept(t *testing.T) {
	for name, taken := range map[string]bool{"taken": true, "not taken": false} {
		t.Run(name, func(t *testing.T) {
			d := master(t, V3, 100)
			for _, at := range []time.Duration{0, 30 * time.Second} {
				d.run(at)
				d.lines = nil
				d.hand(0, false)
				d.now = at + 20*time.Second
				d.do(d.r.Tick(d.at(), d.buf[:0]))
				if taken {
					d.hear(peerLow, 50)
				}
				d.run(d.now + 300*ms)
				if taken {
					d.want("0s hasten, send 0", "20.01s release, MASTER->BACKUP")
					return
				}
				d.want(at.String()+" hasten, send 0", (at+20250*ms).String()+" stay, send 100")
				d.run(at + 20900*ms)
				d.want()
			}
		})
	}
}

// While it hands over as planned, a fault or a stop counts at once, and a sync
// group that went ahead cannot be left.
func TestHandIsInterrupted(t *testing.T) {
	d := master(t, V3, 100)
	d.hand(0, false)
	d.fault()
	d.want("0s hasten, send 0", "0s release, MASTER->FAULT")

	d = master(t, V3, 100)
	d.hand(0, false)
	d.stop()
	d.run(2 * time.Second)
	d.want("0s hasten, send 0", "1.04609375s release, MASTER->INIT stopped")

	d = master(t, V3, 100)
	d.hand(0, false)
	d.demote()
	d.want("0s hasten, send 0", "0s release, MASTER->BACKUP")
}

// The members of a sync group wait for their successor equally long.
func TestKeepUntil(t *testing.T) {
	d := master(t, V3, 100, interval(100*ms))
	d.r.KeepUntil(d.at().Add(time.Hour)) // it does not hand over
	d.hand(0, false)
	first := d.r.ReleaseAt()
	d.r.KeepUntil(first - 1)
	if d.r.ReleaseAt() != first {
		t.Error("it waits for less than its own time")
	}
	d.r.KeepUntil(d.at().Add(time.Second))
	d.run(900 * ms)
	d.want("0s send 0")
	d.hear(peerLow, 50)
	d.r.KeepUntil(d.at().Add(time.Minute)) // the successor is heard: it ends soon
	d.run(time.Second)
	d.want("910ms release, MASTER->BACKUP")
}

// TestMaintenance: a barred router is never MASTER, whatever happens, and says
// now and then that it should be.
func TestMaintenance(t *testing.T) {
	for _, priority := range []uint8{100, 255} {
		d := made(t, V3, priority)
		d.bar(true, false)
		d.start()
		d.do(d.r.Promote(d.at(), "test", d.buf[:0]))
		d.run(50 * time.Second)
		d.hear(peerLow, 0)
		d.hear(peerLow, 50)
		d.run(59 * time.Second)
		d.demote()
		d.fault()
		d.clear()
		d.run(63 * time.Second)
		if d.r.Role() != Backup || !d.r.View().Barred {
			t.Fatalf("priority %d: role is %v", priority, d.r.Role())
		}
		alarms := 0
		for _, line := range d.lines {
			if strings.HasSuffix(line, "alarm maintenance") {
				alarms++
			}
		}
		if alarms != 1 {
			t.Errorf("it tells %d times within a minute that nobody is master:\n%s", alarms, strings.Join(d.lines, "\n"))
		}
		d.wantWhy("eth0 is up")
		begun := d.now
		d.bar(false, false)
		d.run(begun + 4*time.Second)
		if d.r.Role() != Master {
			t.Errorf("priority %d, out of maintenance: %v", priority, d.r.Role())
		}
	}
}

// A MASTER that is barred hands over; a router that waits for its sync group
// takes its wish back.
func TestMaintenanceOfMaster(t *testing.T) {
	d := master(t, V3, 100)
	d.bar(true, false)
	d.bar(true, false)
	d.hear(peerLow, 50)
	d.run(time.Minute)
	if d.lines[0] != "0s hasten, send 0" || d.lines[1] != "10ms release, MASTER->BACKUP" || d.r.Role() != Backup {
		t.Errorf("%v, %q", d.r.Role(), d.lines)
	}

	d = backup(t, V3, 100, hold)
	d.run(5 * time.Second)
	if !d.r.Wanting() {
		t.Fatal("it does not want to be MASTER")
	}
	d.bar(true, false)
	if d.run(20 * time.Second); d.r.Wanting() {
		t.Error("it still wants to be MASTER")
	}
}

// TestOwnerLetsGo: an owner that must let go does so for as long as any backup
// waits, even if it is taken back meanwhile that it rests.
func TestOwnerLetsGo(t *testing.T) {
	d := master(t, V3, 255)
	d.hand(0, true)
	d.r.Return()
	d.run(1100 * ms) // no successor is heard
	if d.r.Role() != Backup {
		t.Fatalf("role is %v, want BACKUP", d.r.Role())
	}
	if due := d.r.Deadline(); due < d.at().Add(2*time.Second) {
		t.Errorf("due again %v later, want a whole interval of listening", due.Sub(d.at()))
	}
	d.run(d.now + 4*time.Second)
	if d.r.Role() != Master {
		t.Errorf("role is %v, want MASTER: nobody took over", d.r.Role())
	}
}

// A move that ends in a fault is a move: the router does not take the addresses
// back when the fault is over, for as long as it was to rest.
func TestFaultOfAMove(t *testing.T) {
	for _, rest := range []time.Duration{0, time.Minute} {
		d := master(t, V3, 100)
		d.hear(peerLow, 50)
		d.do(d.r.Hand(d.at(), "asked for", rest, false, d.buf[:0]))
		d.fault()
		d.run(d.now + time.Second)
		d.clear()
		begin := d.now
		for d.now < 50*time.Second {
			d.hear(peerLow, 50)
			d.run(d.now + 500*ms)
		}
		if d.r.Role() != Backup {
			t.Errorf("rest %v: it is %v", rest, d.r.Role())
		}
		for d.now < begin+70*time.Second {
			d.hear(peerLow, 50)
			d.run(d.now + 500*ms)
		}
		if got := d.r.Role() == Master; got != (rest > 0) {
			t.Errorf("rest %v: after it MASTER is %v", rest, got)
		}
	}
	// A fault alone is none.
	d := master(t, V3, 100)
	d.fault()
	d.clear()
	for d.now < 10*time.Second {
		d.hear(peerLow, 50)
		d.run(d.now + 500*ms)
	}
	if d.r.Role() != Master {
		t.Errorf("after a fault it is %v", d.r.Role())
	}
}

// A router that is about to preempt obeys nobody, for whatever reason it is.
func TestObeysUntilItPreempts(t *testing.T) {
	for name, test := range map[string]struct {
		with  []func(*Config)
		do    func(*driver)
		obeys bool
	}{
		"nothing":          {nil, func(*driver) {}, true},
		"its own priority": {nil, func(d *driver) { d.r.SetPriority(d.at(), 150) }, false},
		"a configuration": {nil, func(d *driver) {
			c := *d.r.Config()
			c.Priority = 150
			d.r.Reconfigure(d.at(), &c)
		}, false},
		"the master's priority": {nil, func(d *driver) { d.hear(peerHigh, 50) }, false},
		"a stranger's advert":   {nil, func(d *driver) { d.hear(peerLow, 50) }, true},
		"the master's priority, after it was asked": {[]func(*Config){askPreempt}, func(d *driver) {
			d.hear(peerHigh, 50)
			d.consent("")
			d.hear(peerHigh, 50)
		}, false},
		"the master's priority, while it asks": {[]func(*Config){askPreempt}, func(d *driver) { d.hear(peerHigh, 50) }, true},
		"nopreempt":                            {[]func(*Config){noPreempt}, func(d *driver) { d.r.SetPriority(d.at(), 150) }, true},
		"preempt_delay":                        {[]func(*Config){preemptDelay(time.Minute)}, func(d *driver) { d.r.SetPriority(d.at(), 150) }, true},
		"preempt_delay is over": {[]func(*Config){preemptDelay(time.Second)}, func(d *driver) {
			d.hear(peerHigh, 50)
			d.run(d.now + 600*ms)
			d.hear(peerHigh, 50)
			d.run(d.now + 600*ms)
		}, false},
		"its wish was taken back": {[]func(*Config){hold}, func(d *driver) {
			d.run(d.now + 4*time.Second)
			d.do(d.r.Demote(d.at(), "", d.buf[:0]))
		}, false},
	} {
		d := backup(t, V3, 100, test.with...)
		d.hear(peerHigh, 120)
		d.run(100 * ms)
		if test.do(d); d.r.Role() != Backup || d.r.Obeying(d.at()) != test.obeys {
			t.Errorf("%s: %v, it obeys: %v, want %v", name, d.r.Role(), d.r.Obeying(d.at()), test.obeys)
		}
	}
}

// A barred router that gave its master up follows nobody any more.
func TestBarredGivesUp(t *testing.T) {
	d := backup(t, V3, 100)
	d.hear(peerHigh, 200)
	d.bar(true, false)
	if !d.r.Obeying(d.at()) {
		t.Error("it does not obey the master that it hears")
	}
	d.run(10 * time.Second)
	if d.r.Role() != Backup || d.r.Obeying(d.at()) {
		t.Errorf("role is %v, it obeys a master that is gone: %v", d.r.Role(), d.r.Obeying(d.at()))
	}
}
