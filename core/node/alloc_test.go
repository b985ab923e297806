package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// many returns a configuration of so many instances, two of them in a sync
// group.
func many(count int) Config {
	cfg := pair()
	for i := 2; i < count; i++ {
		cfg.Instances = append(cfg.Instances, instance3(fmt.Sprintf("V%d", i), uint8(i+1), 100))
	}
	return cfg
}

// TestNoAllocation: adverts come and go without garbage.
func TestNoAllocation(t *testing.T) {
	t.Run("a backup hears its master", func(t *testing.T) {
		d := drive(t, many(20))
		var packets []*Received
		for i := range d.node.instances {
			in := d.node.instances[i].cfg
			packets = append(packets, &Received{Packet: vrrp.Packet{
				Interface: "eth0", Source: higher, Destination: vrrp.Group(false), TTL: vrrp.TTL,
				Payload: in.Router.Append(nil, 200, higher, vrrp.Group(false)),
			}})
		}
		now, actions := d.now, 0
		hear := func() {
			now = now.Add(second)
			for _, p := range packets {
				actions += len(d.node.Step(now, p))
			}
			actions += len(d.node.Tick(now))
		}
		hear()
		if n := testing.AllocsPerRun(100, hear); n != 0 {
			t.Errorf("%v allocations", n)
		}
		if actions != 0 || d.status("V").Counts.Received < 100 {
			t.Errorf("%d actions, %d adverts heard", actions, d.status("V").Counts.Received)
		}
	})
	t.Run("a master advertises", func(t *testing.T) {
		d := master(t, many(20))
		now, sent := d.now, 0
		tick := func() {
			now = now.Add(second)
			for _, a := range d.node.Tick(now) {
				if a.Kind == Send {
					sent++
				}
			}
		}
		tick()
		if n := testing.AllocsPerRun(100, tick); n != 0 {
			t.Errorf("%v allocations", n)
		}
		if sent != 20*102 {
			t.Errorf("%d adverts, want %d", sent, 20*102)
		}
	})
}

// BenchmarkTick is a thousand masters on fifty interfaces, each second.
func BenchmarkTick(b *testing.B) {
	var cfg Config
	for i := range 1000 {
		in := instance3(fmt.Sprintf("V%d", i), uint8(i%20+1), 100)
		in.Interface = fmt.Sprintf("eth%d", i/20)
		cfg.Instances = append(cfg.Instances, in)
	}
	n := New(0, cfg)
	n.Tick(0)
	for i := range 50 {
		n.Step(0, &Link{Name: fmt.Sprintf("eth%d", i), Exists: true, Up: true, Index: i, Primary: source})
	}
	now := mono.Instant(10 * time.Second)
	n.Tick(now)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(second)
		if len(n.Tick(now)) < 1000 {
			b.Fatal("not all advertise")
		}
	}
}
