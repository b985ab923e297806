package node

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestStrangersAreNoted: a virtual router that is not configured is noted once an hour,
// and only when that is asked for.
func TestStrangersAreNoted(t *testing.T) {
	for _, tell := range []bool{false, true} {
		d := drive(t, Config{Instances: []Instance{instance3("V", 1, 100)}, TellStrangers: tell})
		d.forget()
		strange := func(vrid uint8) {
			in := instance3("S", vrid, 100)
			d.step(&Received{Packet: vrrp.Packet{
				Interface: "eth0", Source: higher, Destination: vrrp.Group(false), TTL: vrrp.TTL,
				Payload: in.Router.Append(nil, 100, higher, vrrp.Group(false)),
			}})
		}
		for range 3 {
			strange(77)
		}
		strange(78)
		if tell {
			d.want("note stranger", "note stranger")
		} else {
			d.want()
		}
		d.now = d.now.Add(time.Hour)
		d.take(d.node.Tick(d.now))
		d.forget()
		strange(77)
		if tell {
			d.want("note stranger")
		} else {
			d.want()
		}
		if got := d.node.Status(d.now).Strangers; got != 5 {
			t.Errorf("%d strangers, want 5", got)
		}
	}
}
