package balance

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestRamp: a weight rises evenly from the first moment to the full one, in
// steps that are announced, and is never 0.
func TestRamp(t *testing.T) {
	for _, full := range []int{0, 1, 2, 3, 10, 19, 20, 21, 100, 65535, MostWeight} {
		for _, over := range []time.Duration{0, 1, time.Second, 7 * time.Second, time.Hour} {
			r := Ramp{over}
			var at time.Duration
			last, steps := -1, 0
			for {
				weight, next := r.At(full, at)
				if weight < last || weight > full || full > 0 && weight == 0 {
					t.Fatalf("full %d over %v: %d after %v, %d before", full, over, weight, at, last)
				}
				last = weight
				if next == 0 {
					break
				}
				if next <= at || next > over {
					t.Fatalf("full %d over %v: after %v next %v", full, over, at, next)
				}
				if before, _ := r.At(full, next-1); before != weight && next-1 > at {
					t.Fatalf("full %d over %v: it changes before %v, unannounced", full, over, next)
				}
				at = next
				steps++
			}
			if last != full || steps > rampSteps || at > over {
				t.Errorf("full %d over %v: ends at %d after %v in %d steps", full, over, last, at, steps)
			}
		}
	}
	if w, _ := (Ramp{10 * time.Second}).At(100, 5*time.Second); w < 45 || w > 60 {
		t.Errorf("half way: %d of 100", w)
	}
}

func TestPanic(t *testing.T) {
	servers := make([]Server, 4)
	kept := make([]bool, 4)
	step := func(p Panic, panics bool, up, serve string) {
		t.Helper()
		for i := range servers {
			servers[i].Up, servers[i].Hand = up[i] == '+' || up[i] == 'o', Free
			if up[i] == 'o' || up[i] == 'x' { // by hand
				servers[i].Hand = Hand(1 + i%2)
			}
		}
		got := p.Keep(servers, kept)
		text := ""
		for _, k := range kept {
			text += map[bool]string{true: "+", false: "-"}[k]
		}
		if got != panics || text != serve {
			t.Errorf("%s: panic %v, %s serve; want %v, %s", up, got, text, panics, serve)
		}
	}
	half := Panic{Percent: 50}
	step(half, false, "++++", "++++")
	step(half, false, "+-++", "+-++")
	step(half, false, "+--+", "+--+")
	step(half, true, "+---", "+--+")
	step(half, true, "----", "+--+")
	step(half, true, "-+--", "++-+")
	step(half, false, "-++-", "-++-")
	step(half, false, "ooxx", "----")
	step(half, false, "++++", "++++")
	step(half, true, "oo--", "--++")
	step(half, false, "oo+-", "--+-")
	step(half, false, "xx++", "--++")
	step(half, true, "ox--", "--++")
	step(half, true, "---+", "--++") // the first two come back, and do not work
	step(Panic{}, false, "----", "----")
}

// TestPanicNeverEmpties: with a threshold a service that once had a server
// always has one.
func TestPanicNeverEmpties(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		n := 1 + r.IntN(8)
		servers, kept := make([]Server, n), make([]bool, n)
		p, had := Panic{Percent: 1 + r.IntN(100)}, false
		for range 20 {
			for i := range servers {
				servers[i].Up = r.IntN(3) == 0
			}
			panics := p.Keep(servers, kept)
			serves := slices.Contains(kept, true)
			if had && !serves {
				t.Fatalf("%+v: nobody serves, panic %v", p, panics)
			}
			had = had || serves
		}
	}
}
