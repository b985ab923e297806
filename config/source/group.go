package source

import (
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// checkGroup looks up the members of a group. Taken are the instances that
// have a group, with its name.
func (r *reader) checkGroup(t *table, g *config.SyncGroup, taken map[string]string) {
	f := t.v.get("group")
	if f == nil || f.value.kind != kindList {
		return
	}
	owners := 0
	var members []string
	for _, item := range f.value.items {
		name := item.text
		if item.kind != kindText || !slices.Contains(g.Members, name) {
			continue // that has been said
		}
		in := r.instances[name]
		switch other, is := taken[name]; {
		case in == nil:
			r.error(item.at, "unknown-instance", "%s: there is no vrrp_instance %s%s", t.what, item.shown(name), r.hintName(name, names(r.instances)))
			continue
		case slices.Contains(members, name):
			r.error(item.at, "given-twice", "%s: group names %s twice", t.what, r.plain(name))
			continue
		case is:
			r.error(item.at, "two-groups", "vrrp_instance %s is in vrrp_sync_group %s already, and can be in one only", r.plain(name), r.plain(other))
			continue
		}
		taken[name] = g.Name
		members = append(members, name)
		if in.Priority == ownerPriority {
			owners++
		}
	}
	g.Members = members
	switch items := len(f.value.items); {
	case items == 0:
		r.error(f.at, "empty-group", "%s has no member", t.what)
	case items == 1 && len(members) == 1:
		r.warn(f.at, "single-member-group", "%s has one member: there is nothing to keep in step", t.what)
	case owners > 0 && owners < len(members):
		r.error(f.at, "mixed-owners", "%s mixes instances of priority 255, which are master always, with others, which may not be", t.what)
	}
}
