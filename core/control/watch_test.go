package control

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/track"
)

// nodeWatched are files and processes in every state.
func nodeWatched(at mono.Instant) ([]node.FileStatus, []node.ProcessStatus) {
	return []node.FileStatus{
			{Name: "load", Known: true, Value: -3, Since: at.Add(-time.Second), Users: []string{"VI_1"}},
			{Name: "absent", Known: true, Missing: true, Since: at},
			{Name: "broken", Known: true, Value: 7, Failure: "permission denied", Since: at},
			{Name: "new"},
		}, []node.ProcessStatus{
			{Name: "web", State: "up", Since: at.Add(-time.Minute), Count: 2, Quorum: track.Quorum{Least: 1, Most: 4}, Changes: at.Add(time.Second), Method: "looking", Users: []string{"VI_1"}},
			{Name: "hidden", State: "up", Since: at, Count: 2, Quorum: track.Quorum{Least: 3, Most: track.NoMost}, Changes: mono.Never, Failure: "no /proc"},
			{Name: "late", State: "unknown", Quorum: track.Quorum{Least: 1, Most: 1}, Changes: mono.Never},
		}
}

// TestWatchedNulls: what is not known is null, and what is is not.
func TestWatchedNulls(t *testing.T) {
	s := nodeStatus()
	x := Describe(s, func([]netspec.Address) ([]netspec.Address, error) { return nil, nil })
	for i, want := range []struct{ value, since bool }{{true, true}, {true, true}, {false, true}, {false, false}} {
		f := x.Files[i]
		if (f.Value != nil) != want.value || (f.SinceAge != nil) != want.since || f.TrackedBy == nil {
			t.Errorf("%s: %+v, want %+v", f.Name, f, want)
		}
	}
	if v := *x.Files[0].Value; v != -3 {
		t.Errorf("value %d, want -3", v)
	}
	for i, want := range []struct {
		count, since, most, changes bool
		wanted                      string
	}{{true, true, true, true, "1 to 4"}, {false, true, false, false, "at least 3"}, {false, false, true, false, "1"}} {
		p := x.Processes[i]
		if (p.Count != nil) != want.count || (p.SinceAge != nil) != want.since || (p.Most != nil) != want.most || (p.ChangesIn != nil) != want.changes || p.TrackedBy == nil {
			t.Errorf("%s: %+v, want %+v", p.Name, p, want)
		}
		if got := p.Wanted(); got != want.wanted {
			t.Errorf("%s: %q are wanted, want %q", p.Name, got, want.wanted)
		}
	}
	if p := x.Processes[0]; *p.Count != 2 || *p.ChangesIn != 1 || *p.SinceAge != 60 || p.Method != "looking" {
		t.Errorf("%+v", p)
	}
}
