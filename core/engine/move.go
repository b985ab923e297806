package engine

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

const (
	// policyLimit is how long a Policy may think about a planned move.
	policyLimit = 5 * time.Second
	// moveLook is the time between two looks at how far a move has come.
	moveLook = 5 * time.Millisecond
)

// Policy may hold a planned move back: a failover that was asked for, the
// hand-over that maintenance begins with, and the preemption of a master of lower
// priority that is well. It is never asked about a take-over when another node
// fails or resigns, a fault of this one, or a stop.
type Policy interface {
	// Accept says why the instance must not give its addresses up now, "" when
	// it may. It is called from a goroutine of its own for each instance, and
	// must return soon after ctx ends. An error (it is broken, or did not answer
	// in time) holds nothing back: what an operator asks for counts more than a
	// policy that cannot say.
	Accept(ctx context.Context, m PlannedMove) (objection string, err error)
}

// PlannedMove is what a Policy is asked about.
type PlannedMove struct {
	Instance string
	Group    string // its sync group, if any
	// Cause is "failover", "maintenance" or "preemption".
	Cause string
	// Priority is the effective one, and MasterFor how long it has been MASTER;
	// before a preemption, how long Master is known to be.
	Priority  uint8
	MasterFor time.Duration
	// Master has the addresses that would be preempted, with MasterPriority. It is
	// invalid for other causes, and where nobody is heard.
	Master         netip.Addr
	MasterPriority uint8
}

// Outcome is what a planned move of one instance came to.
type Outcome struct {
	Instance string
	Role     vrrp.Role
	// Moved is true when this node gave the addresses up. Heir is the node that
	// has them now; invalid when nobody took them.
	Moved bool
	Heir  netip.Addr
	// HeirPriority is that of Heir.
	HeirPriority uint8
	// Objection is why a Policy held the move back, empty when it did not.
	Objection string
	// Under is true while it is still under way.
	Under bool
	// Maintenance is whether the instance is in maintenance.
	Maintenance bool
	// Why is why the instance has its role.
	Why string
	// Took is how long the hand-over took, when it is over.
	Took time.Duration
}

// Failover asks masters to hand over (node.Failover), waits until that is over
// or ctx ends, and says what came of each instance, and of each member of
// its sync group. Names that are unknown are left out.
func (e *Engine) Failover(ctx context.Context, f node.Failover) ([]Outcome, error) {
	return e.move(ctx, "failover", f.Instances, f.Force, func(names []string, _ bool) node.Event {
		f.Instances = names
		return &f
	})
}

// Maintain puts instances into maintenance or takes them out of it
// (node.Maintain), as Failover does.
func (e *Engine) Maintain(ctx context.Context, m node.Maintain) ([]Outcome, error) {
	names := m.Instances
	if m.All {
		names = nil
	}
	return e.move(ctx, "maintenance", names, m.Force || !m.On, func(names []string, all bool) node.Event {
		m.All = m.All && all
		m.Instances = names
		return &m
	})
}

// Return ends the rest after a Failover (node.Return).
func (e *Engine) Return(ctx context.Context, r node.Return) error {
	return e.ask(ctx, func(now mono.Instant) { e.carry(e.node.Step(now, &r)) })
}

// Maintenance says what is in maintenance.
func (e *Engine) Maintenance(ctx context.Context) (m node.Maintenance, err error) {
	err = e.ask(ctx, func(mono.Instant) { m = e.node.Maintenance() })
	return m, err
}

// move asks the policy, unless forced, then hands the node the event that event
// makes of the names that nobody objects to, and waits for the outcome. Without
// names it is about every instance; all then says whether none is left out.
func (e *Engine) move(ctx context.Context, cause string, names []string, forced bool, event func(names []string, all bool) node.Event) ([]Outcome, error) {
	before, _, err := e.Status(ctx)
	if err != nil {
		return nil, err
	}
	list := involved(before, names)
	objections := map[string]string{}
	if !forced {
		if objections, err = e.objections(ctx, cause, list, before.At); err != nil {
			return nil, err
		}
	}
	free := make([]string, 0, len(list))
	for _, in := range list {
		if objections[in.Name] == "" {
			free = append(free, in.Name)
		}
	}
	var begun mono.Instant
	err = e.ask(ctx, func(now mono.Instant) {
		begun = now
		e.carry(e.node.Step(now, event(free, len(free) == len(list))))
	})
	if err != nil {
		return nil, err
	}
	return e.outcomes(ctx, list, objections, begun)
}

