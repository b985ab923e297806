package daemon

import (
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/kernel/announce"
)

// pace is how fast the announcements of a configuration may follow each other: on
// an interface as slowly as any of its instances asks for, since it is shared. An
// interface of a virtual router's own is in the group of the one below it.
func pace(c *config.Config) announce.Pace {
	p := announce.Pace{Gaps: announce.Gaps{NA: c.Global.GnaInterval}}
	for i := range c.Instances {
		p.Gaps.ARP = max(p.Gaps.ARP, c.Instances[i].Garp.Interval)
	}
	devices := build.Devices(c)
	for _, g := range c.GarpGroups {
		members := slices.Clone(g.Interfaces)
		if g.Interface != "" {
			members = append(members, g.Interface)
		}
		for _, d := range devices {
			if slices.Contains(members, d.Parent) {
				members = append(members, d.Name)
			}
		}
		p.Groups = append(p.Groups, announce.Group{Gaps: announce.Gaps{ARP: g.GarpInterval, NA: g.GnaInterval}, Interfaces: members})
	}
	return p
}
