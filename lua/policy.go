package lua

import (
	"context"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Move is a planned move of addresses to another node, which a policy is asked
// about. Scripts see it as a table with the names in brackets, beside args and
// timeout.
type Move struct {
	// Instance [instance] is what would move, and Group [group] its sync
	// group, nil in Lua when it has none.
	Instance string
	Group    string
	// Cause [cause] is failover, maintenance or preemption.
	Cause string
	// Priority [priority] is the effective one.
	Priority int
	// MasterFor [master_for] is how long it has been MASTER, in seconds; before a
	// preemption, how long the present one is known to be.
	MasterFor time.Duration
	// Master [master] has the addresses that would be preempted, with
	// MasterPriority [master_priority]; nil in Lua for other causes.
	Master         string
	MasterPriority int
}

// Accept calls the script's accept_failover function. It may return true, or
// false and why not. The answer counts only when err is nil; err is an *Error.
func (r *Runner) Accept(ctx context.Context, m Move) (accepted bool, objection string, err error) {
	const name = "accept_failover"
	var ok bool // a call that was given up may still write these: they are no results
	var why string
	err = r.run(ctx, func(s *state) error {
		if s.functions[name] == nil {
			return s.failure("the script has no function %s", name)
		}
		tb := s.l.NewTable()
		tb.RawSetString("instance", lua.LString(m.Instance))
		if m.Group != "" {
			tb.RawSetString("group", lua.LString(m.Group))
		}
		tb.RawSetString("cause", lua.LString(m.Cause))
		tb.RawSetString("priority", lua.LNumber(m.Priority))
		tb.RawSetString("master_for", lua.LNumber(m.MasterFor.Seconds()))
		if m.Master != "" {
			tb.RawSetString("master", lua.LString(m.Master))
			tb.RawSetString("master_priority", lua.LNumber(m.MasterPriority))
		}
		tb.RawSetString("args", s.args())
		if deadline, limited := ctx.Deadline(); limited {
			tb.RawSetString("timeout", lua.LNumber(time.Until(deadline).Seconds()))
		}
		first, second, err := s.call(name, tb)
		if err != nil {
			return err
		}
		answer, is := first.(lua.LBool)
		if !is {
			return s.failure("%s returned %s; it must return true, or false and a reason", name, show(first))
		}
		ok = bool(answer)
		if second != lua.LNil && !lua.LVCanConvToString(second) {
			return s.failure("%s gave %s as its reason; it must be a string", name, show(second))
		}
		if second != lua.LNil {
			why = oneLine(lua.LVAsString(second))
		}
		return nil
	})
	if err != nil {
		return false, "", err
	}
	return ok, why, nil
}
