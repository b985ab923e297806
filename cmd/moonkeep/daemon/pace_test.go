package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/kernel/announce"
)

// TestPace holds that a group has its own limits in place of the general ones,
// and that a virtual MAC belongs to the group of its interface.
func TestPace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "k.conf")
	text := `
global_defs {
	vrrp_garp_interval 0.2
	vrrp_gna_interval 0.3
}
garp_group {
	garp_interval 0.05
	interface eth0
	interfaces {
		eth1
	}
}
vrrp_instance A {
	interface eth1
	use_vmac v51
	virtual_router_id 51
	virtual_ipaddress {
		192.0.2.1/24
	}
}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _, err := load.File(file)
	if err != nil {
		t.Fatal(err)
	}
	want := announce.Pace{
		Gaps:   announce.Gaps{ARP: 200 * time.Millisecond, NA: 300 * time.Millisecond},
		Groups: []announce.Group{{Gaps: announce.Gaps{ARP: 50 * time.Millisecond}, Interfaces: []string{"eth1", "eth0", "v51"}}},
	}
	if diff := cmp.Diff(want, pace(c)); diff != "" {
		t.Error(diff)
	}
}

// TestPaceOfInterfaces: what an instance asks for counts where it announces, and
// nowhere else.
func TestPaceOfInterfaces(t *testing.T) {
	file := filepath.Join(t.TempDir(), "k.yaml")
	text := `
global: {vrrp_garp_interval: 200ms}
vrrp_instances:
  - {name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1/24], garp: {interval: 1s}}
  - {name: B, interface: eth0, virtual_router_id: 2, virtual_ipaddresses: [192.0.2.2/24, 192.0.2.3/24 dev eth1], garp: {interval: 2s}}
  - {name: C, interface: eth2, virtual_router_id: 3, virtual_ipaddresses: [192.0.2.4/24]}
  - {name: D, interface: eth3, virtual_router_id: 4, virtual_ipaddresses: [192.0.2.5/24], use_vmac: {name: own}, garp: {interval: 0s}}
  - {name: E, interface: eth4, virtual_router_id: 5, virtual_ipaddresses: ['2001:db8::1/64'], garp: {interval: 3s}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, found, err := load.File(file)
	if err != nil || len(found) > 0 {
		t.Fatal(err, found)
	}
	arp := func(d time.Duration) announce.Gaps { return announce.Gaps{ARP: d} }
	want := announce.Pace{
		Gaps:       arp(200 * time.Millisecond),
		Interfaces: map[string]announce.Gaps{"eth0": arp(2 * time.Second), "eth1": arp(2 * time.Second), "own": {}},
	}
	if diff := cmp.Diff(want, pace(c)); diff != "" {
		t.Error(diff)
	}
}
