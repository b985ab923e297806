package daemon

import (
	"context"
	"fmt"
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/lua"
)

// acceptFailover is the function of a Lua file that may hold a planned move
// back.
const acceptFailover = "accept_failover"

// policies are those of the Lua files of notify that have such a function, by
// the name of the instance: its own, then that of its sync group. Each runs
// apart from the file's other functions, so that a notification which takes its
// time keeps no move waiting; what the module store keeps is the same for both. It
// implements engine.Policy.
type policies map[string][]*lua.Runner

// newPolicies finds the files that have the function.
func (e *edges) newPolicies(c *config.Config) (policies, error) {
	all := policies{}
	add := func(who string, f *config.Lua, instances ...string) error {
		if f == nil {
			return nil
		}
		r, err := e.runner(f.Path, f.Allow, f.Args, "policy "+who, notifyName(who, f.Path))
		if err != nil {
			return fmt.Errorf("policy of %s: %w", who, err)
		}
		names, err := r.Functions(context.Background())
		if err != nil {
			return fmt.Errorf("policy of %s: %w", who, err)
		}
		if slices.Contains(names, acceptFailover) {
			for _, in := range instances {
				all[in] = append(all[in], r)
			}
		}
		return nil
	}
	for i := range c.Instances {
		in := &c.Instances[i]
		if err := add(in.Name, in.Notify.Lua, in.Name); err != nil {
			return nil, err
		}
	}
	for i := range c.Groups {
		g := &c.Groups[i]
		if err := add("GROUP "+g.Name, g.Notify.Lua, g.Members...); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// decides reports whether there is a policy for an instance.
func (p policies) decides(instance string) bool { return len(p[instance]) > 0 }

// engine returns nil where there is no policy at all.
func (p policies) engine() engine.Policy {
	if len(p) == 0 {
		return nil
	}
	return p
}

// Accept implements engine.Policy: the first file that objects holds the move
// back; one that fails does not keep the next from being asked.
func (p policies) Accept(ctx context.Context, m engine.PlannedMove) (objection string, err error) {
	move := lua.Move{Instance: m.Instance, Group: m.Group, Cause: m.Cause, Priority: int(m.Priority), MasterFor: m.MasterFor}
	if m.Master.IsValid() {
		move.Master, move.MasterPriority = m.Master.String(), int(m.MasterPriority)
	}
	for _, r := range p[m.Instance] {
		ok, why, failed := r.Accept(ctx, move)
		switch {
		case failed != nil:
			err = failed
		case !ok && why == "":
			return "its policy holds it back", nil
		case !ok:
			return why, nil
		}
	}
	return "", err
}
