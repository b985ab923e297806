package rehearse

import (
	"time"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// slept: a MASTER that was silent until every backup had given it up, and for a
// second at least, neither advertises nor announces: not even that it resigns. It is
// called before anything is noted of the happening.
func (r *referee) slept(h *Happening, l *life) {
	for i := range h.Actions {
		a := &h.Actions[i]
		left := a.Change != nil && !a.Change.Group && a.Change.From == vrrp.Master
		if a.Kind != node.Send && a.Kind != node.Announce && !left || h.Before(a.Instance) != vrrp.Master || l.leaving[a.Instance] {
			continue
		}
		// A reload may give the name to another: but not before who slept listens.
		was := named(&l.config, a.Instance)
		due, ever := l.due[a.Instance]
		if was == nil || !ever {
			continue
		}
		own := &was.Router
		late := h.At.Sub(due)
		switch over := !own.Owner() && late > max(time.Duration(own.DownAdverts)*own.Interval, time.Second); {
		case over && left:
			r.seen[overslept]++
		case over:
			r.blame(h, "%s speaks as the MASTER that it was before it slept, %v late", a.Instance, late)
		}
		if left {
			delete(l.due, a.Instance)
		}
	}
	for i := range h.Actions {
		if a := &h.Actions[i]; a.Kind == node.Send {
			l.due[a.Instance] = h.At.Add(find(h, l, a.Instance).Router.Interval)
		}
	}
}
