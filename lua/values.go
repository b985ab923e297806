package lua

import (
	"context"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Event is a change that notify functions are told about. Scripts see it as a
// table with the names in brackets; empty fields are nil there, except args.
type Event struct {
	// Instance [instance] or Group [group] is the name of what changed, never both.
	Instance string
	Group    string
	// SyncGroup [sync_group] is the sync group that an instance is in.
	SyncGroup string
	// From [from] and To [to] are states: INIT, BACKUP, MASTER, FAULT; To is
	// STOP when the daemon stops in order, DELETED when a reload removed the
	// instance; for on_real_server and on_quorum UP
	// and DOWN.
	From string
	To   string
	// Why [why] is one line for people.
	Why string
	// Priority [priority] is the effective priority, 0 for a group.
	Priority int
	// Addresses [addresses] are the virtual addresses with their prefix.
	Addresses []string
	// Seq [seq] numbers the changes of a node from 1.
	Seq uint64
	// Dropped [dropped] is how many changes before this one were not told, because
	// too many waited.
	Dropped uint64
	// Node [node] is the router_id of this node.
	Node string
	// Peer [peer] is the address of the other node that was heard last, empty when
	// none was.
	Peer string
	// PeerPriority [peer_priority] is the priority that it advertised; 0
	// when there is no peer.
	PeerPriority int
	// Dual [seconds] is for how long, and DualTimes [times] for the how manieth
	// time since the start of the daemon, another node has been MASTER too. They
	// are there when DualTimes is not 0.
	Dual      time.Duration
	DualTimes uint64
	// Service [service] and Server [server] are the virtual and the real
	// server of on_real_server and on_quorum.
	Service string
	Server  string
	// Function is the one function to call; empty means on_<to>, for example
	// on_master, and then on_change. The script does not see it.
	Function string
}

// functions are those that the event calls, in order.
func (e Event) functions() []string {
	if e.Function != "" {
		return []string{e.Function}
	}
	first := "on_" + strings.ToLower(e.To)
	if e.To == "DELETED" {
		first = "on_stop"
	}
	return []string{first, "on_change"}
}

// event makes the table that a notify function gets.
func (s *state) event(e Event) lua.LValue {
	tb := s.l.NewTable()
	for _, field := range [...]struct{ name, value string }{
		{"instance", e.Instance}, {"group", e.Group}, {"sync_group", e.SyncGroup}, {"from", e.From},
		{"to", e.To}, {"why", e.Why}, {"node", e.Node},
		{"peer", e.Peer}, {"service", e.Service}, {"server", e.Server},
	} {
		if field.value != "" {
			tb.RawSetString(field.name, lua.LString(field.value))
		}
	}
	tb.RawSetString("priority", lua.LNumber(e.Priority))
	if e.Peer != "" {
		tb.RawSetString("peer_priority", lua.LNumber(e.PeerPriority))
	}
	if e.DualTimes > 0 {
		tb.RawSetString("seconds", lua.LNumber(e.Dual.Seconds()))
		tb.RawSetString("times", lua.LNumber(e.DualTimes))
	}
	tb.RawSetString("seq", lua.LNumber(e.Seq))
	tb.RawSetString("dropped", lua.LNumber(e.Dropped))
	addresses := s.l.NewTable()
	for _, address := range e.Addresses {
		addresses.Append(lua.LString(address))
	}
	tb.RawSetString("addresses", addresses)
	tb.RawSetString("args", s.args())
	return tb
}

// prepare brings the argument of check and weight up to date.
func (s *state) prepare(ctx context.Context) {
	timeout := DefaultTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = time.Until(deadline)
	}
	s.argument.RawSetString("timeout", lua.LNumber(timeout.Seconds()))
}

// subject puts what a check is about into its argument.
func (s *state) subject(about Subject) {
	if about.Server != "" {
		s.argument.RawSetString("server", lua.LString(about.Server))
	}
	if about.Service != "" {
		s.argument.RawSetString("service", lua.LString(about.Service))
	}
}

// check calls the script's check function.
func (s *state) check(ctx context.Context, about Subject) (Verdict, error) {
	if s.functions["check"] == nil {
		return Verdict{}, s.failure("the script has no function check")
	}
	s.prepare(ctx)
	s.subject(about)
	first, second, err := s.call("check", s.argument)
	if err != nil {
		return Verdict{}, err
	}
	return s.verdict(first, second)
}

// measure calls the script's weight function.
func (s *state) measure(ctx context.Context, about Subject) (float64, error) {
	if s.functions["weight"] == nil {
		return 0, s.failure("the script has no function weight")
	}
	s.prepare(ctx)
	s.subject(about)
	first, _, err := s.call("weight", s.argument)
	if err != nil {
		return 0, err
	}
	n, ok := first.(lua.LNumber)
	if !ok || !(n > -1e9 && n < 1e9) {
		return 0, s.failure("weight returned %s; it must return a number", show(first))
	}
	return float64(n), nil
}

// verdict reads what a check returned.
func (s *state) verdict(first, second lua.LValue) (Verdict, error) {
	switch v := first.(type) {
	case lua.LBool:
		message, err := s.message(second)
		return Verdict{OK: bool(v), Message: message}, err
	case *lua.LTable:
		ok, isBool := v.RawGetString("ok").(lua.LBool)
		if !isBool {
			return Verdict{}, s.failure("check returned a table in which ok is %s; want {ok = true or false, message = text, weight = number}", show(v.RawGetString("ok")))
		}
		var odd error
		v.ForEach(func(key, _ lua.LValue) {
			if name := lua.LVAsString(key); name != "ok" && name != "message" && name != "weight" {
				odd = s.failure("check returned a table with %q; want {ok = true or false, message = text, weight = number}", name)
			}
		})
		out := Verdict{OK: bool(ok)}
		switch weight := v.RawGetString("weight").(type) {
		case *lua.LNilType:
		case lua.LNumber:
			value := float64(weight)
			out.Weight = &value
			if !(value > -1e9 && value < 1e9) {
				odd = s.failure("check returned the weight %s; it must be a number", weight.String())
			}
		default:
			odd = s.failure("check returned a table in which weight is %s; it must be a number", show(weight))
		}
		if odd != nil {
			return Verdict{}, odd
		}
		var err error
		out.Message, err = s.message(v.RawGetString("message"))
		return out, err
	}
	return Verdict{}, s.failure("check returned %s; it must return true, false, or false and a message", show(first))
}

// message reads the reason that a check may give.
func (s *state) message(value lua.LValue) (string, error) {
	if value == lua.LNil {
		return "", nil
	}
	if !lua.LVCanConvToString(value) {
		return "", s.failure("check gave %s as its message; it must be a string", show(value))
	}
	return oneLine(lua.LVAsString(value)), nil
}

// show names a value in a message, without calling the script.
func show(value lua.LValue) string {
	switch value.(type) {
	case *lua.LNilType:
		return "nothing"
	case lua.LBool, lua.LNumber:
		return value.String()
	}
	return fmt.Sprintf("a %s value", value.Type())
}
