package health

import (
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

const s = time.Second

func at(d time.Duration) mono.Instant { return mono.Instant(d) }

// plain is keepalived's TCP_CHECK with retry 1.
func plain() Config {
	return Config{Interval: 10 * s, Doubt: s, Warmup: 0, Patience: 7 * s, Rise: 1, Fall: 2, Grace: 30 * s}
}

// TestVerdicts feeds verdicts, one at each run, o for ok, x for failed and ?
// for unknown, and reads the state after each: U up, D down.
func TestVerdicts(t *testing.T) {
	with := func(change func(*Config)) Config { c := plain(); change(&c); return c }
	rise3 := func(c *Config) { c.Rise = 3 }
	tests := []struct {
		name    string
		cfg     Config
		verdict string
		want    string
	}{
		{"the first failure decides alone", plain(), "xo", "DU"},
		{"later ones need retry + 1", plain(), "oxxoxx", "UUDUUD"},
		{"a success ends the row", plain(), "oxoxoxx", "UUUUUUD"},
		{"retry 0", with(func(c *Config) { c.Fall = 1 }), "oxoxx", "UDUDD"},
		{"zero counts as one", with(func(c *Config) { c.Rise, c.Fall = 0, 0 }), "oxo", "UDU"},
		{"alpha begins down", with(func(c *Config) { c.Alpha = true }), "xxoxx", "DDUUD"},
		{"rise", with(rise3), "xooxooo", "DDDDDDU"},
		{"alpha needs rise", with(func(c *Config) { c.Alpha, c.Rise = true, 3 }), "oooxx", "DDUUD"},
		{"unknown does not count", plain(), "ox?x", "UUUD"},
		{"unknown does not take a server down", plain(), "o????", "UUUUU"},
		{"nor is it the first result", plain(), "??x", "UUD"},
		{"unknown brings none back", plain(), "oxx??o", "UUDDDU"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c Check
			c.Begin(0, &tt.cfg, 0)
			var got strings.Builder
			for i, r := range tt.verdict {
				now := c.Deadline()
				probe, changed := c.Tick(now)
				if !probe || changed {
					t.Fatalf("run %d: probe %v, changed %v", i, probe, changed)
				}
				before := c.Up()
				o := c.Answer(now, c.Seq(), map[rune]Verdict{'o': OK, 'x': Failed, '?': Unknown}[r])
				if !o.Taken || o.Changed != (c.Up() != before) {
					t.Errorf("run %d: %+v going from %v to %v", i, o, before, c.Up())
				}
				got.WriteByte("DU"[map[bool]int{true: 1}[c.Up()]])
			}
			if got.String() != tt.want {
				t.Errorf("%s: got %s, want %s", tt.verdict, got.String(), tt.want)
			}
		})
	}
}

// TestRhythm reads when runs begin, in seconds, for verdicts that each take a
// time.
func TestRhythm(t *testing.T) {
	type run struct {
		verdict Verdict
		took    time.Duration
	}
	tests := []struct {
		name string
		runs []run
		want []time.Duration
	}{
		{"on a grid whatever a run takes", []run{{OK, 0}, {OK, 3 * s}, {OK, 9 * s}, {OK, s}}, []time.Duration{0, 10 * s, 20 * s, 30 * s, 40 * s}},
		{"a slot in which it runs is left out", []run{{OK, 6 * s}, {OK, 12 * s}, {OK, 0}}, []time.Duration{0, 10 * s, 30 * s, 40 * s}},
		{"in doubt after the end", []run{{OK, 0}, {Failed, 4 * s}, {Failed, 4 * s}, {Failed, 4 * s}, {OK, 0}},
			[]time.Duration{0, 10 * s, 15 * s, 25 * s, 35 * s, 45 * s}},
		{"unknown on a grid of its own", []run{{OK, 0}, {Unknown, 0}, {Unknown, 2500 * time.Millisecond}, {OK, 0}},
			[]time.Duration{0, 10 * s, 11 * s, 14500 * time.Millisecond, 24500 * time.Millisecond}},
		{"ever less while unknown", []run{{OK, 0}, {Unknown, 0}, {Unknown, 0}, {Unknown, 0}, {Unknown, 0}, {Unknown, 0}, {Unknown, 0}, {OK, 0}},
			[]time.Duration{0, 10 * s, 11 * s, 12 * s, 14 * s, 18 * s, 26 * s, 36 * s, 46 * s}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := plain()
			cfg.Patience = time.Minute
			var c Check
			c.Begin(0, &cfg, 0)
			for i, r := range tt.runs {
				if got := c.Deadline(); got != at(tt.want[i]) {
					t.Fatalf("run %d begins at %v, want %v", i, time.Duration(got), tt.want[i])
				}
				c.Tick(at(tt.want[i]))
				c.Answer(at(tt.want[i]+r.took), c.Seq(), r.verdict)
			}
			if got, want := c.Deadline(), at(tt.want[len(tt.runs)]); got != want {
				t.Errorf("the next run begins at %v, want %v", time.Duration(got), time.Duration(want))
			}
		})
	}
}

