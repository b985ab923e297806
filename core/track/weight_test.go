package track

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

func TestWeightFollowsAtOnce(t *testing.T) {
	w := NewWeight(Smoothing{})
	if w.Known() || w.Value() != 0 {
		t.Fatal("it is known before a measurement")
	}
	now := mono.Instant(0)
	for i, m := range []float64{5, 5, -3, 100, 0.4, math.NaN(), math.Inf(1)} {
		before := w.Value()
		changed := w.Observe(now.Add(time.Duration(i)*time.Second), m)
		want := before
		if !math.IsNaN(m) {
			want = int(math.Round(min(m, maxMeasured)))
		}
		if w.Value() != want || changed != (want != before || i == 0) {
			t.Errorf("%v: %d, %t; want %d", m, w.Value(), changed, want)
		}
	}
}

// TestWeightStep: a step comes through without overshoot, never faster than the
// time constant allows, and arrives.
func TestWeightStep(t *testing.T) {
	for _, cfg := range []Smoothing{
		{TimeConstant: 10 * time.Second}, {TimeConstant: 30 * time.Second, Min: 1, Max: 100}, {TimeConstant: 5 * time.Second, Step: 4}, {TimeConstant: 10 * time.Second, Min: 1, Max: 100, Step: 7},
	} {
		for _, ends := range [][2]float64{{100, 20}, {10, 90}, {1, 100}} {
			w := NewWeight(cfg)
			now := mono.Instant(0)
			w.Observe(now, ends[0])
			last, changes := w.Value(), 0
			rate := (1 - math.Exp(-1/cfg.TimeConstant.Seconds())) * math.Abs(ends[1]-ends[0])
			for range int(12 * cfg.TimeConstant / time.Second) {
				now = now.Add(time.Second)
				if w.Observe(now, ends[1]) {
					changes++
				}
				v := w.Value()
				if d := math.Abs(float64(v - last)); d > rate+float64(cfg.Step)+1.25 {
					t.Errorf("%+v from %v to %v: a change by %v within a second, at most %.1f", cfg, ends[0], ends[1], d, rate)
				}
				if ends[1] > ends[0] && v < last || ends[1] < ends[0] && v > last {
					t.Errorf("%+v: from %d back to %d", cfg, last, v)
				}
				last = v
			}
			if d := math.Abs(float64(last) - ends[1]); d >= float64(max(cfg.Step, 1)) {
				t.Errorf("%+v from %v comes to %d, want %v", cfg, ends[0], last, ends[1])
			}
		}
	}
}

// TestWeightNoise: noise around a constant comes through as next to no change.
func TestWeightNoise(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	changes := func(cfg Smoothing) int {
		w := NewWeight(cfg)
		n := 0
		for i := range 1000 {
			if w.Observe(mono.Instant(0).Add(time.Duration(i)*time.Second), 50+20*(rnd.Float64()-0.5)) {
				n++
			}
		}
		return n
	}
	raw, smooth, stepped := changes(Smoothing{}), changes(Smoothing{TimeConstant: 30 * time.Second}), changes(Smoothing{TimeConstant: 30 * time.Second, Step: 5})
	if raw < 800 || smooth > 120 || stepped > 3 {
		t.Errorf("%d changes as measured, %d smoothed, %d with a step", raw, smooth, stepped)
	}
}

// TestWeightFeedback: two servers share a load by weights that fall with their
// own load. As measured, with the delay that measurements have, the load swings
// between them for ever; smoothed it comes to rest, at even shares.
func TestWeightFeedback(t *testing.T) {
	// swing returns the difference of the shares between the greatest and the
	// least of the last minutes.
	swing := func(cfg Smoothing) (float64, float64) {
		a, b := NewWeight(cfg), NewWeight(cfg)
		const delay = 3 // measurements tell of this many rounds ago
		past := make([]float64, delay)
		for i := range past {
			past[i] = 0.9
		}
		low, high, share := 2.0, -2.0, 0.0
		for i := range 1200 {
			now := mono.Instant(0).Add(time.Duration(i) * time.Second)
			seen := past[i%delay]
			a.Observe(now, 100*(1-seen))
			b.Observe(now, 100*seen)
			share = float64(a.Value()) / float64(a.Value()+b.Value())
			past[i%delay] = share
			if i > 600 {
				low, high = min(low, share), max(high, share)
			}
		}
		return high - low, share
	}
	if raw, _ := swing(Smoothing{Min: 1, Max: 100}); raw < 0.5 {
		t.Errorf("as measured it swings by %.2f only: the test shows nothing", raw)
	}
	for _, cfg := range []Smoothing{{TimeConstant: 20 * time.Second, Min: 1, Max: 100}, {TimeConstant: 20 * time.Second, Min: 1, Max: 100, Step: 5}} {
		if rest, share := swing(cfg); rest > 0.02 || math.Abs(share-0.5) > 0.1 {
			t.Errorf("%+v swings by %.3f around %.2f", cfg, rest, share)
		}
	}
}

