package bfd

import (
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// Counters counts what a session sent, received and rejected since it was
// made.
type Counters struct {
	Sent     uint64
	Received uint64
	// Ups and Downs count how often it became and left Up.
	Ups      uint64
	Downs    uint64
	Rejected [rejections]uint64
}

// View is what people may ask of a session.
type View struct {
	State State
	// Diag is why it left its last state.
	Diag  Diag
	Since mono.Instant
	// Local and Remote are the discriminators, Remote 0 while unknown.
	Local, Remote uint32
	// RemoteState and RemoteDiag are those of the last packet.
	RemoteState State
	RemoteDiag  Diag
	// Interval is how often packets are sent, before jitter; zero when none
	// are. Detection is how long the peer may be silent, zero while it is
	// unknown.
	Interval  time.Duration
	Detection time.Duration
	// LastSent and LastHeard are Never before the first packet.
	LastSent, LastHeard mono.Instant
	// Polling is true until the peer has answered what changed.
	Polling bool
	Counts  Counters
}

// View returns a copy of everything that people may ask.
func (s *Session) View() View {
	v := View{
		State: s.state, Diag: s.diag, Since: s.since, Local: s.local, Remote: s.peer,
		RemoteState: s.remote.State, RemoteDiag: s.remote.Diag,
		LastSent: s.lastSent, LastHeard: s.lastHeard, Polling: s.polling || s.changed, Counts: s.counts,
	}
	if !s.silent() {
		v.Interval = s.interval()
	}
	if s.peer != 0 {
		v.Detection = s.detection()
	}
	return v
}
