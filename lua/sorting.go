package lua

import (
	"sort"

	lua "github.com/yuin/gopher-lua"
)

// tableSort is table.sort(list [, less]). gopher-lua's own cannot be stopped,
// and sorting long strings that begin alike takes minutes.
func (s *state) tableSort(l *lua.LState) int {
	tb := l.CheckTable(1)
	less, _ := l.Get(2).(*lua.LFunction)
	if less == nil && l.Get(2) != lua.LNil {
		l.CheckFunction(2) // raises the error
	}
	n := tb.Len()
	s.meter.charge(l, costItem*n)
	x := sorter{s: s, l: l, less: less, values: make([]lua.LValue, n)}
	for i := range x.values {
		x.values[i] = tb.RawGetInt(i + 1)
	}
	sort.Sort(&x)
	for i, v := range x.values {
		tb.RawSetInt(i+1, v)
	}
	return 0
}

// sorter sorts values of Lua. Each comparison is paid for.
type sorter struct {
	s      *state
	l      *lua.LState
	less   *lua.LFunction
	values []lua.LValue
	unpaid int
}

func (x *sorter) Len() int      { return len(x.values) }
func (x *sorter) Swap(i, j int) { x.values[i], x.values[j] = x.values[j], x.values[i] }

func (x *sorter) Less(i, j int) bool {
	a, b := x.values[i], x.values[j]
	x.unpaid += 8
	if a, ok := a.(lua.LString); ok {
		if b, ok := b.(lua.LString); ok {
			x.unpaid += min(len(a), len(b)) / 64
		}
	}
	if x.unpaid > 1024 {
		x.s.meter.work(x.l, x.unpaid)
		x.unpaid = 0
	}
	if x.less == nil {
		return x.l.LessThan(a, b)
	}
	x.l.Push(x.less)
	x.l.Push(a)
	x.l.Push(b)
	x.l.Call(2, 1)
	yes := lua.LVAsBool(x.l.Get(-1))
	x.l.Pop(1)
	return yes
}
