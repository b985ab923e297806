package vrrp

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// hearing is when and from whom an advert of one version was last heard.
type hearing struct {
	from  netip.Addr
	at    mono.Instant
	count int // adverts of version 3 since one of version 2
}

// hearings are those of a router of Interop.
type hearings struct{ v2, v3 hearing }

// interop is RFC 9568 8.4: a master that speaks both versions is heard in
// version 3 only, and echo is true for its advert of version 2. One that speaks
// version 3 alone to us is told of once, as its side is then not set up for
// routers of version 2.
func (r *Router) interop(now mono.Instant, a *Advert, from netip.Addr, out []Action) (echo bool, _ []Action) {
	if r.heard == nil {
		r.heard = new(hearings)
	}
	h := r.heard
	if a.Version == V2 {
		h.v2 = hearing{from: from, at: now}
		if h.v3.from == from {
			h.v3.count = 0
			echo = now.Sub(h.v3.at) <= r.masterDown()
		}
		if echo {
			r.counts.Echoes++
		}
		return echo, out
	}
	if h.v3.from != from {
		h.v3 = hearing{from: from}
	}
	h.v3.at = now
	h.v3.count++
	if h.v3.count == r.cfg.DownAdverts+1 {
		out = append(out, Action{Kind: DoNote, Topic: "interop",
			Why: fmt.Sprintf("%v sends version 3 only: routers of version 2 do not hear it", from)})
	}
	return false, out
}

// checkClock counts what came unsigned, and tells when a sender's clock is more
// than half the window away: soon its adverts will be refused.
func (r *Router) checkClock(now mono.Instant, a *Advert, from netip.Addr, out []Action) []Action {
	ring := r.guard.ring
	switch {
	case ring == nil:
		return out
	case !a.Signed:
		r.counts.Unsigned++
		return out
	case ring.monotonic || now < r.quietClock:
		return out
	}
	far := ring.far(a.sequence, r.wallAt(now))
	if far <= ring.window/2 {
		return out
	}
	r.quietClock = now.Add(clockPause)
	return append(out, Action{Kind: DoNote, Topic: "clock", Alarm: true,
		Why: fmt.Sprintf("the clock of %v differs from ours by %v: its adverts are refused from more than %v on",
			from, time.Duration(far)*time.Second, time.Duration(ring.window)*time.Second)})
}
