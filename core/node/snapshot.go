package node

import (
	"slices"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Status returns a copy of everything that people may ask.
func (n *Node) Status(now mono.Instant) *Status {
	s := &Status{At: now, Strangers: n.strangers, Maintenance: n.maintenance.All, Seq: n.seq}
	for _, in := range n.instances {
		v := in.router.View()
		st := InstanceStatus{
			Name: in.cfg.Name, Interface: in.cfg.Interface, Version: in.cfg.Router.Version, VRID: in.cfg.Router.VRID,
			Role: v.Role, Since: v.Since, Why: v.Why, Base: in.cfg.Router.Priority, Effective: v.Effective,
			Terms: slices.Clone(in.terms), Faults: slices.Clone(in.faults), Waiting: slices.Clone(in.waiting),
			Interval: in.cfg.Router.Interval, MasterInterval: v.Interval, MasterDown: v.MasterDown, NextAdvert: v.NextAdvert,
			Source: v.Source, LastSent: v.LastSent, LastHeard: v.LastHeard, HeardFrom: v.HeardFrom, HeardPriority: v.HeardPriority,
			Addresses: slices.Clone(in.addresses()), Routing: in.cfg.Routing, Claimed: in.claimed, Repaired: in.repaired, Lacks: in.lack.why, Leaving: v.Leaving,
			Dual: v.Dual, Maintenance: v.Barred, Resting: v.Resting && !v.RestEnd.Reached(now), RestEnd: v.RestEnd, Counts: v.Counts,
		}
		st.Auth, st.HMAC = in.cfg.Router.Auth, in.cfg.Router.HMAC.Mode
		if st.HMAC != vrrp.HMACOff {
			st.Auth, st.Key = vrrp.AuthNone, in.cfg.Router.HMAC.Active
		}
		for _, p := range in.cfg.Router.Unicast.Peers {
			st.Peers = append(st.Peers, p.Addr)
		}
		if in.group != nil {
			st.Group = in.group.cfg.Name
		}
		s.Instances = append(s.Instances, st)
	}
	for _, g := range n.groups {
		st := GroupStatus{Name: g.cfg.Name, Role: g.role, Since: g.since}
		for _, m := range g.members {
			st.Members = append(st.Members, m.cfg.Name)
		}
		s.Groups = append(s.Groups, st)
	}
	for _, c := range n.statics {
		s.Statics = append(s.Statics, StaticStatus{
			Name: c.cfg.Name, Addresses: slices.Clone(c.cfg.Addresses), Routing: c.cfg.Routing,
			Members: slices.Clone(c.cfg.Members), Failure: c.failure,
		})
	}
	for _, c := range n.sessions {
		st := c.status()
		st.Users = append(st.Users, n.followers(c.checks)...)
		s.Sessions = append(s.Sessions, st)
	}
	for _, f := range n.fileOrder {
		st := f.status()
		st.Users = append(st.Users, n.followers(f.checks)...)
		s.Files = append(s.Files, st)
	}
	for _, p := range n.processOrder {
		s.Processes = append(s.Processes, p.status())
	}
	for _, c := range n.order {
		state, since := c.life.State()
		s.Scripts = append(s.Scripts, ScriptStatus{
			Name: c.cfg.Name, State: state.String(), Since: since, Used: len(c.users) > 0,
			Result: c.result, Message: c.message, Last: c.last, Took: c.took,
			InARow: c.life.InARow(), Rise: max(1, c.cfg.Rise), Fall: max(1, c.cfg.Fall), Weight: c.measured(),
		})
	}
	return s
}
