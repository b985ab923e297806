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
