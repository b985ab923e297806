package vrrp

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func shared(c *Config) { c.Shared = true }

func (d *driver) vacated() { d.t.Helper(); d.do(d.r.Vacated(d.at(), d.buf[:0])) }

// With a hardware address that all routers share, what the one that leaves
// answers after the new master's announcement turns the switches back to it. It
// says its last when its addresses are gone, with a priority by which the other
// wins and asserts itself.
func TestPartingOfAStop(t *testing.T) {
	d := master(t, V3, 100, shared)
	d.hear(peerLow, 50)
	d.run(500 * ms)
	d.lines = nil
	d.stop()
	d.want("500ms hasten, send 0")
	d.vacated() // nobody asked for it
	d.run(700 * ms)
	d.hear(peerLow, 50)
	d.tick()
	d.want("700ms release, MASTER->INIT stopped")
	d.run(705 * ms)
	d.hear(peerLow, 50)
	d.vacated()
	d.want("705ms send 1")
	d.vacated()
	d.run(time.Minute)
	d.want()
}

// The end does not depend on the news that the addresses are gone, and comes at
// once when it is pressed for.
func TestPartingIsNotWaitedForLong(t *testing.T) {
	for _, abandoned := range []bool{false, true} {
		d := master(t, V3, 100, shared)
		d.hear(peerLow, 50)
		d.lines = nil
		d.stop()
		d.want("0s hasten, send 0")
		d.run(20 * ms)
		d.hear(peerLow, 50)
		d.tick()
		d.want("20ms release, MASTER->INIT stopped")
		if abandoned {
			d.abandon()
			d.want("20ms send 1")
		}
		d.run(time.Minute)
		if !abandoned {
			d.want("120ms send 1")
		}
	}
}

// A master that yields says its last when its addresses are gone, not before as
// one with a hardware address of its own.
func TestPartingOfAYield(t *testing.T) {
	d := master(t, V3, 100, shared)
	d.lines = nil
	d.hear(peerHigh, 200)
	d.want("0s release, MASTER->BACKUP")
	d.vacated()
	d.want("0s send 100")
	d.vacated()
	d.want()

	d = master(t, V3, 100, shared, func(c *Config) { c.YieldSilently = true })
	d.lines = nil
	d.hear(peerHigh, 200)
	d.vacated()
	d.want("0s release, MASTER->BACKUP")
}

// Who gives its addresses up without having heard to whom tells the one that it
// hears, who may have been master on the other side of a partition and would
// announce nothing.
func TestPartingOfAGroup(t *testing.T) {
	for _, own := range []bool{false, true} {
		d := master(t, V3, 100, func(c *Config) { c.Shared = !own })
		d.lines = nil
		d.demote()
		d.want("0s release, MASTER->BACKUP")
		d.run(5 * ms)
		d.vacated()
		d.run(10 * ms)
		d.hear(peerLow, 0) // one that resigns is no successor
		d.hear(peerLow, 50)
		d.hear(peerLow, 50)
		d.want("10ms send 1")
	}
}

// A master that slept learns afterwards who took over meanwhile.
func TestPartingAfterSleep(t *testing.T) {
	for _, own := range []bool{false, true} {
		d := master(t, V3, 100, func(c *Config) { c.Shared = !own })
		d.lines = nil
		d.jump(d.now + 10*time.Second)
		d.hear(peerHigh, 200)
		d.want("10s release, MASTER->BACKUP")
		d.vacated()
		d.want("10s send 100")
		d.hear(peerHigh, 200)
		d.want()

		d = master(t, V3, 100, func(c *Config) { c.Shared, c.YieldSilently = !own, true })
		d.lines = nil
		d.jump(d.now + 10*time.Second)
		d.hear(peerHigh, 200)
		d.want("10s release, MASTER->BACKUP")
		d.vacated()
		d.want()
	}
}

// keepalived yields without a word: what it answered before it did so has turned
// the switches to it.
func TestAnnouncesWhenARivalFallsSilent(t *testing.T) {
	for _, own := range []bool{false, true} {
		d := master(t, V3, 100, announces(AnnounceConfig{Repeat: 1, LowerPrioRepeat: 2}), interval(100*ms))
		d.r.cfg.Shared = !own
		d.run(time.Second)
		d.hear(peerLow, 50)
		d.lines = nil
		d.run(d.now + time.Second)
		got := slices.ContainsFunc(d.lines, func(l string) bool { return strings.Contains(l, "announce 2") })
		if got == own {
			t.Errorf("own hardware address %v: did %q, announcing when the rival is silent is %v", own, d.lines, got)
		}
	}
}

// Nothing of priority 1 must come from one that is MASTER again.
func TestPartingIsForgotten(t *testing.T) {
	d := master(t, V3, 100, shared)
	d.hear(peerHigh, 200)
	d.promote()
	d.lines = nil
	d.vacated()
	d.want()
}

// An heir of priority 1 with the lower address would yield to any advert.
func TestPartingWithoutALowerPriority(t *testing.T) {
	for _, tt := range []struct {
		heir uint8
		from string
		want []string
	}{
		{1, "low", []string{"20ms release, MASTER->INIT stopped"}},
		{1, "high", []string{"20ms release, MASTER->INIT stopped", "20ms send 1"}},
	} {
		d := master(t, V3, 100, shared)
		from := map[string]func(){
			"low":  func() { d.hear(peerLow, tt.heir) },
			"high": func() { d.hear(peerHigh, tt.heir) },
		}[tt.from]
		d.run(10 * ms)
		d.stop()
		d.run(20 * ms)
		d.lines = nil
		from()
		d.tick()
		d.vacated()
		d.want(tt.want...)
	}
}