// involved returns the instances of these names, or all, with the other members
// of their sync groups.
func involved(s *node.Status, names []string) []node.InstanceStatus {
	groups := map[string]bool{}
	for i := range s.Instances {
		if in := &s.Instances[i]; in.Group != "" && slices.Contains(names, in.Name) {
			groups[in.Group] = true
		}
	}
	var list []node.InstanceStatus
	for i := range s.Instances {
		if in := &s.Instances[i]; names == nil || slices.Contains(names, in.Name) || groups[in.Group] {
			list = append(list, *in)
		}
	}
	return list
}

// objections asks the policy about those that are MASTER. What holds one member
// of a sync group back holds them all back.
func (e *Engine) objections(ctx context.Context, cause string, list []node.InstanceStatus, at mono.Instant) (map[string]string, error) {
	var policy Policy
	if err := e.ask(ctx, func(mono.Instant) { policy = e.plan.Policy }); err != nil || policy == nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, policyLimit)
	defer cancel()
	said := make([]string, len(list))
	var asked sync.WaitGroup
	for i, in := range list {
		if in.Role != vrrp.Master || in.Leaving {
			continue
		}
		asked.Go(func() {
			objection, err := policy.Accept(ctx, PlannedMove{
				Instance: in.Name, Group: in.Group, Cause: cause, Priority: in.Effective, MasterFor: at.Sub(in.Since),
			})
			if err != nil {
				e.teller.trouble(in.Name, "its policy could not say whether it may move now: moving", err)
				return
			}
			said[i] = objection
		})
	}
	asked.Wait()
	all, groups := map[string]string{}, map[string]string{}
	for i, in := range list {
		if said[i] != "" && in.Group != "" {
			groups[in.Group] = in.Name + ": " + said[i]
		}
	}
	for i, in := range list {
		if all[in.Name] = said[i]; said[i] == "" && in.Group != "" {
			all[in.Name] = groups[in.Group]
		}
	}
	return all, nil
}

// outcomes waits until none of the instances hands over any more, and says what
// came of each. When ctx ends before, it says how far they are.
func (e *Engine) outcomes(ctx context.Context, list []node.InstanceStatus, objections map[string]string, begun mono.Instant) ([]Outcome, error) {
	// Each look copies the status of all instances.
	tick := time.NewTicker(moveLook * time.Duration(1+len(list)/100))
	defer tick.Stop()
	took := map[string]time.Duration{}
	for {
		// The answer is wanted also when the asker's time is over.
		now, _, err := e.Status(context.WithoutCancel(ctx))
		if err != nil {
			return nil, err
		}
		present := map[string]*node.InstanceStatus{}
		under := false
		for i := range now.Instances {
			in := &now.Instances[i]
			present[in.Name] = in
		}
		var out []Outcome
		for i := range list {
			was := &list[i]
			is := present[was.Name]
			if is == nil {
				continue // a reload removed it meanwhile
			}
			under = under || is.Leaving
			if _, known := took[is.Name]; !known && !is.Leaving {
				took[is.Name] = max(0, is.Since.Sub(begun))
			}
			o := Outcome{
				Instance: is.Name, Role: is.Role, Objection: objections[is.Name], Under: is.Leaving, Why: is.Why,
				Maintenance: is.Maintenance, Moved: is.Role != vrrp.Master && is.Counts.LeftMaster > was.Counts.LeftMaster, Took: took[is.Name],
			}
			if o.Moved && is.LastHeard != mono.Never && is.LastHeard > begun && is.HeardPriority > 0 {
				o.Heir, o.HeirPriority = is.HeardFrom, is.HeardPriority
			}
			out = append(out, o)
		}
		if !under {
			return out, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return out, nil
		case <-e.done:
			return out, ErrStopped
		}
	}
}
