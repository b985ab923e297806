package lint

import (
	"fmt"
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// kind is what a tracker looks at.
type kind uint8

const (
	trackScript kind = iota
	trackInterface
	trackProcess
	trackBFD
)

// tracker is one tracked thing with a weight that counts. Files are not among
// them: what they do to the priority is in the file.
type tracker struct {
	config.Track
	kind kind
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

// same reports whether two trackers look at one thing.
func (t *tracker) same(o *tracker) bool { return t.Name == o.Name && t.kind == o.kind }

// event says what has to happen for the tracker to turn bad.
func (t *tracker) event() string {
	words := [2]string{"goes down", "comes up"}
	switch t.kind {
	case trackScript:
		words = [2]string{"fails", "succeeds"}
	case trackProcess:
		words = [2]string{"does not run", "runs"}
	}
	if t.Reverse {
		return t.Name + " " + words[1]
	}
	return t.Name + " " + words[0]
}

func newSeat(of int, node string, in *config.Instance, group *config.SyncGroup) *seat {
	s := &seat{of: of, node: node, in: in, group: group}
	add := func(list []config.Track, k kind) {
		for _, t := range list {
			if t.Weight != 0 {
				s.trackers = append(s.trackers, tracker{t, k})
			}
		}
	}
	if group == nil || group.KeepWeights {
		add(in.TrackScripts, trackScript)
		add(in.TrackInterfaces, trackInterface)
		add(in.TrackProcesses, trackProcess)
		add(in.TrackBFDs, trackBFD)
	}
	if group != nil {
		add(group.TrackScripts, trackScript)
		add(group.TrackInterfaces, trackInterface)
		add(group.TrackProcesses, trackProcess)
		add(group.TrackBFDs, trackBFD)
	}
	s.healthy = s.effective()
	return s
}

// effective is the priority while the things that these trackers look at are
// bad and all others good.
func (s *seat) effective(bad ...*tracker) int {
	if s.in.Priority == owner {
		return owner
	}
	p := s.in.Priority
	for i := range s.trackers {
		if t := &s.trackers[i]; slices.ContainsFunc(bad, t.same) {
			p += t.bad()
		} else {
			p += t.good()
		}
	}
	return min(max(p, lowest), highest)
}

// worst is the priority while all trackers are bad.
func (s *seat) worst() int {
	var all []*tracker
	for i := range s.trackers {
		all = append(all, &s.trackers[i])
	}
	return s.effective(all...)
}

// without is the priority without the tracker, everything else good and
// nothing cut off.
func (s *seat) without(t *tracker) int {
	p := s.in.Priority
	for i := range s.trackers {
		if o := &s.trackers[i]; !o.same(t) {
			p += o.good()
		}
	}
	return p
}

// find returns the seat's tracker of the same thing, or nil.
func (s *seat) find(t *tracker) *tracker {
	for i := range s.trackers {
		if o := &s.trackers[i]; o.same(t) {
			return o
		}
	}
	return nil
}

// movement asks of every weighted tracker whether its failure moves the
// addresses, which is what it is there for: from the best node to the next;
// when the best is down, from the next to the one behind it, and so on. A
// node that is the last one left has nobody to give the addresses to.
func movement(seats []*seat, found *config.Findings) {
	order := ranked(seats)
	for k, s := range order[:len(order)-1] {
		if s.in.Priority == owner {
			continue
		}
		for i := range s.trackers {
			t := &s.trackers[i]
			if enough(order, k, t, found) {
				second(order, k, t, found)
			}
		}
	}
}

// enough reports whether the failure of a tracker of the k-th node gives the
// addresses to the next while the better ones are down.
func enough(order []*seat, k int, t *tracker, found *config.Findings) bool {
	s, peer := order[k], order[k+1]
	left := s.effective(t)
	when := fmt.Sprintf("when %s here", t.event())
	if k > 0 {
		when = fmt.Sprintf("when %s and %s here", down(order[:k]), t.event())
	}
	if left >= peer.healthy {
		alone := ""
		if s.worst() < peer.healthy {
			alone = " by this alone"
		}
		s.warn(found, t.At, "weight-too-small", "%s, the priority is %d (%s), and %s has %d: the address never moves%s; %s%s",
			when, left, arithmetic(s, t), peer.node, peer.healthy, alone, advice(s, peer, t), nopreempt(peer))
		return false
	}
	for _, o := range order[k+1:] {
		if o.healthy > left && !o.in.NoPreempt {
			return true
		}
	}
	s.warn(found, t.At, "nopreempt-stays", "%s, the priority is %d (%s), less than the %d of %s, which has nopreempt and leaves a living master in office: the address never moves; take nopreempt out there, or use weight 0, which faults the instance",
		when, left, arithmetic(s, t), peer.healthy, peer.node)
	return false
}

// second looks at a second failure: the nodes between are down, and one that
// is well comes behind them. It takes the addresses only if the first failure
// left less than it has.
func second(order []*seat, k int, t *tracker, found *config.Findings) {
	s := order[k]
	left := s.effective(t)
	for j := len(order) - 1; j > k+1; j-- {
		last := order[j]
		if left < last.healthy {
			continue
		}
		s.warn(found, t.At, "weight-second-failure", "when %s here, the priority is %d (%s), less than the %d of %s but not than the %d of %s: if %s as well, the address stays on this node although %s is well; %s",
			t.event(), left, arithmetic(s, t), order[k+1].healthy, order[k+1].node, last.healthy, last.node, down(order[k+1:j]), last.node, advice(s, last, t))
		return
	}
}

// down says that nodes are down.
func down(seats []*seat) string {
	var names []string
	for _, s := range seats {
		names = append(names, s.node)
	}
	if len(names) > 1 {
		return list(names) + " are down"
	}
	return names[0] + " is down"
}

// arithmetic writes down how the priority comes about.
func arithmetic(s *seat, t *tracker) string {
	return fmt.Sprintf("%d - %d", s.without(t)+t.good(), t.good()-t.bad())
}

// advice says which weight would do. A positive weight works only where the
// peer has the same tracker, whose success lifts it above what is left here.
func advice(best, peer *seat, t *tracker) string {
	need := best.without(t) - peer.without(t) + 1
	const fault = "weight 0, which faults the instance"
	other := peer.find(t)
	switch {
	case t.Weight > 0 && other != nil && other.Weight > 0 && peer.without(t)+need <= highest && best.without(t)+need <= highest:
		return fmt.Sprintf("use a weight of at least %d on all nodes, or %s", need, fault)
	case (t.Weight < 0 || other == nil) && best.without(t)-need >= lowest:
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
