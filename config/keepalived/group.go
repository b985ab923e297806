package keepalived

import (
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/inherit"
)

// group is a vrrp_sync_group that has been read.
type group struct {
	config.SyncGroup
	at      pos
	members []token
	tracks  tracks
	damaged bool
	meant   map[string]bool
}

func (r *reader) beginGroup(_ *statement) { r.members, r.tracking = nil, nil }

func (r *reader) endGroup(s *statement) {
	g := &group{at: s.at(), members: r.members, tracks: r.tracking, damaged: r.damaged, meant: r.meant}
	g.SyncGroup = taken[config.SyncGroup](r)
	if other := r.groupNamed[g.Name]; other != nil {
		r.out.warn(g.at, "duplicate-name", "vrrp_sync_group %s is defined twice, first on %s: this one is left out, as by keepalived", printable(g.Name), lineOf(other.At, g.At.File()))
		return
	}
	r.groupNamed[g.Name] = g
	r.groups = append(r.groups, g)
}

// member reads a line of group { }: any number of names.
func (r *reader) member(s *statement) { r.members = append(r.members, s.words...) }

// completeGroup resolves the members. An instance belongs to the first group
// that names it; taken holds the groups of those seen.
func (r *reader) completeGroup(g *group, taken map[string]*group) (config.SyncGroup, bool) {
	for _, m := range g.members {
		exists := r.instanceNamed[m.text] != nil
		switch {
		case !exists:
			hint := r.leftOut(m.text, g.At.File())
			if hint != "" {
				hint += "."
			} else if guess := r.nearestName(m.text, "unknown-instance", r.instanceNames); guess != "" {
				hint = ": did you mean " + printable(guess) + "?"
			}
			r.out.warn(m.at, "unknown-instance", "no vrrp_instance is named %s%s", quoted(m.text), aside(hinted(hint, "it is no member, as in keepalived")))
		case taken[m.text] == g:
			r.out.warn(m.at, "given-twice", "%s is named a second time in this group", printable(m.text))
		case taken[m.text] != nil:
			r.out.warn(m.at, "two-groups", "%s%s", printable(m.text), aside(" already belongs to vrrp_sync_group "+printable(taken[m.text].Name)+", which keeps it"))
		default:
			taken[m.text] = g
			g.Members = append(g.Members, m.text)
		}
	}
	out := &g.SyncGroup
	r.resolveAll(g.tracks, "", &out.TrackInterfaces, &out.TrackScripts, &out.TrackFiles, &out.TrackProcesses, &out.TrackBFDs)
	inherit.Group(out, &r.cfg.Global)
	switch {
	case len(g.members) == 0 && !g.damaged && !g.meant["group"]:
		r.out.warn(g.at, "empty-group", "vrrp_sync_group %s has no members and is ignored, as by keepalived", printable(g.Name))
	case len(g.members) == 1:
		r.out.warn(g.at, "single-member-group", "vrrp_sync_group %s has one member: there is nothing to keep together", printable(g.Name))
	}
	return g.SyncGroup, len(g.Members) > 0
}

// instanceNames returns the names of the instances in their order.
func (r *reader) instanceNames() []string {
	names := make([]string, len(r.instances))
	for k, i := range r.instances {
		names[k] = i.Name
	}
	return names
}
