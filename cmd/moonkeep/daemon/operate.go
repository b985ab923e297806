package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/plan"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/node"
)

// Failover implements control.Operator.
func (d *daemon) Failover(ctx context.Context, r control.FailoverRequest) (control.Moves, error) {
	names, err := d.named(r.Names)
	if err != nil {
		return control.Moves{}, err
	}
	d.log.Info("failover requested", "of", namesOr(r.Names, "every instance that is MASTER"), "by", control.Asker(ctx), "cancel", r.Cancel, "force", r.Force)
	switch {
	case r.Rest < 0:
		return control.Moves{}, errors.New("the time of rest is negative")
	case r.Cancel:
		if err := d.engine.Return(ctx, node.Return{Instances: names}); err != nil {
			return control.Moves{}, err
		}
		return d.moves(ctx, nil)
	}
	out, err := d.engine.Failover(ctx, node.Failover{
		Instances: names, Rest: time.Duration(r.Rest * float64(time.Second)), Force: r.Force,
	})
	if err != nil {
		return control.Moves{}, err
	}
	return d.moves(ctx, out)
}

// Maintain implements control.Operator. What is in maintenance is on disk
// before any instance hands over.
func (d *daemon) Maintain(ctx context.Context, r control.MaintenanceRequest) (control.Moves, error) {
	names, err := d.named(r.Names)
	if err != nil {
		return control.Moves{}, err
	}
	d.log.Info("maintenance requested", "on", r.On, "of", namesOr(r.Names, "the node"), "by", control.Asker(ctx), "force", r.Force)
	d.maintaining.Lock()
	defer d.maintaining.Unlock()
	all := len(r.Names) == 0
	if r.On {
		before, err := d.engine.Maintenance(ctx)
		if err != nil {
			return control.Moves{}, err
		}
		if err := d.maintenance.write(node.Maintenance{All: before.All || all, Instances: append(before.Instances, names...)}); err != nil {
			return control.Moves{}, err
		}
	}
	out, moved := d.engine.Maintain(ctx, node.Maintain{Instances: names, All: all, On: r.On, Force: r.Force})
	// What came of it counts, also when the asker has gone.
	ctx = context.WithoutCancel(ctx)
	after, err := d.engine.Maintenance(ctx)
	if err == nil {
		err = d.maintenance.write(after)
	}
	if err := errors.Join(moved, err); err != nil {
		return control.Moves{}, err
	}
	return d.moves(ctx, out)
}

// remember has what is in maintenance on disk by the names that a reload gave it;
// before is by those of before.
func (d *daemon) remember(ctx context.Context, before node.Maintenance) {
	// The reload counts, also when the daemon is told to stop meanwhile.
	ctx = context.WithoutCancel(ctx)
	after, err := d.engine.Maintenance(ctx)
	if ending(ctx, err) || err == nil && slices.Equal(after.Instances, before.Instances) {
		return
	}
	d.maintaining.Lock()
	defer d.maintaining.Unlock()
	if after, err = d.engine.Maintenance(ctx); err == nil {
		err = d.maintenance.write(after)
	}
	if err != nil && !ending(ctx, err) {
		d.log.Error("the next start will not know by its new name what is in maintenance", "err", err)
	}
}

// ending reports whether the node did not answer because the daemon stops.
func ending(ctx context.Context, err error) bool {
	return errors.Is(err, engine.ErrStopped) || err != nil && errors.Is(err, ctx.Err())
}

// named returns the instances that are meant by names of instances and sync
// groups: all without names.
func (d *daemon) named(names []string) ([]string, error) {
	c := d.current()
	var list, known []string
	members := map[string][]string{}
	for i := range c.Instances {
		known = append(known, c.Instances[i].Name)
	}
	if len(names) == 0 {
		return known, nil
	}
	for i := range c.Groups {
		members[c.Groups[i].Name] = c.Groups[i].Members
	}
	for _, name := range names {
		switch group, is := members[name]; {
		case slices.Contains(known, name):
			list = append(list, name)
		case is:
			list = append(list, group...)
		default:
			for g := range members {
				known = append(known, g)
			}
			text := fmt.Sprintf("there is no instance and no sync group %q", name)
			if near := config.Nearest(name, known); near != "" {
				text += fmt.Sprintf("; did you mean %s?", near)
			}
			return nil, errors.New(text)
		}
	}
	return list, nil
}

// namesOr lists names, or says what is meant without any.
func namesOr(names []string, all string) string {
	if len(names) == 0 {
		return all
	}
	return strings.Join(names, ", ")
}

// moves turns outcomes into the shape for programs.
func (d *daemon) moves(ctx context.Context, list []engine.Outcome) (control.Moves, error) {
	m, err := d.engine.Maintenance(ctx)
	out := control.Moves{Instances: []control.Move{}, Maintenance: m.All}
	for _, o := range list {
		x := control.Move{
			Instance: o.Instance, Role: o.Role.String(), Why: o.Why, Moved: o.Moved, Took: o.Took.Seconds(),
			Objection: o.Objection, Under: o.Under, Maintenance: o.Maintenance,
		}
		if o.Heir.IsValid() {
			x.To, x.ToPriority = o.Heir.String(), int(o.HeirPriority)
		}
		out.Instances = append(out.Instances, x)
	}
	return out, err
}

// Reload implements control.Operator.
func (d *daemon) Reload(ctx context.Context, r control.ReloadRequest) (control.Reloaded, error) {
	d.log.Info("reload requested", "by", control.Asker(ctx), "force", r.Force)
	defer d.ease()()
	before := d.current()
	anew, files := d.outdated(), d.known()
	found, err := d.reload(d.ctx, r.Force) // also when the asker goes: half a reload is none
	d.report(found, err)
	out := control.Reloaded{Findings: findings(found)}
	if err != nil {
		out.Error = err.Error()
		return out, nil
	}
	p := plan.NewReport(before, d.current())
	p.Beside(append(renewals(anew, d.current()), files.changes(d.known())...))
	if out.Plan, err = json.Marshal(p); err != nil {
		return out, fmt.Errorf("encode what changed: %w", err)
	}
	return out, nil
}

func findings(list config.Findings) []control.Finding {
	out := make([]control.Finding, len(list))
	for i := range list {
		out[i] = Finding(&list[i])
	}
	return out
}

// Finding is a finding in the shape for programs.
func Finding(f *config.Finding) control.Finding {
	return control.Finding{File: f.At.File(), Line: f.At.Line(), Column: f.At.Column(), Severity: f.Severity.String(), Name: f.Name, Text: f.Text, Essence: f.Essence, Unseen: f.Unseen}
}
