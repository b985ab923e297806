package daemon

import (
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/kernel/announce"
)

// pace is how fast the announcements of a configuration may follow each other: on
// an interface as slowly as any instance asks for that announces there. An
// interface of a virtual router's own is in the group of the one below it.
func pace(c *config.Config) announce.Pace {
	p := announce.Pace{Gaps: announce.Gaps{ARP: c.Global.GarpInterval, NA: c.Global.GnaInterval}}
	for name, gap := range build.GarpIntervals(c) {
		if gap == p.Gaps.ARP {
			continue
		}
		if p.Interfaces == nil {
			p.Interfaces = make(map[string]announce.Gaps)
		}
		p.Interfaces[name] = announce.Gaps{ARP: gap, NA: p.Gaps.NA}
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
