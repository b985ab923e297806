package node

import (
	"fmt"
	"testing"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// manyTogether returns a configuration with a sync group of so many members.
func manyTogether(members int) Config {
	list := make([]Instance, members)
	for i := range list {
		in := instance3(fmt.Sprintf("V%d", i), uint8(i%255+1), 100)
		in.Interface = fmt.Sprintf("eth%d", i/255)
		list[i] = in.with(fmt.Sprintf("10.%d.%d.1", i/250, i%250))
		list[i].Interfaces = []TrackInterface{{Name: "eth0"}}
	}
	return grouped(list...)
}

// gathered returns a driver whose interfaces are up.
func gathered(t *testing.T, cfg Config) *driver {
	d := drive(t, cfg)
	for _, in := range cfg.Instances {
		if d.node.byName[in.Name].router.Role() == vrrp.Init {
			d.up(in.Interface)
		}
	}
	return d
}

// TestGroupCost: what happens to all members of a sync group has each judged once, and
// not once for each member: the loop that sends adverts does it. The memory tells,
// which each takes that is at fault.
func TestGroupCost(t *testing.T) {
	each := func(members int) float64 {
		d := gathered(t, manyTogether(members))
		down := false
		return testing.AllocsPerRun(4, func() {
			link := Link{Name: "eth0", Exists: true, Up: down, Index: 2, Primary: source, MTU: 1500}
			down = !down
			d.node.Step(d.now, &link)
		}) / float64(members)
	}
	few, many := each(20), each(200)
	if many > 3*few {
		t.Errorf("a link that goes costs each of 20 members %.0f allocations, and each of 200 %.0f", few, many)
	}
}

// BenchmarkReloadGroup is a reload that changes nothing of a sync group of a thousand.
func BenchmarkReloadGroup(b *testing.B) {
	cfg := manyTogether(1000)
	n := New(0, cfg)
	for i := range 4 {
		n.Step(0, &Link{Name: fmt.Sprintf("eth%d", i), Exists: true, Up: true, Index: i + 1, Primary: source, MTU: 1500})
	}
	b.ReportAllocs()
	for b.Loop() {
		n.Reconfigure(0, cfg)
	}
}

// BenchmarkGroupAdverts are the adverts of a second of a sync group of a thousand masters.
func BenchmarkGroupAdverts(b *testing.B) {
	cfg := manyTogether(1000)
	n := New(0, cfg)
	for i := range 4 {
		n.Step(0, &Link{Name: fmt.Sprintf("eth%d", i), Exists: true, Up: true, Index: i + 1, Primary: source, MTU: 1500})
	}
	for n.Deadline() < 5_000_000_000 {
		n.Tick(n.Deadline())
	}
	if n.groups[0].role != vrrp.Master {
		b.Fatalf("the group is %v", n.groups[0].role)
	}
	b.ReportAllocs()
	for b.Loop() {
		for end := n.Deadline().Add(second); n.Deadline() < end; {
			n.Tick(n.Deadline())
		}
	}
}
