package node

import (
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// ask asks whether an instance may preempt. The members of a sync group preempt
// together, so one question is about all of them.
func (n *Node) ask(now mono.Instant, in *instance) {
	members := []*instance{in}
	if g := in.group; g != nil {
		if now < g.asked {
			return // another member did
		}
		members, g.asked = g.members, now.Add(vrrp.ConsentLimit)
	}
	a := Action{Kind: AskPolicy, Instance: in.cfg.Name}
	for _, m := range members {
		v := m.router.View()
		p := Preemption{Instance: m.cfg.Name, Priority: v.Effective, Master: v.HeardFrom, MasterPriority: v.HeardPriority}
		if m.group != nil {
			p.Group = m.group.cfg.Name
		}
		if at := m.router.HeardSince(); v.HeardFrom.IsValid() && at != mono.Never {
			p.MasterFor = now.Sub(at)
		}
		a.Preempt = append(a.Preempt, p)
	}
	n.out = append(n.out, a)
}

func (n *Node) policySaid(now mono.Instant, e *PolicySaid) {
	for _, in := range n.together([]string{e.Instance}) {
		if in.group != nil {
			in.group.asked = 0
		}
		in.acts = in.router.Consent(now, e.Objection, in.acts[:0])
		n.emit(now, in)
	}
}

// AskPreempt has these instances ask before they preempt
// (vrrp.Config.AskPreempt).
func (c *Config) AskPreempt(names func(string) bool) {
	for i := range c.Instances {
		in := &c.Instances[i]
		in.Router.AskPreempt = names(in.Name)
	}
}
