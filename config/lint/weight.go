package lint

import (
	"fmt"

	"github.com/moonkeep/moonkeep/config"
)

// tracker is one tracked thing with a weight that counts.
type tracker struct {
	config.Track
	script bool
}

// Priorities that trackers can bring about (255 is the owner's,
// 0 a master's farewell).
const (
	lowest  = 1
	highest = 254
)

// good is what the tracker adds while nothing is wrong, bad while something
// is: a positive weight is lost, a negative one applied. Reverse swaps what
// counts as wrong, not the arithmetic.
func (t *tracker) good() int { return max(t.Weight, 0) }
func (t *tracker) bad() int  { return min(t.Weight, 0) }

// event says what has to happen for the tracker to turn bad.
func (t *tracker) event() string {
	switch {
	case t.script && t.Reverse:
		return t.Name + " succeeds"
	case t.script:
		return t.Name + " fails"
	case t.Reverse:
		return t.Name + " comes up"
	}
	return t.Name + " goes down"
}

func newSeat(of int, node string, c *config.Config, in *config.Instance, group *config.SyncGroup) seat {
	s := seat{of: of, node: node, in: in}
	add := func(list []config.Track, script bool) {
		for _, t := range list {
			if t.Weight != 0 {
				s.trackers = append(s.trackers, tracker{t, script})
			}
		}
	}
	if group == nil || group.KeepWeights {
		add(in.TrackScripts, true)
		add(in.TrackInterfaces, false)
	}
	if group != nil {
		add(group.TrackScripts, true)
		add(group.TrackInterfaces, false)
	}
	s.healthy = s.effective("", false)
	return s
}

// effective is the priority while the named tracker is bad, or all are, and
// the others good.
func (s *seat) effective(bad string, all bool) int {
	if s.in.Priority == owner {
		return owner
	}
	p := s.in.Priority
	for i := range s.trackers {
		if t := &s.trackers[i]; all || t.Name == bad {
			p += t.bad()
		} else {
			p += t.good()
		}
	}
	return min(max(p, lowest), highest)
}

// without is the priority without the named tracker, everything else good.
func (s *seat) without(name string) int {
	p := s.in.Priority
	for i := range s.trackers {
		if t := &s.trackers[i]; t.Name != name {
			p += t.good()
		}
	}
	return p
}

// find returns the tracker of a name, or nil.
func (s *seat) find(name string) *tracker {
	for i := range s.trackers {
		if s.trackers[i].Name == name {
			return &s.trackers[i]
		}
	}
	return nil
}

// movement asks of every weighted tracker of the best node whether its
// failure moves the addresses, which is what it is there for. A node that is
// not the best holds the addresses only after something else has failed
// already, or under nopreempt, of which nopreempt-weight warns.
func movement(seats []seat, found *config.Findings) {
	best, peer := ranked(seats)
	if best == nil || peer == nil || best.in.Priority == owner {
		return
	}
	for i := range best.trackers {
		t := &best.trackers[i]
		left := best.effective(t.Name, false)
		sum := arithmetic(best, t)
		if left >= peer.healthy {
			alone := ""
			if best.effective("", true) < peer.healthy {
				alone = " by this alone"
			}
			best.warn(found, t.At, "weight-too-small", "when %s here, the priority is %d (%s), and %s has %d: the address never moves%s; %s%s",
				t.event(), left, sum, peer.node, peer.healthy, alone, advice(best, peer, t), nopreempt(peer))
			continue
		}
		if !taker(seats, best, left) {
			best.warn(found, t.At, "nopreempt-stays", "when %s here, the priority is %d (%s), less than the %d of %s, which has nopreempt and leaves a living master in office: the address never moves; take nopreempt out there, or use weight 0, which faults the instance",
				t.event(), left, sum, peer.healthy, peer.node)
		}
	}
}

// ranked returns the best seat and the best of the other nodes. Equal seats
// keep the order of the files.
func ranked(seats []seat) (best, peer *seat) {
	for i := range seats {
		if best == nil || seats[i].healthy > best.healthy {
			best = &seats[i]
		}
	}
	for i := range seats {
		if s := &seats[i]; s.of != best.of && (peer == nil || s.healthy > peer.healthy) {
			peer = s
		}
	}
	return best, peer
}

// taker reports whether some other node would take over from a master of
// this priority.
func taker(seats []seat, best *seat, left int) bool {
	for i := range seats {
		if s := &seats[i]; s.of != best.of && s.healthy > left && !s.in.NoPreempt {
			return true
		}
	}
	return false
}

// arithmetic writes down how the priority comes about.
func arithmetic(s *seat, t *tracker) string {
	return fmt.Sprintf("%d - %d", s.without(t.Name)+t.good(), t.good()-t.bad())
}

// advice says which weight would do. A positive weight works only where the
// peer has the same tracker, whose success lifts it above what is left here.
func advice(best, peer *seat, t *tracker) string {
	need := best.without(t.Name) - peer.without(t.Name) + 1
	const fault = "weight 0, which faults the instance"
	other := peer.find(t.Name)
	switch {
	case t.Weight > 0 && other != nil && other.Weight > 0 && peer.without(t.Name)+need <= highest && best.without(t.Name)+need <= highest:
		return fmt.Sprintf("use a weight of at least %d on all nodes, or %s", need, fault)
	case (t.Weight < 0 || other == nil) && best.without(t.Name)-need >= lowest:
		if other != nil && other.Weight > 0 {
			break
		}
		return fmt.Sprintf("use a weight of -%d or less, or %s", need, fault)
	}
	return "use " + fault
}

func nopreempt(peer *seat) string {
	if peer.in.NoPreempt {
		return "; and " + peer.node + " has nopreempt: it leaves a living master in office, so only weight 0 works as long as it has"
	}
	return ""
}
