package node

import (
	"testing"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// FuzzStep gives a MASTER and a BACKUP a payload from a stranger. Nothing may
// change by it unless it verifies as an advert of theirs.
func FuzzStep(f *testing.F) {
	v, w := instance3("V", 1, 100), instance3("W", 2, 100)
	old := instance3("O", 3, 100)
	old.Router.Version = vrrp.V2
	for _, in := range []Instance{v, w, old} {
		for _, priority := range []uint8{0, 50, 100, 200, 255} {
			f.Add(in.Router.Append(nil, priority, higher, vrrp.Group(false)), priority == 50)
		}
	}
	f.Add([]byte{}, true)
	f.Add([]byte{0x31, 1}, false)
	f.Fuzz(func(t *testing.T, payload []byte, fromLower bool) {
		d := drive(t, Config{Instances: []Instance{v, w, old}})
		d.pass(3 * second)
		d.hear("W", lower, 200)
		d.pass(second)
		d.role("V", vrrp.Master)
		d.role("W", vrrp.Backup)
		from := higher
		if fromLower {
			from = lower
		}
		packet := vrrp.Packet{Interface: "eth0", Source: from, Destination: vrrp.Group(false), TTL: vrrp.TTL, Payload: payload}
		accepted := map[string]bool{}
		before := map[string]InstanceStatus{}
		for _, in := range d.node.instances {
			_, rule := in.cfg.Router.Verify(&packet)
			accepted[in.cfg.Name] = rule == vrrp.Accepted
			before[in.cfg.Name] = *d.status(in.cfg.Name)
		}
		d.step(&Received{Packet: packet})
		for name, was := range before {
			is := d.status(name)
			if !accepted[name] && (is.Role != was.Role || is.MasterDown != was.MasterDown || is.NextAdvert != was.NextAdvert ||
				is.Effective != was.Effective || is.MasterInterval != was.MasterInterval || is.LastHeard != was.LastHeard) {
				t.Errorf("%x changes %s from %+v to %+v", payload, name, was, is)
			}
		}
		d.pass(10 * second)
	})
}
