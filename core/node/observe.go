package node

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/track"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

const (
	// claimTries is how many claims in a row may fail before a master must
	// not advertise an address any longer that it does not hold.
	claimTries = 3
	// claimPause is between them, and claimRest how long FAULT lasts before
	// it is tried again: twice as long each time, up to claimRestMax, for
	// each trial takes the addresses from a node that could hold them.
	claimPause   = 100 * time.Millisecond
	claimRest    = 10 * time.Second
	claimRestMax = 10 * time.Minute
	// quietFor is how long a repeated trouble is not told again.
	quietFor = 10 * time.Second
)

// source returns where adverts of the instance are sent from.
func (in *instance) source(l Link) netip.Addr {
	if in.cfg.Source.IsValid() {
		return in.cfg.Source
	}
	return in.cfg.primary(l)
}

// addresses returns everything the instance owns while MASTER.
func (in *instance) addresses() []netspec.Address {
	if len(in.cfg.Excluded) == 0 {
		return in.cfg.Addresses
	}
	return slices.Concat(in.cfg.Addresses, in.cfg.Excluded)
}

// owns are these without what belongs to each, and without a list of them.
func (in *instance) owns() iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for _, list := range [2][]netspec.Address{in.cfg.Addresses, in.cfg.Excluded} {
			for i := range list {
				if !yield(list[i].Prefix.Addr()) {
					return
				}
			}
		}
	}
}

func (n *Node) claim(in *instance) { n.claimSome(in, in.addresses()) }

// claimSome claims addresses beside those that are claimed already.
func (n *Node) claimSome(in *instance, addresses []netspec.Address) {
	in.claimed = false
	n.out = append(n.out, Action{
		Kind: Claim, Instance: in.cfg.Name, Addresses: addresses, Routing: in.cfg.Routing, NoAccept: in.cfg.Router.Drops(),
	})
}

func (n *Node) announce(in *instance, rounds int) {
	n.out = append(n.out, Action{Kind: Announce, Instance: in.cfg.Name, Addresses: in.addresses(), Rounds: max(1, rounds)})
}

// adopt lets the state of an interface count. With blinked it was away for a
// moment that does not count.
func (n *Node) adopt(now mono.Instant, e Link, blinked bool) {
	before, known := n.links[e.Name]
	n.links[e.Name] = e
	if known && before == e && !blinked {
		return
	}
	if known && (before.Exists != e.Exists || before.Up != e.Up || before.Index != e.Index) {
		state := "is up"
		switch {
		case !e.Exists:
			state = "does not exist any more"
		case !e.Up:
			state = "is down"
		}
		n.note(Info, "", "link", "interface "+e.Name+" "+state)
	}
	if e.Up {
		n.staticLink()
	}
	returned := known && e.Up && (!before.Up || before.Index != e.Index || blinked)
	var watching []*instance
	for _, in := range n.instances {
		if e.Up && in.lack.why != "" {
			in.lack.at, in.lack.wait = now, 0 // by whatever interface its gateway is reached
			n.reschedule(in)
		}
		if !in.watches(e.Name) {
			continue
		}
		if returned {
			in.forgive()
		}
		watching = append(watching, in)
	}
	n.settleAll(now, watching)
	for _, in := range watching {
		if returned && in.router.Role() == vrrp.Master && !in.router.Leaving() {
			// It stayed MASTER over the interruption (dont_track_primary, or
			// a short one): switches and clients may have learned otherwise meanwhile.
			n.claim(in)
			n.announceAgain(now, in)
		}
	}
}

// announceAgain announces what a MASTER has as if it had just become one.
func (n *Node) announceAgain(now mono.Instant, in *instance) {
	in.acts = in.router.AnnounceAgain(now, n.room())
	n.emit(now, in)
}

// watches reports whether the state of an interface matters to the instance.
func (in *instance) watches(name string) bool {
	is := func(t TrackInterface) bool { return t.Name == name }
	return in.cfg.Interface == name || slices.ContainsFunc(in.cfg.Interfaces, is) ||
		in.group != nil && slices.ContainsFunc(in.group.cfg.Interfaces, is) ||
		slices.ContainsFunc(in.addresses(), func(a netspec.Address) bool { return a.Device == name })
}

