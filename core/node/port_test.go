package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// late is an instance on eth0, whose changes count late.
func late() Config {
	return Config{
		Instances: []Instance{instance3("V", 1, 100)},
		Delays:    []InterfaceDelay{{Interface: "eth0", Down: second, Up: 3 * second}},
	}
}

// TestInterfaceDelays: a loss that is taken back in time moves nothing, and the
// master announces itself anew; one that lasts counts, and so does the return.
func TestInterfaceDelays(t *testing.T) {
	d := master(t, late())
	d.pass(second / 2)
	d.forget()
	d.down("eth0")
	d.want("note link")
	d.pass(second - cs)
	d.role("V", vrrp.Master)
	d.forget()
	d.up("eth0")
	d.want("V claims 10.0.1.1", "V announces 10.0.1.1 x5")
	d.pass(9 * second)
	d.role("V", vrrp.Master)

	d.down("eth0")
	d.pass(second)
	d.role("V", vrrp.Fault)
	d.up("eth0")
	d.pass(3*second - cs)
	d.role("V", vrrp.Fault)
	if f := d.status("V").Faults; len(f) != 1 || !strings.Contains(f[0], "up again") {
		t.Errorf("faults %q", f)
	}
	d.forget()
	d.pass(cs)
	d.want("note link", "V FAULT>BACKUP")
}

// TestInterfaceDelaysElsewhere: other interfaces count at once, and so does one
// that vanishes or is replaced.
func TestInterfaceDelaysElsewhere(t *testing.T) {
	cfg := late()
	cfg.Instances[0].Interfaces = []TrackInterface{{Name: "eth1"}}
	d := drive(t, cfg)
	d.up("eth1")
	d.role("V", vrrp.Backup)
	d.down("eth1")
	d.role("V", vrrp.Fault)
	d.up("eth1")
	d.role("V", vrrp.Backup)

	d.step(&Link{Name: "eth0"})
	d.role("V", vrrp.Fault)
	d.up("eth0")
	d.role("V", vrrp.Fault) // it came back and must stay
	d.pass(3 * second)
	d.role("V", vrrp.Backup)
	d.step(&Link{Name: "eth0", Exists: true, Index: 9, Primary: source})
	d.role("V", vrrp.Fault)
}

// TestInterfaceDelaysTracked: a tracked interface counts late, too.
func TestInterfaceDelaysTracked(t *testing.T) {
	cfg := Config{Instances: []Instance{instance3("V", 1, 100)}, Delays: []InterfaceDelay{{Interface: "eth1", Down: 2 * second}}}
	cfg.Instances[0].Interfaces = []TrackInterface{{Name: "eth1", Weight: 10}}
	d := drive(t, cfg)
	d.up("eth1")
	d.priority("V", 110)
	d.down("eth1")
	d.priority("V", 110)
	d.pass(2 * second)
	d.priority("V", 100)
	d.up("eth1")
	d.priority("V", 110)
}

// TestInterfaceDelaysReload: a delay that a reload takes away lets what is so
// count; one that it adds changes nothing by itself.
func TestInterfaceDelaysReload(t *testing.T) {
	cfg := late()
	plain := cfg
	plain.Delays = nil
	d := master(t, plain)
	d.take(d.node.Reconfigure(d.now, cfg))
	d.want()
	d.down("eth0")
	d.role("V", vrrp.Master)
	cfg.Instances = slices.Clone(cfg.Instances)
	d.take(d.node.Reconfigure(d.now, cfg))
	d.role("V", vrrp.Master)
	d.take(d.node.Reconfigure(d.now, plain))
	d.role("V", vrrp.Fault)
	d.pass(9 * second)
	d.role("V", vrrp.Fault)
}
