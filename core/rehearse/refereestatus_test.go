package rehearse

import (
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// status: what the node says of itself fits together.
func (r *referee) status(h *Happening, l *life) {
	s := h.Status()
	if h.Cause == "reload" {
		clear(l.heard)
	}
	for i := range s.Instances {
		in := &s.Instances[i]
		if was := l.priority[in.Name]; was != in.Effective && was > 0 && h.Cause != "reload" {
			r.seen[priorities]++
		}
		if h.Cause == "reload" {
			l.counts[in.VRID] = in.Counts
		}
		l.previous[in.Name] = l.priority[in.Name]
		l.priority[in.Name] = in.Effective
		cfg := find(h, l, in.Name)
		down, advert := in.MasterDown != mono.Never, in.NextAdvert != mono.Never
		ok := false
		switch in.Role {
		case vrrp.Init, vrrp.Fault:
			ok = !down && !advert && !in.Leaving
		case vrrp.Backup:
			ok = (down || cfg.Router.Hold) && !advert && !in.Leaving
		case vrrp.Master:
			ok = !down && advert != in.Leaving
		}
		if !ok {
			r.blame(h, "%s is %v with down timer %v, advert timer %v, leaving %v", in.Name, in.Role, down, advert, in.Leaving)
		}
		if in.Leaving != l.leaving[in.Name] && in.Role == vrrp.Master {
			r.blame(h, "%s: leaving is %v", in.Name, in.Leaving)
		}
		if in.Maintenance && in.Role == vrrp.Master && !in.Leaving {
			r.blame(h, "%s is MASTER in maintenance", in.Name)
		}
		if in.Role == vrrp.Fault && len(in.Faults)+len(in.Waiting) == 0 {
			r.blame(h, "%s is in FAULT for no reason", in.Name)
		}
		if (in.Role == vrrp.Backup || in.Role == vrrp.Master) && len(in.Faults) > 0 && !h.Node.daemon.stopping {
			r.blame(h, "%s is %v with faults %v", in.Name, in.Role, in.Faults)
		}
		if (in.Effective == 255) != (in.Base == 255) || in.Effective == 0 {
			r.blame(h, "%s has priority %d, effective %d", in.Name, in.Base, in.Effective)
		}
		if at := mono.Min(in.MasterDown, in.NextAdvert); h.Node.daemon.node.Deadline() > at {
			r.blame(h, "%s has something due at %v, the node wakes at %v", in.Name, at, h.Node.daemon.node.Deadline())
		}
	}
}

// kernel: only what stands is announced; and once everything that was asked
// for is done, an address stands where a master is and nowhere else.
func (r *referee) kernel(h *Happening) {
	n, a := h.Node, &h.Actions[0]
	d := n.daemon
	if a.Kind == node.Announce {
		for _, x := range a.Addresses {
			// One that was under way when the master yielded comes too late
			// for the others to know.
			r.stranded[x.Addr()] = n.Role(a.Instance) != vrrp.Master
		}
	}
	// Here each action is carried out by itself. core/engine carries out up to 128
	// together, where a claim may take so long that its instance yields before it is
	// announced. What this cannot show is held by the engine's own tests: nothing is
	// announced of one that has yielded (TestYieldAnnouncesNothing).
	if d != nil && a.Kind == node.Announce && d.lane.begun == vrrp.Backup {
		r.blame(h, "begins to announce %v as BACKUP", a.Addresses)
	}
	if d == nil {
		if len(n.ending.lane.queue) == 0 && len(n.kernel.stands) > 0 {
			r.blame(h, "it ends and leaves %v", n.kernel.stands)
		}
		return
	}
	if a.Kind == node.Announce {
		for _, x := range a.Addresses {
			if !n.Holds(x.Addr()) && len(n.kernel.claims[x.Addr()]) == 0 {
				r.blame(h, "announces %v, which does not stand", x)
			}
		}
	}
	if len(d.lane.queue)+len(d.lane.held) > 0 {
		return
	}
	stand := 0
	for _, s := range d.config.Static {
		for _, x := range s.Addresses {
			switch {
			case n.Holds(x.Addr()):
				stand++
			case len(n.kernel.claims[x.Addr()]) == 0 && !d.stopping:
				r.blame(h, "%s is not held", s.Name)
			}
		}
	}
	for i := range d.config.Instances {
		in := &d.config.Instances[i]
		for _, x := range owned(in) {
			holds, master := n.Holds(x.Addr()), n.Role(in.Name) == vrrp.Master
			// One that is claimed and does not stand was refused, or removed
			// by somebody else.
			if holds != master && !(master && len(n.kernel.claims[x.Addr()]) > 0) {
				r.blame(h, "%s is %v: that %v stands is %v", in.Name, n.Role(in.Name), x, holds)
			}
			if holds {
				stand++
			}
		}
	}
	if stand != len(n.kernel.stands) {
		r.blame(h, "more stands than the masters own: %v", n.kernel.stands)
	}
}
