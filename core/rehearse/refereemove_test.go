package rehearse

import (
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// planned reports whether a call may begin planned moves. So may a reload that
// adds what is in maintenance to a sync group.
func planned(h *Happening) bool {
	return h.Cause == "failover" || h.Cause == "maintenance" || h.Cause == "reload"
}

// cedes reports whether a MASTER may resign at once because another member of its
// sync group, which a reload added, hears of a master elsewhere; or may when it
// stays because nobody took its addresses. That other one was BACKUP and stays it.
func cedes(h *Happening, name string) bool {
	if h.Cause != "packet" && h.Cause != "tick" {
		return false
	}
	instances := h.Status().Instances
	group := ""
	for _, in := range instances {
		if in.Name == name {
			group = in.Group
		}
	}
	return group != "" && slices.ContainsFunc(instances, func(in node.InstanceStatus) bool {
		return in.Group == group && in.Name != name && h.Before(in.Name) == vrrp.Backup && h.After(in.Name) == vrrp.Backup
	})
}

// moves notes which instances hand over as planned, and no longer.
func (r *referee) moves(h *Happening, l *life) {
	if planned(h) {
		for _, in := range h.Status().Instances {
			if in.Leaving && !l.leaving[in.Name] {
				l.leaving[in.Name] = true
				r.seen[moves]++
			}
		}
	}
	for i := range h.Actions {
		a := &h.Actions[i]
		stays := a.Note != nil && a.Note.Topic == "failover"
		if leaves := a.Change != nil && !a.Change.Group && a.Change.From == vrrp.Master; stays || leaves && !h.Node.daemon.stopping {
			delete(l.leaving, a.Instance)
			l.refused[a.Instance] = 0 // what was answered meanwhile did not count
		}
	}
}

// hastens reports whether an advert has the others take over sooner, right
// before one of priority 0: in version 3 and with a longer interval only.
func hastens(h *Happening, a *node.Action, advert *vrrp.Advert, in *node.Instance) bool {
	const short = 120 * time.Millisecond
	if advert.Interval != short || in.Router.Version != vrrp.V3 || in.Router.Interop || in.Router.Interval <= short {
		return false
	}
	return slices.ContainsFunc(h.Actions, func(b node.Action) bool {
		if b.Kind != node.Send || b.Instance != a.Instance {
			return false
		}
		p := vrrp.Packet{Protocol: b.Protocol, Payload: b.Payload}
		return p.Message()[2] == 0
	})
}

// otherwise forgets that claims failed of an instance that claims something else
// from now on: the kernel may not refuse that.
func (l *life) otherwise(h *Happening) {
	for i := range h.Node.daemon.config.Instances {
		in := &h.Node.daemon.config.Instances[i]
		for k := range l.config.Instances {
			was := &l.config.Instances[k]
			if was.Router.VRID == in.Router.VRID && (!slices.Equal(owned(was), owned(in)) || !was.Routing.Equal(in.Routing)) {
				l.refused[in.Name] = 0
			}
		}
	}
	for i := range l.config.Instances {
		if was := &l.config.Instances[i]; instanceIn(&h.Node.daemon.config, was.Router.VRID) == nil {
			delete(l.allowed, was.Router.VRID) // one that comes back is another
		}
	}
}
