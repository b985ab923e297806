package lint

import (
	"fmt"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// The bounds beyond which One speaks.
const (
	// shortSilence is a master-down interval that an ordinary pause, of a
	// loaded hypervisor or of a switch, already reaches.
	shortSilence = 100 * time.Millisecond
	// slowCheck is a time to notice a failed check that makes the speed of
	// the rest pointless, however slow the rest is.
	slowCheck = 30 * time.Second
)

// failover is how long a backup of the instance's priority waits for a silent
// master (RFC 9568 6.1, RFC 3768 6.1), with its skew.
func failover(in *config.Instance) (silence, skew time.Duration) {
	unit := time.Second
	if in.Version == 3 {
		unit = in.AdvertInt
	}
	return in.AdvertInt * time.Duration(in.DownTimerAdverts), unit * time.Duration(256-in.Priority) / 256
}

// silence looks at how little makes a backup take over.
func (l *instanceLint) silence() {
	in := l.in
	switch silence, _ := failover(in); {
	case silence < shortSilence:
		l.warn(place(in, "advert_int"), "short-silence", "a pause of %v of the master or of the network already moves the addresses (advert_int %v times down_timer_adverts %d)",
			silence, in.AdvertInt, in.DownTimerAdverts)
	case in.DownTimerAdverts == 1:
		l.warn(place(in, "down_timer_adverts"), "one-lost-advert", "with down_timer_adverts 1 a single lost or late advert moves the addresses; use 2 or more, with a shorter advert_int if it has to be fast")
	}
}

// announcements looks at whether gratuitous ARP and neighbour advertisements
// reach a network that is not ready at once, and how long they take.
func (l *instanceLint) announcements() {
	in, g := l.in, &l.in.Garp
	n := len(in.Addresses) + len(in.Excluded)
	if n == 0 {
		return
	}
	if g.MasterDelay == 0 && g.MasterRefresh == 0 {
		l.warn(place(in, "garp.master_delay"), "announced-once", "garp_master_delay 0 and no garp_master_refresh: the addresses are announced at the change only, and a switch or host that misses it (a port that is still blocked, say) sends to the old master until its cache expires; write garp_master_delay 5")
	}
	burst := g.Interval * time.Duration(n*max(g.MasterRepeat, 1))
	if silence, skew := failover(in); burst > silence+skew {
		l.warn(place(in, "garp.master_repeat"), "slow-announcement", "announcing takes %v (garp_master_repeat %d times %d addresses, one every %v), longer than the failover itself (%v): the last address moves long after the first; lower garp_master_repeat or the interval",
			burst, max(g.MasterRepeat, 1), n, g.Interval, round(silence+skew))
	}
}

// round leaves out what nobody reads.
func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// checkTimes looks at how long the failures that scripts look for go
// unnoticed.
func checkTimes(c *config.Config, found *config.Findings) {
	fastest := make(map[string]*config.Instance)
	note := func(in *config.Instance, tracks []config.Track) {
		for _, t := range tracks {
			if other := fastest[t.Name]; other == nil || sum(failover(in)) < sum(failover(other)) {
				fastest[t.Name] = in
			}
		}
	}
	groups := memberships(c)
	for i := range c.Instances {
		in := &c.Instances[i]
		note(in, in.TrackScripts)
		if g := groups[in.Name]; g != nil {
			note(in, g.TrackScripts)
		}
	}
	for i := range c.Scripts {
		checkTime(&c.Scripts[i], fastest[c.Scripts[i].Name], found)
	}
}

func sum(a, b time.Duration) time.Duration { return a + b }

// unnoticed is how long a failure goes unnoticed at worst: it begins just
// after a run began well, and each of the fall runs hangs until its timeout.
// A run that lasts longer than the interval takes the place of the next ones.
func unnoticed(s *config.Script) time.Duration {
	between := s.Interval
	if s.Interval > 0 {
		between *= max(1, (s.Timeout+s.Interval-1)/s.Interval)
	}
	return s.Interval + time.Duration(s.Fall-1)*between + s.Timeout
}

// checkTime compares a check with the failover of the fastest instance that
// tracks it, if any.
func checkTime(s *config.Script, in *config.Instance, found *config.Findings) {
	if s.Timeout > s.Interval {
		found.Add(s.Written.At("timeout", s.At), config.Warning, "check-overlap", "vrrp_script %s: timeout %v is longer than interval %v: while a run hangs, those that are due are left out, so a hanging service is noticed after %v only; make the timeout the interval or less",
			s.Name, s.Timeout, s.Interval, unnoticed(s))
	}
	worst := unnoticed(s)
	text := fmt.Sprintf("a failure may go unnoticed for %v (%d times interval %v, and timeout %v)", worst, s.Fall, s.Interval, s.Timeout)
	if in == nil {
		if worst > slowCheck {
			found.Add(s.Written.At("interval", s.At), config.Warning, "slow-check", "vrrp_script %s: %s", s.Name, text)
		}
		return
	}
	silence, skew := failover(in)
	if limit := silence + skew; max(s.Interval, s.Timeout) > limit || worst > slowCheck && worst > limit {
		found.Add(s.Written.At("interval", s.At), config.Warning, "slow-check", "vrrp_script %s: %s, while the loss of the whole node is noticed in %v (vrrp_instance %s: %d times advert_int %v, and %v of skew); run it more often, and give it less time",
			s.Name, text, round(limit), in.Name, in.DownTimerAdverts, in.AdvertInt, round(skew))
	}
}
