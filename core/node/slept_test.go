package node

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestGroupThatSleptReleasesAtOnce: the other node has taken what the members of a
// group that stood still have, so none of them goes on answering; one that yields
// with its group does, for a moment.
func TestGroupThatSleptReleasesAtOnce(t *testing.T) {
	for name, slept := range map[string]bool{"slept": true, "yielded": false} {
		d := drive(t, pair())
		d.pass(5 * second)
		d.role("V", vrrp.Master)
		var actions []Action
		if slept {
			d.now = d.now.Add(time.Minute)
			actions = d.node.Tick(d.now)
		} else {
			router := &d.node.byName["V"].cfg.Router
			actions = d.node.Step(d.now, &Received{Packet: vrrp.Packet{
				Interface: "eth0", Source: lower, Destination: vrrp.Group(false), TTL: vrrp.TTL,
				Payload: router.Append(nil, 150, lower, vrrp.Group(false)),
			}})
		}
		released := 0
		for _, a := range actions {
			if a.Kind == Release {
				if released++; (a.Grace == 0) != slept {
					t.Errorf("%s: %s is released in %v", name, a.Instance, a.Grace)
				}
			}
		}
		if released != 2 {
			t.Errorf("%s: %d releases", name, released)
		}
	}
}
