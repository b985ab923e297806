package bfd

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// world is two sessions and the link between them, which loses, delays,
// repeats and reorders.
type world struct {
	rng   *rand.Rand
	now   mono.Instant
	ends  [2]*end
	post  []letter
	loss  float64
	delay time.Duration // plus as much again, drawn
	cut   [2]bool       // from that end
	// sound repeats and reorders nothing: packets carry no number, so that an
	// old one that comes last may undo a change of timers for an interval.
	sound bool
	log   []string
	fault string
}

type end struct {
	table  *Table
	s      *Session
	cfg    Config
	random Random
	since  mono.Instant // of the last change
	// last is when a packet was sent.
	last  mono.Instant
	downs int
}

type letter struct {
	at mono.Instant
	to int
	b  []byte
}

func newWorld(seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1))}
	for i := range w.ends {
		cfg := w.draw()
		cfg.Path = Path{Neighbor: netip.AddrFrom4([4]byte{192, 0, 2, byte(2 - i)})}
		w.ends[i] = &end{cfg: cfg, random: Random(w.rng.Uint64())}
		w.start(i)
	}
	return w
}

// draw makes timers. One multiplier must outlast the jitter of the link.
func (w *world) draw() Config {
	c := Defaults()
	c.MinTx = time.Duration(w.rng.IntN(100)+10) * time.Millisecond
	c.MinRx = time.Duration(w.rng.IntN(100)+10) * time.Millisecond
	c.IdleTx = time.Duration(w.rng.IntN(2)+1) * time.Second
	c.Mult = uint8(w.rng.IntN(5) + 2)
	return c
}

func (w *world) start(i int) {
	e := w.ends[i]
	e.table = NewTable()
	e.s = New(w.now, e.cfg, e.table.Draw(&e.random), w.rng.Uint64())
	e.table.Add(e.s)
	e.since, e.last = w.now, mono.Never
}

func (w *world) take(i int, actions []Action) {
	e := w.ends[i]
	for _, a := range actions {
		if a.Kind == DoChange {
			w.log = append(w.log, fmt.Sprintf("%v %c %v -> %v: %s", time.Duration(w.now), 'a'+i, a.From, a.To, a.Why))
			if a.From == Up {
				e.downs++
			}
			e.since = w.now
			continue
		}
		c, rule := Decode(a.Payload)
		if rule != Accepted {
			w.fault = fmt.Sprintf("%c sends % x: %v", 'a'+i, a.Payload, rule)
		}
		if c.State != Up && c.MinTx < time.Second {
			w.fault = fmt.Sprintf("%c sends %s", 'a'+i, text(&c))
		}
		e.last = w.now
		copies := 1
		if !w.sound && w.rng.Float64() < 0.02 {
			copies = 2
		}
		for range copies {
			if !w.cut[i] && w.rng.Float64() >= w.loss {
				at := w.now.Add(w.delay + time.Duration(w.rng.Int64N(int64(w.delay)+1)))
				for _, l := range w.post {
					if w.sound && l.to == 1-i {
						at = max(at, l.at)
					}
				}
				w.post = append(w.post, letter{at, 1 - i, slices.Clone(a.Payload)})
			}
		}
	}
	if v := e.s.View(); e.last != mono.Never && v.Interval > 0 {
		// Nobody waits longer than the interval that is in force.
		if d := e.s.tx.Sub(max(e.last, w.now)); d > v.Interval {
			w.fault = fmt.Sprintf("%c sends in %v at an interval of %v", 'a'+i, d, v.Interval)
		}
	}
}

// run lets time pass until then, or until something is wrong.
func (w *world) run(d time.Duration) {
	until := w.now.Add(d)
	for w.fault == "" {
		next := mono.Min(w.ends[0].s.Deadline(), w.ends[1].s.Deadline())
		letterAt := -1
		for i, l := range w.post {
			if l.at < next || l.at == next && letterAt < 0 {
				next, letterAt = l.at, i
			}
		}
		if next > until {
			break
		}
		w.now = max(next, w.now)
		if letterAt >= 0 {
			l := w.post[letterAt]
			w.post = slices.Delete(w.post, letterAt, letterAt+1)
			e := w.ends[l.to]
			p := Packet{Source: e.cfg.Neighbor, TTL: 255, Payload: l.b}
			_, actions, rule := e.table.Receive(w.now, &p, nil)
			if rule != Accepted && rule != RejectSession && rule != RejectAdminDown {
				w.fault = fmt.Sprintf("%c rejects % x: %v", 'a'+l.to, l.b, rule)
			}
			w.take(l.to, actions)
			continue
		}
		for i, e := range w.ends {
			if e.s.Deadline().Reached(w.now) {
				w.take(i, e.s.Tick(w.now, nil))
			}
		}
	}
	w.now = until
}

