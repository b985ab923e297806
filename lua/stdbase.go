package lua

import (
	"log/slog"
	"math"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// removed are the globals of gopher-lua's base library that scripts do not
// get: they read files, compile at run time, reach into other functions'
// environments or stop the process's memory management.
var removed = [...]string{
	"dofile", "loadfile", "load", "loadstring", "collectgarbage", "module",
	"newproxy", "_printregs", "setfenv", "getfenv", "_GOPHER_LUA_VERSION",
}

// openStandard opens what scripts get of the standard library.
func (s *state) openStandard() {
	l := s.l
	open := func(name string, fn lua.LGFunction) {
		l.Push(l.NewFunction(fn))
		l.Push(lua.LString(name))
		l.Call(1, 0)
	}
	open(lua.BaseLibName, lua.OpenBase)
	open(lua.TabLibName, lua.OpenTable)
	open(lua.StringLibName, lua.OpenString)
	open(lua.MathLibName, lua.OpenMath)
	for _, name := range removed {
		l.SetGlobal(name, lua.LNil)
	}
	l.SetGlobal("print", l.NewFunction(s.print))
	l.SetGlobal("require", l.NewFunction(s.require))
	l.SetGlobal("setmetatable", l.NewFunction(setMetatable(l.GetGlobal("setmetatable").(*lua.LFunction).GFunction)))
	l.SetGlobal("rawset", l.NewFunction(s.rawset))
	l.SetGlobal("pcall", l.NewFunction(s.pcall))
	l.SetGlobal("xpcall", l.NewFunction(s.xpcall))
	l.SetGlobal("unpack", l.NewFunction(s.unpack))
	l.SetGlobal("tonumber", l.NewFunction(s.toNumber))
	table := l.GetGlobal(lua.TabLibName).(*lua.LTable)
	l.SetFuncs(table, map[string]lua.LGFunction{
		"concat": s.tableConcat,
		"insert": s.tableInsert,
		"sort":   s.tableSort,
	})
	// math.randomseed would seed the one generator of the whole process.
	mathematics := l.GetGlobal(lua.MathLibName).(*lua.LTable)
	mathematics.RawSetString("randomseed", lua.LNil)
	// gopher-lua's is the largest finite number.
	mathematics.RawSetString("huge", lua.LNumber(math.Inf(1)))
	s.openString(l.GetGlobal(lua.StringLibName).(*lua.LTable))
}

// setMetatable is setmetatable for tables alone, as in Lua 5.1. gopher-lua's
// takes any value, for all values of that type.
func setMetatable(original lua.LGFunction) lua.LGFunction {
	return func(l *lua.LState) int {
		l.CheckTable(1)
		return original(l)
	}
}

// chargeValue is the hidden (charge).
func (s *state) chargeValue(l *lua.LState) int {
	s.meter.charge(l, int(l.CheckNumber(2)))
	l.SetTop(1)
	return 1
}

// concat is the hidden (concat): the operator .. over all its arguments.
func (s *state) concat(l *lua.LState) int {
	top := l.GetTop()
	size := 0
	for i := 1; i <= top; i++ {
		switch v := l.Get(i).(type) {
		case lua.LString:
			size += len(v)
		case lua.LNumber:
			size += 8
		default:
			return s.concatMeta(l, top)
		}
	}
	s.meter.chargeString(l, size)
	if top == 2 {
		l.Push(lua.LString(lua.LVAsString(l.Get(1)) + lua.LVAsString(l.Get(2))))
		return 1
	}
	var b strings.Builder
	b.Grow(size)
	for i := 1; i <= top; i++ {
		b.WriteString(lua.LVAsString(l.Get(i)))
	}
	l.Push(lua.LString(b.String()))
	return 1
}

// concatMeta joins pairwise from the right, as Lua does, where an operand is
// neither a string nor a number.
func (s *state) concatMeta(l *lua.LState, top int) int {
	right := l.Get(top)
	for i := top - 1; i >= 1; i-- {
		left := l.Get(i)
		if lua.LVCanConvToString(left) && lua.LVCanConvToString(right) {
			a, b := lua.LVAsString(left), lua.LVAsString(right)
			s.meter.chargeString(l, len(a)+len(b))
			right = lua.LString(a + b)
			continue
		}
		bad := left
		fn := l.GetMetaField(left, "__concat")
		if lua.LVCanConvToString(left) {
			bad = right
		}
		if fn == lua.LNil {
			fn = l.GetMetaField(right, "__concat")
		}
		if fn == lua.LNil {
			l.RaiseError("attempt to concatenate a %s value", bad.Type())
		}
		l.Push(fn)
		l.Push(left)
		l.Push(right)
		l.Call(2, 1)
		right = l.Get(-1)
		l.Pop(1)
	}
	l.Push(right)
	return 1
}

// set is the hidden (set): table[key] = value.
func (s *state) set(l *lua.LState) int {
	object, key, value := l.Get(1), l.Get(2), l.Get(3)
	if tb, ok := object.(*lua.LTable); ok {
		s.chargeKey(l, tb, key)
	}
	l.SetTable(object, key, value)
	return 0
}

// chargeKey charges for what storing under key will add to a table.
func (s *state) chargeKey(l *lua.LState, tb *lua.LTable, key lua.LValue) {
	n, ok := key.(lua.LNumber)
	if tb.RawGet(key) != lua.LNil {
		return
	}
	if i := int(n); ok && float64(i) == float64(n) && i >= 1 && i < maxArray {
		switch {
		case i == 1:
			s.meter.charge(l, 32*costItem) // the array's first capacity
		case tb.RawGetInt(i-1) != lua.LNil || tb.RawGetInt(i+1) != lua.LNil:
			s.meter.charge(l, 3*costItem) // it grows by a part of itself
		default:
			s.meter.charge(l, 2*i*costItem) // everything below i is filled
		}
		return
	}
	if ok && n == maxArray && tb.RawGetInt(maxArray-1) != lua.LNil {
		// # does not see what is in the hash: t[#t + 1] = v would write to
		// this place again and again.
		s.meter.stop(l, "a list of more than %d items", maxArray-1)
	}
	if first, _ := tb.Next(lua.LNil); first == lua.LNil {
		s.meter.charge(l, 2048) // the hash's first capacity
	}
	s.meter.charge(l, costField)
}

// fill is the hidden (fill): it puts all its arguments from the third on into
// a table, after the n items that the table has.
func (s *state) fill(l *lua.LState) int {
	tb, n := l.CheckTable(1), l.CheckInt(2)
	top := l.GetTop()
	s.meter.charge(l, (top+30)*costItem)
	for i := 3; i <= top; i++ {
		tb.RawSetInt(n+i-2, l.Get(i))
	}
	l.SetTop(1)
	return 1
}

func (s *state) rawset(l *lua.LState) int {
	tb, key := l.CheckTable(1), l.CheckAny(2)
	if key == lua.LNil {
		l.ArgError(2, "a key cannot be nil")
	}
	s.chargeKey(l, tb, key)
	tb.RawSet(key, l.CheckAny(3))
	l.SetTop(1)
	return 1
}

func (s *state) unpack(l *lua.LState) int {
	tb := l.CheckTable(1)
	from := l.OptInt(2, 1)
	to := l.OptInt(3, tb.Len())
	if to < from {
		return 0
	}
	if uint64(to)-uint64(from) >= maxValues {
		s.meter.stop(l, "unpack of more than %d values", maxValues)
	}
	for i := from; ; i++ {
		l.Push(tb.RawGetInt(i))
		if i == to {
			return to - from + 1
		}
	}
}

func (s *state) tableConcat(l *lua.LState) int {
	tb := l.CheckTable(1)
	sep := l.OptString(2, "")
	from := l.OptInt(3, 1)
	to := l.OptInt(4, tb.Len())
	var b strings.Builder
	for i := from; i <= to; i++ {
		v := tb.RawGetInt(i)
		if !lua.LVCanConvToString(v) {
			l.RaiseError("table.concat: item %d is a %s value; only strings and numbers can be joined", i, v.Type())
		}
		text := lua.LVAsString(v)
		s.meter.work(l, 8)
		s.meter.chargeString(l, b.Len()+len(text)+len(sep))
		s.meter.memory += b.Len() // charged when it was added
		b.WriteString(text)
		if i == to { // also when to is the largest integer
			break
		}
		b.WriteString(sep)
	}
	l.Push(lua.LString(b.String()))
	return 1
}

func (s *state) tableInsert(l *lua.LState) int {
	tb := l.CheckTable(1)
	n := tb.Len()
	if n >= maxArray-1 {
		s.meter.stop(l, "a list of more than %d items", maxArray-1)
	}
	switch l.GetTop() {
	case 2:
		s.chargeKey(l, tb, lua.LNumber(n+1))
		tb.RawSetInt(n+1, l.Get(2))
	case 3:
		pos := l.CheckInt(2)
		if pos < 1 || pos > n+1 {
			l.ArgError(2, "the position is outside of the list")
		}
		s.chargeKey(l, tb, lua.LNumber(n+1))
		s.meter.work(l, n-pos+1)
		for i := n; i >= pos; i-- {
			tb.RawSetInt(i+1, tb.RawGetInt(i))
		}
		tb.RawSetInt(pos, l.Get(3))
	default:
		l.RaiseError("table.insert wants (list, value) or (list, position, value)")
	}
	return 0
}

// xpcall calls a function, and another with its error. gopher-lua's own runs
// the handler before it closes the upvalues of the failed function, so that
// closures which survive see the wrong variables; and there is no debug
// library, for whose tracebacks that order exists.
func (s *state) xpcall(l *lua.LState) int {
	fn, handler := l.CheckFunction(1), l.CheckFunction(2)
	l.SetTop(0)
	l.Push(fn)
	err := protected(l, 0, lua.MultRet)
	if err == nil {
		l.Insert(lua.LTrue, 1)
		return l.GetTop()
	}
	l.Push(handler)
	l.Push(s.caught(l, err))
	if err := protected(l, 1, 1); err != nil {
		l.Push(s.caught(l, err))
	}
	l.Insert(lua.LFalse, 1)
	return 2
}

// caught is raised for an error that the script goes on after. The virtual machine
// quotes what it complains about, and nobody was charged for that.
func (s *state) caught(l *lua.LState, err error) lua.LValue {
	value := raised(err)
	if text, ok := value.(lua.LString); ok {
		s.meter.charge(l, 4*len(text))
	}
	return value
}

// raised returns the value that a protected call's error carries.
func raised(err error) lua.LValue {
	if api, ok := err.(*lua.ApiError); ok && api.Object != nil {
		return api.Object
	}
	return lua.LString(err.Error())
}

// print is log.info of its arguments.
func (s *state) print(l *lua.LState) int {
	s.log(l, slog.LevelInfo)
	return 0
}
