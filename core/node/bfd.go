package node

import (
	"fmt"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/track"
)

// Session is one bfd_instance.
type Session struct {
	Name string
	BFD  bfd.Config
}

// TrackSession makes an instance's fate depend on a BFD session, as
// TrackInterface.
type TrackSession struct {
	Name    string
	Weight  int
	Reverse bool
}

// BFDReceived is a packet from a BFD socket. The node reads Payload during
// Step only and keeps none of it, so that the caller may reuse the buffer.
type BFDReceived struct{ Packet bfd.Packet }

// BFDSendFailed says that a session's packets cannot be sent (Failure says
// why), or, with an empty Failure, that they leave again.
type BFDSendFailed struct {
	Session string
	Failure string
}

func (*BFDReceived) event()   {}
func (*BFDSendFailed) event() {}

// graceIntervals is how many idle intervals a session that a reload added has
// to come up before it counts as down.
const graceIntervals = 3

// session is a BFD session with what surrounds it.
type session struct {
	cfg   Session
	life  *bfd.Session
	timer *timed
	users []*instance
	// checks are the numbers of those that follow it.
	checks []uint32
	// grace is until when a session that was never up is unknown rather than
	// down; Never when it is not.
	grace   mono.Instant
	failure string
}

// state is what the session means to those who track it. As in keepalived it
// is down until it comes up; one that a reload added to a running node is
// unknown for a while, so that the reload itself moves no address.
func (s *session) state() track.State {
	if s.grace != mono.Never && s.life.State() != bfd.Up {
		return track.Unknown
	}
	return track.Of(s.life.State() == bfd.Up)
}

// heard takes a packet from a BFD socket.
func (n *Node) heard(now mono.Instant, e *BFDReceived) {
	life, acts, rule := n.bfd.Receive(now, &e.Packet, n.bfdActs[:0])
	n.bfdActs = acts
	if rule != bfd.Accepted {
		n.discarded(now, life, e, rule)
	}
	if s := n.byLife[life]; s != nil {
		n.emitSession(now, s)
	}
}

// discarded tells of a packet that broke a rule: once for each rule until a
// session comes up, and not again for a while even then. Packets of no session
// of ours are what a peer sends that has not noticed that we began anew, and
// what others on the network do.
func (n *Node) discarded(now mono.Instant, life *bfd.Session, e *BFDReceived, rule bfd.Rejection) {
	if rule == bfd.RejectSession || rule == bfd.RejectAdminDown {
		return
	}
	if quiet, told := n.bfdQuiet[rule]; told && (quiet == mono.Never || now < quiet) {
		return
	}
	n.bfdQuiet[rule] = mono.Never
	detail := ""
	if rule == bfd.RejectHops {
		detail = fmt.Sprintf(": it came with TTL %d, at least %d is wanted (max_hops)", e.Packet.TTL, life.Config().MinTTL)
	}
	n.note(Warn, "", "bfd", fmt.Sprintf("discarded a BFD packet from %v: %v%s", e.Packet.Source, rule, detail))
}

// runSession does what is due for a session.
func (n *Node) runSession(now mono.Instant, s *session) {
	n.bfdActs = s.life.Tick(now, n.bfdActs[:0])
	over := s.grace.Reached(now)
	if over {
		s.grace = mono.Never
	}
	n.emitSession(now, s)
	if over {
		n.settleSession(now, s)
	}
}

// emitSession turns what a session wants into the node's actions, and lets
// those who track it follow.
func (n *Node) emitSession(now mono.Instant, s *session) {
	var left, came bool
	for i := range n.bfdActs {
		a := &n.bfdActs[i]
		if a.Kind == bfd.DoSend {
			n.out = append(n.out, Action{
				Kind: SendBFD, Session: s.cfg.Name, Source: s.cfg.BFD.Source, Destination: s.cfg.BFD.Neighbor,
				Multihop: s.cfg.BFD.Multihop, TTL: uint8(s.cfg.BFD.TTL), Payload: a.Payload,
			})
			continue
		}
		switch {
		case a.To == bfd.Up:
			came = true
			n.note(Info, "", "bfd", fmt.Sprintf("BFD session %s (%v) is up", s.cfg.Name, s.cfg.BFD.Path))
		case a.From == bfd.Up:
			left = true
			level := Warn
			if a.To == bfd.AdminDown {
				level = Info
			}
			n.note(level, "", "bfd", fmt.Sprintf("BFD session %s (%v) is down: %s", s.cfg.Name, s.cfg.BFD.Path, a.Why))
		}
	}
	n.bfdActs = n.bfdActs[:0]
	if came {
		s.grace = mono.Never
		for rule := range n.bfdQuiet {
			n.bfdQuiet[rule] = now.Add(quietFor)
		}
	}
	n.schedule(s)
	if left || came {
		n.settleSession(now, s)
	}
}

func (n *Node) schedule(s *session) {
	n.sched.set(s.timer, mono.Min(s.life.Deadline(), s.grace))
}

