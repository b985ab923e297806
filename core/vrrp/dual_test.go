package vrrp

import (
	"strings"
	"testing"
	"time"
)

// TestDual: how long two were master together is counted from the first advert
// of the other to its last, and told when it is over, whatever ends it. An
// ordinary preemption, and the last advert of a master that was replaced, are
// none.
func TestDual(t *testing.T) {
	ends := []struct {
		name string
		do   func(*driver)
		last string
		sum  time.Duration
	}{
		{"silence", func(d *driver) { d.run(d.now + 3*time.Second) }, "6.4s note conflict", 1900 * ms},
		{"we yield", func(d *driver) { d.run(d.now + 100*ms); d.hear(peerLow, 200) }, "3.5s send 100, release, note conflict, MASTER->BACKUP", 2 * time.Second},
		{"fault", func(d *driver) { d.fault() }, "3.4s hasten, send 0, release, note conflict, MASTER->FAULT", 1900 * ms},
	}
	for _, tt := range ends {
		t.Run(tt.name, func(t *testing.T) {
			d := master(t, V3, 100)
			d.hear(peerLow, 50) // it was the master until now
			if v := d.r.View().Dual; v.On || v.Times != 0 {
				t.Errorf("after its last advert: %+v", v)
			}
			d.run(1500 * ms)
			for range 3 {
				d.hear(peerLow, 50)
				d.run(d.now + 950*ms)
			}
			d.run(3400 * ms)
			d.run(d.now)
			if v := d.r.View().Dual; !v.On || v.Peer != peerLow || v.Since != epoch.Add(1500*ms) || v.Times != 1 || v.Sum != 1900*ms {
				t.Errorf("meanwhile: %+v", v)
			}
			d.lines = nil
			tt.do(d)
			found := false
			for _, line := range d.lines {
				found = found || line == tt.last
			}
			if !found {
				t.Errorf("no %q in %q", tt.last, d.lines)
			}
			if v := d.r.View().Dual; v.On || v.Times != 1 || v.Sum != tt.sum {
				t.Errorf("afterwards: %+v", v)
			}
		})
	}
	d := master(t, V3, 100)
	d.run(1500 * ms)
	d.hear(peerHigh, 200)
	if v := d.r.View().Dual; v.On || v.Times != 0 || d.r.Role() != Backup {
		t.Errorf("a preemption: %+v", v)
	}
}

// TestDualHandOver: who hands over is done with the other master, and what passes
// until it meets one again does not count.
func TestDualHandOver(t *testing.T) {
	d := master(t, V3, 100)
	d.run(1500 * ms)
	d.hear(peerLow, 50)
	d.hand(0, false)
	if v := d.r.View().Dual; v.On || v.Times != 1 {
		t.Errorf("while it hands over: %+v", v)
	}
	d.run(time.Minute) // nobody takes the addresses
	if d.r.Role() != Master {
		t.Fatalf("role is %v", d.r.Role())
	}
	d.hear(peerLow, 50)
	if v := d.r.View().Dual; !v.On || v.Times != 2 || v.Sum != 0 || v.Since != d.at() {
		t.Errorf("when they meet again: %+v", v)
	}
}

// TestDualSlow: another master that speaks more seldom than we do, and does not hear
// us, is not gone in between.
func TestDualSlow(t *testing.T) {
	d := master(t, V3, 100)
	d.run(1500 * ms)
	d.lines = nil
	alarms := 0
	for range 4 {
		d.hear(peerLow, 50, interval(4*time.Second))
		d.run(d.now + 4*time.Second)
	}
	if v := d.r.View().Dual; !v.On || v.Times != 1 || v.Sum != 12*time.Second {
		t.Errorf("%+v", v)
	}
	for _, line := range d.lines {
		if strings.Contains(line, "alarm conflict") {
			alarms++
		}
	}
	if alarms != 1 {
		t.Errorf("told %d times: %q", alarms, d.lines)
	}
	d.run(d.now + 8*time.Second)
	if v := d.r.View().Dual; v.On || v.Sum != 12*time.Second {
		t.Errorf("when it was silent for three of its intervals: %+v", v)
	}
}
