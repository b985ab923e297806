package node

import (
	"fmt"
	"testing"
	"time"

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

// TestGroupWalks: whatever happens to all members of a sync group together goes
// through them a few times, and not once for each of them.
func TestGroupWalks(t *testing.T) {
	const members = 200
	silent := manyTogether(members)
	for i := range silent.Instances {
		silent.Instances[i].Router.Announce.LowerPrioRepeat = 0
	}
	tests := []struct {
		name string
		cfg  Config
		do   func(*driver)
		want vrrp.Role // of all at the end
	}{
		{"a hand-over that nobody takes", manyTogether(members), func(d *driver) {
			d.step(&Failover{Instances: []string{"V0"}})
			d.pass(3 * second)
		}, vrrp.Master},
		{"a hand-over that is forced", manyTogether(members), func(d *driver) {
			d.step(&Failover{Instances: []string{"V0"}, Force: true, Rest: 10 * second})
			d.pass(3 * second)
		}, vrrp.Backup},
		{"maintenance that nobody takes over from", manyTogether(members), func(d *driver) {
			d.step(&Maintain{All: true, On: true})
			d.pass(3 * second)
		}, vrrp.Master},
		{"a stop", manyTogether(members), func(d *driver) {
			d.take(d.node.Stop(d.now))
			d.pass(3 * second)
		}, vrrp.Init},
		{"another node is master of all, too", manyTogether(members), func(d *driver) {
			for i := range members {
				d.hear(fmt.Sprintf("V%d", i), lower, 50)
			}
			d.pass(second / 20)
		}, vrrp.Master},
		{"the masters of another node yield", manyTogether(members), func(d *driver) {
			for _, priority := range []uint8{50, 1} {
				for i := range members {
					d.hear(fmt.Sprintf("V%d", i), lower, priority)
				}
				d.pass(11 * time.Millisecond)
			}
		}, vrrp.Master},
		{"the masters of another node say their last", manyTogether(members), func(d *driver) {
			for i := range members {
				d.hear(fmt.Sprintf("V%d", i), lower, 1)
			}
			d.pass(second / 20)
		}, vrrp.Master},
		{"and none announces because of that", silent, func(d *driver) {
			for i := range members {
				d.hear(fmt.Sprintf("V%d", i), lower, 50)
			}
			d.pass(second / 20)
		}, vrrp.Master},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := gathered(t, tt.cfg)
			d.pass(5 * second)
			g := d.node.groups[0]
			if g.role != vrrp.Master {
				t.Fatalf("the group is %v", g.role)
			}
			before := g.walked
			tt.do(d)
			if g.roles[tt.want] != members {
				t.Errorf("the members are %v, want all %v", g.roles, tt.want)
			}
			if walked := g.walked - before; walked > 20*members {
				t.Errorf("%d members were gone through, %d for each of %d", walked, walked/members, members)
			}
		})
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