// detection is the longest that either end may take to see that the other is
// gone once timers are agreed.
func (w *world) detection() time.Duration {
	longest := time.Duration(0)
	for i, e := range w.ends {
		o := w.ends[1-i]
		longest = max(longest, time.Duration(o.cfg.Mult)*max(o.cfg.MinTx, e.cfg.MinRx))
	}
	// A last packet was under way, and so is the one that tells of it.
	return longest + 4*w.delay + time.Millisecond
}

// patience is the longest that two ends need to come Up on a sound link: the
// state of a session that is about to expire, and three idle packets.
func (w *world) patience() time.Duration {
	idle, mult := time.Duration(0), 0
	for _, e := range w.ends {
		idle, mult = max(idle, e.cfg.IdleTx), max(mult, int(e.cfg.Mult))
	}
	return time.Duration(mult+4)*idle + 4*w.delay
}

func (w *world) states() [2]State { return [2]State{w.ends[0].s.State(), w.ends[1].s.State()} }

func (w *world) both(want State, why string) {
	if w.fault == "" && w.states() != [2]State{want, want} {
		w.fault = fmt.Sprintf("%s: %v, want both %v", why, w.states(), want)
	}
}

var (
	seedFlag  = flag.Int64("seed", -1, "run the simulation of this seed only")
	seedsFlag = flag.Uint64("seeds", 1000, "run the simulations of so many seeds")
)

// TestSimulation runs two sessions through faults. On a sound link they come
// Up and stay Up, whatever was before and however their timers change; on a
// broken one both go Down in time.
func TestSimulation(t *testing.T) {
	first, last := uint64(0), *seedsFlag
	if *seedFlag >= 0 {
		first, last = uint64(*seedFlag), uint64(*seedFlag)+1
	}
	for seed := first; seed < last; seed++ {
		w := newWorld(seed)
		for round := 0; round < 3 && w.fault == ""; round++ {
			// A bad link: whatever happens, no packet is malformed.
			w.delay = time.Duration(w.rng.IntN(20)) * time.Millisecond
			w.loss = w.rng.Float64() * 0.9
			w.sound = false
			w.cut = [2]bool{w.rng.IntN(4) == 0, w.rng.IntN(4) == 0}
			w.run(time.Duration(w.rng.IntN(4000)) * time.Millisecond)
			switch who := w.rng.IntN(2); w.rng.IntN(4) {
			case 0: // the process starts anew, with another discriminator
				w.start(who)
			case 1:
				w.reconfigure(who)
			}
			// A sound one.
			w.loss, w.cut, w.sound = 0, [2]bool{}, true
			w.delay = time.Duration(w.rng.IntN(3)) * time.Millisecond
			w.run(w.patience())
			w.both(Up, "on a sound link")
			downs := w.ends[0].downs + w.ends[1].downs
			for range 3 {
				w.run(time.Duration(w.rng.IntN(500)) * time.Millisecond)
				w.reconfigure(w.rng.IntN(2))
			}
			w.run(2 * time.Second)
			w.both(Up, "over changes of timers")
			if got := w.ends[0].downs + w.ends[1].downs; w.fault == "" && got != downs {
				w.fault = "a session went down on a sound link"
			}
			for i, e := range w.ends {
				o := w.ends[1-i]
				v := e.s.View()
				if wantTx, wantDetection := max(e.cfg.MinTx, o.cfg.MinRx), time.Duration(o.cfg.Mult)*max(o.cfg.MinTx, e.cfg.MinRx); w.fault == "" && (v.Interval != wantTx || v.Detection != wantDetection || v.Polling) {
					w.fault = fmt.Sprintf("%c has interval %v and detection %v, polling %v; want %v and %v", 'a'+i, v.Interval, v.Detection, v.Polling, wantTx, wantDetection)
				}
			}
			// A cut, both ways or one: the deaf end goes Down in time, and so
			// does the other, told or by its own detection.
			w.cut = [][2]bool{{true, true}, {true, false}, {false, true}}[w.rng.IntN(3)]
			w.run(w.detection())
			if one := w.cut != [2]bool{true, true}; one {
				for i, e := range w.ends {
					if w.cut[1-i] && e.downs == 0 && w.fault == "" {
						w.fault = fmt.Sprintf("%c hears nothing and did not go down", 'a'+i)
					}
				}
				if w.fault == "" && slices.Contains([]State{w.states()[0], w.states()[1]}, Up) {
					w.fault = fmt.Sprintf("cut one way: %v", w.states())
				}
			} else {
				w.both(Down, "after a cut")
			}
		}
		if w.fault != "" {
			for _, line := range w.log {
				t.Log(line)
			}
			t.Fatalf("at %v: %s\nrerun: go test ./core/bfd -run TestSimulation -seed %d", time.Duration(w.now), w.fault, seed)
		}
	}
}

func (w *world) reconfigure(i int) {
	e := w.ends[i]
	path := e.cfg.Path
	e.cfg = w.draw()
	e.cfg.Path = path
	w.take(i, e.s.Reconfigure(w.now, e.cfg, nil))
}
