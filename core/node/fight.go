package node

import (
	"fmt"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

const (
	// fights removals within fightWindow are no accident: somebody takes away
	// what this node sets, and clients see it come and go.
	fights      = 5
	fightWindow = 10 * time.Second
	// fightRest is how long FAULT lasts then, so that a node where nobody
	// fights can hold the addresses: twice as long each time, up to
	// claimRestMax, and from the beginning after fightPeace without a removal.
	fightRest  = 10 * time.Second
	fightPeace = time.Minute
)

// strife remembers when somebody removed what was held.
type strife struct {
	at   []mono.Instant // at most fights
	rest time.Duration
	last mono.Instant
}

// removed notes a removal, and returns how long to rest when there were too
// many; 0 otherwise.
func (s *strife) removed(now mono.Instant) time.Duration {
	if s.rest > 0 && now.Sub(s.last) > s.rest+fightPeace {
		s.rest = 0
	}
	s.last = now
	from := 0
	for from < len(s.at) && now.Sub(s.at[from]) >= fightWindow {
		from++
	}
	s.at = append(s.at[:0], s.at[from:]...)
	if s.at = append(s.at, now); len(s.at) < fights {
		return 0
	}
	s.at = s.at[:0]
	s.rest = min(max(fightRest, 2*s.rest), claimRestMax)
	return s.rest
}

// first names what was lost, or the first of several.
func (e *Gone) first() string {
	switch {
	case len(e.Addresses) > 0:
		return fmt.Sprintf("%v dev %s", e.Addresses[0].Prefix, e.Addresses[0].Device)
	case len(e.Routing.Routes) > 0:
		return "route " + e.Routing.Routes[0].String()
	case len(e.Routing.Rules) > 0:
		return "rule " + e.Routing.Rules[0].String()
	}
	return "nothing"
}

// fought is the reason for FAULT after too many removals.
func (e *Gone) fought() string {
	text := fmt.Sprintf("somebody removed what it holds %d times within %v, %s the last time; the kernel does not say who", fights, fightWindow, e.first())
	if e.Suspects != "" {
		text += ", but " + e.Suspects
	}
	return text
}

// gone puts back at once what somebody else removed, and announces it: the
// clients may have been told otherwise. When that happens again and again the
// instance makes room for another node.
func (n *Node) gone(now mono.Instant, e *Gone) {
	in := n.byName[e.Instance]
	if in == nil {
		n.staticGone(now, e)
		return
	}
	if in.router.Role() != vrrp.Master || in.router.Leaving() {
		return
	}
	// What the kernel has not confirmed since the last claim was not there to
	// be taken away.
	if in.claimed && !e.Left {
		in.repaired++
		if rest := in.strife.removed(now); rest > 0 {
			n.yield(now, in, e.fought(), rest)
			return
		}
	}
	if now >= in.quiet && !e.Left {
		in.quiet = now.Add(quietFor)
		n.note(Warn, in.cfg.Name, "address", fmt.Sprintf("somebody removed %s: putting it back", e.first()))
	}
	n.claim(in)
	if len(e.Addresses) > 0 {
		n.announce(in, 1)
	}
}

// yield puts the instance in FAULT for that long, because it cannot hold what
// it must.
func (n *Node) yield(now mono.Instant, in *instance, why string, rest time.Duration) {
	in.refused = why
	n.settle(now, in)
	in.retry = now.Add(rest)
	n.reschedule(in)
}
