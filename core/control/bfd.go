package control

import (
	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
)

// Session is one BFD session.
type Session struct {
	Name     string `json:"name"`
	Source   string `json:"source,omitempty"`
	Neighbor string `json:"neighbor"`
	Multihop bool   `json:"multihop"`
	// State is AdminDown, Down, Init or Up, and Diagnostic why it left the
	// last one. TrackedAs is what those in TrackedBy see: up, down, unknown.
	State      string   `json:"state"`
	SinceAge   float64  `json:"state_age_s"`
	Diagnostic string   `json:"diagnostic"`
	TrackedAs  string   `json:"tracked_as"`
	TrackedBy  []string `json:"tracked_by"`
	// The discriminators are null while unknown.
	Local            uint32  `json:"local_discriminator"`
	Remote           *uint32 `json:"remote_discriminator"`
	RemoteState      string  `json:"remote_state"`
	RemoteDiagnostic string  `json:"remote_diagnostic"`
	// Interval is how often packets leave, before jitter, and Detection how
	// long the neighbor may be silent; null when none leave, or it is unknown.
	Interval  *float64 `json:"send_interval_s"`
	Detection *float64 `json:"detection_time_s"`
	SentAge   *float64 `json:"last_sent_age_s"`
	HeardAge  *float64 `json:"last_heard_age_s"`
	// SendError says why packets cannot be sent.
	SendError string            `json:"send_error,omitempty"`
	Sent      uint64            `json:"packets_sent"`
	Received  uint64            `json:"packets_received"`
	Ups       uint64            `json:"times_up"`
	Downs     uint64            `json:"times_down"`
	Rejected  map[string]uint64 `json:"packets_rejected"`
}

func describeSession(s *node.SessionStatus, age func(mono.Instant) *float64) Session {
	x := Session{
		Name: s.Name, Neighbor: s.Path.Neighbor.String(), Multihop: s.Path.Multihop,
		State: s.State.String(), SinceAge: *age(s.Since), Diagnostic: s.Diag.String(), TrackedAs: s.Tracked, TrackedBy: []string{},
		Local: s.Local, RemoteState: s.RemoteState.String(), RemoteDiagnostic: s.RemoteDiag.String(),
		SentAge: age(s.LastSent), HeardAge: age(s.LastHeard), SendError: s.Failure,
		Sent: s.Counts.Sent, Received: s.Counts.Received, Ups: s.Counts.Ups, Downs: s.Counts.Downs,
		Rejected: map[string]uint64{},
	}
	if s.Path.Source.IsValid() {
		x.Source = s.Path.Source.String()
	}
	x.TrackedBy = append(x.TrackedBy, s.Users...)
	if s.Remote != 0 {
		x.Remote = &s.Remote
	}
	if s.Interval > 0 {
		x.Interval = seconds(s.Interval)
	}
	if s.Detection > 0 {
		x.Detection = seconds(s.Detection)
	}
	for rule, n := range s.Counts.Rejected {
		if n > 0 {
			x.Rejected[bfd.Rejection(rule).String()] = n
		}
	}
	return x
}
