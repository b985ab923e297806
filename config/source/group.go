package source

import (
	"fmt"
	"maps"
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

func (r *reader) groupList(items []*value) []config.SyncGroup {
	var all []config.SyncGroup
	names := make(map[string]config.Position)
	taken := make(map[string]string) // instance -> its group
	for i, item := range items {
		g, ok := r.group(item, i, taken)
		if !ok {
			continue
		}
		if first, twice := names[g.Name]; twice {
			r.error(g.At, "duplicate-name", "vrrp_sync_group %s is defined twice, first in line %d", g.Name, first.Line)
			continue
		}
		names[g.Name] = g.At
		all = append(all, g)
	}
	return all
}

func (r *reader) group(v *value, i int, taken map[string]string) (config.SyncGroup, bool) {
	g := config.SyncGroup{At: v.at}
	t := r.table(v, title("vrrp_sync_group", v, i))
	if t == nil {
		return g, false
	}
	g.Name = t.name("name")
	r.members(t, &g, taken)
	g.TrackScripts = r.trackScripts(t)
	g.TrackInterfaces = r.trackInterfaces(t, "")
	t.flag("sync_group_tracking_weight", &g.KeepWeights)
	g.Notify = r.notify(t)
	t.done()
	return g, g.Name != ""
}

// members reads group, the names of the members.
func (r *reader) members(t *table, g *config.SyncGroup, taken map[string]string) {
	if !t.has("group") {
		t.take("group")
		t.error(t.v.at, "missing-key", "%s needs a group: the list of its instances", t.what)
		return
	}
	items := t.list("group")
	owners := 0
	for _, item := range items {
		name, ok := r.asText(item, t.what+": an item of group")
		if !ok {
			continue
		}
		in := r.instances[name]
		switch other, is := taken[name]; {
		case in == nil:
			hint := ""
			if near := config.Nearest(name, slices.Sorted(maps.Keys(r.instances))); near != "" {
				hint = fmt.Sprintf("; is %q meant?", near)
			}
			r.error(item.at, "unknown-instance", "%s: there is no vrrp_instance %s%s", t.what, quoted(name), hint)
			continue
		case slices.Contains(g.Members, name):
			r.error(item.at, "given-twice", "%s: group names %s twice", t.what, name)
			continue
		case is:
			r.error(item.at, "two-groups", "vrrp_instance %s is in vrrp_sync_group %s already, and can be in one only", name, other)
			continue
		}
		taken[name] = t.what
		if g.Name != "" {
			taken[name] = g.Name
		}
		g.Members = append(g.Members, name)
		if in.Priority == ownerPriority {
			owners++
		}
	}
	at := t.place("group")
	switch {
	case len(items) == 0 && t.v.get("group").value.kind == kindList:
		r.error(at, "empty-group", "%s has no member", t.what)
	case len(items) == 1 && len(g.Members) == 1:
		r.warn(at, "single-member-group", "%s has one member: there is nothing to keep in step", t.what)
	case owners > 0 && owners < len(g.Members):
		r.error(at, "mixed-owners", "%s mixes instances of priority 255, which are master always, with others, which may not be", t.what)
	}
}
