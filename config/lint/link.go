package lint

import (
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// interfaceDelays looks at delays of an interface's loss that an instance on
// it cannot wait for: backups would take over while it still counts as up.
func interfaceDelays(c *config.Config, found *config.Findings) {
	if len(c.InterfaceDelays) == 0 {
		return
	}
	on := make(map[string]*config.Instance)
	for i := range c.Instances {
		in := &c.Instances[i]
		if o := on[in.Place(in.Interface)]; o == nil || in.LongestDelay() < o.LongestDelay() {
			on[in.Place(in.Interface)] = in
		}
	}
	for i := range c.InterfaceDelays {
		d := &c.InterfaceDelays[i]
		if in := on[d.Interface]; in != nil && d.Down > in.LongestDelay() {
			found.Add(d.At, config.Warning, "interface-delay-cut", "interface_up_down_delays: %s may be down for %v before it counts, but vrrp_instance %s on it is missed after %d times advert_int %v: keepalived cuts the delay to %v; write less, or a longer advert_int",
				d.Interface, d.Down, in.Name, in.DownTimerAdverts, in.AdvertInt, in.LongestDelay().Round(time.Millisecond))
		}
	}
}

// shortSession is a time to detect the loss of a BFD session that an ordinary
// pause of a process already reaches.
const shortSession = 50 * time.Millisecond

// withheld says of a session that is for one use only who has it for the other.
func withheld(c *config.Config, b *config.BFD, found *config.Findings) {
	if b.Checker == b.VRRP {
		return
	}
	uses := func(t config.Track) bool { return t.Name == b.Name }
	if b.Checker {
		by := ""
		for i := range c.Groups {
			if slices.ContainsFunc(c.Groups[i].TrackBFDs, uses) {
				by = "vrrp_sync_group " + c.Groups[i].Name
			}
		}
		for i := range c.Instances {
			if slices.ContainsFunc(c.Instances[i].TrackBFDs, uses) {
				by = "vrrp_instance " + c.Instances[i].Name
			}
		}
		if by != "" {
			found.Add(b.Written.At("checker", b.At), config.Warning, "session-for-checkers", "bfd_instance %s is for checkers only (checker without vrrp), and %s tracks it: keepalived would not let it; write vrrp, too", b.Name, by)
		}
		return
	}
	for i := range c.VirtualServers {
		for j := range c.VirtualServers[i].RealServers {
			for k := range c.VirtualServers[i].RealServers[j].Checks {
				if x := c.VirtualServers[i].RealServers[j].Checks[k].BFD; x != nil && x.Name == b.Name {
					found.Add(b.Written.At("vrrp", b.At), config.Warning, "session-for-vrrp", "bfd_instance %s is for instances only (vrrp without checker), and a BFD_CHECK of real_server %s follows it: keepalived would not let it; write checker, too", b.Name, c.VirtualServers[i].RealServers[j].Address)
					return
				}
			}
		}
	}
}

// sessions compares how fast BFD notices a failure with the failover that it
// is to be faster than.
func sessions(c *config.Config, found *config.Findings) {
	if len(c.BFDs) == 0 {
		return
	}
	fastest := make(map[string]*config.Instance)
	for i := range c.Instances {
		in := &c.Instances[i]
		for _, t := range in.TrackBFDs {
			if o := fastest[t.Name]; o == nil || sum(failover(in)) < sum(failover(o)) {
				fastest[t.Name] = in
			}
		}
	}
	for i := range c.BFDs {
		b := &c.BFDs[i]
		withheld(c, b, found)
		detect := b.MinRX * time.Duration(b.Multiplier)
		switch in := fastest[b.Name]; {
		case detect < shortSession:
			found.Add(b.Written.At("min_rx", b.At), config.Warning, "short-session", "bfd_instance %s: a pause of %v of the peer or of the network already ends the session (min_rx %v times multiplier %d); make it 50ms or more", b.Name, detect, b.MinRX, b.Multiplier)
		case in != nil && detect > sum(failover(in)):
			found.Add(b.Written.At("min_rx", b.At), config.Warning, "slow-session", "bfd_instance %s: the loss of the peer is noticed after %v (min_rx %v times multiplier %d), and vrrp_instance %s notices that of the master after %v by itself; make min_rx or multiplier smaller",
				b.Name, detect, b.MinRX, b.Multiplier, in.Name, round(sum(failover(in))))
		}
	}
}
