package bfd

import (
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// A detection timer that is seen later than lateMargin was missed because the
// process did not run. The packets that came meanwhile may still wait in the
// socket: they get lateGrace to be read before the session goes down.
const (
	lateMargin = time.Millisecond
	lateGrace  = 5 * time.Millisecond
)

// interval returns how often packets are sent, before jitter (RFC 5880 6.8.7).
func (s *Session) interval() time.Duration { return max(s.txUsed, s.remote.MinRx) }

// jittered draws what to wait until the next packet: 75..100 % of the
// interval, with a multiplier of 1 at most 90 % (RFC 5880 6.8.7). The other
// side can only hear us early, never late.
func (s *Session) jittered() time.Duration {
	d := s.interval()
	span := d / 4
	if s.cfg.Mult == 1 {
		span = d * 15 / 100
	}
	// The product of a span of up to 1073 s in microseconds and 32 bits fits.
	drawn := time.Duration(uint64(span/time.Microsecond)*uint64(s.random.Uint32())>>32) * time.Microsecond
	return d - d/4 + drawn
}

// detection returns how long the peer may be silent, 0 before it was heard
// (RFC 5880 6.8.4).
func (s *Session) detection() time.Duration {
	return time.Duration(s.remote.Mult) * max(s.rxUsed, s.remote.MinTx)
}

// silent reports whether no periodic packets may be sent (RFC 5880 6.8.7): a
// passive session does not speak first, and the peer may not want them, for
// good or in demand mode.
func (s *Session) silent() bool {
	return s.peer == 0 && s.cfg.Passive ||
		s.remote.MinRx == 0 ||
		s.remote.Demand && s.state == Up && s.remote.State == Up && !s.polling
}

// reschedule works the next transmission out anew after something changed that
// it depends on. An interval that is as before keeps its drawn end.
func (s *Session) reschedule(now mono.Instant) {
	switch every := s.interval(); {
	case s.silent():
		s.tx, s.every = mono.Never, 0
	case every != s.every:
		s.every = every
		s.tx = now
		if s.lastSent != mono.Never {
			s.tx = max(now, s.lastSent.Add(s.jittered()))
		}
	}
}

// watch sets the detection timer from when the peer was last heard.
func (s *Session) watch() {
	s.detect = mono.Never
	if s.peer != 0 && s.state != AdminDown {
		s.detect = s.lastHeard.Add(s.detection())
	}
	s.lent = false
}
