package lint

import (
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// owner is the priority of an address owner (RFC 9568 5.2.4).
const owner = 255

// One returns what is to be said about one configuration alone.
func One(c *config.Config) config.Findings {
	var found config.Findings
	groups := memberships(c)
	held := addressed(c)
	for i := range c.Instances {
		in := &c.Instances[i]
		l := instanceLint{c: c, in: in, group: groups[in.Name], found: &found}
		l.password()
		l.silence()
		l.weights()
		l.untracked()
		l.announcements()
		l.strict()
		l.signed()
		l.ownPeer()
		l.layered()
		l.sources(held)
	}
	addressesTwice(c, &found)
	notifications(c, &found)
	checkTimes(c, &found)
	services(c, &found)
	mail(c, &found)
	interfaceDelays(c, &found)
	sessions(c, &found)
	idle(c, &found)
	return settle(found)
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
		l.warn(place(l.in, "authentication"), "clear-password", "auth_type PASS sends the password in clear to everybody on the network: it prevents mistakes, not attacks; use it nowhere else")
	}
}

// weights looks at the instance's trackers with a weight.
func (l *instanceLint) weights() {
	weighted, sum := false, l.in.Priority
	own := tracks(l.in)
	files := len(own)
	own = append(own, l.in.TrackFiles...)
	for i := range own {
		t := &own[i]
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
		if i < files {
			sum += max(t.Weight, 0)
		}
	}
	if l.in.Priority == owner {
		return
	}
	if sum > highest {
		l.warn(place(l.in, "priority"), "weight-clamped", "priority %d and the positive weights add up to %d, but 254 is the most there is: what is above is lost; lower the priority on all nodes",
			l.in.Priority, sum)
	}
	if weighted && l.in.NoPreempt {
		l.warn(place(l.in, "nopreempt"), "nopreempt-weight", "with nopreempt this node leaves every living master in office, however low a weight makes its priority: a failed check there moves nothing; use weight 0, or take nopreempt out")
	}
}

// tracks are what an instance tracks, files excepted.
func tracks(in *config.Instance) []config.Track {
	return slices.Concat(in.TrackScripts, in.TrackInterfaces, in.TrackProcesses, in.TrackBFDs)
}

// untracked looks at an instance that nothing can make give up its addresses
// when its network fails.
func (l *instanceLint) untracked() {
	if !l.in.IgnorePrimary || len(tracks(l.in))+len(l.in.TrackFiles) > 0 {
		return
	}
	if g := l.group; g != nil && len(g.TrackScripts)+len(g.TrackInterfaces)+len(g.TrackFiles)+len(g.TrackProcesses)+len(g.TrackBFDs)+len(g.Members) > 1 {
		return // the group's other members and trackers may fault it
	}
	for a := range addresses(l.in) {
		if a.Device != "" && a.Device != l.in.Interface && !a.NoTrack {
			return // the address's own interface is tracked
		}
	}
	l.warn(place(l.in, "dont_track_primary"), "untracked-link", "dont_track_primary, and nothing else is tracked: when %s fails here, this node stays master while another takes over, and both hold the addresses when it comes back; take dont_track_primary out, or track what has to work",
		l.in.Interface)
}

// addressesTwice reports a virtual address that stands in two instances, or
// twice in one.
func addressesTwice(c *config.Config, found *config.Findings) {
	type held struct {
		device string
		bits   [16]byte
		four   bool
	}
	holders := make(map[held]*config.Instance)
	for i := range c.Instances {
		in := &c.Instances[i]
		for a := range addresses(in) {
			device := a.Device
			if device == "" {
				device = in.Interface
			}
			key := held{device, a.Addr().As16(), a.Addr().Is4()}
			other := holders[key]
			switch {
			case other == nil:
				holders[key] = in
			case other == in:
				found.Add(a.At, config.Warning, "address-twice", "vrrp_instance %s: %s is among its virtual addresses twice; take one of them out", in.Name, a.Addr())
			default:
				found.Add(a.At, config.Warning, "address-twice", "vrrp_instance %s: %s on %s is a virtual address of vrrp_instance %s too: whichever of the two becomes backup takes it away from the other; leave it in one of them",
					in.Name, a.Addr(), device, other.Name)
			}
		}
	}
}
