package vrrp

import "github.com/moonkeep/moonkeep/core/mono"

func (r *Router) announce(rounds int, out []Action) []Action {
	r.counts.Announced++
	return append(out, Action{Kind: DoAnnounce, Rounds: max(1, rounds)})
}

// AnnounceAgain has a MASTER announce the addresses as when it became MASTER, with
// the second burst after Announce.Delay: its network may have forgotten them.
func (r *Router) AnnounceAgain(now mono.Instant, out []Action) []Action {
	if r.role != Master || r.leaving {
		return out
	}
	if d := r.cfg.Announce.Delay; d > 0 {
		r.t.second = now.Add(d)
	}
	return r.announce(r.cfg.Announce.Repeat, out)
}