func (n *Node) checked(now mono.Instant, e *Checked) {
	s := n.scripts[e.Script]
	if n.orphans[e.Script] > 0 {
		// The result of what a reload replaced or removed while it ran.
		if n.orphans[e.Script]--; n.orphans[e.Script] == 0 {
			delete(n.orphans, e.Script)
		}
		if s != nil && s.timer != nil && !n.stopping {
			n.sched.set(s.timer, n.due(s))
		}
		return
	}
	if s == nil || !s.life.Running() {
		return // nobody asked
	}
	// Messages may carry numbers that differ each time.
	told := s.last == mono.Never || s.result != e.Result || s.message != e.Message && now >= s.quiet
	s.result, s.message, s.last, s.took = e.Result, e.Message, now, e.Took
	changed := s.life.Result(now, e.Result == OK)
	if state, _ := s.life.State(); changed && state == track.Up {
		s.weight.Restart(now)
	}
	lacked := s.lacking()
	weighed := false
	switch {
	case e.NoRun:
	case e.Unmeasured:
		s.lacks, s.lent = min(s.lacks+1, max(1, s.cfg.Fall)), false
	case e.Weight != nil:
		s.lacks, s.lent = 0, false
		weighed = s.weight.Observe(now, *e.Weight)
	case e.Result == OK && s.lent: // it measures none
		s.weight, s.lacks, s.lent = track.NewWeight(s.cfg.Smoothing), 0, false
		weighed = true
	}
	weighed = weighed || s.lacking() != lacked
	if told || changed || s.lacking() != lacked {
		s.quiet = now.Add(quietFor)
		n.note(level(e), "", "check", s.report(e, changed))
	}
	if !changed && !weighed {
		return
	}
	n.settleAll(now, s.users)
}

// measured returns the weight that a script measured, nil when there is none.
func (s *script) measured() *int {
	if !s.weight.Known() || s.lacking() {
		return nil
	}
	value := s.weight.Value()
	return &value
}

// lacking reports whether there is no weight, although the check is good.
func (s *script) lacking() bool { return s.lacks >= max(1, s.cfg.Fall) }

func level(e *Checked) Level {
	if e.Result == OK && !e.Unmeasured {
		return Info
	}
	return Warn
}

func (s *script) report(e *Checked, changed bool) string {
	text := fmt.Sprintf("script %s: %v", e.Script, e.Result)
	if e.Message != "" {
		text += " (" + e.Message + ")"
	}
	state, _ := s.life.State()
	if changed {
		return text + ", now " + state.String()
	}
	if in := s.life.InARow(); in > 0 {
		need := s.cfg.Fall
		if e.Result == OK {
			need = s.cfg.Rise
		}
		text += fmt.Sprintf(", %d of %d in a row, still %v", in, need, state)
	}
	return text
}

// claimResult is the kernel's answer to a Claim. A master that cannot hold
// its addresses tries again a few times and then makes room for another.
func (n *Node) claimResult(now mono.Instant, e *Claimed) {
	in := n.byName[e.Instance]
	if in == nil {
		n.staticResult(now, e)
		return
	}
	if in.router.Role() != vrrp.Master || in.router.Leaving() {
		return
	}
	if e.Failure == "" {
		in.claimed, in.refusals, in.rest = true, 0, 0
		n.lacks(now, in, e.Refused)
		return
	}
	in.claimed = false
	in.refusals++
	if in.refusals < claimTries {
		n.note(Warn, in.cfg.Name, "address", fmt.Sprintf("could not hold its addresses, trying again: %s", e.Failure))
		in.retry = now.Add(claimPause)
		n.emit(now, in)
		return
	}
	in.rest = min(max(claimRest, 2*in.rest), claimRestMax)
	n.yield(now, in, "it cannot hold its addresses: "+e.Failure, in.rest)
}

// vacated lets the router say what it has to say after its addresses are gone.
func (n *Node) vacated(now mono.Instant, e *Vacated) {
	if in := n.byName[e.Instance]; in != nil {
		in.acts = in.router.Vacated(now, n.room())
		n.emit(now, in)
	}
}

// forgive forgets that claims were refused: something changed that may let the
// next one succeed.
func (in *instance) forgive() {
	in.refused, in.refusals, in.rest, in.retry, in.strife = "", 0, 0, mono.Never, strife{}
}

func (n *Node) sendResult(e *SendFailed) {
	in := n.byName[e.Instance]
	if in == nil {
		return
	}
	at := slices.Index(in.unsent, e.Destination)
	if at >= 0 == (e.Failure != "") {
		return
	}
	to := "adverts"
	if in.cfg.Router.Unicast.On {
		to = "adverts to " + e.Destination.String()
	}
	if e.Failure != "" {
		in.unsent = append(in.unsent, e.Destination)
		n.note(Warn, in.cfg.Name, "send", to+" cannot be sent: "+e.Failure)
	} else {
		in.unsent = slices.Delete(in.unsent, at, at+1)
		n.note(Info, in.cfg.Name, "send", to+" leave again")
	}
}

// runScript asks for a run when one is due.
func (n *Node) runScript(now mono.Instant, s *script) {
	if s.life.Tick(now) {
		n.out = append(n.out, Action{Kind: Run, Script: s.cfg.Name})
	}
	n.sched.set(s.timer, n.due(s))
}

// due returns when to look after a script: never while a run of its
// predecessor goes on, for two runs at once could not be told apart.
func (n *Node) due(s *script) mono.Instant {
	if n.orphans[s.cfg.Name] > 0 {
		return mono.Never
	}
	return s.life.Deadline()
}