func (n *Node) settleSession(now mono.Instant, s *session) {
	if n.stopping {
		return // everybody leaves anyway
	}
	n.settleAll(now, s.users)
	n.sessionTold(now, s)
}

// weighSessions adds up tracked sessions, as weigh does.
func (n *Node) weighSessions(in *instance, sessions []TrackSession, weights bool) (sum int) {
	for _, t := range sessions {
		if weights || t.Weight == 0 {
			sum += n.term(in, "BFD session "+t.Name, n.sessionsByName[t.Name].state(), t.Weight, t.Reverse)
		}
	}
	return sum
}

// resession replaces the BFD sessions. One with the same path is the same,
// whatever its name: it keeps its state and tells its peer of other timers.
// One that is gone says so to its peer.
func (n *Node) resession(now mono.Instant, cfg []Session) {
	old := map[bfd.Path]*session{}
	for _, s := range n.sessions {
		old[s.cfg.BFD.Path] = s
	}
	wanted := func(p bfd.Path) bool {
		return slices.ContainsFunc(cfg, func(c Session) bool { return c.BFD.Path == p })
	}
	for _, s := range n.sessions {
		if wanted(s.cfg.BFD.Path) {
			continue
		}
		s.users, s.checks = nil, nil // for whom its end counts for nothing
		n.bfdActs = s.life.Stop(now, n.bfdActs[:0])
		n.emitSession(now, s)
		n.bfd.Remove(s.life)
		delete(n.byLife, s.life)
		n.sched.remove(s.timer)
	}
	n.sessions, n.sessionsByName = nil, map[string]*session{}
	for _, c := range cfg {
		s := old[c.BFD.Path]
		if s == nil {
			s = n.newSession(now, c)
		} else {
			if s.cfg.Name != c.Name {
				s.failure = "" // which the edge knows by the name
			}
			s.cfg, s.users = c, nil
			n.bfdActs = s.life.Reconfigure(now, c.BFD, n.bfdActs[:0])
			n.emitSession(now, s)
		}
		n.sessions = append(n.sessions, s)
		n.sessionsByName[c.Name] = s
	}
}

func (n *Node) newSession(now mono.Instant, c Session) *session {
	discriminator := n.bfd.Draw(&n.random)
	seed := uint64(n.random.Uint32())<<32 | uint64(n.random.Uint32())
	s := &session{cfg: c, life: bfd.New(now, c.BFD, discriminator, seed), grace: mono.Never}
	if n.running {
		s.grace = now.Add(graceIntervals * max(c.BFD.IdleTx, time.Second))
	}
	s.timer = &timed{run: func(now mono.Instant) { n.runSession(now, s) }}
	n.sched.add(s.timer)
	n.schedule(s)
	n.bfd.Add(s.life)
	n.byLife[s.life] = s
	return s
}

// attachSessions finds out who tracks each session. Sessions run whether or
// not anybody does: the peer may track them.
func (n *Node) attachSessions() {
	for _, in := range n.instances {
		lists := [][]TrackSession{in.cfg.Sessions}
		if in.group != nil {
			lists = append(lists, in.group.cfg.Sessions)
		}
		for _, list := range lists {
			for _, t := range list {
				if s := n.sessionsByName[t.Name]; !slices.Contains(s.users, in) {
					s.users = append(s.users, in)
				}
			}
		}
	}
}

// stopSessions takes every session administratively down: the peers need not
// wait until they notice.
func (n *Node) stopSessions(now mono.Instant) {
	for _, s := range n.sessions {
		n.bfdActs = s.life.Stop(now, n.bfdActs[:0])
		n.emitSession(now, s)
	}
}

// bfdSendResult tells when packets of a session begin or cease to leave.
func (n *Node) bfdSendResult(e *BFDSendFailed) {
	s := n.sessionsByName[e.Session]
	if s == nil || (s.failure != "") == (e.Failure != "") {
		return
	}
	s.failure = e.Failure
	if s.failure != "" {
		n.note(Warn, "", "send", fmt.Sprintf("packets of BFD session %s cannot be sent: %s", e.Session, e.Failure))
	} else {
		n.note(Info, "", "send", fmt.Sprintf("packets of BFD session %s leave again", e.Session))
	}
}

// SessionStatus is one BFD session.
type SessionStatus struct {
	Name string
	Path bfd.Path
	// View is the session's own account.
	bfd.View
	// Tracked is what those who track it see: "up", "down", "unknown".
	Tracked string
	// Users are the instances that track it, and the real servers whose checks
	// follow it.
	Users []string
	// Failure is why its packets cannot be sent, empty when they can.
	Failure string
}

func (s *session) status() SessionStatus {
	st := SessionStatus{Name: s.cfg.Name, Path: s.cfg.BFD.Path, View: s.life.View(), Tracked: s.state().String(), Failure: s.failure}
	for _, in := range s.users {
		st.Users = append(st.Users, in.cfg.Name)
	}
	return st
}
