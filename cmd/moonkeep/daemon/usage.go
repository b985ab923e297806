package daemon

import (
	"context"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/ipvs"
)

// Usage implements control.Daemon.
func (d *daemon) Usage(ctx context.Context) (control.Usage, error) {
	u := control.Usage{At: time.Now(), Services: []control.ServiceUsage{}}
	list, err := d.balance.usage(ctx)
	if err != nil {
		return u, err
	}
	for i := range list {
		s := &list[i]
		x := control.ServiceUsage{Name: s.Key.String(), Scheduler: s.Options.Scheduler, Counters: counters(&s.Counters), Servers: []control.ServerUsage{}}
		for k := range s.Destinations {
			r := &s.Destinations[k]
			x.Servers = append(x.Servers, control.ServerUsage{
				Name: r.Address.String(), Weight: r.Weight, Active: r.Active, Inactive: r.Inactive, Persistent: r.Persistent, Counters: counters(&r.Counters),
			})
		}
		u.Services = append(u.Services, x)
	}
	return u, nil
}

// Zero implements control.Operator.
func (d *daemon) Zero(ctx context.Context, _ control.ZeroRequest) (control.Zeroed, error) {
	n, err := d.balance.zero(ctx)
	d.log.Info("counters of virtual servers set to zero", "services", n, "by", control.Asker(ctx))
	return control.Zeroed{Services: n}, err
}

func counters(c *ipvs.Counters) control.Traffic {
	return control.Traffic{
		Connections: c.Connections, PacketsIn: c.PacketsIn, PacketsOut: c.PacketsOut, BytesIn: c.BytesIn, BytesOut: c.BytesOut,
		ConnectionRate: c.ConnectionRate, PacketRateIn: c.PacketRateIn, PacketRateOut: c.PacketRateOut, ByteRateIn: c.ByteRateIn, ByteRateOut: c.ByteRateOut,
	}
}

// usage reads the counters of the services that are ours.
func (b *balancer) usage(ctx context.Context) ([]ipvs.Usage, error) {
	b.mu.Lock()
	started, keys := b.started, b.keys
	b.mu.Unlock()
	if !started {
		return nil, nil
	}
	return b.keeper.Usage(ctx, keys)
}

// zero has the counters of the services that are ours begin anew.
func (b *balancer) zero(ctx context.Context) (int, error) {
	b.mu.Lock()
	started, keys := b.started, b.keys
	b.mu.Unlock()
	if !started {
		return 0, nil
	}
	return b.keeper.Zero(ctx, keys)
}
