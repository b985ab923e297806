package health

import (
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// Verdict is what one probe came to.
type Verdict uint8

// The verdicts. Unknown is not a failure: the probe could not be made.
const (
	Unknown Verdict = iota
	OK
	Failed
)

// String returns the word that status and logs use.
func (v Verdict) String() string {
	switch v {
	case OK:
		return "ok"
	case Failed:
		return "failed"
	}
	return "unknown"
}

// Policy is what becomes of a check that has no verdict for its grace.
type Policy uint8

// The policies.
const (
	// Keep lets the last state stand.
	Keep Policy = iota
	// Fail makes it down.
	Fail
	// Pass makes it up.
	Pass
)

// First is what the first result of a check decides.
type First uint8

// What it may decide.
const (
	// ByAlpha has it decide alone that the check is down; with Alpha it counts as any
	// other.
	ByAlpha First = iota
	// Alone has it decide alone, as with keepalived's HTTP_GET and alpha.
	Alone
	// Counted has it count as any other, as with keepalived's SMTP_CHECK.
	Counted
)

// Config is how a check runs. It is not changed once a Check has it; many
// checks may share one.
type Config struct {
	// Interval is from start to start (delay_loop); less than a millisecond
	// counts as one.
	Interval time.Duration
	// Doubt is from the end of a run whose verdict contradicts the state to the
	// next (delay_before_retry, fast_interval); after a success Interval at most.
	// After an unknown one it is that at first, and then as long as the unknown ones
	// have lasted, up to Interval.
	Doubt time.Duration
	// FromStart has Doubt count from when the run was due, as keepalived does
	// for MISC_CHECK: a program that hangs is not waited for twice.
	FromStart bool
	// Warmup bounds the random time before the first run.
	Warmup time.Duration
	// Patience is how long an answer is waited for. The edge answers before;
	// if it does not, that is an unknown verdict.
	Patience time.Duration
	// Rise and Fall are how many verdicts in a row it takes; 0 counts as 1.
	Rise, Fall int
	// Alpha makes it begin down.
	Alpha bool
	// First is what the first result of all decides.
	First First
	// Grace is how long unknown verdicts change nothing.
	Grace     time.Duration
	OnUnknown Policy
}

const (
	// shortest is the least time between two runs, whatever is configured: a
	// Doubt of 0 must not make a loop.
	shortest = time.Millisecond
	// tolerance is how late a run may begin in any case: with short intervals
	// being some of them late is no reason to wait for the next place.
	tolerance = time.Second
)

// Check is one check. Its zero value is not ready: see Begin.
type Check struct {
	cfg *Config
	// due is the instant of the present or next run on the grid.
	due mono.Instant
	// by is until when an answer is waited for.
	by mono.Instant
	// since is when the state began; dark when the row of unknown verdicts
	// did, Never when the last one was none.
	since, dark mono.Instant
	// last is when the last answer came, and verdict what it was.
	last    mono.Instant
	history history
	late    Lateness
	seq     uint32
	row     uint32 // verdicts in a row that contradict the state
	verdict Verdict
	up      bool
	running bool
	// decided says that the state came of a result of its own, alone that the
	// next result decides alone.
	decided, alone bool
	// skipped says that the last run was put off because it was late.
	skipped bool
	// overcast says that the grace of this row of unknown verdicts is over.
	overcast  bool
	suspended bool
}

// Lateness is how late runs began.
type Lateness struct {
	// Last is of the last run, Most of all.
	Last, Most time.Duration
	// Missed counts places on the grid that were left out because the run
	// before them still went on, or because nobody looked in time.
	Missed uint32
}

// Begin makes c a check that has not run yet. random is any number; checks with
// evenly spread numbers begin evenly spread.
func (c *Check) Begin(now mono.Instant, cfg *Config, random uint64) {
	*c = Check{cfg: cfg, up: !cfg.Alpha, alone: cfg.First == Alone || cfg.First == ByAlpha && !cfg.Alpha, since: now, last: mono.Never, by: mono.Never, dark: mono.Never}
	c.due = now.Add(within(cfg.Warmup, random))
}

// within returns a time from 0 to the limit.
func within(limit time.Duration, random uint64) time.Duration {
	return time.Duration(random % (uint64(max(0, limit)) + 1))
}

// Inherit makes c, which has begun, take over the state of another check until
// its own first result: a reload that changes a check disturbs no server.
func (c *Check) Inherit(other *Check) {
	c.up, c.since, c.decided, c.alone = other.up, other.since, false, true
}

// Assume has c, which has begun, begin in a state until its own first result,
// which decides alone.
func (c *Check) Assume(up bool) { c.up, c.decided, c.alone = up, false, true }

// Reconfigure gives the check another configuration with its state kept. Checks
// stay as evenly spread as they were.
func (c *Check) Reconfigure(now mono.Instant, cfg *Config) {
	before := c.cfg
	c.cfg = cfg
	if before.Interval == cfg.Interval || c.running || c.due <= now {
		return
	}
	if ahead := c.due.Sub(now); ahead > cfg.Interval {
		c.due = now.Add(ahead % max(cfg.Interval, shortest))
	}
}

// Suspend has the check rest with its state kept. An answer that is under way
// does not count, and a row of unknown verdicts ends: that nobody asked meanwhile is
// no reason to judge the check by its grace when it wakes.
func (c *Check) Suspend() {
	c.suspended, c.running, c.by = true, false, mono.Never
	c.dark, c.overcast = mono.Never, false
}

// Resume ends a Suspend. The next run is due at a random part of the interval.
func (c *Check) Resume(now mono.Instant, random uint64) {
	if c.suspended {
		c.suspended, c.due = false, now.Add(within(c.cfg.Interval-1, random))
	}
}

// Renew ends a Suspend after which what the check said before is too old to count:
// the next run is due at once, and its result decides alone. Until then Settled is
// false.
func (c *Check) Renew(now mono.Instant) {
	c.suspended, c.due = false, now
	c.decided, c.alone, c.row = false, true, 0
	c.dark, c.overcast = mono.Never, false
}

// Settled reports whether the state is a result's, or what the policy makes of it
// when there is none for the grace.
func (c *Check) Settled() bool { return c.decided || c.overcast }

// Suspended reports whether the check rests.
func (c *Check) Suspended() bool { return c.suspended }

// Deadline returns when Tick is due next, Never while the check rests.
func (c *Check) Deadline() mono.Instant {
	at := c.due
	switch {
	case c.suspended:
		return mono.Never
	case c.running:
		at = c.by
	}
	if c.dark != mono.Never && !c.overcast {
		at = mono.Min(at, c.dark.Add(c.cfg.Grace))
	}
	return at
}

// Tick does what is due. probe says that a probe is to be started now, of the
// number Seq; changed that the state changed.
func (c *Check) Tick(now mono.Instant) (probe, changed bool) {
	if c.suspended {
		return false, false
	}
	switch {
	case c.running && c.by.Reached(now):
		changed = c.take(now, Unknown)
	case !c.running && c.due.Reached(now):
		probe = c.start(now)
	}
	return probe, c.darken(now) || changed
}

// start begins a run, or puts it off when its place on the grid was missed.
func (c *Check) start(now mono.Instant) bool {
	c.late.Last = now.Sub(c.due)
	c.late.Most = max(c.late.Most, c.late.Last)
	if c.late.Last > max(c.cfg.Interval, tolerance) && !c.skipped {
		c.skipped = true
		c.late.Missed += c.next(now, c.cfg.Interval)
		return false
	}
	c.running, c.skipped = true, false
	c.seq++
	c.by = now.Add(c.cfg.Patience)
	return true
}

// Seq returns the number of the run that was started last.
func (c *Check) Seq() uint32 { return c.seq }

// Outcome is what an answer came to.
type Outcome struct {
	// Taken is false when the check did not wait for this answer; then nothing
	// else is true.
	Taken bool
	// Changed says that the state is another one than before, and First that it
	// is the first one of a result of the check's own.
	Changed, First bool
}

// Answer takes the verdict of the run of that number.
func (c *Check) Answer(now mono.Instant, seq uint32, v Verdict) Outcome {
	if !c.running || seq != c.seq {
		return Outcome{}
	}
	before := c.decided
	changed := c.take(now, v)
	return Outcome{Taken: true, Changed: changed, First: c.decided && !before}
}

// take takes a verdict and sets when the next run is due.
func (c *Check) take(now mono.Instant, v Verdict) (changed bool) {
	c.running, c.by, c.last, c.verdict = false, mono.Never, now, v
	c.history.add(now, v)
	if v == Unknown {
		if c.dark == mono.Never {
			c.dark, c.overcast = now, false
		}
		// What has no result for long will hardly have one at once. Thousands
		// that all ask again soon would keep who is to answer them busy.
		c.next(now, max(c.cfg.Doubt, min(c.cfg.Interval, now.Sub(c.dark))))
		return c.darken(now)
	}
	c.dark, c.overcast = mono.Never, false
	changed = c.judge(now, v == OK)
	if c.row > 0 {
		from := now
		if c.cfg.FromStart {
			from = c.due
		}
		wait := c.cfg.Doubt
		if v == OK { // what may work again is not asked later than what does not
			wait = min(wait, c.cfg.Interval)
		}
		c.due = max(from.Add(wait), now.Add(shortest))
	} else {
		c.late.Missed += c.next(now, c.cfg.Interval)
	}
	return changed
}

// judge lets a result count.
func (c *Check) judge(now mono.Instant, ok bool) (changed bool) {
	alone := c.alone
	c.alone = false
	if ok == c.up {
		c.row, c.decided = 0, true
		return false
	}
	need := max(1, c.cfg.Rise)
	if !ok {
		need = max(1, c.cfg.Fall)
	}
	if c.row++; !alone && int64(c.row) < int64(need) {
		return false
	}
	c.turn(now, ok)
	c.decided = true
	return true
}

// turn changes the state.
func (c *Check) turn(now mono.Instant, up bool) { c.up, c.since, c.row = up, now, 0 }

// darken applies the policy when the grace is over.
func (c *Check) darken(now mono.Instant) (changed bool) {
	if c.dark == mono.Never || c.overcast || !c.dark.Add(c.cfg.Grace).Reached(now) {
		return false
	}
	c.overcast = true
	up := c.up
	switch c.cfg.OnUnknown {
	case Fail:
		up = false
	case Pass:
		up = true
	}
	if up == c.up {
		return false
	}
	c.turn(now, up)
	c.decided, c.alone = false, true
	return true
}

// next moves due to the next place behind now on a grid of step, and returns
// how many places it left out.
func (c *Check) next(now mono.Instant, step time.Duration) (missed uint32) {
	step = max(step, shortest)
	if c.due = c.due.Add(step); c.due > now {
		return 0
	}
	slots := now.Sub(c.due)/step + 1
	c.due = c.due.Add(slots * step)
	return uint32(min(slots, 1<<20))
}

// Up returns the state.
func (c *Check) Up() bool { return c.up }

// Decided reports whether the state came of a result of the check's own.
func (c *Check) Decided() bool { return c.decided }

// Dark reports whether the last verdict was unknown.
func (c *Check) Dark() bool { return c.dark != mono.Never }

// Running reports whether an answer is waited for.
func (c *Check) Running() bool { return c.running }

// Late says how late runs began.
func (c *Check) Late() Lateness { return c.late }

// View is what there is to tell of a check.
type View struct {
	// Up is the state, and Since when it began.
	Up    bool
	Since mono.Instant
	// Decided says that the state came of a result of its own, and not of the
	// beginning, a reload, or OnUnknown.
	Decided bool
	// Verdict is the last one, and Last when it came: Never before the first.
	Verdict Verdict
	Last    mono.Instant
	// Row counts verdicts in a row that contradict the state.
	Row int
	// Running says that a probe is under way; else Due is when the next is.
	Running bool
	Due     mono.Instant
	// Dark is since when there are unknown verdicts only; Never when the last
	// one was none.
	Dark      mono.Instant
	Suspended bool
	Late      Lateness
	// History is oldest first.
	History []Span
}

// View returns it.
func (c *Check) View() View {
	v := View{
		Up: c.up, Since: c.since, Decided: c.decided, Verdict: c.verdict, Last: c.last, Row: int(c.row),
		Running: c.running, Due: c.due, Dark: c.dark, Suspended: c.suspended, Late: c.late, History: c.history.spans(),
	}
	if c.suspended {
		v.Due = mono.Never
	}
	return v
}
