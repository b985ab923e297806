package node

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestLink: what each state of the interface makes of a MASTER.
func TestLink(t *testing.T) {
	good := Link{Name: "eth0", Exists: true, Up: true, Index: 2, Primary: source, MTU: 1500}
	change := func(f func(*Link)) Link {
		l := good
		f(&l)
		return l
	}
	// Without an address to send from nothing can be said.
	mute := []string{"note link", "V releases 10.0.1.1", "V MASTER>FAULT"}
	fault := []string{"note link", "V sends 0", "V releases 10.0.1.1", "V MASTER>FAULT"}
	tests := []struct {
		name   string
		link   Link
		ignore bool // dont_track_primary
		want   []string
		reason string
	}{
		{"a repeat", good, false, nil, ""},
		{"another MTU", change(func(l *Link) { l.MTU = 9000 }), false, nil, ""},
		{"down", change(func(l *Link) { l.Up = false }), false, fault, "is down"},
		{"vanished", Link{Name: "eth0"}, false, mute, "does not exist"},
		{"vanished, not tracked", Link{Name: "eth0"}, true, mute, "does not exist"},
		{"down, not tracked", change(func(l *Link) { l.Up = false }), true, []string{"note link"}, ""},
		{"without an address", change(func(l *Link) { l.Primary = netip.Addr{} }), false, mute[1:], "no IPv4 address"},
		{"in a bridge", change(func(l *Link) { l.PortOf = "br0" }), false, fault[1:], "is a port of br0"},
		{"in a bridge, not tracked", change(func(l *Link) { l.PortOf = "br0" }), true, fault[1:], "is a port of br0"},
		{"another index", change(func(l *Link) { l.Index = 3 }), false, []string{"note link", "V claims 10.0.1.1", "V announces 10.0.1.1 x5"}, ""},
		{"another interface", change(func(l *Link) { l.Name, l.Up = "eth9", false }), false, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := instance3("V", 1, 100)
			in.IgnorePrimary = tt.ignore
			d := master(t, Config{Instances: []Instance{in}})
			d.step(&tt.link)
			d.want(tt.want...)
			st := d.status("V")
			if tt.reason != "" && (len(st.Faults) != 1 || !strings.Contains(st.Faults[0], tt.reason)) {
				t.Errorf("faults %v, want %q", st.Faults, tt.reason)
			}
			if tt.reason == "" {
				return
			}
			d.pass(20 * second)
			d.want()
			d.step(&good)
			if len(d.log) == 0 || d.log[len(d.log)-1] != "V FAULT>BACKUP" {
				t.Errorf("after its return: %v", d.log)
			}
		})
	}
}

// TestReturnWithNewIndex: an interface that vanished and came back as another.
func TestReturnWithNewIndex(t *testing.T) {
	d := master(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
	d.step(&Link{Name: "eth0"})
	d.forget()
	d.step(&Link{Name: "eth0", Exists: true, Index: 7, Primary: source})
	d.role("V", vrrp.Fault)
	d.step(&Link{Name: "eth0", Exists: true, Up: true, Index: 7, Primary: source})
	d.pass(4 * second)
	d.want("note link", "note link", "V FAULT>BACKUP", "V sends 100", "V claims 10.0.1.1", "V announces 10.0.1.1 x5", "V BACKUP>MASTER")
}

// TestUntrackedReturns: a MASTER that stayed so over a loss of carrier
// announces itself again, with both bursts: a switch may forward nothing when its
// port has just come up.
func TestUntrackedReturns(t *testing.T) {
	in := instance3("V", 1, 100)
	in.IgnorePrimary = true
	in.Router.Announce.Delay = 300 * time.Millisecond
	d := master(t, Config{Instances: []Instance{in}})
	d.down("eth0")
	d.up("eth0")
	d.want("note link", "note link", "V claims 10.0.1.1", "V announces 10.0.1.1 x5")
	d.pass(299 * time.Millisecond)
	d.forget()
	d.pass(time.Millisecond)
	d.want("V announces 10.0.1.1 x5")
	d.pass(20 * second)
	if slices.Contains(d.log, "V announces 10.0.1.1 x5") {
		t.Errorf("and again: %q", d.log)
	}
}

// TestUnknownLink: an instance waits in INIT until its interface is known.
func TestUnknownLink(t *testing.T) {
	d := &driver{t: t, node: New(0, Config{Instances: []Instance{instance3("V", 1, 100)}})}
	d.pass(10 * second)
	d.want()
	d.role("V", vrrp.Init)
	d.up("eth0")
	d.want("V INIT>BACKUP")
}

// TestSource: the configured source needs no address on the interface, and
// another primary address is used from the next advert on.
func TestSource(t *testing.T) {
	in := instance3("V", 1, 100)
	in.Source = source
	d := drive(t, Config{Instances: []Instance{in}})
	d.step(&Link{Name: "eth0", Exists: true, Up: true, Index: 2})
	d.role("V", vrrp.Backup)

	d = master(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
	other := netip.MustParseAddr("192.0.2.77")
	d.step(&Link{Name: "eth0", Exists: true, Up: true, Index: 2, Primary: other, MTU: 1500})
	d.want()
	sent := d.node.Tick(d.now.Add(second))
	if len(sent) != 1 || sent[0].Source != other {
		t.Fatalf("%+v", sent)
	}
	cfg := d.node.byName["V"].router.Config()
	if _, rule := cfg.Verify(&vrrp.Packet{Source: other, Destination: sent[0].Destination, TTL: vrrp.TTL, Payload: sent[0].Payload}); rule != vrrp.Accepted {
		t.Errorf("a peer says: %v", rule)
	}
}

// TestAdvertFitsLink: what does not fit into an advert is held, not advertised,
// and told when that changes.
func TestAdvertFitsLink(t *testing.T) {
	var addresses []string
	for i := range 200 {
		addresses = append(addresses, fmt.Sprintf("10.0.1.%d", i+1))
	}
	d := drive(t, Config{Instances: []Instance{instance3("V", 1, 100).with(addresses...)}})
	d.forget()
	link := Link{Name: "eth0", Exists: true, Up: true, Index: 2, MTU: 576, Primary: source}
	d.step(&link)
	d.want("note addresses")
	link.MTU = 575
	d.step(&link)
	d.want("note addresses")
	link.Index = 3
	d.step(&link)
	d.want("note link")
	if n := len(d.node.byName["V"].router.Advertised()); n != 129 {
		t.Errorf("%d addresses are advertised, want 129", n)
	}
	link.MTU = 1500
	d.step(&link)
	d.want()
}
