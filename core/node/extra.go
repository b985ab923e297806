package node

import (
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// soon is when after becoming MASTER Extra.Soon announces again: when a master
// before it has given its addresses up, and when a slow one must have.
func soon() [3]time.Duration {
	return [3]time.Duration{50 * time.Millisecond, 250 * time.Millisecond, time.Second}
}

// reschedule sets the instance's timer to what is due next.
func (n *Node) reschedule(in *instance) {
	n.sched.set(in.timer, mono.Min(mono.Min(in.router.Deadline(), in.lack.due()), mono.Min(in.retry, in.extra.at)))
}

// extra is where an instance is in its further announcements.
type extra struct {
	// since is when it became MASTER, Never while it is not.
	since mono.Instant
	// repeats is how many of soon were made.
	repeats int
	// interval is when Extra.Interval is over, at when anything is due next;
	// Never when nothing is.
	interval, at mono.Instant
}

func idle() extra { return extra{since: mono.Never, interval: mono.Never, at: mono.Never} }

// announceExtra announces what is due beside the router's own announcements, and
// sees to it that it is due while the instance is MASTER only.
func (n *Node) announceExtra(now mono.Instant, in *instance) {
	x, cfg := &in.extra, &in.cfg.Extra
	if in.router.Overslept(now) {
		return // it is about to listen, and to be MASTER no longer
	}
	if in.router.Role() != vrrp.Master || in.router.Leaving() || !cfg.Soon && cfg.Interval <= 0 {
		*x = idle()
		return
	}
	if x.since == mono.Never {
		x.since = now
	}
	x.at = mono.Never
	if list := soon(); cfg.Soon {
		due := x.repeats
		for x.repeats < len(list) && x.since.Add(list[x.repeats]).Reached(now) {
			x.repeats++ // after a stall several may be due, for which one will do
		}
		if x.repeats > due {
			n.announce(in, 1)
		}
		if x.repeats < len(list) {
			x.at = x.since.Add(list[x.repeats])
		}
	}
	switch {
	case cfg.Interval <= 0:
		x.interval = mono.Never
	case x.interval == mono.Never || x.interval.Sub(now) > cfg.Interval:
		x.interval = now.Add(cfg.Interval)
	case x.interval.Reached(now):
		x.interval = now.Add(cfg.Interval)
		n.out = append(n.out, Action{Kind: Announce, Instance: in.cfg.Name, Addresses: cfg.Addresses, Rounds: 1})
	}
	x.at = mono.Min(x.at, x.interval)
}
