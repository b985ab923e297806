package bfd

import (
	"fmt"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// ActionKind says what an Action asks for.
type ActionKind uint8

// The kinds of action, in the sense of core/node.
const (
	// DoSend: send Payload.
	DoSend ActionKind = iota
	// DoChange: the state changed From To because of Why.
	DoChange
)

// Action is something that a Session wants done, in the order in which actions
// were returned.
type Action struct {
	Kind ActionKind
	// Payload is one packet. It is good until the next call of the session.
	Payload  []byte
	From, To State
	// Why is for people.
	Why string
}

// Session is one session. Its methods take the present instant, which must not
// run backwards, and append what is to be done to out.
type Session struct {
	cfg    Config
	random Random
	local  uint32 // LocalDiscr

	state State
	diag  Diag // LocalDiag
	since mono.Instant
	// peer is RemoteDiscr, 0 while unknown. remote is the last packet of the
	// peer: RemoteSessionState, RemoteMinRxInterval, RemoteDemandMode and what
	// the detection time is made of.
	peer   uint32
	remote Control

	// minTx and minRx are what packets say; txUsed and rxUsed are in force,
	// and differ until a Poll Sequence has told the peer (RFC 5880 6.8.3).
	minTx, minRx   time.Duration
	txUsed, rxUsed time.Duration
	// polling is true during a Poll Sequence.
	polling bool
	// changed is true when something changed that no Poll has told yet. The
	// next Poll Sequence begins at poll, which is not before apart: an answer
	// does not say what it answers, and one to a Poll of the last sequence may
	// still be under way.
	changed bool
	poll    mono.Instant
	apart   mono.Instant

	tx     mono.Instant  // the next periodic packet is due
	every  time.Duration // the interval that tx was worked out from
	detect mono.Instant  // the peer's silence has lasted too long
	lent   bool          // detect was put off once because it was seen late

	lastSent  mono.Instant
	lastHeard mono.Instant
	counts    Counters
	slots     [4][Len]byte // the packets of a call, at most two
	slot      int
}

// New returns a session that is Down. Its discriminator must not be 0, nor
// that of another session of this host, and should not be guessable; seed is
// where its jitter begins.
func New(now mono.Instant, cfg Config, discriminator uint32, seed uint64) *Session {
	s := &Session{
		local: discriminator, random: Random(seed), state: Down, since: now,
		detect: mono.Never, poll: mono.Never, lastSent: mono.Never, lastHeard: mono.Never,
	}
	s.adopt(cfg)
	s.forget()
	s.settle()
	s.reschedule(now)
	return s
}

// adopt takes a configuration and what packets say of it.
func (s *Session) adopt(cfg Config) {
	s.cfg = cfg
	s.minRx = whole(cfg.MinRx)
	s.minTx = whole(cfg.idle())
	if s.state == Up {
		s.minTx = whole(cfg.MinTx)
	}
}

// whole rounds up to what a packet can say.
func whole(d time.Duration) time.Duration {
	return (d + time.Microsecond - 1).Truncate(time.Microsecond)
}

// settle puts what packets say in force.
func (s *Session) settle() { s.txUsed, s.rxUsed = s.minTx, s.minRx }

// forget makes the peer unknown again (RFC 5880 6.8.1).
func (s *Session) forget() {
	s.peer = 0
	s.remote = Control{State: Down, MinRx: time.Microsecond}
}

// State returns the present state.
func (s *Session) State() State { return s.state }

// Discriminator returns the session's own.
func (s *Session) Discriminator() uint32 { return s.local }

// Config returns the configuration in force.
func (s *Session) Config() *Config { return &s.cfg }

// Deadline returns when Tick is due next, Never when nothing is scheduled.
func (s *Session) Deadline() mono.Instant { return min(s.tx, s.detect, s.poll) }

// Tick does what is due. Early or repeated calls are harmless.
func (s *Session) Tick(now mono.Instant, out []Action) []Action {
	if s.detect.Reached(now) {
		if !s.lent && now.Sub(s.detect) > lateMargin {
			s.detect, s.lent = now.Add(lateGrace), true
		} else {
			out = s.expired(now, out)
		}
	}
	if s.poll.Reached(now) {
		s.poll, s.polling, s.changed = mono.Never, true, false
		out = s.send(now, false, out)
	}
	if s.tx.Reached(now) {
		out = s.send(now, false, out)
	}
	return out
}

// expired is RFC 5880 6.8.4, and 6.8.1 on RemoteDiscr.
func (s *Session) expired(now mono.Instant, out []Action) []Action {
	if s.state == Init || s.state == Up {
		why := fmt.Sprintf("heard nothing from the neighbor for %v", s.detection())
		out = s.become(now, Down, DiagExpired, why, out)
		// It may hear us although we do not hear it: it must know at once,
		// and find its session by the discriminator.
		out = s.send(now, false, out)
	}
	s.forget()
	s.detect = mono.Never
	s.reschedule(now)
	return out
}

// become changes the state and what depends on it.
func (s *Session) become(now mono.Instant, to State, diag Diag, why string, out []Action) []Action {
	out = append(out, Action{Kind: DoChange, From: s.state, To: to, Why: why})
	if s.state == Up {
		s.counts.Downs++
	}
	s.state, s.diag, s.since = to, diag, now
	s.adopt(s.cfg)
	// While not Up, and on becoming Up, when the interval only shrinks, every
	// parameter is in force at once (RFC 5880 6.8.3).
	s.settle()
	s.polling, s.changed, s.poll, s.apart = to == Up, false, mono.Never, now
	if to == Up {
		s.counts.Ups++
	}
	return out
}

// send sends one packet. Sent between two periodic ones it replaces the next.
func (s *Session) send(now mono.Instant, final bool, out []Action) []Action {
	c := Control{
		Diag: s.diag, State: s.state, Mult: s.cfg.Mult, My: s.local, Your: s.peer,
		MinTx: s.minTx, MinRx: s.minRx, Final: final, Poll: s.polling && !final,
	}
	b := c.Append(s.slots[s.slot][:0])
	s.slot = (s.slot + 1) % len(s.slots)
	s.counts.Sent++
	s.lastSent, s.every = now, 0
	s.reschedule(now)
	return append(out, Action{Kind: DoSend, Payload: b})
}

// ask begins a Poll Sequence, or has one follow (RFC 5880 6.5).
func (s *Session) ask(now mono.Instant) {
	switch {
	case s.polling:
		s.changed = true
	case now < s.apart:
		s.changed, s.poll = true, s.apart
	default:
		s.polling = true
	}
}

// answered ends a Poll Sequence.
func (s *Session) answered(now mono.Instant) {
	s.polling, s.apart = false, now.Add(s.detection())
	if s.changed {
		s.poll = s.apart
		return
	}
	s.settle()
}

// Stop takes the session down for good and tells the peer (RFC 5880 6.8.16).
// Driven on, it goes on telling.
func (s *Session) Stop(now mono.Instant, out []Action) []Action {
	if s.state == AdminDown {
		return out
	}
	out = s.become(now, AdminDown, DiagAdminDown, "administratively down", out)
	s.detect = mono.Never
	if s.cfg.Passive && s.peer == 0 {
		s.reschedule(now)
		return out
	}
	return s.send(now, false, out)
}

// Reconfigure replaces the configuration; the path stays. An Up session tells
// its peer in a Poll Sequence: until it has answered, a greater MinTx does not
// slow us down and a smaller MinRx does not shorten the detection time (RFC
// 5880 6.8.3).
func (s *Session) Reconfigure(now mono.Instant, cfg Config, out []Action) []Action {
	tx, rx, mult := s.minTx, s.minRx, s.cfg.Mult
	s.adopt(cfg)
	if tx == s.minTx && rx == s.minRx && mult == s.cfg.Mult {
		s.reschedule(now) // it may have become passive, or active
		return out
	}
	if s.state != Up {
		s.settle()
	} else {
		s.txUsed, s.rxUsed = min(s.txUsed, s.minTx), max(s.rxUsed, s.minRx)
		if tx != s.minTx || rx != s.minRx {
			s.ask(now)
		}
	}
	if s.lastHeard != mono.Never {
		s.watch()
	}
	if s.cfg.Passive && s.peer == 0 {
		s.reschedule(now)
		return out
	}
	return s.send(now, false, out) // its content changed (RFC 5880 6.8.7)
}