// TestRhythmFromStart: doubt that counts from the start of a run is over when a
// long run ends.
func TestRhythmFromStart(t *testing.T) {
	cfg := plain()
	cfg.Doubt, cfg.Fall, cfg.FromStart = 2*s, 9, true
	var c Check
	c.Begin(0, &cfg, 0)
	for i, run := range []struct{ at, took time.Duration }{{0, 0}, {10 * s, 500 * time.Millisecond}, {12 * s, 5 * s}, {17*s + shortest, 0}} {
		if got := c.Deadline(); got != at(run.at) {
			t.Fatalf("run %d begins at %v, want %v", i, time.Duration(got), run.at)
		}
		c.Tick(at(run.at))
		c.Answer(at(run.at+run.took), c.Seq(), map[bool]Verdict{true: OK, false: Failed}[i == 0])
	}
}

// TestUnknown holds the grace and what comes after it.
func TestUnknown(t *testing.T) {
	for _, tt := range []struct {
		policy Policy
		alpha  bool
		want   bool
	}{{Keep, false, true}, {Keep, true, false}, {Fail, false, false}, {Fail, true, false}, {Pass, false, true}, {Pass, true, true}} {
		cfg := plain()
		cfg.OnUnknown, cfg.Alpha, cfg.Rise = tt.policy, tt.alpha, 3
		var c Check
		c.Begin(0, &cfg, 0)
		dark := mono.Never
		for i := 0; i < 200; i++ {
			now := c.Deadline()
			probe, _ := c.Tick(now)
			if probe {
				c.Answer(now, c.Seq(), Unknown)
				dark = mono.Min(dark, now)
			}
			over := now.Sub(dark) >= cfg.Grace
			if want := map[bool]bool{false: !tt.alpha, true: tt.want}[over]; c.Up() != want {
				t.Fatalf("policy %v, alpha %v: %v after %v in the dark", tt.policy, tt.alpha, c.Up(), now.Sub(dark))
			}
			if over {
				break
			}
		}
		if dark == mono.Never || !c.overcast {
			t.Fatal("it never came to it")
		}
		if tt.want == !tt.alpha {
			continue
		}
		// What OnUnknown made, one result undoes.
		now := c.Deadline()
		c.Tick(now)
		if v := map[bool]Verdict{true: Failed, false: OK}[c.Up()]; !c.Answer(now, c.Seq(), v).Changed {
			t.Errorf("policy %v, alpha %v: one result does not undo it", tt.policy, tt.alpha)
		}
	}
}

// TestGraceEndsWithoutAnswers: the grace is over in time though nobody answers
// at that moment.
func TestGraceEndsWithoutAnswers(t *testing.T) {
	cfg := plain()
	cfg.OnUnknown, cfg.Grace, cfg.Doubt = Fail, 3*s, 60*s
	var c Check
	c.Begin(0, &cfg, 0)
	c.Tick(0)
	c.Answer(0, c.Seq(), Unknown)
	if c.Deadline() != at(3*s) {
		t.Fatalf("the deadline is %v, want the end of the grace", time.Duration(c.Deadline()))
	}
	if probe, changed := c.Tick(at(3 * s)); probe || !changed || c.Up() {
		t.Errorf("at the end of the grace: probe %v, changed %v, up %v", probe, changed, c.Up())
	}
	if c.Deadline() != at(60*s) {
		t.Errorf("the next run is due at %v", time.Duration(c.Deadline()))
	}
}

