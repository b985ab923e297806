package daemon

import (
	"context"
	"os"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/control"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// pluginStatus is the processes of plugins as the status tells of them.
func pluginStatus(list []pluginhost.Status, now time.Time) []control.Plugin {
	out := make([]control.Plugin, len(list))
	for i, s := range list {
		out[i] = control.Plugin{
			Name: s.Name, NetNS: s.NetNS, User: s.User, Process: s.Nth, Path: s.Path, Version: s.Version, State: string(s.State), PID: s.Pid,
			Starts: s.Starts, Failures: s.Failures, Checks: s.Checks, Pending: s.Under,
			Answered: s.Answered, Unknown: s.Unknown, Late: s.Late, Reason: s.Reason,
			Refused: s.Refused, Refusal: s.Refusal,
		}
		if s.Pid != 0 {
			out[i].Age = max(0, now.Sub(s.Since).Seconds())
		}
		if !s.Retry.IsZero() {
			out[i].Retry = max(0, s.Retry.Sub(now).Seconds())
		}
	}
	return out
}

// Status implements control.Daemon.
func (d *daemon) Status(ctx context.Context) (control.Status, error) {
	s, at, err := d.engine.Status(ctx)
	if err != nil {
		return control.Status{}, err
	}
	out := control.Describe(s, d.engine.Held)
	out.DescribeOwned(s, d.engine.Held, d.engine.HeldRouting)
	services, err := d.engine.Services(ctx)
	if err != nil {
		return control.Status{}, err
	}
	out.DescribeServices(&services.ServicesStatus, services.Servers)
	out.IPVS = d.balance.status()
	d.mu.Lock()
	defer d.mu.Unlock()
	out.Keep(d.lasting)
	out.At, out.Version, out.PID, out.Uptime = at, d.opts.Version, os.Getpid(), time.Since(d.started).Seconds()
	out.RouterID, out.Config = d.config.Global.RouterID, strings.Join(d.config.Files, " ")
	out.ConfigFiles = d.config.Files
	d.loadedSaid = steady(d.loadedSaid, at, time.Since(d.loaded))
	out.Reloaded = d.loadedSaid
	out.ReloadError, out.Dropped = d.reloadError, d.engine.Dropped()
	out.Lost = findings(d.losses)
	out.Unannounced = d.unannounced.Load()
	garp := make(map[string]*config.Garp, len(d.config.Instances))
	for i := range d.config.Instances {
		garp[d.config.Instances[i].Name] = &d.config.Instances[i].Garp
	}
	for i := range out.Instances {
		if g := garp[out.Instances[i].Name]; g != nil { // else a reload is under way
			out.Instances[i].Announcing = announcing(g)
		}
	}
	for _, i := range d.config.Includes {
		out.Includes = append(out.Includes, control.Include{Pattern: i.Pattern, Matched: i.Matched})
	}
	last, most := d.engine.Lateness()
	out.Late, out.MostLate = last.Seconds(), most.Seconds()
	out.Notifications = notifications(d.notifier.Counts())
	out.Plugins = pluginStatus(d.edges.plugins.Status(), at)
	out.Metrics = scriptMetrics(d.edges.host.Metrics.Samples())
	return out, nil
}

// steady is when something was, that long ago: by today's clock, which somebody may have
// set since, but as was said of it before as long as nobody has.
func steady(said, now time.Time, ago time.Duration) time.Time {
	const clockSet = time.Second
	if is := now.Round(0).Add(-ago); is.Sub(said).Abs() > clockSet {
		return is
	}
	return said
}

// announcing is when addresses are announced, for status.
func announcing(g *config.Garp) *control.Announcing {
	return &control.Announcing{
		Preset: g.Preset, Repeat: g.MasterRepeat, Delay: g.MasterDelay.Seconds(),
		Refresh: g.MasterRefresh.Seconds(), RefreshRepeat: g.MasterRefreshRepeat,
		LowerPrioRepeat: g.LowerPrioRepeat, LowerPrioDelay: g.LowerPrioDelay.Seconds(),
		Interval: g.Interval.Seconds(),
	}
}
