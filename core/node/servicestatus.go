package node

import (
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
)

// ServicesStatus is what there is to tell of virtual servers. There may be tens
// of thousands of real servers, so these are asked for piece by piece.
type ServicesStatus struct {
	At mono.Instant
	// Generation is the configuration's; pieces of another one do not belong
	// together.
	Generation uint32
	Services   []ServiceStatus
	Probes     ProbeCounts
}

// ServiceStatus is one virtual server.
type ServiceStatus struct {
	Name string
	// Quorum says that it has its quorum, and Since when that began.
	Quorum bool
	Since  mono.Instant
	// Weight is the sum of those of working servers; Need and Slack are the
	// quorum in force.
	Weight, Need, Slack int64
	// Sorry says that it has a sorry server.
	Sorry bool
	// Asleep says that its checks rest because its address is not here.
	Asleep bool
	// Panics says that so few of its servers work that those are kept which did.
	Panics bool
	// First is the number of its first real server, and Servers how many it
	// has.
	First, Servers int
}

// ServerStatus is one real server.
type ServerStatus struct {
	Name  string
	Up    bool
	Since mono.Instant
	// Weight is the one in force, Configured the configured one.
	Weight, Configured int
	// Rising is the weight that it has meanwhile when its own rises slowly, or
	// negative. Kept says that it serves though it is down, because of a panic.
	Rising int
	Kept   bool
	// Wish is what people want of it; Drained says that its place is gone for
	// that. ByHand is the weight that people gave it, negative without one.
	Wish    Wish
	Drained bool
	// Unproven says that it gets no clients before its checks have a result,
	// which they have none of since its maintenance.
	Unproven bool
	ByHand   int
	Checks   []CheckStatus
}

// CheckStatus is one check.
type CheckStatus struct {
	// Kind and Place are as in Check. Number is that among all checks of the server,
	// from 1, where it has more of that kind and place; 0 else.
	Kind, Place string
	Number      int
	// View is the check's own account, but for how late it was at most. Of a check
	// that follows a file or a session Up and Decided count only.
	health.View
	// Follows is the file or the BFD session that it follows, "" for none.
	Follows string
	// Message and Took are of the last answer.
	Message string
	Took    time.Duration
	// Weighs says that it told the weight Weight.
	Weighs bool
	Weight int
}

// Generation is that of the numbers of checks; each Reconfigure begins another.
func (n *Node) Generation() uint32 { return n.generation }

// Services returns how the virtual servers stand.
func (n *Node) Services(now mono.Instant) *ServicesStatus {
	st := &ServicesStatus{At: now, Generation: n.generation, Probes: n.probing, Services: make([]ServiceStatus, len(n.services))}
	first := 0
	for i := range n.services {
		v := &n.services[i]
		st.Services[i] = ServiceStatus{
			Name: v.cfg.Name, Quorum: v.has, Since: v.since, Weight: v.sum, Need: v.quorum.Need, Slack: v.quorum.Slack,
			Sorry: v.cfg.Sorry.Present, Asleep: v.sleeps, Panics: v.inPanic(), First: first, Servers: len(v.servers),
		}
		first += len(v.servers)
	}
	return st
}

// Servers appends real servers, from the one of that number on and most of them
// at most, to dst; none when there are no more.
func (n *Node) Servers(dst []ServerStatus, from, most int) []ServerStatus {
	for i := from; i < min(from+most, len(n.servers)); i++ {
		s := n.servers[i]
		st := ServerStatus{Name: s.cfg.Name, Up: s.up, Since: s.since, Weight: s.weight, Configured: s.cfg.Weight, Checks: make([]CheckStatus, len(s.checks)), ByHand: -1, Rising: -1, Unproven: s.unproven && !s.rests()}
		if s.rises && s.serves && s.handed() == balance.Free && s.placed < s.inForce() {
			st.Rising = s.placed
		}
		st.Kept = s.serves && !s.up && s.handed() == balance.Free
		if s.hand != nil {
			st.Wish, st.Drained, st.ByHand = s.hand.Wish, s.hand.out, s.hand.Weight
		}
		for k := range s.checks {
			st.Checks[k] = s.checks[k].status()
		}
		dst = append(dst, st)
	}
	return dst
}

// followers names the real servers whose checks follow something.
func (n *Node) followers(checks []uint32) (names []string) {
	for _, id := range checks {
		s := n.queue.checks[id].server
		names = append(names, "real server "+s.cfg.Name+" of "+s.service.cfg.Name)
	}
	return names
}

func (c *checker) status() CheckStatus {
	st := CheckStatus{Kind: c.cfg.Kind, Number: c.number(), Place: c.cfg.Place, Message: c.message, Took: c.took, Weighs: c.weighs && c.working(), Weight: int(c.weight)}
	switch {
	case c.cfg.File != "":
		st.Follows = "file " + c.cfg.File
	case c.cfg.Session != "":
		st.Follows = "BFD session " + c.cfg.Session
	default:
		st.View = c.life.View()
		st.Late.Most = c.late // else it would have the time until the grid in it
		return st
	}
	st.Up, st.Decided, st.Due, st.Last, st.Dark = c.up, c.known, mono.Never, mono.Never, mono.Never
	return st
}
