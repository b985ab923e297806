package vrrp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// A master moves to its slot with one shorter interval and stays there.
func TestSlot(t *testing.T) {
	at := func(ms int64) mono.Instant { return mono.Instant(ms * int64(time.Millisecond)) }
	for name, tt := range map[string]struct {
		interval time.Duration
		slot     int
		master   mono.Instant
		want     []mono.Instant
	}{
		"none":             {800 * time.Millisecond, 0, at(130), []mono.Instant{at(130), at(930), at(1730)}},
		"first":            {800 * time.Millisecond, 1, at(130), []mono.Instant{at(130), at(800), at(1600)}},
		"second":           {240 * time.Millisecond, 2, at(130), []mono.Instant{at(130), at(250), at(490)}},
		"later slot":       {800 * time.Millisecond, 7, at(130), []mono.Instant{at(130), at(200), at(1000), at(1800)}},
		"slot just gone":   {800 * time.Millisecond, 4, at(130), []mono.Instant{at(130), at(900), at(1700)}},
		"in its slot":      {800 * time.Millisecond, 4, at(900), []mono.Instant{at(900), at(1700), at(2500)}},
		"last":             {240 * time.Millisecond, Slots, at(130), []mono.Instant{at(130), at(230), at(470)}},
		"before the clock": {800 * time.Millisecond, 4, at(-130), []mono.Instant{at(-130), at(100), at(900)}},
		"short, second":    {80 * time.Millisecond, 2, at(130), []mono.Instant{at(130), at(160), at(240)}},
		"short, last":      {80 * time.Millisecond, Slots, at(130), []mono.Instant{at(130), at(150), at(230)}},
	} {
		t.Run(name, func(t *testing.T) {
			c := Defaults()
			c.Version, c.VRID, c.Priority, c.Interval, c.Slot = V3, 51, 255, tt.interval, tt.slot
			r := New(tt.master, new(c))
			r.SetSource(netip.MustParseAddr("192.0.2.1"))
			var sent []mono.Instant
			send := func(now mono.Instant, out []Action) {
				for _, a := range out {
					if a.Kind == DoSend {
						sent = append(sent, now)
					}
				}
			}
			send(tt.master, r.Start(tt.master, "test", nil))
			for len(sent) < len(tt.want) {
				now := r.t.advert
				send(now, r.Tick(now, nil))
			}
			for i := range sent {
				if sent[i] != tt.want[i] {
					t.Errorf("advert %d at %v ms, want %v", i, int64(sent[i])/1e6, int64(tt.want[i])/1e6)
				}
			}
		})
	}
}

// A late advert makes one interval wrong, and the router comes back to its slot in
// steps; at once when it is behind by as much as a slot.
func TestLateSlot(t *testing.T) {
	const interval = 960 * time.Millisecond // a slot is 40 ms
	const short = 10 * time.Millisecond     // 1.25 ms
	for name, tt := range map[string]struct {
		interval, late time.Duration
		want           []time.Duration // what each interval after it is shorter by
	}{
		"a little":        {interval, 150 * time.Microsecond, []time.Duration{150 * time.Microsecond, 0}},
		"steps":           {interval, 500 * time.Microsecond, []time.Duration{catchUp, catchUp, 100 * time.Microsecond, 0}},
		"longer steps":    {interval, 16 * time.Millisecond, []time.Duration{2 * time.Millisecond, 1750 * time.Microsecond}},
		"a slot":          {interval, 40 * time.Millisecond, []time.Duration{40 * time.Millisecond, 0}},
		"stalled":         {interval, 900 * time.Millisecond, []time.Duration{900 * time.Millisecond, 0}},
		"short":           {short, 500 * time.Microsecond, []time.Duration{catchUp, catchUp, 100 * time.Microsecond, 0}},
		"short, a slot":   {short, 1250 * time.Microsecond, []time.Duration{1250 * time.Microsecond, 0}},
		"short, the next": {short, 1249 * time.Microsecond, []time.Duration{catchUp}},
	} {
		t.Run(name, func(t *testing.T) {
			c := Defaults()
			c.Version, c.VRID, c.Priority, c.Interval, c.Slot = V3, 51, 255, tt.interval, 1
			r := New(0, new(c))
			r.SetSource(netip.MustParseAddr("192.0.2.1"))
			r.Start(0, "test", nil)
			now := r.t.advert.Add(tt.late)
			for i, shorter := range tt.want {
				r.Tick(now, nil)
				if got := tt.interval - r.t.advert.Sub(now); got != shorter {
					t.Errorf("interval %d is shorter by %v, want %v", i, got, shorter)
				}
				now = r.t.advert
			}
		})
	}
}

// Where every wake-up is late by about the same, all intervals are as they should be.
func TestSteadilyLate(t *testing.T) {
	const late = time.Millisecond
	c := Defaults()
	c.Version, c.VRID, c.Priority, c.Interval, c.Slot = V3, 51, 255, time.Second, 1
	r := New(0, new(c))
	r.SetSource(netip.MustParseAddr("192.0.2.1"))
	r.Start(0, "test", nil)
	now := r.t.advert.Add(late)
	for i := range 200 {
		r.Tick(now, nil)
		next := r.t.advert.Add(late)
		if off := next.Sub(now) - c.Interval; off.Abs() > 2*time.Millisecond {
			t.Fatalf("interval %d is off by %v", i, off)
		}
		now = next
	}
}
