package node

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/track"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// some is the list; nil when it is empty.
func some[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// judge works out from everything observed what an instance's trackers come
// to: level-triggered, so that no order of events can leave a stale verdict.
func (n *Node) judge(in *instance) (sum int) {
	in.faults, in.waiting, in.terms = in.faults[:0], in.waiting[:0], in.terms[:0]
	link, known := n.links[in.cfg.Interface]
	family := "IPv4"
	if in.cfg.six() {
		family = "link-local IPv6"
	}
	switch u := &in.cfg.Router.Unicast; {
	case u.On && u.FaultWithoutPeer && len(u.Peers) == 0:
		in.faults = append(in.faults, "no unicast peer is configured")
	case in.cfg.Interface == "":
		// Unicast over whatever interface the routes say.
		if !in.cfg.Source.IsValid() {
			in.faults = append(in.faults, "neither an interface nor a source address is configured")
		}
	case !known:
		in.waiting = append(in.waiting, "the state of interface "+in.cfg.Interface)
	case !link.Exists:
		in.faults = append(in.faults, "interface "+in.cfg.Interface+" does not exist")
	case !link.Up && !in.cfg.IgnorePrimary:
		in.faults = append(in.faults, "interface "+in.cfg.Interface+" "+n.down(in.cfg.Interface))
	case link.PortOf != "":
		in.faults = append(in.faults, "interface "+in.cfg.Interface+" is a port of "+link.PortOf+", which takes in all adverts: name "+link.PortOf+" as the interface")
	case !in.source(link).IsValid():
		in.faults = append(in.faults, "interface "+in.cfg.Interface+" has no "+family+" address to send from")
	case in.cfg.TrackSource && slices.Contains(strings.Fields(link.Absent), in.cfg.Source.String()):
		in.faults = append(in.faults, "the source address "+in.cfg.Source.String()+" is not on interface "+in.cfg.Interface)
	}
	if n.delayed {
		in.waiting = append(in.waiting, "the end of the start delay")
	}
	if in.refused != "" {
		in.faults = append(in.faults, in.refused)
	}
	in.judgeStatics()
	own := in.group == nil || in.group.cfg.KeepWeights
	sum += n.weigh(in, in.cfg.Interfaces, in.cfg.Scripts, own)
	sum += n.weighSessions(in, in.cfg.Sessions, own)
	sum += n.weighFiles(in, in.cfg.Files, own)
	sum += n.weighProcesses(in, in.cfg.Processes, own)
	if in.group != nil {
		sum += n.weigh(in, in.group.cfg.Interfaces, in.group.cfg.Scripts, true)
		sum += n.weighSessions(in, in.group.cfg.Sessions, true)
		sum += n.weighFiles(in, in.group.cfg.Files, true)
		sum += n.weighProcesses(in, in.group.cfg.Processes, true)
	}
	// Mostly there is nothing, for which a thousand need no memory.
	in.faults, in.waiting, in.terms = some(in.faults), some(in.waiting), some(in.terms)
	return sum
}

// weigh adds up trackers. With weights false, as for a member of a sync group,
// a weighted interface only faults and a weighted script is not used, as in
// keepalived.
func (n *Node) weigh(in *instance, interfaces []TrackInterface, scripts []TrackScript, weights bool) (sum int) {
	for _, t := range interfaces {
		weight := t.Weight
		if !weights {
			weight = 0
		}
		state := track.Unknown
		link, known := n.links[t.Name]
		if known {
			state = track.Of(link.Exists && link.Up)
		}
		faults := len(in.faults)
		sum += n.term(in, "interface "+t.Name, state, weight, t.Reverse)
		if known && !link.Exists && len(in.faults) > faults {
			in.faults[faults] = "interface " + t.Name + " does not exist"
		}
	}
	for _, t := range scripts {
		s := n.scripts[t.Name]
		measured := s.cfg.WeightOnly || s.weight.Known() || s.lacking()
		if !weights && (t.Weight != 0 || measured) {
			continue
		}
		state, _ := s.life.State()
		if measured && (state == track.Up || s.cfg.WeightOnly) {
			sum += in.measured("script "+t.Name, state, s)
			continue
		}
		sum += n.term(in, "script "+t.Name, state, t.Weight, t.Reverse)
	}
	return sum
}

// measured adds the weight that a script measured itself; one that is not up, or
// cannot measure it, adds nothing, and is no fault.
func (in *instance) measured(name string, state track.State, s *script) int {
	value := 0
	if state == track.Up && !s.lacking() {
		value = min(max(s.weight.Value(), -maxMeasured), maxMeasured)
	}
	in.terms = append(in.terms, Term{Tracker: name, Weight: value, Value: value, State: state.String()})
	return value
}

// maxMeasured is the most that a script adds to a priority or takes from it, as
// for files.
const maxMeasured = 253

func (n *Node) term(in *instance, name string, state track.State, weight int, reverse bool) int {
	value, fault := track.Effect(state, weight, reverse)
	in.terms = append(in.terms, Term{Tracker: name, Weight: weight, Value: value, State: state.String()})
	switch {
	case fault:
		in.faults = append(in.faults, fmt.Sprintf("%s is %v", name, state))
	case weight == 0 && state == track.Unknown:
		// A script that faults must have spoken before the instance may take
		// part: otherwise a node would become master on a broken service.
		in.waiting = append(in.waiting, "the first result of "+name)
	}
	return value
}

// settleAll settles each instance of a list, and a sync group once however many of
// its members are in it.
func (n *Node) settleAll(now mono.Instant, list []*instance) {
	n.pass++
	for _, in := range list {
		if g := in.group; g != nil {
			if g.pass == n.pass {
				continue
			}
			g.pass = n.pass
		}
		n.settle(now, in)
	}
}

// settle judges an instance, and with it its sync group, and moves the
// routers accordingly. It also takes a group apart whose members a reload left in
// different roles (regroup).
func (n *Node) settle(now mono.Instant, in *instance) {
	members := []*instance{in}
	if in.group != nil {
		members = in.group.members
	}
	faulty, waits := "", ""
	for _, m := range members {
		n.prioritise(now, m)
		if len(m.faults) > 0 && faulty == "" {
			faulty = m.cfg.Name
		}
		if len(m.waiting) > 0 && waits == "" {
			waits = m.cfg.Name
		}
	}
	if in.group != nil {
		// The group is told when all its members have moved.
		in.group.busy = true
		defer func() {
			in.group.busy = false
			n.regroup(now, in.group)
		}()
	}
	for _, m := range members {
		if faulty != "" && len(m.faults) == 0 {
			m.faults = append(m.faults, fmt.Sprintf("sync group %s: %s is in FAULT", m.group.cfg.Name, faulty))
		}
		if waits != "" && len(m.waiting) == 0 {
			m.waiting = append(m.waiting, fmt.Sprintf("sync group %s: %s, which waits", m.group.cfg.Name, waits))
		}
		n.apply(now, m)
	}
}

// prioritise judges one instance and hands its router the effective priority. A
// reload may have put the router's back to the base, which is no change to tell.
func (n *Node) prioritise(now mono.Instant, in *instance) {
	sum := n.judge(in)
	after := track.Priority(in.cfg.Router.Priority, sum)
	if after != in.router.View().Effective {
		in.router.SetPriority(now, after)
		n.emit(now, in)
	}
	if after == in.known {
		return
	}
	n.note(Info, in.cfg.Name, "priority", fmt.Sprintf("changing effective priority from %d to %d", in.known, after))
	n.tellPriority(in)
}

// apply moves one router to where its faults say it belongs.
func (n *Node) apply(now mono.Instant, in *instance) {
	if n.stopping {
		return
	}
	if link, known := n.links[in.cfg.Interface]; known || in.cfg.Interface == "" {
		in.router.SetSource(in.source(link))
		in.router.SetMTU(link.MTU)
		n.tellUnadvertised(in, link.MTU)
	}
	switch role := in.router.Role(); {
	case len(in.faults) > 0 && role != vrrp.Fault:
		in.acts = in.router.Fault(now, in.faults[0], n.room())
	case len(in.faults) > 0 || len(in.waiting) > 0 && (role == vrrp.Init || role == vrrp.Fault):
		return
	case role == vrrp.Init:
		in.acts = in.router.Start(now, "started", n.room())
	case role == vrrp.Fault:
		in.acts = in.router.Clear(now, "recovered, after: "+in.router.View().Why, n.room())
	}
	n.emit(now, in)
}
