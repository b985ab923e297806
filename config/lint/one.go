package lint

import (
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// owner is the priority of an address owner (RFC 9568 5.2.4).
const owner = 255

// The bounds beyond which One speaks.
const (
	// shortSilence is a master-down interval that an ordinary pause, of a
	// loaded hypervisor or of a switch, already reaches.
	shortSilence = 100 * time.Millisecond
	// slowCheck is a time to notice a failed check that makes the speed of
	// the rest pointless.
	slowCheck = 30 * time.Second
)

// One returns what is to be said about one configuration alone.
func One(c *config.Config) config.Findings {
	var found config.Findings
	groups := memberships(c)
	for i := range c.Instances {
		in := &c.Instances[i]
		l := instanceLint{c: c, in: in, group: groups[in.Name], found: &found}
		l.password()
		l.silence()
		l.weights()
	}
	for i := range c.Scripts {
		checkTime(&c.Scripts[i], &found)
	}
	found.Sort()
	return found
}

// memberships maps each instance to its sync group.
func memberships(c *config.Config) map[string]*config.SyncGroup {
	groups := make(map[string]*config.SyncGroup)
	for i := range c.Groups {
		for _, m := range c.Groups[i].Members {
			groups[m] = &c.Groups[i]
		}
	}
	return groups
}

type instanceLint struct {
	c     *config.Config
	in    *config.Instance
	group *config.SyncGroup // nil when in none
	found *config.Findings
}

func (l *instanceLint) warn(at config.Position, name, format string, args ...any) {
	l.found.Add(at, config.Warning, name, "vrrp_instance "+l.in.Name+": "+format, args...)
}

func (l *instanceLint) password() {
	if l.in.AuthType == "PASS" {
		l.warn(l.in.At, "clear-password", "auth_type PASS sends the password in clear to everybody on the network: it prevents mistakes, not attacks; use it nowhere else")
	}
}

func (l *instanceLint) silence() {
	if silence := l.in.AdvertInt * time.Duration(l.in.DownTimerAdverts); silence < shortSilence {
		l.warn(l.in.At, "short-silence", "a pause of %v of the master or of the network already moves the addresses (advert_int %v times down_timer_adverts %d)",
			silence, l.in.AdvertInt, l.in.DownTimerAdverts)
	}
}

// weights looks at the instance's trackers with a weight.
func (l *instanceLint) weights() {
	var own []config.Track
	own = append(own, l.in.TrackScripts...)
	own = append(own, l.in.TrackInterfaces...)
	weighted, sum := false, l.in.Priority
	for _, t := range own {
		if t.Weight == 0 {
			continue
		}
		if l.group != nil && !l.group.KeepWeights {
			l.warn(t.At, "group-weight", "the weight %d of %s is not used, because the instance is in vrrp_sync_group %s: track it in the group, or set sync_group_tracking_weight there",
				t.Weight, t.Name, l.group.Name)
			continue
		}
		if l.in.Priority == owner {
			l.warn(t.At, "owner-weight", "the weight %d of %s has no effect: priority 255 never changes; give another priority, or weight 0", t.Weight, t.Name)
			continue
		}
		weighted = true
		sum += max(t.Weight, 0)
	}
	if l.in.Priority == owner {
		return
	}
	if sum > 254 {
		l.warn(l.in.At, "weight-clamped", "priority %d and the positive weights add up to %d, but 254 is the most there is: what is above is lost; lower the priority on all nodes",
			l.in.Priority, sum)
	}
	if weighted && l.in.NoPreempt {
		l.warn(l.in.At, "nopreempt-weight", "with nopreempt this node leaves every living master in office, however low a weight makes its priority: a failed check there moves nothing; use weight 0, or take nopreempt out")
	}
}

// checkTime looks at how long a failure goes unnoticed.
func checkTime(s *config.Script, found *config.Findings) {
	worst := time.Duration(s.Fall)*s.Interval + s.Timeout
	if worst > slowCheck {
		found.Add(s.At, config.Warning, "slow-check", "vrrp_script %s: a failure may go unnoticed for %v (%d times interval %v, and timeout %v)",
			s.Name, worst, s.Fall, s.Interval, s.Timeout)
	}
}
