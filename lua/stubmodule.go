package lua

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// stubModule is what a test gets by require "stub": a table for each module
// that is stubbed, and the functions below.
func (x *stubs) module() *lua.LTable {
	l := x.s.l
	tb := l.NewTable()
	for _, m := range modules() {
		if unstubbed(m.Name) {
			continue
		}
		functions := l.NewTable()
		for i := range m.Functions {
			f := &m.Functions[i]
			functions.RawSetString(f.Name, l.NewFunction(x.register(m.Name+"."+f.Name, f)))
		}
		tb.RawSetString(m.Name, functions)
	}
	clock := l.SetFuncs(l.NewTable(), map[string]lua.LGFunction{"set": x.setClock, "advance": x.advanceClock, "slept": x.sleptSince})
	tb.RawSetString("clock", clock)
	tb.RawSetString("any", x.any)
	tb.RawSetString("client", x.clientStubs())
	return l.SetFuncs(tb, map[string]lua.LGFunction{
		"sequence": x.newSequence, "object": x.newObject, "calls": x.listCalls, "logged": x.listLogged, "allow": x.allow,
	})
}

// setClock is stub.clock.set(seconds since 1970).
func (x *stubs) setClock(l *lua.LState) int {
	x.clock = float64(l.CheckNumber(1))
	return 0
}

// advanceClock is stub.clock.advance(seconds).
func (x *stubs) advanceClock(l *lua.LState) int {
	by := float64(l.CheckNumber(1))
	x.clock += by
	x.passed += by
	return 0
}

// sleptSince is stub.clock.slept(): the seconds that time.sleep took.
func (x *stubs) sleptSince(l *lua.LState) int {
	l.Push(lua.LNumber(x.slept))
	return 1
}

// newSequence is stub.sequence(first, second, ...): a result that is the next
// value at each call, and the last from then on. nil is a failure.
func (x *stubs) newSequence(l *lua.LState) int {
	values := arguments(l)
	if len(values) == 0 {
		l.RaiseError("stub.sequence: give the values in order")
	}
	tb := l.NewTable()
	x.sequences[tb] = &sequence{values: values}
	l.Push(tb)
	return 1
}

// newObject is stub.object(class, {method = result}): what a function returns
// that has methods, for example a connection. A result may be a sequence or a
// function; methods of the class that are not given have no stub.
func (x *stubs) newObject(l *lua.LState) int {
	name, given := l.CheckString(1), l.CheckTable(2)
	class := classNamed(name)
	if class == nil || len(class.Methods) == 0 {
		l.ArgError(1, "there is no class "+name+"; those with methods are "+strings.Join(classNames(), ", "))
	}
	object := l.NewTable()
	methods := l.NewTable()
	left := map[string]bool{}
	given.ForEach(func(key, _ lua.LValue) { left[lua.LVAsString(key)] = true })
	for i := range class.Methods {
		f := &class.Methods[i]
		full := name + "." + f.Name
		delete(left, f.Name)
		result := given.RawGetString(f.Name)
		methods.RawSetString(f.Name, l.NewFunction(func(l *lua.LState) int {
			if l.Get(1) != object {
				l.RaiseError("%s: %s", full, notAsMethod)
			}
			c := call{s: x.s, l: l, f: f, name: full}
			c.accept(2)
			args := arguments(l)[1:]
			x.calls = append(x.calls, stubCall{full, args})
			if fn, ok := result.(*lua.LFunction); ok {
				top := l.GetTop()
				l.Push(fn)
				for _, a := range args {
					l.Push(a)
				}
				l.Call(len(args), lua.MultRet)
				return l.GetTop() - top
			}
			if result == lua.LNil {
				l.RaiseError("%s(%s) has no stub; give it to stub.object", full, shown(args))
			}
			return x.push(l, []lua.LValue{result})
		}))
	}
	for method := range left {
		l.ArgError(2, name+" has no method "+method)
	}
	meta := l.NewTable()
	meta.RawSetString("__index", methods)
	object.Metatable = meta
	l.Push(object)
	return 1
}