func TestWeightSlowStart(t *testing.T) {
	w := NewWeight(Smoothing{Min: 1, Max: 100, SlowStart: 10 * time.Second})
	now := mono.Instant(0)
	w.Restart(now)
	last := 0
	for i := range 11 {
		w.Observe(now.Add(time.Duration(i)*time.Second), 80)
		if v := w.Value(); v < last || v > 1+8*i+1 || i == 0 && v != 1 || i == 10 && v != 80 {
			t.Errorf("after %d s it is %d", i, v)
		}
		last = w.Value()
	}
	w.Restart(now.Add(20 * time.Second))
	if w.Value() != 1 {
		t.Errorf("a restart leaves %d", w.Value())
	}
}

// TestWeightSlowStartBelowZero: what takes from a priority at most begins where it
// takes the most, and without bounds, or with 0 within them, the least that may be
// is where it begins.
func TestWeightSlowStartBelowZero(t *testing.T) {
	now := mono.Instant(0)
	for _, tt := range []struct {
		low, high   int
		measured    float64
		at0, at5, t int
	}{
		{-40, 0, -4, -40, -22, -4},
		{-40, 0, 0, -40, -20, 0},
		{-40, 40, 40, -40, 0, 40},
		{0, 40, 40, 0, 20, 40},
		{0, 0, 40, 0, 20, 40},
		{10, 40, 40, 10, 25, 40},
	} {
		w := NewWeight(Smoothing{Min: tt.low, Max: tt.high, SlowStart: 10 * time.Second})
		w.Observe(now, tt.measured)
		w.Restart(now)
		var got []int
		for _, after := range []time.Duration{0, 5, 10} {
			w.Observe(now.Add(after*time.Second), tt.measured)
			got = append(got, w.Value())
		}
		if want := []int{tt.at0, tt.at5, tt.t}; !slices.Equal(got, want) {
			t.Errorf("%+v: %v, want %v", tt, got, want)
		}
	}
}

// FuzzWeight: whatever is measured whenever, the weight keeps its bounds and
// lies between the measurements.
func FuzzWeight(f *testing.F) {
	f.Add(uint64(1), int16(0), int16(100), uint8(5), uint16(1000))
	f.Fuzz(func(t *testing.T, seed uint64, low, high int16, step uint8, constant uint16) {
		cfg := Smoothing{Min: int(min(low, high)), Max: int(max(low, high)), Step: int(step), TimeConstant: time.Duration(constant) * time.Millisecond}
		w := NewWeight(cfg)
		rnd := rand.New(rand.NewPCG(seed, 0))
		now := mono.Instant(0)
		least, most := math.Inf(1), math.Inf(-1)
		for range 200 {
			now = now.Add(time.Duration(rnd.IntN(3000)) * time.Millisecond)
			m := rnd.NormFloat64() * 200
			least, most = min(least, m), max(most, m)
			before := w.Value()
			changed := w.Observe(now, m)
			v := w.Value()
			if changed != (v != before) && w.Known() && before != 0 {
				t.Fatalf("changed is %t from %d to %d", changed, before, v)
			}
			if bounded := cfg.Min != 0 || cfg.Max != 0; bounded && (v < cfg.Min || v > cfg.Max) {
				t.Fatalf("%d is outside of %+v", v, cfg)
			} else if !bounded && (float64(v) < least-1 || float64(v) > most+1) {
				t.Fatalf("%d is not between %v and %v", v, least, most)
			}
		}
	})
}
