package node

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestExtra holds what a master with a virtual hardware address announces beside
// the usual, and that it ends when it is MASTER no more.
func TestExtra(t *testing.T) {
	other := netspec.Address{Prefix: netip.MustParsePrefix("10.0.2.1/24"), Device: "vrrp1.1"}
	for name, tt := range map[string]struct {
		extra Extra
		want  []string
	}{
		"nothing":  {Extra{}, nil},
		"soon":     {Extra{Soon: true}, []string{"V announces 10.0.1.1 10.0.2.1 x1", "V announces 10.0.1.1 10.0.2.1 x1", "V announces 10.0.1.1 10.0.2.1 x1"}},
		"interval": {Extra{Interval: 2 * second, Addresses: []netspec.Address{other}}, []string{"V announces 10.0.2.1 x1", "V announces 10.0.2.1 x1"}},
		"both": {Extra{Soon: true, Interval: 2 * second, Addresses: []netspec.Address{other}}, []string{
			"V announces 10.0.1.1 10.0.2.1 x1", "V announces 10.0.1.1 10.0.2.1 x1", "V announces 10.0.1.1 10.0.2.1 x1", "V announces 10.0.2.1 x1", "V announces 10.0.2.1 x1",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			in := instance3("V", 1, 100)
			in.Excluded, in.Extra = []netspec.Address{other}, tt.extra
			in.Router.Announce.Delay = 0
			d := drive(t, Config{Instances: []Instance{in}})
			d.up("eth0")
			d.pass(8 * second)
			d.role("V", vrrp.Master)
			var got []string
			for _, line := range d.log {
				// Those of the router have five rounds.
				if strings.HasSuffix(line, " x1") {
					got = append(got, line)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("announced %q, want %q", got, tt.want)
			}
			d.step(&Link{Name: "eth0", Exists: true, Index: 2, Primary: source, MTU: 1500})
			d.forget()
			d.pass(10 * second)
			d.want()
		})
	}
}

// TestExtraAfterAStall: what was due more than once while the machine stood still
// is done once, and does not come again and again.
func TestExtraAfterAStall(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Extra.Soon, in.Router.Announce.Delay = true, 0
	d := drive(t, Config{Instances: []Instance{in}})
	d.up("eth0")
	for d.status("V").Role != vrrp.Master {
		d.pass(second / 100)
	}
	d.forget()
	d.now = d.now.Add(9 * second / 10)
	d.take(d.node.Tick(d.now))
	n := 0
	for _, line := range d.log {
		if strings.HasSuffix(line, "announces 10.0.1.1 x1") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("announced %d times after the stall: %q", n, d.log)
	}
}

// TestExtraNotAsleep: a master that stood still too long announces nothing more,
// whatever comes first: it is about to listen.
func TestExtraNotAsleep(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Extra.Soon, in.Router.Announce.Delay, in.Files = true, 0, []TrackFile{{Name: "f", Weight: 1}}
	d := drive(t, Config{Instances: []Instance{in}, Files: []File{{Name: "f"}}})
	d.step(&FileRead{File: "f"})
	for d.status("V").Role != vrrp.Master {
		d.pass(second / 100)
	}
	d.forget()
	d.now = d.now.Add(10 * second)
	d.step(&FileRead{File: "f", Value: 10})
	d.take(d.node.Tick(d.now))
	for _, line := range d.log {
		if strings.Contains(line, "announces") {
			t.Errorf("after it stood still for 10 s: %q", d.log)
		}
	}
	d.role("V", vrrp.Backup)
}
