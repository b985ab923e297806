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
// checks, so it holds when each began only; one ends where the next begins.
type history struct {
	began [kept]mono.Instant
	count [kept]uint32
	what  [kept]Verdict
	// newest is the place of the newest, and used how many there are.
	newest, used uint8
	last         mono.Instant
}

func (h *history) add(now mono.Instant, v Verdict) {
	if h.used == 0 || h.what[h.newest] != v {
		if h.used > 0 {
			h.newest = (h.newest + 1) % kept
		}
		h.used = min(h.used+1, kept)
		h.what[h.newest], h.began[h.newest], h.count[h.newest] = v, now, 0
	}
	if h.count[h.newest]+1 != 0 {
		h.count[h.newest]++
	}
	h.last = now
}

// spans returns what is remembered, oldest first. Last of all but the newest is
// when the next began.
func (h *history) spans() []Span {
	out := make([]Span, 0, h.used)
	for i := range h.used {
		at := (h.newest + kept - h.used + 1 + i) % kept
		if n := len(out); n > 0 {
			out[n-1].Last = h.began[at]
		}
		out = append(out, Span{Verdict: h.what[at], Count: h.count[at], First: h.began[at], Last: h.last})
	}
	return out
}
