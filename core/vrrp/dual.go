package vrrp

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// dual is what a MASTER knows of another one beside it. It begins with the first
// advert that is heard from it - masters that do not hear each other cannot know
// - and is over when one of them yields, or the other is silent for as long as
// backups wait, ours or its own.
type dual struct {
	on   bool
	peer netip.Addr
	// since is when the present one began, and last when the peer was heard
	// last.
	since, last mono.Instant
	// times counts them, and sum adds up how long they were up to last.
	times uint64
	sum   time.Duration
}

// DualView is how a router stands with other masters.
type DualView struct {
	// On is true while another one is MASTER too: Peer, since Since.
	On    bool
	Peer  netip.Addr
	Since mono.Instant
	// Times is how often that was, and Sum how long in all, up to when the other
	// was heard last.
	Times uint64
	Sum   time.Duration
}

// meet notes that another master was heard, with its interval. That its first
// advert begins a new conflict is for the caller to tell.
func (r *Router) meet(now mono.Instant, from netip.Addr, interval time.Duration) {
	d := &r.dual
	if d.on {
		d.sum += now.Sub(d.last)
	} else {
		d.on, d.since = true, now
		d.times++
	}
	d.peer, d.last = from, now
	r.t.peace = now.Add(r.silence(interval))
}

// silence is how long a master of an interval is silent until it counts as gone.
func (r *Router) silence(interval time.Duration) time.Duration {
	return time.Duration(r.cfg.DownAdverts) * max(interval, r.cfg.Interval)
}

// alone ends the time of two masters, which an advert of this very moment may
// have done.
func (r *Router) alone(now mono.Instant, why string, out []Action) []Action {
	d := &r.dual
	if !d.on {
		return out
	}
	d.on = false
	r.t.peace = mono.Never
	return append(out, Action{Kind: DoNote, Topic: "conflict",
		Why: fmt.Sprintf("%v and we were master together for %v: %s", d.peer, d.last.Sub(d.since).Round(time.Millisecond), why)})
}
