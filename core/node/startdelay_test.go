package node

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestStartDelay holds that instances begin when the delay is over and not
// before, that no advert that they hear meanwhile makes a master known, and that a reload does
// not begin it anew.
func TestStartDelay(t *testing.T) {
	cfg := Config{Instances: []Instance{instance3("V", 1, 255)}, StartDelay: 5 * second}
	cfg.Instances[0].Router.InitialMaster = true
	d := drive(t, cfg)
	role := func() vrrp.Role { return d.node.Status(d.now).Instances[0].Role }
	for at := mono.Instant(0); at < mono.Instant(5*second); at = at.Add(100 * cs) {
		d.now = at
		d.up("eth0")
		d.hear("V", netip.MustParseAddr("192.0.2.9"), 200)
		d.take(d.node.Tick(at))
		if role() != vrrp.Init || len(d.log) > 0 {
			t.Fatalf("at %v: %v, %q", at, role(), d.log)
		}
	}
	if w := d.node.Status(d.now).Instances[0].Waiting; len(w) != 1 || !strings.Contains(w[0], "start delay") {
		t.Errorf("it waits for %q", w)
	}
	if v := d.node.Status(d.now).Instances[0]; v.HeardFrom.IsValid() || v.LastHeard != mono.Never || v.MasterDown != mono.Never || v.Counts.Received != 5 {
		t.Errorf("it took the sender of one for a master: %+v", v)
	}
	d.take(d.node.Reconfigure(d.now, cfg))
	d.now = mono.Instant(5 * second)
	d.take(d.node.Tick(d.now))
	d.now = d.now.Add(cs)
	d.take(d.node.Tick(d.now))
	if role() != vrrp.Master || !slices.Contains(d.log, "V claims 10.0.1.1") {
		t.Errorf("after the delay: %v, %q", role(), d.log)
	}
}

// TestStartDelayWithoutInstances holds that the delay of a node without
// instances ends like any other.
func TestStartDelayWithoutInstances(t *testing.T) {
	n := New(0, Config{StartDelay: second})
	n.Tick(mono.Instant(second))
	if at := n.Deadline(); at != mono.Never {
		t.Errorf("the next deadline is %v, want none", at)
	}
}
