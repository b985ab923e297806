package vrrp

import (
	"testing"
	"time"
)

func announces(c AnnounceConfig) func(*Config) {
	return func(d *Config) { d.Announce, d.Interval = c, 40*time.Second }
}

// The rhythm is keepalived's: a burst at once, one more after a delay, then
// single rounds of refresh, the first at delay and refresh together.
func TestAnnounceRhythm(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config AnnounceConfig
		want   []string
	}{
		{"defaults", Defaults().Announce, []string{
			"0s send 255, claim, announce 5, INIT->MASTER", "5s announce 5"}},
		{"no second burst", AnnounceConfig{Repeat: 2}, []string{
			"0s send 255, claim, announce 2, INIT->MASTER"}},
		{"refresh", AnnounceConfig{Repeat: 3, Delay: 4 * time.Second, Refresh: 10 * time.Second, RefreshRepeat: 2}, []string{
			"0s send 255, claim, announce 3, INIT->MASTER", "4s announce 3", "14s announce 2", "24s announce 2", "34s announce 2"}},
		{"at least a round", AnnounceConfig{Delay: time.Second, Refresh: 20 * time.Second}, []string{
			"0s send 255, claim, announce 1, INIT->MASTER", "1s announce 1", "21s announce 1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := made(t, V3, 255, announces(tt.config))
			d.start()
			d.run(39 * time.Second)
			d.want(tt.want...)
			if n := d.r.View().Counts.Announced; n != uint64(len(tt.want)) {
				t.Errorf("%d bursts counted, want %d", n, len(tt.want))
			}
		})
	}
}

// Nothing is announced after the addresses went.
func TestAnnounceEndsWithMaster(t *testing.T) {
	config := announces(AnnounceConfig{Repeat: 1, Delay: time.Second, Refresh: time.Second})
	for name, leave := range map[string]func(*driver){
		"yield":  func(d *driver) { d.hear(peerHigh, 200) },
		"fault":  (*driver).fault,
		"stop":   (*driver).stop,
		"demote": (*driver).demote,
	} {
		t.Run(name, func(t *testing.T) {
			d := master(t, V3, 100, config)
			d.hear(peerLow, 50) // also a deferred burst
			leave(d)
			d.lines = nil
			d.run(30 * time.Second)
			d.want()
		})
	}
}

// An announcement to be repeated begins the rhythm of the second burst anew, and only
// a MASTER makes one.
func TestAnnounceAgain(t *testing.T) {
	again := func(d *driver) { d.do(d.r.AnnounceAgain(d.at(), d.buf[:0])) }
	d := master(t, V3, 100, announces(AnnounceConfig{Repeat: 3, Delay: 4 * time.Second}))
	d.run(2 * time.Second)
	again(d)
	d.run(20 * time.Second)
	d.want("2s announce 3", "6s announce 3")

	d = master(t, V3, 100, announces(AnnounceConfig{Repeat: 3}))
	again(d)
	d.run(20 * time.Second)
	d.want("0s announce 3")
	d.stop()
	d.lines = nil
	again(d)
	d.want()

	d = backup(t, V3, 100)
	again(d)
	d.want()
}
