package health

import "github.com/moonkeep/moonkeep/core/mono"

// Span is some equal verdicts, one after the other.
type Span struct {
	Verdict Verdict
	// Count is how many they are, and First and Last when the first and the
	// last of them came.
	Count       uint32
	First, Last mono.Instant
}

// kept is how many spans of verdicts are remembered.
const kept = 6

// history is the last spans. There is one for each of tens of thousands of
// checks, most of which have one verdict for ever: only the newest span is part of it.
type history struct {
	began, last mono.Instant
	earlier     *earlier
	count       uint32 // of the newest; 0 before the first verdict
	what        Verdict
}

// earlier are the spans before the newest, by when each began: one ends where the
// next begins.
type earlier struct {
	began [kept - 1]mono.Instant
	count [kept - 1]uint32
	what  [kept - 1]Verdict
	// next is the place of the one that comes next, and used how many there are.
	next, used uint8
}

func (h *history) add(now mono.Instant, v Verdict) {
	if h.count == 0 || h.what != v {
		if h.count > 0 {
			if h.earlier == nil {
				h.earlier = new(earlier)
			}
			h.earlier.add(h)
		}
		h.what, h.began, h.count = v, now, 0
	}
	if h.count+1 != 0 {
		h.count++
	}
	h.last = now
}

func (e *earlier) add(h *history) {
	e.began[e.next], e.count[e.next], e.what[e.next] = h.began, h.count, h.what
	e.next = (e.next + 1) % (kept - 1)
	e.used = min(e.used+1, kept-1)
}

// spans returns what is remembered, oldest first. Last of all but the newest is
// when the next began.
func (h *history) spans() []Span {
	if h.count == 0 {
		return nil
	}
	out := make([]Span, 0, kept)
	add := func(began mono.Instant, count uint32, v Verdict) {
		if n := len(out); n > 0 {
			out[n-1].Last = began
		}
		out = append(out, Span{Verdict: v, Count: count, First: began, Last: h.last})
	}
	if e := h.earlier; e != nil {
		for i := range e.used {
			at := (e.next + kept - 1 - e.used + i) % (kept - 1)
			add(e.began[at], e.count[at], e.what[at])
		}
	}
	add(h.began, h.count, h.what)
	return out
}
