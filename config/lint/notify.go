package lint

import (
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// called is one event of a Notify and its program, which may be nil.
type called struct {
	event   string
	program *config.Program
}

// events are those for which there is a program of their own. That of notify
// is told by its arguments what happened.
func events(n *config.Notify) [4]called {
	return [4]called{{"notify_master", n.Master}, {"notify_backup", n.Backup}, {"notify_fault", n.Fault}, {"notify_stop", n.Stop}}
}

// notifications looks at what instances and groups run at a change.
func notifications(c *config.Config, found *config.Findings) {
	of := make(map[string]*config.Instance, len(c.Instances))
	for i := range c.Instances {
		of[c.Instances[i].Name] = &c.Instances[i]
		untold("vrrp_instance "+c.Instances[i].Name, &c.Instances[i].Notify, found)
	}
	for i := range c.Groups {
		g := &c.Groups[i]
		untold("vrrp_sync_group "+g.Name, &g.Notify, found)
		for _, m := range g.Members {
			if in := of[m]; in != nil {
				notifiedTwice(g, in, found)
			}
		}
	}
}

// untold reports a program that two events run alike, so that it cannot tell
// them apart.
func untold(what string, n *config.Notify, found *config.Findings) {
	all := events(n)
	for i, e := range all {
		for _, before := range all[:i] {
			if alike(e.program, before.program) {
				found.Add(e.program.At, config.Warning, "notify-untold", "%s: %s and %s run the same program with the same arguments: keepalived tells it nothing of the state, and only MOONKEEP_STATE in its environment does here; add the state as an argument",
					what, before.event, e.event)
				return
			}
		}
	}
}

// notifiedTwice reports a program that a sync group and a member of it both
// run at the same change.
func notifiedTwice(g *config.SyncGroup, in *config.Instance, found *config.Findings) {
	group := events(&g.Notify)
	for i, e := range events(&in.Notify) {
		if alike(e.program, group[i].program) {
			found.Add(e.program.At, config.Warning, "notified-twice", "vrrp_instance %s: %s runs what vrrp_sync_group %s runs at the same change: once for each member and once for the group; leave it in the group only",
				in.Name, e.event, g.Name)
		}
	}
}

func alike(a, b *config.Program) bool {
	return a != nil && b != nil && len(a.Argv) > 0 && slices.Equal(a.Argv, b.Argv)
}