// TestNoAnswer: an edge that does not answer is an unknown verdict, and what it
// says later is not taken.
func TestNoAnswer(t *testing.T) {
	cfg := plain()
	var c Check
	c.Begin(0, &cfg, 0)
	c.Tick(0)
	late := c.Seq()
	if c.Deadline() != at(7*s) {
		t.Fatalf("the deadline is %v, want the end of the patience", time.Duration(c.Deadline()))
	}
	if probe, changed := c.Tick(at(7 * s)); probe || changed || c.View().Verdict != Unknown || c.View().Dark != at(7*s) {
		t.Errorf("probe %v, changed %v, %+v", probe, changed, c.View())
	}
	if o := c.Answer(at(7*s), late, Failed); o.Taken {
		t.Error("a late answer is taken while nothing runs")
	}
	c.Tick(c.Deadline())
	if o := c.Answer(at(8*s), late, Failed); o.Taken || !c.Up() {
		t.Error("the answer of an earlier run is taken")
	}
}

// TestWarmup: checks with evenly spread numbers begin evenly spread.
func TestWarmup(t *testing.T) {
	cfg := plain()
	cfg.Warmup = 10 * s
	const checks, slots = 10_000, 10
	var count [slots]int
	for i := range uint64(checks) {
		var c Check
		c.Begin(at(5*s), &cfg, i*(1<<63/checks)*2)
		d := c.Deadline().Sub(at(5 * s))
		if d < 0 || d > cfg.Warmup {
			t.Fatalf("check %d is due after %v", i, d)
		}
		count[min(int(d/s), slots-1)]++
	}
	for i, n := range count {
		if n < checks/slots*8/10 || n > checks/slots*12/10 {
			t.Errorf("%d of %d begin in second %d", n, checks, i)
		}
	}
}

// TestLate: after a stall checks are not made up for together, and say that
// they were late; none is put off twice in a row.
func TestLate(t *testing.T) {
	cfg := plain()
	cfg.Interval, cfg.Warmup = 2*s, 2*s
	begun, next := 0, [20]int{}
	const stall = 33 * s
	for i := range uint64(1000) {
		var c Check
		c.Begin(0, &cfg, i*1_999_999)
		if probe, _ := c.Tick(at(stall)); probe {
			begun++
			continue
		}
		if c.View().Late.Last < 2*s || c.View().Late.Missed == 0 {
			t.Fatalf("nothing tells that it was late: %+v", c.View().Late)
		}
		d := c.Deadline().Sub(at(stall))
		if d <= 0 || d > 2*s {
			t.Fatalf("it is due after %v", d)
		}
		next[d/(200*time.Millisecond)]++
		// Late again: now it is made all the same.
		if probe, _ := c.Tick(at(2 * stall)); !probe {
			t.Fatal("put off twice in a row")
		}
	}
	if begun > 0 {
		t.Errorf("%d were made at once", begun)
	}
	for i, n := range next[:10] {
		if n < 50 || n > 150 {
			t.Errorf("%d of 1000 are due in tenth %d of the interval", n, i)
		}
	}
}

// TestReconfigure: state stays, and so does the spread when the interval
// becomes shorter.
func TestReconfigure(t *testing.T) {
	long, short := plain(), plain()
	long.Interval, long.Warmup, short.Interval = 60*s, 60*s, s
	var count [10]int
	for i := range uint64(1000) {
		var c Check
		c.Begin(0, &long, i*60_000_000)
		c.Reconfigure(0, &short)
		d := c.Deadline().Sub(0)
		if d < 0 || d > s {
			t.Fatalf("due after %v", d)
		}
		count[min(int(d/(100*time.Millisecond)), 9)]++
	}
	for i, n := range count {
		if n < 50 || n > 150 {
			t.Errorf("%d of 1000 are due in tenth %d of the interval", n, i)
		}
	}
}

// TestInherit: a check that a reload changed keeps the verdict of before until
// its first result, which decides alone.
func TestInherit(t *testing.T) {
	cfg := plain()
	cfg.Fall, cfg.Rise = 3, 3
	for _, up := range []bool{true, false} {
		var before, c Check
		alpha := cfg
		alpha.Alpha = !up
		before.Begin(at(s), &alpha, 0)
		c.Begin(at(9*s), &cfg, 0)
		c.Inherit(&before)
		if v := c.View(); v.Up != up || v.Since != at(s) || v.Decided {
			t.Errorf("inherited %+v", v)
		}
		c.Tick(at(9 * s))
		if o := c.Answer(at(9*s), c.Seq(), map[bool]Verdict{true: Failed, false: OK}[up]); !o.Changed || !o.First || c.Up() == up {
			t.Errorf("the first result does not decide alone: %+v", o)
		}
	}
}

