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
	if h.Cause == "reload" {
		clear(l.spoke) // the names may be others' now
		return
	}
	for i := range h.Actions {
		a := &h.Actions[i]
		if a.Kind != node.Send && a.Kind != node.Announce || h.Before(a.Instance) != vrrp.Master || l.leaving[a.Instance] {
			continue
		}
		own := &find(h, l, a.Instance).Router
		spoke, ever := l.spoke[a.Instance]
		if silent := h.At.Sub(spoke); ever && !own.Owner() && silent > own.Interval+max(time.Duration(own.DownAdverts)*own.Interval, time.Second) {
			r.blame(h, "%s speaks as the MASTER that it was before it slept %v", a.Instance, silent)
		}
	}
	for i := range h.Actions {
		if a := &h.Actions[i]; a.Kind == node.Send {
			l.spoke[a.Instance] = h.At
		}
	}
}
