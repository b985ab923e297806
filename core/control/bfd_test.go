package control

import (
	"net/netip"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// nodeSessions are a session that is up and one that never was.
func nodeSessions(at mono.Instant) []node.SessionStatus {
	up := node.SessionStatus{
		Name: "gw", Tracked: "up", Users: []string{"VI_1"}, Failure: "network is unreachable",
		Path: bfd.Path{Source: netip.MustParseAddr("192.0.2.1"), Neighbor: netip.MustParseAddr("192.0.2.254"), Multihop: true},
		View: bfd.View{
			State: bfd.Up, Since: at.Add(-time.Minute), Local: 1, Remote: 2, RemoteState: bfd.Init, RemoteDiag: bfd.DiagNeighbor,
			Interval: 10 * time.Millisecond, Detection: 50 * time.Millisecond, LastSent: at.Add(-3 * time.Millisecond), LastHeard: at.Add(-4 * time.Millisecond),
		},
	}
	up.Counts.Sent, up.Counts.Received, up.Counts.Ups, up.Counts.Downs = 5, 6, 7, 8
	up.Counts.Rejected[bfd.RejectHops] = 9
	down := node.SessionStatus{
		Name: "other", Tracked: "down", Path: bfd.Path{Neighbor: netip.MustParseAddr("2001:db8::1")},
		View: bfd.View{State: bfd.Down, Diag: bfd.DiagExpired, Since: at, Local: 3, LastSent: mono.Never, LastHeard: mono.Never},
	}
	return []node.SessionStatus{up, down}
}

// TestSessionNulls: what is not known is null, and what is is not.
func TestSessionNulls(t *testing.T) {
	s := Describe(nodeStatus(), func([]netspec.Address) ([]netspec.Address, error) { return nil, nil })
	up, down := s.Sessions[0], s.Sessions[1]
	for name, p := range map[string][2]*float64{
		"interval": {up.Interval, down.Interval}, "detection": {up.Detection, down.Detection},
		"sent": {up.SentAge, down.SentAge}, "heard": {up.HeardAge, down.HeardAge},
	} {
		if p[0] == nil || p[1] != nil {
			t.Errorf("%s is %v and %v, want a number and null", name, p[0], p[1])
		}
	}
	if up.Remote == nil || *up.Remote != 2 || down.Remote != nil || down.TrackedBy == nil || down.Source != "" {
		t.Errorf("%+v, %+v", up, down)
	}
}
