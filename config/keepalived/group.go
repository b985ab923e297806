package keepalived

import (
	"github.com/moonkeep/moonkeep/config"
)

// group is a vrrp_sync_group being read.
type group struct {
	config.SyncGroup
	at                  pos
	members             []token
	scripts, interfaces []track
	damaged             bool
	meant               map[string]bool
}

func (r *reader) beginGroup(s *statement) {
	r.group, r.meant, r.damaged = &group{at: s.at()}, map[string]bool{}, false
	r.group.Name, r.group.At = r.objectName(s)
}

func (r *reader) endGroup(*statement) {
	g := r.group
	r.group, g.damaged, g.meant = nil, r.damaged, r.meant
	r.meant = nil
	if other := r.groupNamed[g.Name]; other != nil {
		r.out.error(g.at, "duplicate-name", "vrrp_sync_group %s is defined twice, first on %s", printable(g.Name), lineOf(other.At, g.At.File))
		return
	}
	r.groupNamed[g.Name] = g
	r.groups = append(r.groups, g)
}

// member reads a line of group { }: any number of names.
func (r *reader) member(s *statement) { r.group.members = append(r.group.members, s.words...) }

func (r *reader) globalTracking(s *statement) {
	r.out.warn(s.at(), "deprecated", "global_tracking is now written sync_group_tracking_weight; it means the same")
	r.group.KeepWeights = true
}

// completeGroup resolves the members. An instance belongs to the first group
// that names it; taken holds the groups of those seen.
func (r *reader) completeGroup(g *group, taken map[string]*group) (config.SyncGroup, bool) {
	for _, m := range g.members {
		exists := r.instanceNamed[m.text] != nil
		switch {
		case !exists && r.skipped[m.text]:
		case !exists:
			hint := ""
			if guess := r.nearestName(m.text, "unknown-instance", r.instanceNames); guess != "" {
				hint = ": did you mean " + printable(guess) + "?"
			}
			r.out.error(m.at, "unknown-instance", "no vrrp_instance is named %s%s", quoted(m.text), hint)
		case taken[m.text] == g:
			r.out.warn(m.at, "given-twice", "%s is named a second time in this group", printable(m.text))
		case taken[m.text] != nil:
			r.out.warn(m.at, "two-groups", "%s already belongs to vrrp_sync_group %s, which keeps it", printable(m.text), printable(taken[m.text].Name))
		default:
			taken[m.text] = g
			g.Members = append(g.Members, m.text)
		}
	}
	g.TrackScripts = r.resolveScripts(g.scripts)
	g.TrackInterfaces = r.resolveInterfaces(g.interfaces, "")
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
