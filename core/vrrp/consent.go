package vrrp

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

const (
	// ConsentLimit is how long an answer to DoAsk may take. Without one the
	// router preempts: whoever is asked may be broken.
	ConsentLimit = 6 * time.Second
	// consentPause is how long after a refusal it is asked again.
	consentPause = 10 * time.Second
	// consentHolds is how long a permission counts, or twice the time that a
	// master is waited for when that is longer.
	consentHolds = time.Minute
	// consentQuiet is how long after a refusal was told others are not.
	consentQuiet = 10 * time.Minute
)

// consent is what somebody outside says of preempting (Config.AskPreempt). While
// it is not given the router obeys the master of lower priority, as it does in a
// preempt_delay: so that one that falls silent or resigns is replaced without a
// question.
type consent struct {
	asking bool
	limit  mono.Instant // of the answer
	given  bool
	until  mono.Instant // of what was given
	held   mono.Instant // until when a refusal counts
	quiet  mono.Instant // until when another refusal is not told
	since  mono.Instant // of the master that was heard last
}

// forget drops what was said. What was never asked, nil, stays so.
func (c *consent) forget() {
	if c != nil {
		*c = consent{quiet: c.quiet, since: c.since}
	}
}

// meets notes since when a master is heard.
func (r *Router) meets(now mono.Instant, from netip.Addr) {
	if r.consent == nil {
		r.consent = &consent{since: now}
	}
	if from != r.heardFrom || now.Sub(r.lastHeard) > r.masterDown() {
		r.consent.since = now
	}
}

// consents reports whether the router may preempt the master of lower priority
// whose advert it has, and asks if need be. An owner is not to be asked: it
// waits for nobody.
func (r *Router) consents(now mono.Instant, from netip.Addr, priority uint8, out []Action) (bool, []Action) {
	if !r.cfg.AskPreempt || r.Owner() {
		return true, out
	}
	c := r.consent
	switch {
	case c.given && now < c.until:
		return true, out
	case c.asking && now >= c.limit:
		why := fmt.Sprintf("nobody said within %v whether %v may be preempted: preempting", ConsentLimit, from)
		out = append(out, Action{Kind: DoNote, Topic: "policy", Alarm: true, Why: why})
		r.give(now)
		return true, out
	case c.asking || now < c.held:
		return false, out
	}
	c.asking, c.given, c.limit = true, false, now.Add(ConsentLimit)
	why := fmt.Sprintf("preempting %v: its priority is %d, ours %d", from, priority, r.effective)
	return false, append(out, Action{Kind: DoAsk, Why: why, From: Backup, To: Master})
}

func (r *Router) give(now mono.Instant) {
	r.consent.asking, r.consent.given = false, true
	r.consent.until = now.Add(max(consentHolds, 2*r.masterDown()))
}

// Consent answers DoAsk. An objection, when it is not empty, holds the router
// back, until it asks again. The answer for a sync group goes to all members,
// also to those that did not ask yet. Where nobody waits for one it does nothing.
func (r *Router) Consent(now mono.Instant, objection string, out []Action) []Action {
	if !r.cfg.AskPreempt || r.role != Backup {
		return out
	}
	if r.consent == nil {
		r.consent = &consent{since: now} // a member of a sync group that heard nobody
	}
	c := r.consent
	if objection == "" {
		r.give(now)
		return out
	}
	c.asking, c.given, c.held = false, false, now.Add(consentPause)
	if now < c.quiet {
		return out
	}
	c.quiet = now.Add(consentQuiet)
	return append(out, Action{Kind: DoNote, Topic: "policy",
		Why: fmt.Sprintf("not preempting %v: %s; asking again every %v while it is MASTER", r.heardFrom, objection, consentPause)})
}

// HeardSince returns since when the master that was heard last has been one, as
// far as a router knows that asks before it preempts; Never for others.
func (r *Router) HeardSince() mono.Instant {
	if r.consent == nil {
		return mono.Never
	}
	return r.consent.since
}
