package health

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// twin says what the state of a check must be, from the list of all its
// verdicts and nothing else.
type twin struct {
	cfg Config
	log []entry
}

type entry struct {
	at      mono.Instant
	verdict Verdict
}

// look is that somebody looked at the check, without a verdict.
const look Verdict = 99

// rest is that it was suspended: a row of unknown verdicts ends.
const rest Verdict = 98

// state goes through the whole list each time.
func (w *twin) state() bool {
	up := !w.cfg.Alpha
	borrowed := map[First]bool{ByAlpha: up, Alone: true}[w.cfg.First]
	var results []bool // since the state began
	for i := 0; i < len(w.log); i++ {
		e := w.log[i]
		if e.verdict == look || e.verdict == rest {
			continue
		}
		if e.verdict == Unknown {
			// The row of unknown verdicts that begins here. Its grace is over
			// when somebody looks after that.
			for ; i < len(w.log) && (w.log[i].verdict == Unknown || w.log[i].verdict == look); i++ {
				if w.log[i].at >= e.at.Add(w.cfg.Grace) && w.cfg.OnUnknown != Keep && up != (w.cfg.OnUnknown == Pass) {
					up, borrowed, results = w.cfg.OnUnknown == Pass, true, nil
					break
				}
			}
			for i < len(w.log) && (w.log[i].verdict == Unknown || w.log[i].verdict == look) {
				i++
			}
			i--
			continue
		}
		ok := e.verdict == OK
		results = append(results, ok)
		need := map[bool]int{true: max(1, w.cfg.Rise), false: max(1, w.cfg.Fall)}[ok]
		row := 0
		for k := len(results) - 1; k >= 0 && results[k] == ok; k-- {
			row++
		}
		if ok != up && (borrowed || row >= need) {
			up, results = ok, nil
		}
		borrowed = false
	}
	return up
}

// drawn returns a configuration drawn at random.
func drawn(r *rand.Rand) Config {
	d := func(most time.Duration) time.Duration { return time.Duration(r.Int64N(int64(most) + 1)) }
	return Config{
		Interval: d(5*s) + time.Microsecond, Doubt: d(2 * s), Warmup: d(5 * s), Patience: d(4*s) + time.Millisecond,
		Rise: r.IntN(4), Fall: r.IntN(4), Alpha: r.IntN(2) == 0, First: First(r.IntN(3)), Grace: d(9 * s), OnUnknown: Policy(r.IntN(3)), FromStart: r.IntN(2) == 0,
	}
}

// play drives a check through a history drawn at random and compares it with
// its twin after each step.
func play(t *testing.T, seed uint64, steps int) (flips, unknowns int) {
	r := rand.New(rand.NewPCG(seed, 1))
	w := twin{cfg: drawn(r)}
	var c Check
	c.Begin(0, &w.cfg, r.Uint64())
	now, started := mono.Instant(0), mono.Never
	waits, answer := mono.Never, Unknown
	for range steps {
		now = max(now, mono.Min(c.Deadline(), waits))
		if r.IntN(8) == 0 {
			now = now.Add(time.Duration(r.Int64N(int64(3 * s)))) // seen late
		}
		before := c.Up()
		if r.IntN(40) == 0 {
			c.Suspend()
			w.log = append(w.log, entry{now, rest})
			waits, started = mono.Never, mono.Never
			now = now.Add(time.Duration(r.Int64N(int64(20 * s))))
			if probe, changed := c.Tick(now); probe || changed || c.Dark() {
				t.Fatalf("seed %d: it does not rest: probe %v, changed %v, dark %v", seed, probe, changed, c.Dark())
			}
			c.Resume(now, r.Uint64())
			continue
		}
		if waits.Reached(now) && waits <= c.Deadline() {
			o := c.Answer(now, c.Seq(), answer)
			if !o.Taken {
				t.Fatalf("seed %d: the answer of the present run is not taken", seed)
			}
			w.log = append(w.log, entry{now, answer})
			waits, started = mono.Never, mono.Never
			if o.Changed != (before != c.Up()) {
				t.Fatalf("seed %d: %+v from %v to %v", seed, o, before, c.Up())
			}
		} else {
			ran := c.running
			probe, changed := c.Tick(now)
			if ran && !c.running {
				w.log = append(w.log, entry{now, Unknown}) // nobody answered
				waits, started = mono.Never, mono.Never
			}
			w.log = append(w.log, entry{now, look})
			if changed != (before != c.Up()) {
				t.Fatalf("seed %d: changed is %v from %v to %v", seed, changed, before, c.Up())
			}
			if probe {
				if started != mono.Never {
					t.Fatalf("seed %d: two runs at once", seed)
				}
				started = now
				answer = Verdict(r.IntN(3))
				if r.IntN(10) > 0 { // else never
					waits = now.Add(time.Duration(r.Int64N(int64(w.cfg.Patience))))
				}
			}
		}
		if want := w.state(); c.Up() != want {
			t.Fatalf("seed %d: up is %v, the twin says %v\n%+v\n%+v", seed, c.Up(), want, w.cfg, w.log)
		}
		if before != c.Up() {
			flips++
		}
		if c.verdict == Unknown {
			unknowns++
		}
	}
	return flips, unknowns
}

func TestTwin(t *testing.T) {
	flips, unknowns := 0, 0
	for seed := range uint64(1000) {
		f, u := play(t, seed, 120)
		flips, unknowns = flips+f, unknowns+u
	}
	if flips < 5_000 || unknowns < 5_000 {
		t.Errorf("only %d changes and %d unknown verdicts were seen", flips, unknowns)
	}
}

func FuzzTwin(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { play(t, seed, 200) })
}

// FuzzCheck has any order of calls at any instants: there is no panic, the
// deadline moves on, and what is suspended rests.
func FuzzCheck(f *testing.F) {
	f.Add(uint64(1), []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Fuzz(func(t *testing.T, seed uint64, ops []byte) {
		r := rand.New(rand.NewPCG(seed, 2))
		cfg, other := drawn(r), drawn(r)
		var c, lender Check
		now := mono.Instant(0)
		c.Begin(now, &cfg, seed)
		lender.Begin(now, &other, seed)
		for _, op := range ops {
			now = now.Add(time.Duration(op) * time.Duration(op) * time.Millisecond)
			switch op % 9 {
			case 0:
				c.Suspend()
			case 1:
				c.Resume(now, seed)
			case 2:
				c.Answer(now, c.Seq(), Verdict(op/8%3))
			case 3:
				c.Answer(now, c.Seq()-1, Failed)
			case 4:
				c.Reconfigure(now, []*Config{&cfg, &other}[op/8%2])
			case 5:
				c.Inherit(&lender)
			case 8:
				if c.Suspended() {
					c.Renew(now)
				}
			default:
				c.Tick(now)
				if !c.Suspended() && c.Deadline() <= now {
					// What is due at once is due once.
					c.Tick(now)
					if c.Deadline() <= now {
						t.Fatalf("after two ticks at %d it is due at %d", now, c.Deadline())
					}
				}
			}
			if c.Suspended() && (c.Deadline() != mono.Never || c.Dark()) {
				t.Fatal("it does not rest")
			}
			c.View()
		}
	})
}
