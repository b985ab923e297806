package node

import (
	"fmt"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// staticPause is until what could not be set is tried again, unless an
// interface changes before.
const staticPause = 2 * time.Second

// Static is what a node holds from its first Tick until all its instances have
// ended, whatever their roles.
type Static struct {
	// Name is that of its claims, and differs from those of all instances.
	Name      string
	Addresses []netspec.Address
	Routing   netspec.Routing
	// Members are instances that are in FAULT while some of it, but for what is
	// not tracked, cannot be held (keepalived's track_group).
	Members []string
}

// static is a Static with what came of it.
type static struct {
	cfg Static
	// answered is true when the kernel said what came of a claim, held while
	// the answer to the last one was good. failure says why not.
	answered, held bool
	failure        string
	// resting is true when too many removals have it wait for its timer.
	resting bool
	timer   *timed
	strife  strife
	quiet   mono.Instant
}

// restatic replaces what is held statically. It runs before the instances,
// which may send from such an address.
func (n *Node) restatic(cfg []Static) {
	old := n.statics
	n.statics = nil
	for _, c := range cfg {
		was := slices.IndexFunc(old, func(s *static) bool { return s.cfg.Name == c.Name })
		var s *static
		if was < 0 {
			s = &static{}
			s.timer = &timed{at: mono.Never, run: func(mono.Instant) { n.claimStatic(s) }}
			n.sched.add(s.timer)
		} else {
			s = old[was]
			old = slices.Delete(old, was, was+1)
		}
		before := s.cfg
		s.cfg = c
		n.statics = append(n.statics, s)
		if was < 0 || !slices.Equal(before.Addresses, c.Addresses) || !before.Routing.Equal(c.Routing) {
			s.strife = strife{}
			n.claimStatic(s)
			gone := slices.DeleteFunc(slices.Clone(before.Addresses), func(a netspec.Address) bool { return slices.ContainsFunc(c.Addresses, a.Same) })
			if len(gone) > 0 {
				n.out = append(n.out, Action{Kind: Release, Instance: c.Name, Addresses: gone, Routing: c.Routing})
			}
		}
	}
	for _, s := range old {
		n.sched.remove(s.timer)
		n.out = append(n.out, Action{Kind: Release, Instance: s.cfg.Name, Addresses: s.cfg.Addresses})
	}
}

func (n *Node) claimStatic(s *static) {
	s.held, s.resting = false, false
	n.sched.set(s.timer, mono.Never)
	n.out = append(n.out, Action{Kind: Claim, Instance: s.cfg.Name, Addresses: s.cfg.Addresses, Routing: s.cfg.Routing, Lasting: true})
}

// staticOf returns what is held statically under that name, nil for none.
func (n *Node) staticOf(name string) *static {
	if i := slices.IndexFunc(n.statics, func(s *static) bool { return s.cfg.Name == name }); i >= 0 && !n.left {
		return n.statics[i]
	}
	return nil
}

// staticResult is the kernel's answer to a claim.
func (n *Node) staticResult(now mono.Instant, e *Claimed) {
	s := n.staticOf(e.Instance)
	if s == nil {
		return
	}
	failure := e.Failure
	if failure == "" {
		failure = e.Refused
	}
	if failure != "" {
		n.sched.set(s.timer, now.Add(staticPause))
		if failure != s.failure {
			n.note(Warn, "", "address", fmt.Sprintf("%s: could not all be set, trying again: %s", s.cfg.Name, failure))
		}
	} else if s.failure != "" {
		n.note(Info, "", "address", s.cfg.Name+": all is set now")
	}
	n.judgeStatic(now, s, failure)
}

// judgeStatic settles the instances that depend on what is held.
func (n *Node) judgeStatic(now mono.Instant, s *static, failure string) {
	changed := !s.answered || s.failure != failure
	s.answered, s.held, s.failure = true, failure == "", failure
	if !changed {
		return
	}
	var members []*instance
	for _, in := range n.instances {
		if slices.Contains(in.statics, s) {
			members = append(members, in)
		}
	}
	n.settleAll(now, members)
}

// staticGone puts back what somebody removed; at once, unless that happens
// again and again. What is gone with its network namespace nobody removed.
func (n *Node) staticGone(now mono.Instant, e *Gone) {
	s := n.staticOf(e.Instance)
	if s == nil {
		return
	}
	if s.held && !e.Left {
		if rest := s.strife.removed(now); rest > 0 {
			n.note(Warn, "", "address", fmt.Sprintf("%s: %s; trying again in %v", s.cfg.Name, e.fought(), rest))
			n.judgeStatic(now, s, e.fought())
			s.resting = true
			n.sched.set(s.timer, now.Add(rest))
			return
		}
	} else if !s.held && s.failure != "" {
		return // its timer puts it back
	}
	if now >= s.quiet && !e.Left {
		s.quiet = now.Add(quietFor)
		n.note(Warn, "", "address", fmt.Sprintf("%s: somebody removed %s: putting it back", s.cfg.Name, e.first()))
	}
	n.claimStatic(s)
}

// staticLink claims what could not be set: an interface changed.
func (n *Node) staticLink() {
	for _, s := range n.statics {
		if s.failure != "" && !s.resting && !n.left {
			n.claimStatic(s)
		}
	}
}

// farewell gives up what is held statically when the last instance has ended.
func (n *Node) farewell() {
	if !n.stopping || n.left {
		return
	}
	for _, in := range n.instances {
		if in.router.Role() != vrrp.Init {
			return
		}
	}
	n.left = true
	for _, s := range n.statics {
		n.sched.set(s.timer, mono.Never)
		n.out = append(n.out, Action{Kind: Release, Instance: s.cfg.Name, Addresses: s.cfg.Addresses})
	}
}

// judgeStatics adds what an instance lacks of what is held statically.
func (in *instance) judgeStatics() {
	for _, s := range in.statics {
		switch {
		case !s.answered:
			in.waiting = append(in.waiting, s.cfg.Name)
		case s.failure != "":
			in.faults = append(in.faults, fmt.Sprintf("%s cannot be held: %s", s.cfg.Name, s.failure))
		}
	}
}

// attachStatics finds out which instances depend on what is held statically.
func (n *Node) attachStatics() {
	for _, in := range n.instances {
		in.statics = nil
		for _, s := range n.statics {
			if slices.Contains(s.cfg.Members, in.cfg.Name) {
				in.statics = append(in.statics, s)
			}
		}
	}
}
