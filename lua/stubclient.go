package lua

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// clientPrefix begins the names of the clients that scripts require.
const clientPrefix = "client."

// clientStubs is stub.client: a table for each client, in which every name is a
// function that registers an answer: (match..., result), (match..., nil,
// reason), or one function.
func (x *stubs) clientStubs() *lua.LTable {
	l := x.s.l
	all := l.NewTable()
	for _, name := range clientNames() {
		functions, meta := l.NewTable(), l.NewTable()
		meta.RawSetString("__index", l.NewFunction(func(l *lua.LState) int {
			full := name + "." + l.CheckString(2)
			l.Push(l.NewFunction(func(l *lua.LState) int { return x.registerClient(l, full) }))
			return 1
		}))
		functions.Metatable = meta
		all.RawSetString(strings.TrimPrefix(name, clientPrefix), functions)
	}
	return all
}

func (x *stubs) registerClient(l *lua.LState, full string) int {
	args := arguments(l)
	a := answer{}
	n := len(args)
	isFunction := false
	if n == 1 {
		a.handler, isFunction = args[0].(*lua.LFunction)
	}
	switch {
	case isFunction:
	case n == 0:
		l.RaiseError("stub.%s: say what it returns", full)
	case n >= 2 && args[n-2] == lua.LNil:
		a.match, a.results = args[:n-2], args[n-2:]
	default:
		a.match, a.results = args[:n-1], args[n-1:]
	}
	x.answers[full] = append([]answer{a}, x.answers[full]...)
	return 0
}

// client is what a script gets by requiring a client in a test: functions that
// answer as the test says, and else do what the client does, by the stubs of
// the modules.
func (x *stubs) client(name string, made lua.LValue) lua.LValue {
	functions, ok := made.(*lua.LTable)
	if !ok {
		return made
	}
	l := x.s.l
	out := l.NewTable()
	functions.ForEach(func(key, value lua.LValue) {
		real, isFunction := value.(*lua.LFunction)
		if !isFunction {
			out.RawSet(key, value)
			return
		}
		full := name + "." + lua.LVAsString(key)
		out.RawSet(key, l.NewFunction(func(l *lua.LState) int {
			args := arguments(l)
			x.calls = append(x.calls, stubCall{full, args})
			handler := real
			for _, a := range x.answers[full] {
				if !x.matches(l, a.match, args) {
					continue
				}
				if a.handler == nil {
					return x.push(l, a.results)
				}
				handler = a.handler
				break
			}
			top := l.GetTop()
			l.Push(handler)
			for _, arg := range args {
				l.Push(arg)
			}
			l.Call(len(args), lua.MultRet)
			return l.GetTop() - top
		}))
	})
	return out
}
