package node

import (
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/core/mono"
)

// TestS21Claim: the claim says whether packets to the addresses are dropped.
func TestS21Claim(t *testing.T) {
	for _, noAccept := range []bool{false, true} {
		in := instance3("V", 1, 100)
		in.Router.NoAccept = noAccept
		n := wired(t, in)
		claims := 0
		for n.Deadline() <= mono.Instant(4*second) {
			for _, a := range n.Tick(n.Deadline()) {
				if a.Kind == Claim {
					claims++
					if a.NoAccept != noAccept {
						t.Errorf("NoAccept = %v, want %v", a.NoAccept, noAccept)
					}
				}
			}
		}
		if claims != 1 {
			t.Errorf("%d claims, want 1", claims)
		}
	}
}

// TestNoAcceptChanges: a reload that changes whether packets are dropped has a
// master claim anew, once, and nothing else happens.
func TestNoAcceptChanges(t *testing.T) {
	for _, c := range []struct {
		name     string
		priority uint8
		was, is  bool
		want     []bool // NoAccept of the claims
	}{
		{"closed", 100, false, true, []bool{true}},
		{"opened", 100, true, false, []bool{false}},
		{"as before", 100, true, true, nil},
		{"an owner accepts", 255, false, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := instance3("V", 1, c.priority)
			in.Router.NoAccept = c.was
			n := wired(t, in)
			now := mono.Instant(4 * second)
			elapse(n, now)
			in.Router.NoAccept = c.is
			var got []bool
			for _, a := range n.Reconfigure(now, Config{Instances: []Instance{in}}) {
				if a.Kind != Claim {
					t.Errorf("did %+v", a)
					continue
				}
				got = append(got, a.NoAccept)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("claimed with NoAccept %v, want %v", got, c.want)
			}
		})
	}
}
