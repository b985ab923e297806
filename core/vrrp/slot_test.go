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
		"of the first too": {800 * time.Millisecond, 3, at(130), []mono.Instant{at(130), at(800), at(1600)}},
		"later slot":       {800 * time.Millisecond, 7, at(130), []mono.Instant{at(130), at(200), at(1000), at(1800)}},
		"slot just gone":   {800 * time.Millisecond, 4, at(130), []mono.Instant{at(130), at(900), at(1700)}},
		"in its slot":      {800 * time.Millisecond, 4, at(900), []mono.Instant{at(900), at(1700), at(2500)}},
		"last":             {800 * time.Millisecond, Slots, at(130), []mono.Instant{at(130), at(700), at(1500)}},
		"before the clock": {800 * time.Millisecond, 4, at(-130), []mono.Instant{at(-130), at(100), at(900)}},
		"medium":           {240 * time.Millisecond, 2, at(130), []mono.Instant{at(130), at(250), at(490)}},
		"medium, next":     {240 * time.Millisecond, 3, at(130), []mono.Instant{at(130), at(260), at(500)}},
		"medium, last":     {240 * time.Millisecond, Slots, at(130), []mono.Instant{at(130), at(230), at(470)}},
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
