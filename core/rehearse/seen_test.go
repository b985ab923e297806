package rehearse

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// thing is something that chance must bring about for the simulation to be worth
// anything.
type thing int

const (
	takeovers thing = iota
	yields
	faults
	handovers
	refusals
	stalls
	moves
	permitted
	lastWords
	promotedGroups
	yieldingGroups
	masterReloads
	clockSteps
	stale
	replayed
	sessionsDown
	priorities
	instancesGone
	instancesCome
	intervals
	downAdverts
	preemption
	modes
	rings
	peers
	carriers
	memberships
	delayedLinks
	staticsRefused
	overslept
	things
)

// seen counts them.
type seen [things]int

// least is what each is called, and how often a thousand seeds bring it about at
// the least: about a third of what they do.
func least() [things]struct {
	name  string
	count int64
} {
	return [things]struct {
		name  string
		count int64
	}{
		takeovers:      {"take-overs", 2000},
		yields:         {"yields", 1000},
		faults:         {"faults", 1500},
		handovers:      {"hand-overs", 500},
		refusals:       {"refused claims", 100},
		stalls:         {"stalls", 150},
		moves:          {"planned moves", 150},
		permitted:      {"permitted preemptions", 60},
		lastWords:      {"partings", 300},
		promotedGroups: {"promoted sync groups", 300},
		yieldingGroups: {"sync groups that yield", 100},
		masterReloads:  {"reloads of a MASTER", 2000},
		clockSteps:     {"steps of clocks", 300},
		stale:          {"adverts refused as stale", 1000},
		replayed:       {"adverts refused as replayed", 50},
		sessionsDown:   {"BFD sessions that went down", 500},
		priorities:     {"changes of priority", 1500},
		instancesGone:  {"reloads without an instance", 150},
		instancesCome:  {"reloads with another instance", 150},
		intervals:      {"reloads with another interval", 70},
		downAdverts:    {"reloads with another count of adverts", 100},
		preemption:     {"reloads that preempt otherwise", 300},
		modes:          {"reloads with another HMAC mode", 40},
		rings:          {"reloads with other keys", 30},
		peers:          {"reloads with other peers", 40},
		carriers:       {"reloads between unicast and multicast", 60},
		memberships:    {"reloads with other members of a sync group", 40},
		delayedLinks:   {"links that count later", 60},
		staticsRefused: {"refused static addresses", 80},
		overslept:      {"masters that overslept", 30},
	}
}

// tally is what all seeds have seen.
type tally struct {
	ran   atomic.Int64
	total [things]atomic.Int64
}

func (y *tally) add(s *seen) {
	for i, n := range s {
		y.total[i].Add(int64(n))
	}
	y.ran.Add(1)
}

// judge fails the test if too little was seen, unless there were too few seeds to tell.
func (y *tally) judge(t *testing.T) {
	n := y.ran.Load()
	for i, x := range least() {
		got := y.total[i].Load()
		t.Logf("%d %s in %d seeds", got, x.name, n)
		if n >= 1000 && got < n*x.count/1000 {
			t.Errorf("only %d %s in %d seeds, want at least %d in 1000", got, x.name, n, x.count)
		}
	}
}

// reloaded counts what a reload changes.
func (r *referee) reloaded(h *Happening, l *life) {
	for _, role := range h.before {
		if role == vrrp.Master {
			r.seen[masterReloads]++
			break
		}
	}
	now := &h.Node.daemon.config
	count := func(what thing, changed bool) {
		if changed {
			r.seen[what]++
		}
	}
	for i := range l.config.Instances {
		was := &l.config.Instances[i]
		in := instanceIn(now, was.Router.VRID)
		if in == nil {
			r.seen[instancesGone]++
			continue
		}
		a, b := &was.Router, &in.Router
		count(intervals, a.Interval != b.Interval)
		count(downAdverts, a.DownAdverts != b.DownAdverts)
		count(preemption, a.NoPreempt != b.NoPreempt || a.PreemptDelay != b.PreemptDelay)
		count(modes, a.HMAC.Mode != b.HMAC.Mode)
		count(rings, len(a.HMAC.Keys) != len(b.HMAC.Keys))
		count(peers, a.Unicast.On && b.Unicast.On && !a.Unicast.Equal(b.Unicast))
		count(carriers, a.Unicast.On != b.Unicast.On)
	}
	for i := range now.Instances {
		count(instancesCome, instanceIn(&l.config, now.Instances[i].Router.VRID) == nil)
	}
	if len(l.config.Groups) > 0 && len(now.Groups) > 0 {
		count(memberships, len(l.config.Groups[0].Members) != len(now.Groups[0].Members))
	}
}

// noted counts what a note tells of.
func (r *referee) noted(n *node.Note) {
	switch {
	case n.Topic == "stall":
		r.seen[stalls]++
	case n.Topic == "address" && strings.HasPrefix(n.Text, static):
		r.seen[staticsRefused]++
	case n.Topic == "address":
		r.seen[refusals]++
	case n.Topic == "bfd" && strings.Contains(n.Text, " is down: "):
		r.seen[sessionsDown]++
	case n.Topic == "link" && strings.Contains(n.Text, " counts in "):
		r.seen[delayedLinks]++
	}
}
