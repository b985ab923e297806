package vrrp

import "github.com/moonkeep/moonkeep/core/mono"

// Reconfigure replaces the configuration without leaving the role. The VRID is the
// router's identity and does not change. A BACKUP listens anew when what its down
// interval is made of changed; otherwise it waits no longer than it would have, so
// that reloads do not put a take-over off. An interval that it learned from the
// master is still the master's, unless the version changes: the master that is heard
// from then on is another, or speaks otherwise. A preempt_delay that runs becomes as
// much shorter or longer as the new one is, and one that is over begins anew when it
// is longer now. The caller sets the effective priority afterwards and claims or
// releases addresses itself.
func (r *Router) Reconfigure(now mono.Instant, cfg *Config) {
	interval, learned, skew := r.interval, r.learned && cfg.Version == r.cfg.Version, r.skew()
	delay := r.cfg.PreemptDelay
	same := cfg.Version == r.cfg.Version && cfg.Interval == r.cfg.Interval && cfg.DownAdverts == r.cfg.DownAdverts
	r.adopt(cfg)
	switch r.role {
	case Master:
		if r.leaving {
			return
		}
		if interval != r.interval && r.told.interval == 0 {
			r.told = told{interval, r.t.advert}
		}
		r.t.advert = min(r.t.advert, r.nextAdvert(now))
		if cfg.Announce.Refresh > 0 {
			r.t.refresh = min(r.t.refresh, now.Add(cfg.Announce.Refresh))
		} else {
			r.t.refresh = mono.Never
		}
	case Backup:
		r.patience = r.patience && cfg.PreemptDelay <= delay
		r.t.preempt = r.t.preempt.Add(cfg.PreemptDelay - delay)
		if r.t.preempt.Reached(now) {
			r.t.preempt, r.patience = mono.Never, true
		}
		if learned {
			r.interval, r.learned = interval, true
		}
		if !r.wanting || !cfg.Hold {
			before := r.t.down
			r.listen(now)
			if same && before != mono.Never {
				// It was worked out with the effective priority, in whose place the
				// configured one is now, until the caller sets it.
				r.t.down = min(r.t.down, before.Add(r.skew()-skew))
			}
		}
	}
}
