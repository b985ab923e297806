package bfd

import (
	"github.com/moonkeep/moonkeep/core/mono"
)

// receive takes a packet that belongs to the session and has passed every rule
// that does not depend on its state. It is the second half of RFC 5880 6.8.6,
// in that order.
func (s *Session) receive(now mono.Instant, c *Control, out []Action) ([]Action, Rejection) {
	s.peer = c.My
	s.remote = *c
	if c.Final && s.polling {
		s.answered(now)
	}
	if s.state == AdminDown {
		s.counts.Rejected[RejectAdminDown]++
		s.reschedule(now)
		return out, RejectAdminDown
	}
	s.lastHeard = now
	s.counts.Received++
	before := s.state
	switch {
	case c.State == AdminDown:
		if s.state != Down {
			out = s.become(now, Down, DiagNeighbor, "the neighbor is administratively down", out)
		}
	case s.state == Down && c.State == Down:
		out = s.become(now, Init, DiagNone, "the neighbor was heard", out)
	case s.state == Down && c.State == Init, s.state == Init && c.State >= Init:
		out = s.become(now, Up, DiagNone, "the neighbor hears us", out)
	case s.state == Up && c.State == Down:
		out = s.become(now, Down, DiagNeighbor, "the neighbor signaled "+c.Diag.String(), out)
	}
	s.watch()
	switch {
	case c.Poll:
		return s.send(now, true, out), Accepted
	case s.state != before:
		return s.send(now, false, out), Accepted
	}
	s.reschedule(now)
	return out, Accepted
}
