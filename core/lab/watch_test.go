package lab

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ms = time.Millisecond

// fate is a run of probes, 10 ms apart, that end alike: answered by a node
// after a delay, or (by Nobody) lost.
type fate struct {
	probes int
	by     int
	after  time.Duration
	// flushed, unless zero, is when all of them are answered at once.
	flushed time.Duration
}

// play sends the probes and delivers the answers in order of time, asking for
// decisions each millisecond.
func play(fates []fate) []Change {
	type answer struct {
		seq uint64
		by  int
	}
	answers := map[time.Duration][]answer{}
	w := NewWatch()
	var out []Change
	at := time.Duration(0)
	tick := func() {
		for _, a := range answers[at] {
			w.Answered(a.seq, at, a.by)
		}
		out = append(out, w.Decide(at)...)
		at += ms
	}
	for _, f := range fates {
		for range f.probes {
			seq := w.Sent(at)
			if f.by != Nobody {
				when := at + f.after
				if f.flushed != 0 {
					when = f.flushed
				}
				answers[when] = append(answers[when], answer{seq, f.by})
			}
			for range 10 {
				tick()
			}
		}
	}
	for range 3000 {
		tick()
	}
	return out
}

func TestWatch(t *testing.T) {
	tests := []struct {
		name  string
		fates []fate
		want  []Change
	}{
		{"steady", []fate{{5, 0, ms, 0}}, []Change{{Nobody, 0, 0, 0}}},
		{"nobody ever", []fate{{300, Nobody, 0, 0}}, nil},
		{"first after a while", []fate{{3, Nobody, 0, 0}, {5, 1, ms, 0}}, []Change{{Nobody, 1, 0, 30 * ms}}},
		{"handed over without a loss", []fate{{5, 0, ms, 0}, {5, 1, ms, 0}},
			[]Change{{Nobody, 0, 0, 0}, {0, 1, 50 * ms, 50 * ms}}},
		{"moved with an outage", []fate{{5, 0, ms, 0}, {40, Nobody, 0, 0}, {5, 1, ms, 0}},
			[]Change{{Nobody, 0, 0, 0}, {0, 1, 50 * ms, 450 * ms}}},
		{"outage longer than the patience", []fate{{5, 0, ms, 0}, {300, Nobody, 0, 0}, {5, 1, ms, 0}},
			[]Change{{Nobody, 0, 0, 0}, {0, 1, 50 * ms, 3050 * ms}}},
		{"gap of the same node", []fate{{5, 0, ms, 0}, {2, Nobody, 0, 0}, {5, 0, ms, 0}},
			[]Change{{Nobody, 0, 0, 0}, {0, 0, 50 * ms, 70 * ms}}},
		{"late answers count", []fate{{5, 0, ms, 0}, {3, 0, 400 * ms, 0}, {100, 0, ms, 0}},
			// The probes in front were overtaken for longer than is possible.
			[]Change{{Nobody, 0, 0, 0}, {0, 0, 50 * ms, 80 * ms}}},
		{"queued in the client and answered late", []fate{{5, 0, ms, 0}, {30, 1, 0, 350 * ms}, {5, 1, ms, 0}},
			[]Change{{Nobody, 0, 0, 0}, {0, 1, 50 * ms, 50 * ms}}},
		{"slightly out of order", []fate{{5, 0, ms, 0}, {1, 0, 15 * ms, 0}, {5, 0, ms, 0}},
			[]Change{{Nobody, 0, 0, 0}}},
		{"answered after a second", []fate{{5, 0, ms, 0}, {1, 0, 1500 * ms, 0}},
			[]Change{{Nobody, 0, 0, 0}}},
		{"two gaps on the way", []fate{{5, 0, ms, 0}, {4, Nobody, 0, 0}, {1, 0, ms, 0}, {4, Nobody, 0, 0}, {2, 2, ms, 0}},
			[]Change{{Nobody, 0, 0, 0}, {0, 0, 50 * ms, 90 * ms}, {0, 2, 100 * ms, 140 * ms}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, play(tt.fates)); d != "" {
				t.Errorf("changes (-want +got):\n%s", d)
			}
		})
	}
}

func TestWatchOwner(t *testing.T) {
	w := NewWatch()
	check := func(at time.Duration, owner int, since time.Duration) {
		t.Helper()
		w.Decide(at)
		if o, s := w.Owner(at, 50*ms); o != owner || o != Nobody && s != since {
			t.Errorf("at %s: owner %d since %s, want %d since %s", at, o, s, owner, since)
		}
	}
	check(0, Nobody, 0)
	for i := range 10 {
		w.Answered(w.Sent(time.Duration(i)*10*ms), time.Duration(i)*10*ms+ms, 3)
	}
	check(95*ms, 3, 0)
	check(200*ms, Nobody, 0)
	w.Sent(200 * ms)
	if _, silent := w.Silent(); silent {
		t.Error("silent before a probe is lost for certain")
	}
	w.Decide(1200 * ms)
	if since, silent := w.Silent(); !silent || since != 200*ms {
		t.Errorf("silent %t since %s, want since 200ms", silent, since)
	}
	w.Answered(w.Sent(1300*ms), 1301*ms, 4)
	check(1302*ms, 4, 1300*ms)
	w.Answered(99, 0, 9) // never sent
	w.Answered(0, 0, 9)  // decided long ago
	check(1303*ms, 4, 1300*ms)
	if len(w.pending) != 0 {
		t.Errorf("%d decided probes are kept", len(w.pending))
	}
}

func TestAttribute(t *testing.T) {
	marks := []Mark{
		{At: 1000 * ms, Step: Step{Verb: Kill, Node: "a"}},
		{At: 5000 * ms, Step: Step{Verb: Start, Node: "a"}},
	}
	tests := []struct {
		name  string
		c     Change
		cause Verb
		take  time.Duration
		moved bool
	}{
		{"first election", Change{Nobody, 0, 0, 300 * ms}, "", 0, false},
		{"before any step", Change{0, 1, 500 * ms, 900 * ms}, "", 0, true},
		{"after the kill", Change{0, 1, 1001 * ms, 4500 * ms}, Kill, 3500 * ms, true},
		{"the probe was on its way", Change{0, 1, 990 * ms, 4500 * ms}, Kill, 3500 * ms, true},
		{"a gap that began before the next step", Change{0, 1, 4000 * ms, 6000 * ms}, Kill, 5000 * ms, true},
		{"handed back", Change{1, 0, 8000 * ms, 8000 * ms}, Start, 3000 * ms, true},
		{"same node after a gap", Change{1, 1, 8000 * ms, 8100 * ms}, Start, 0, false},
	}
	for _, tt := range tests {
		m := Attribute(marks, 2, tt.c)
		var cause Verb
		if m.Cause != nil {
			cause = m.Cause.Step.Verb
		}
		take, _ := m.TakeOver()
		if cause != tt.cause || take != tt.take || m.Moved() != tt.moved || m.Target != 2 {
			t.Errorf("%s: cause %q, take-over %s, moved %t; want %q, %s, %t", tt.name, cause, take, m.Moved(), tt.cause, tt.take, tt.moved)
		}
	}
}
