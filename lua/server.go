package lua

import (
	"context"

	lua "github.com/yuin/gopher-lua"
)

// Subject is what a check of a real server is about. The script sees it in its
// ctx; an empty text is nil there.
type Subject struct {
	// Server [server] is the real server, and Service [service] the virtual
	// one, each as ADDRESS:PORT.
	Server, Service string
}

// Judgement is what a check of a real server said.
type Judgement struct {
	OK      bool
	Message string
	// Weighs says that the script gave the weight Weight, which is absolute.
	Weighs bool
	Weight int
}

// mostWeight is the greatest weight of IPVS.
const mostWeight = 1<<31 - 1

// CheckServer is Check for a real server: with {args=, timeout=, server=,
// service=}. A table that the function returns may give a weight; when it gives
// none and the script has a function weight, that is called for a server that is
// ok. err is an *Error.
func (r *Runner) CheckServer(ctx context.Context, about Subject) (Judgement, error) {
	var out Judgement
	err := r.run(ctx, func(s *state) error {
		if s.functions["check"] == nil {
			return s.failure("the script has no function check")
		}
		s.prepare(ctx)
		for name, value := range map[string]string{"server": about.Server, "service": about.Service} {
			if value != "" {
				s.argument.RawSetString(name, lua.LString(value))
			}
		}
		first, second, err := s.call("check", s.argument)
		if err != nil {
			return err
		}
		weight := lua.LValue(lua.LNil)
		if t, ok := first.(*lua.LTable); ok {
			// What is left is what any check may return.
			weight = t.RawGetString("weight")
			t.RawSetString("weight", lua.LNil)
		}
		v, err := s.verdict(first, second)
		if err != nil {
			return err
		}
		if v.ok && weight == lua.LNil && s.functions["weight"] != nil {
			if weight, _, err = s.call("weight", s.argument); err != nil {
				return err
			}
			if weight == lua.LNil {
				return s.failure("weight returned nothing; it must return a number")
			}
		}
		out = Judgement{OK: v.ok, Message: v.message}
		if weight == lua.LNil {
			return nil
		}
		n, ok := weight.(lua.LNumber)
		if !ok || !(n >= 0 && n <= mostWeight) {
			return s.failure("the weight is %s; it must be a number from 0 to %d", show(weight), mostWeight)
		}
		out.Weighs, out.Weight = true, int(n)
		return nil
	})
	if err != nil {
		return Judgement{}, err
	}
	return out, nil
}
