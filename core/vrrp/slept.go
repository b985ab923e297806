package vrrp

import (
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// told is what the others were told last by a MASTER that was given another interval
// since; the zero value is that it was not.
type told struct {
	interval time.Duration
	due      mono.Instant // the next advert
}

// promised returns when a MASTER's next advert is due, and at what interval, as far as
// the others know: they wait by that.
func (r *Router) promised() (due mono.Instant, interval time.Duration) {
	if r.told.interval > 0 {
		return r.told.due, r.told.interval
	}
	return r.t.advert, r.interval
}

// lapsed reports whether a MASTER's advert is so late that every backup has
// given it up.
func (r *Router) lapsed(now mono.Instant) bool {
	due, interval := r.promised()
	return r.t.advert != mono.Never && now.Sub(due) > r.deaf(interval)
}

// overslept reports whether a MASTER's advert is so late that it must listen
// before it speaks again. An owner would preempt at once (RFC 9568 6.1). With
// StallPriority it listens as soon as a router of that priority may be master.
func (r *Router) overslept(now mono.Instant) bool {
	if r.t.advert == mono.Never || r.Owner() {
		return false
	}
	due, interval := r.promised()
	late := now.Sub(due)
	if r.cfg.StallPriority > 0 && r.cfg.NoPreempt {
		return late > r.tolerance(interval)
	}
	return r.lapsed(now) && (r.cfg.NoPreempt || late >= slept)
}

// Overslept reports whether Tick would have a MASTER listen before it speaks
// again, because it has stood still for too long.
func (r *Router) Overslept(now mono.Instant) bool { return r.role == Master && r.overslept(now) }

// Tolerance is how late a Tick may be at least before there can be Overslept. Only
// Reconfigure makes it shorter.
func (r *Router) Tolerance() time.Duration {
	least := r.tolerance(r.cfg.Interval)
	if r.told.interval > 0 {
		least = min(least, r.tolerance(r.told.interval))
	}
	return least
}

// tolerance is Tolerance of an interval.
func (r *Router) tolerance(interval time.Duration) time.Duration {
	if p := r.cfg.StallPriority; p > 0 && r.cfg.NoPreempt {
		return r.cfg.Version.MasterDown(p, interval, r.cfg.DownAdverts) - interval
	}
	return r.deaf(interval)
}

// deaf is how late the router may be before it must assume that the network
// has moved on without it.
func (r *Router) deaf(interval time.Duration) time.Duration {
	return time.Duration(r.cfg.DownAdverts) * interval
}
