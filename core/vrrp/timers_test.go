package vrrp

import (
	"testing"
	"time"
)

// RFC 9568 6.1: Skew_Time = ((256 - Priority) * Active_Adver_Interval) / 256,
// Active_Down_Interval = 3 * Active_Adver_Interval + Skew_Time. In RFC 3768 6.1
// the skew is (256 - Priority) / 256 seconds, whatever the interval.
func TestP1P2P3SkewAndMasterDown(t *testing.T) {
	for _, tt := range []struct {
		version    Version
		priority   uint8
		interval   time.Duration
		skew, down time.Duration // exact, in nanoseconds
	}{
		{V3, 255, time.Second, 3_906_250, 3_003_906_250},
		{V3, 254, 10 * ms, 78_125, 30_078_125},
		{V3, 200, time.Second, 218_750_000, 3_218_750_000},
		{V3, 100, time.Second, 609_375_000, 3_609_375_000},
		{V3, 100, 100 * ms, 60_937_500, 360_937_500},
		{V3, 100, 10 * ms, 6_093_750, 36_093_750},
		{V3, 1, 40950 * ms, 40_790_039_062, 163_640_039_062}, // .5 is below the clock's unit
		{V2, 255, time.Second, 3_906_250, 3_003_906_250},
		{V2, 100, time.Second, 609_375_000, 3_609_375_000},
		{V2, 100, 2 * time.Second, 609_375_000, 6_609_375_000},
		{V2, 1, 255 * time.Second, 996_093_750, 765_996_093_750},
	} {
		if got := tt.version.Skew(tt.priority, tt.interval); got != tt.skew {
			t.Errorf("version %d priority %d every %v: skew %d ns, want %d", tt.version, tt.priority, tt.interval, got, tt.skew)
		}
		if got := tt.version.MasterDown(tt.priority, tt.interval, 3); got != tt.down {
			t.Errorf("version %d priority %d every %v: down %d ns, want %d", tt.version, tt.priority, tt.interval, got, tt.down)
		}
	}
}

// The quotient is exact to the nanosecond for every priority and interval of
// version 3: at 10 ms two priorities that differ by 1 are 39 us apart, and
// rounding to the protocol's centiseconds would make all backups equal.
func TestP5Exact(t *testing.T) {
	for cs := 1; cs <= 4095; cs++ {
		every := time.Duration(cs) * 10 * ms
		last := time.Duration(1 << 62)
		for p := 1; p <= 255; p++ {
			got := V3.Skew(uint8(p), every)
			if rest := time.Duration(256-p)*every - 256*got; rest < 0 || rest >= 256 {
				t.Fatalf("priority %d every %v: skew %v is off by %d/256 ns", p, every, got, rest)
			}
			if got >= last || got <= 0 || got >= every {
				t.Fatalf("priority %d every %v: skew %v is not below %v", p, every, got, last)
			}
			last = got
		}
	}
}

// RFC 9568 6.1 has 3; keepalived's down_timer_adverts replaces it.
func TestP7DownAdverts(t *testing.T) {
	if got, want := V3.MasterDown(100, time.Second, 1), 1_609_375*time.Microsecond; got != want {
		t.Errorf("1 advert: %v, want %v", got, want)
	}
	d := backup(t, V3, 100, func(c *Config) { c.DownAdverts = 100 })
	d.wantDown(100_609_375 * time.Microsecond)
	if got := Defaults().DownAdverts; got != 3 {
		t.Errorf("default is %d adverts, want 3", got)
	}
}

// The skew follows the effective priority, not the base: of two backups the
// one whose trackers are up must be the first to take over.
func TestP6EffectivePriority(t *testing.T) {
	d := backup(t, V3, 200)
	d.r.SetPriority(d.at(), 100)
	d.wantDown(3_609_375 * time.Microsecond)
	d.run(4 * time.Second)
	d.want("3.609375s send 100, claim, announce 5, BACKUP->MASTER")
	d.r.SetPriority(d.at(), 200)
	d.run(4610 * ms)
	d.want("4.609375s send 200") // the next advert carries the new priority
}

// An owner's priority is 255 and stays so (RFC 9568 6.1).
func TestP6Owner(t *testing.T) {
	d := master(t, V3, 255)
	d.r.SetPriority(d.at(), 100)
	d.run(time.Second)
	d.want("1s send 255")
}
