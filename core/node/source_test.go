package node

import (
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestTrackSource: an instance that tracks its source is FAULT while that is not
// on the interface, and no other is.
func TestTrackSource(t *testing.T) {
	for _, track := range []bool{true, false} {
		in := instance3("V", 1, 100)
		in.Source, in.TrackSource = source, track
		cfg := Config{Instances: []Instance{in}}
		d := master(t, cfg)
		link := Link{Name: "eth0", Exists: true, Up: true, Index: 2, Primary: source, MTU: 1500}
		for _, test := range []struct {
			absent string
			gone   bool
		}{
			{"", false},
			{source.String() + "0", false}, // which begins like it
			{"192.0.2.77 " + source.String(), true},
			{"192.0.2.77", false},
		} {
			link.Absent = test.absent
			l := link
			d.step(&l)
			d.pass(4 * second)
			want := vrrp.Master
			if test.gone && track {
				want = vrrp.Fault
			}
			d.role("V", want)
			if why := strings.Join(d.status("V").Faults, ", "); (want == vrrp.Fault) != strings.Contains(why, "the source address "+source.String()+" is not on interface eth0") {
				t.Errorf("tracked %t, absent %q: faults %q", track, test.absent, why)
			}
		}
		if got := cfg.Channels()[0].Source; got.IsValid() != track {
			t.Errorf("tracked %t: the channel tells of the source %v", track, got)
		}
	}
}
