package node

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestServesWithoutARefusedRoute: the addresses stay, people are told once, the
// route is tried again ever less often, and at once when a link comes.
func TestServesWithoutARefusedRoute(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Router.Announce.Delay = 0
	in.Routing = netspec.Routing{Routes: []netspec.Route{{Destination: netip.MustParsePrefix("10.9.0.0/16"), Hop: netspec.NextHop{Via: netip.MustParseAddr("10.0.1.9")}}}}
	d := drive(t, Config{Instances: []Instance{in}})
	claims := func() (n int) {
		for _, line := range d.log {
			if strings.HasPrefix(line, "V claims") {
				n++
			}
		}
		return n
	}
	notes := func(words string) (n int) {
		for _, line := range d.log {
			if strings.Contains(line, words) {
				n++
			}
		}
		return n
	}
	refuse := func() { d.step(&Claimed{Instance: "V", Refused: "network is unreachable"}) }
	d.up("eth0")
	d.pass(8 * second)
	d.role("V", vrrp.Master)
	d.forget()
	refuse()
	if s := d.status("V"); s.Lacks != "network is unreachable" || !s.Claimed {
		t.Errorf("lacks %q, claimed %v", s.Lacks, s.Claimed)
	}
	for i, wait := range []int{1, 2, 4, 8, 16, 30, 30} {
		before := claims()
		d.pass(second*time.Duration(wait) - second/10)
		if n := claims() - before; n != 0 {
			t.Errorf("attempt %d comes before %d s", i, wait)
		}
		d.pass(second / 10)
		if n := claims() - before; n != 1 {
			t.Errorf("after %d s: %d claims, want 1", wait, n)
		}
		refuse()
	}
	before := claims()
	d.up("eth0")
	d.step(&Link{Name: "eth1", Exists: true, Up: true, Index: 9, MTU: 1500})
	d.pass(second / 10)
	if n := claims() - before; n != 1 {
		t.Errorf("a link came: %d claims, want 1", n)
	}
	d.role("V", vrrp.Master)
	d.step(&Claimed{Instance: "V"})
	d.pass(60 * second)
	if n := claims() - before; n != 1 || d.status("V").Lacks != "" {
		t.Errorf("all is set: %d claims, lacks %q", n, d.status("V").Lacks)
	}
	if n := notes("note route"); n != 2 {
		t.Errorf("told %d times, want that it lacks and that all is set", n)
	}
	if n := notes("announces"); n != 0 {
		t.Errorf("announced %d times", n)
	}
}

// An interface of an address that somebody deleted is not called down.
func TestNamesWhatIsGone(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Interfaces = []TrackInterface{{Name: "eth1"}}
	d := drive(t, Config{Instances: []Instance{in}})
	d.up("eth0")
	d.step(&Link{Name: "eth1", Exists: true, Index: 9, MTU: 1500})
	if got := d.status("V").Faults; len(got) != 1 || got[0] != "interface eth1 is down" {
		t.Errorf("faults %q", got)
	}
	d.step(&Link{Name: "eth1"})
	if got := d.status("V").Faults; len(got) != 1 || got[0] != "interface eth1 does not exist" {
		t.Errorf("faults %q", got)
	}
}

// One that hands over lacks on, and is not asked again and again.
func TestLacksWhileItHandsOver(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Router.Announce.Delay = 0
	d := drive(t, Config{Instances: []Instance{in}})
	d.up("eth0")
	d.pass(8 * second)
	d.step(&Claimed{Instance: "V", Refused: "network is unreachable"})
	d.pass(second * 98 / 100)
	d.take(d.node.Stop(d.now))
	d.forget()
	d.pass(second / 20)
	for _, line := range d.log {
		if strings.HasPrefix(line, "V claims") {
			t.Errorf("while it hands over: %q", line)
		}
	}
	d.pass(10 * second)
	d.role("V", vrrp.Init)
}