// listCalls is stub.calls([name]): what was called, in order. With a name, a
// list of the lists of arguments; without, of tables {name =, args =}.
func (x *stubs) listCalls(l *lua.LState) int {
	name := l.OptString(1, "")
	list := l.NewTable()
	for _, c := range x.calls {
		if name != "" && c.name != name {
			continue
		}
		args := l.NewTable()
		for i, a := range c.args {
			args.RawSetInt(i+1, a)
		}
		if name == "" {
			entry := l.NewTable()
			entry.RawSetString("name", lua.LString(c.name))
			entry.RawSetString("args", args)
			args = entry
		}
		list.Append(args)
	}
	l.Push(list)
	return 1
}

// listLogged is stub.logged(): the lines that were logged, each with its level
// before it.
func (x *stubs) listLogged(l *lua.LState) int {
	list := l.NewTable()
	for _, line := range x.logged {
		list.Append(lua.LString(line))
	}
	l.Push(list)
	return 1
}

// allow is stub.allow(grant, ...): from then on the script has these grants
// only; at first it has all.
func (x *stubs) allow(l *lua.LState) int {
	opts := *x.s.opts
	opts.Allow = nil
	for i := range l.GetTop() {
		opts.Allow = append(opts.Allow, l.CheckString(i+1))
	}
	if _, err := opts.complete(); err != nil {
		l.RaiseError("stub.%s", err.Error())
	}
	x.s.opts = &opts
	return 0
}

// testModule is what a test gets by require "test".
func (x *stubs) testModule() *lua.LTable {
	l := x.s.l
	return l.SetFuncs(l.NewTable(), map[string]lua.LGFunction{
		"equal": testEqual, "ok": testOK, "contains": testContains, "fails": testFails,
	})
}

// note is what a test says of an assertion, in front of what is wrong.
func note(l *lua.LState, n int) string {
	if text := l.OptString(n, ""); text != "" {
		return text + ": "
	}
	return ""
}

// testEqual is test.equal(got, want [, note]): tables are compared by what is
// in them.
func testEqual(l *lua.LState) int {
	got, want := l.Get(1), l.Get(2)
	if !similar(l, got, want, false, 0) {
		l.RaiseError("%sgot %s, want %s", note(l, 3), render(got, 0), render(want, 0))
	}
	return 0
}

// testOK is test.ok(value [, note]): neither nil nor false.
func testOK(l *lua.LState) int {
	if !lua.LVAsBool(l.Get(1)) {
		l.RaiseError("%sgot %s, want a true value", note(l, 2), render(l.Get(1), 0))
	}
	return 0
}

// testContains is test.contains(text, part [, note]).
func testContains(l *lua.LState) int {
	text, ok := l.Get(1).(lua.LString)
	if part := l.CheckString(2); !ok || !strings.Contains(string(text), part) {
		l.RaiseError("%sgot %s, want a text with %q in it", note(l, 3), render(l.Get(1), 0), part)
	}
	return 0
}

// testFails is test.fails(function [, part of the error]): returns the error.
func testFails(l *lua.LState) int {
	fn, part := l.CheckFunction(1), l.OptString(2, "")
	l.Push(fn)
	err := protected(l, 0, 0)
	if err == nil {
		l.RaiseError("the function raised no error")
	}
	text := describe(raised(err))
	if !strings.Contains(text, part) {
		l.RaiseError("the error is %q, want one with %q in it", text, part)
	}
	l.Push(lua.LString(text))
	return 1
}

// classNamed returns a class of any module, nil when there is none.
func classNamed(name string) *Class {
	for _, m := range modules() {
		for i := range m.Classes {
			if m.Classes[i].Name == name {
				return &m.Classes[i]
			}
		}
	}
	return nil
}

// classNames are the classes that have methods.
func classNames() []string {
	var names []string
	for _, m := range modules() {
		for _, c := range m.Classes {
			if len(c.Methods) > 0 {
				names = append(names, c.Name)
			}
		}
	}
	return names
}