// TestSuspend: a check that rests asks for nothing and takes nothing.
func TestSuspend(t *testing.T) {
	cfg := plain()
	var c Check
	c.Begin(0, &cfg, 0)
	c.Tick(0)
	c.Suspend()
	if c.Deadline() != mono.Never || c.Answer(0, c.Seq(), Failed).Taken || !c.Up() {
		t.Errorf("it does not rest: %+v", c.View())
	}
	if probe, changed := c.Tick(at(time.Hour)); probe || changed {
		t.Error("it runs while it rests")
	}
	c.Resume(at(time.Hour), 1<<60)
	if d := c.Deadline().Sub(at(time.Hour)); d < 0 || d >= cfg.Interval {
		t.Errorf("due %v after the end of the rest", d)
	}
	if probe, _ := c.Tick(c.Deadline()); !probe {
		t.Error("it does not run again")
	}
}

// TestRenew: after a rest that was long the check runs at once, and its first result
// decides alone; until then, or until the grace of unknown ones is over, it is not
// settled.
func TestRenew(t *testing.T) {
	for what, tt := range map[string]struct {
		verdict     Verdict
		up, settles bool
	}{
		"ok": {OK, true, true}, "failed": {Failed, false, true}, "unknown": {Unknown, true, false},
	} {
		cfg := plain()
		cfg.Fall = 5
		var c Check
		c.Begin(0, &cfg, 0)
		c.Tick(0)
		c.Answer(0, c.Seq(), OK)
		if !c.Settled() {
			t.Error("a result does not settle it")
		}
		c.Suspend()
		now := at(time.Hour)
		if c.Renew(now); c.Settled() || !c.Up() || c.Deadline() != now {
			t.Errorf("%s: settled %v, due at %d", what, c.Settled(), c.Deadline())
		}
		c.Tick(now)
		if o := c.Answer(now, c.Seq(), tt.verdict); !o.Taken || c.Up() != tt.up || c.Settled() != tt.settles {
			t.Errorf("%s: %+v, up %v, settled %v", what, o, c.Up(), c.Settled())
		}
		if c.Tick(now.Add(cfg.Grace)); !c.Settled() {
			t.Errorf("%s: it is not settled when the grace is over", what)
		}
	}
}

// TestSuspendDark: a check without a result that rests for longer than its grace
// is judged by the verdicts that come after it woke, and not by the rest.
func TestSuspendDark(t *testing.T) {
	cfg := plain()
	cfg.OnUnknown, cfg.Grace = Fail, 10*s
	var c Check
	c.Begin(0, &cfg, 0)
	c.Tick(0)
	c.Answer(0, c.Seq(), Unknown)
	if !c.Dark() {
		t.Fatal("an unknown verdict does not make it dark")
	}
	c.Suspend()
	if c.Dark() {
		t.Error("it is dark while it rests")
	}
	c.Resume(at(time.Hour), 0)
	if probe, changed := c.Tick(c.Deadline()); !probe || changed || !c.Up() {
		t.Errorf("it woke and was judged: probe %v, changed %v, up %v", probe, changed, c.Up())
	}
	// The row begins anew.
	now := at(time.Hour)
	c.Answer(now, c.Seq(), Unknown)
	if c.Tick(now.Add(cfg.Grace - 1)); !c.Up() {
		t.Error("it went down before its grace was over")
	}
	if _, changed := c.Tick(now.Add(cfg.Grace)); !changed || c.Up() {
		t.Error("its grace does not end")
	}
}

// TestHistory holds that equal verdicts are one span and that old spans go.
func TestHistory(t *testing.T) {
	cfg := plain()
	var c Check
	c.Begin(0, &cfg, 0)
	if len(c.View().History) != 0 {
		t.Error("there is a history before the first verdict")
	}
	var h history
	for i := range 100 {
		v := OK
		if i/10%2 == 1 {
			v = Failed
		}
		h.add(at(time.Duration(i)*s), v)
	}
	spans := h.spans()
	if len(spans) != kept {
		t.Fatalf("%d spans, want %d", len(spans), kept)
	}
	for i, sp := range spans {
		first := 100 - 10*(kept-i)
		last := min(first+10, 99) // the next begins there
		if want := []Verdict{OK, Failed}[i%2]; sp.Verdict != want || sp.Count != 10 || sp.First != at(time.Duration(first)*s) || sp.Last != at(time.Duration(last)*s) {
			t.Errorf("span %d is %+v, want 10 %v from %d to %d", i, sp, want, first, last)
		}
	}
}
